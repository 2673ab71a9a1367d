"""How long a run took before it was interrupted: its result file tells of the last attempt only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sansa_lightning.ablate.jobs import Job
from sansa_lightning.files import write_text
from sansa_lightning.run_folder import read_result

ATTEMPTS = "attempts.json"
"""Seconds of the attempts that a run went on from, by the time that their result files name."""


def keep_attempt(job: Job, checkpoint: Path) -> None:
    """Note how long the attempt took that a run goes on from, before the next one overwrites its result file.

    One that was killed did not say so itself: it counts until its last checkpoint, where the next one begins.

    Args:
        job: the run.
        checkpoint: that it goes on from.
    """
    result = read_result(job.result_file)
    if "time" not in result or "seconds" not in result:
        return
    seconds = float(result["seconds"])
    if result.get("status") == "running":
        seconds += max(0.0, checkpoint.stat().st_mtime - job.result_file.stat().st_mtime)
    attempts, time = _attempts(job), str(result["time"])
    # One that failed at once leaves the result of the attempt before, which has been counted.
    attempts[time] = max(float(attempts.get(time, 0.0)), round(seconds, 1))
    write_text(job.folder / ATTEMPTS, json.dumps(attempts, indent=2) + "\n")


def earlier_seconds(job: Job) -> float:
    """Seconds of all attempts before the one that finished; 0 if it was the only one."""
    return sum(_attempts(job).values())


def _attempts(job: Job) -> dict[str, Any]:
    return read_result(job.folder / ATTEMPTS)
