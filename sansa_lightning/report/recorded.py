"""Scores of runs whose folders are elsewhere or gone, from tables that ``ablate`` wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sansa_lightning.report.scores import NAMES, RunScores

VERSION = "identity_version"
"""Key of a table: the version of its runs' identities."""


@dataclass(frozen=True)
class Recorded:
    """Scores by the identity of the run.

    Attributes:
        scores: of each run.
    """

    scores: Mapping[str, RunScores] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, version: int) -> Recorded:
        """The runs of all tables, ``*.json``, of a folder.

        Args:
            folder: with the tables.
            version: of the identities that runs have today.

        Raises:
            ValueError: there are none, or a file is not such a table or has identities of another version.
        """
        files = sorted(folder.glob("*.json"))
        if not files:
            msg = f"--recorded: expected a folder with tables that ablate wrote (*.json), but got {folder}"
            raise ValueError(msg)
        tables = {file: _table(file) for file in files}
        if other := {file: found for file, (found, _) in tables.items() if found != version}:
            file, found = next(iter(other.items()))
            msg = (
                f"--recorded: {len(other)} of {len(files)} tables have other identities of runs than today's version "
                f"{version}, first {file} with version {found}; tools/move_identities.py moves them"
            )
            raise ValueError(msg)
        scores: dict[str, RunScores] = {}
        for _, runs in tables.values():
            for key, each in runs:
                if each.in_domain is not None or key not in scores:  # not every table has the in-domain score
                    scores[key] = each
        return cls(scores)

    def of(self, identity: str, *, in_domain: bool) -> RunScores | None:
        """Scores of a run; None unless all requested scores are known.

        Args:
            identity: of the run.
            in_domain: whether a score on the training classes is requested too.
        """
        scores = self.scores.get(identity)
        return None if scores is None or (in_domain and scores.in_domain is None) else scores


def _table(file: Path) -> tuple[int, list[tuple[str, RunScores]]]:
    """The version of a table's identities, 1 if it states none, and its runs."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        runs = [run for row in content["rows"] for run in row["runs"]]
        scored = [(run["identity"], RunScores(**{name: run[name] for name in NAMES})) for run in runs]
        return int(content.get(VERSION, 1)), scored
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"--recorded: {file} is not a table that ablate wrote ({type(error).__name__}: {error})"
        raise ValueError(msg) from error
