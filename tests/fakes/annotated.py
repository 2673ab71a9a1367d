"""A fake dataset whose annotations are there twice, as JSON and as a pickle."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class FakeAnnotations:
    """What was written; a dataset adds where its annotation files are.

    Attributes:
        root: the dataset's folder.
    """

    root: Path

    def json(self, split: str) -> Path:
        raise NotImplementedError

    def pickle(self, split: str) -> Path:
        raise NotImplementedError

    def edit(self, split: str, change: Any) -> None:
        """Rewrite a split's JSON after ``change(content)``."""
        content = json.loads(self.json(split).read_text())
        change(content)
        self.json(split).write_text(json.dumps(content))

    def edit_pickle(self, split: str, change: Any) -> None:
        """Rewrite a split's pickle after ``change(content)``."""
        content = pickle.loads(self.pickle(split).read_bytes())  # noqa: S301 - of the fakes
        change(content)
        self.pickle(split).write_bytes(pickle.dumps(content))
