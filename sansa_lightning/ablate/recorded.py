"""Scores of runs whose folders are elsewhere or gone, out of tables that ``ablate`` wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.scores import NAMES, RunScores


@dataclass(frozen=True)
class Recorded:
    """Scores by the identity of the run.

    Attributes:
        scores: of each run.
    """

    scores: Mapping[str, RunScores] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Recorded:
        """The runs of all tables, ``*.json``, of a folder.

        Raises:
            ValueError: there is none, or a file is not such a table.
        """
        files = sorted(folder.glob("*.json"))
        if not files:
            msg = f"--recorded: expected a folder with tables that ablate wrote (*.json), but got {folder}"
            raise ValueError(msg)
        found: dict[str, RunScores] = {}
        for file in files:
            for key, scores in _runs(file):
                if scores.in_domain is not None or key not in found:  # not every table has the score in-domain
                    found[key] = scores
        return cls(found)

    def of(self, job: Job) -> RunScores | None:
        """Scores of a run; None if not all that it is to give is known."""
        scores = self.scores.get(job.identity)
        return None if scores is None or (job.in_domain and scores.in_domain is None) else scores


def _runs(file: Path) -> list[tuple[str, RunScores]]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        runs = [run for row in content["rows"] for run in row["runs"]]
        return [(run["identity"], RunScores(**{name: run[name] for name in NAMES})) for run in runs]
    except (KeyError, TypeError, ValueError) as error:
        msg = f"--recorded: {file} is no table that ablate wrote ({type(error).__name__}: {error})"
        raise ValueError(msg) from error
