"""Small tables on a fake COCO, and their runs carried out in this process."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import pytest
import yaml

from launches import call, tiny, write_yaml
from sansa_lightning.ablate import execute

ROWS = {
    "frozen.yaml": {"model": {"strategy": {"class_path": "Frozen"}}},
    "adapter.yaml": {"model": {"strategy": {"class_path": "AdaptFormer", "init_args": {"placement": "middle"}}}},
    "precise.yaml": {"trainer": {"precision": "64-true"}},
}
"""Row files: nothing trains, the strategy of the experiment spelt otherwise, and one that fails once it runs."""


@pytest.fixture
def write_table(coco, tmp_path) -> Callable[..., Path]:
    """Writes a table of rows on a run of two steps, and the row files, into a folder of its own."""
    config = tiny(coco.root)
    config["data"] |= {"train_length": 4, "val_episodes": 1}
    config["trainer"]["max_epochs"] = 1
    write_yaml(tmp_path / "experiment.yaml", config)
    for name, content in ROWS.items():
        write_yaml(tmp_path / name, content)

    def write(rows: list[dict[str, Any]], name: str = "table.yaml", **more: Any) -> Path:
        content = {"title": "A table", "experiment": "experiment.yaml", "folds": [0], "rows": rows, **more}
        return write_yaml(tmp_path / name, content)

    return write


class Aside(io.StringIO):
    """Takes what this thread prints; the table is printed by another one, perhaps while the next run has begun."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream, self.thread = stream, threading.get_ident()

    def write(self, text: str) -> int:
        return super().write(text) if threading.get_ident() == self.thread else self.stream.write(text)


@pytest.fixture
def commands(monkeypatch) -> list[list[str]]:
    """The commands of the runs, which are carried out by the command line in this process."""
    given = []

    def process(command: list[str], log: Path, *rest: Any) -> str:
        given.append(command[3:])
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(Aside(sys.stdout)):
                call(*command[3:])
        except SystemExit as error:
            log.write_text(said.getvalue())
            return execute.last_error(log, int(error.code or 0))
        return ""

    monkeypatch.setattr(execute, "run_process", process)
    return given


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())
