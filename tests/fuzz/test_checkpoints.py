"""Mutated checkpoints: no code is run, what is refused is refused in one line, what is read is what the file holds."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
import torch

from fuzz.checkpoint_mutations import own, published
from fuzz.checkpoints import CheckpointTrials, command_line

MUTATIONS = 30
"""``python tests/fuzz/run_checkpoints.py`` tries 300, or as many as one likes."""


@pytest.mark.slow
def test_mutated_checkpoints(tmp_path):
    verdicts = list(islice(CheckpointTrials(tmp_path, seed=0), MUTATIONS))
    found = [verdict for verdict in verdicts if verdict.trouble is not None]
    assert not found, "\n".join(f"{each.trouble}: {each.what}: {each.error}" for each in found)
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    assert outcomes["refused"] > MUTATIONS // 3, outcomes
    assert outcomes["read"] > MUTATIONS // 20, outcomes


@pytest.mark.slow
def test_the_files_that_are_mutated_are_good_ones(tmp_path):
    """Otherwise each of them would be refused for another reason."""
    command = command_line(tmp_path)
    for content in (own(), published()):
        torch.save(content, tmp_path / "last.ckpt")
        command(tmp_path / "last.ckpt")
