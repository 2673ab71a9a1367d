"""Two thousand mutated files: refused in one line that says where, or read as what they say; never anything else."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from fuzz.subjects import SUBJECTS, Subject
from fuzz.trial import Trials
from sansa_lightning.data.formats.annotations import json_stream

MUTATIONS = 2010
"""Over all sources; ``python tests/fuzz/run.py`` tries as many more as one likes."""


@pytest.mark.slow
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.label)
def test_mutated_files(subject: Subject, tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "CHUNK", 61)  # so that values lie across its ends
    verdicts = list(islice(Trials(subject, tmp_path, seed=0), MUTATIONS // len(SUBJECTS)))
    found = [verdict for verdict in verdicts if verdict.trouble is not None]
    assert not found, "\n".join(f"{each.trouble}: {each.what}: {each.error}" for each in found)
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    assert outcomes["refused"] > len(verdicts) // 4, outcomes
    assert outcomes["same"] > len(verdicts) // 20, outcomes
