"""The duration of a run's earlier attempts; its result file covers the last attempt only."""

from __future__ import annotations

import json
from pathlib import Path

from sansa_lightning.files.whole import write_text
from sansa_lightning.runs.result import RunResult, result_name

ATTEMPTS = "attempts.json"
"""Seconds of a run's earlier attempts, by the time in their result files."""


def keep_attempt(folder: Path, checkpoint: Path) -> None:
    """Note the duration of the attempt that a fit resumes, before the next one overwrites its result file.

    A killed attempt could not record its end: it counts until its last checkpoint, where the next one begins.

    Args:
        folder: of the run.
        checkpoint: from which it resumes.
    """
    result = RunResult.read(folder)
    if result is None or result.time is None or result.seconds is None:
        return
    seconds = float(result.seconds)
    if result.status == "running":
        began = (folder / result_name("fit")).stat().st_mtime
        seconds += max(0.0, checkpoint.stat().st_mtime - began)
    attempts, time = _attempts(folder), str(result.time)
    # An attempt that failed at once leaves the result of the one before, which has been counted.
    attempts[time] = max(attempts.get(time, 0.0), round(seconds, 1))
    write_text(folder / ATTEMPTS, json.dumps(attempts, indent=2) + "\n")


def earlier_seconds(folder: Path) -> float:
    """Seconds of all attempts before the finished one; 0 if it was the only one."""
    return sum(_attempts(folder).values())


def _attempts(folder: Path) -> dict[str, float]:
    try:
        found: dict[str, float] = json.loads((folder / ATTEMPTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
