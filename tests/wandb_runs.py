"""Reading what an offline W&B run has left behind, with W&B's own reader."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.util import get_core_path

from launches import TIMEOUT


@contextmanager
def apart(folder: Path, **more: str) -> Iterator[None]:
    """W&B offline and silent, with all that it keeps outside a run's folder in ``folder``."""
    places = {
        name: str(folder / name) for name in ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR")
    }
    for place in places.values():
        Path(place).mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        quiet = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
        for name, value in {**quiet, **places, **more}.items():
            patch.setenv(name, value)
        wandb.teardown()  # it reads the environment once
        yield
        wandb.teardown()


def offline_runs(folder: Path) -> list[Path]:
    """Folders of the offline runs in a run folder, by time."""
    return sorted((folder / "wandb").glob("offline-run-*"))


def records(run: Path, kind: str) -> list[dict[str, Any]]:
    """The records of one kind, in order, as W&B reads them from its log."""
    lines = [json.loads(line) for line in _inspect(run).splitlines()]
    return [line[kind] for line in lines if line["type"] == kind]


def summary(run: Path) -> dict[str, Any]:
    """What W&B makes of all records: configuration, summary, state, exit code."""
    content: dict[str, Any] = json.loads(_inspect(run, "--summary"))
    return content


def files(run: Path) -> set[str]:
    """Names of the files that the log lists; each is there."""
    listed = {entry["path"] for record in records(run, "files") for entry in record["files"]}
    assert all((run / "files" / name).is_file() for name in listed)
    return listed


def _inspect(run: Path, *options: str) -> str:
    """What ``wandb leet inspect`` prints, from the program behind it: no Python to start, nothing to report."""
    (log,) = run.glob("*.wandb")
    place = ["--run-file", str(log), str(run)]
    command = [get_core_path(), "leet", "inspect", "--no-observability", "--json", *options, *place]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT).stdout
