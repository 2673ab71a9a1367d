"""A Slurm cluster through submitit: each run is one job."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from sansa_lightning.ablate.execute import Outcome, execute
from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.launchers.base import Launcher

RAISED = re.compile(r"[\w.]+(Error|Exception|Interrupt)\b")
"""Beginning of the last line of a traceback."""

POLL = 2.0
"""Seconds between two looks at running jobs."""


class SlurmLauncher(Launcher):
    """Submits every run at once; the cluster's queue decides how many run at a time.

    The runs' folder must be on a file system that the nodes share. Logs of the jobs are in ``<runs>/slurm``.

    Args:
        runs: folder of the runs.
        settings: for submitit's ``update_parameters``: timeout_min, gpus_per_node, slurm_partition, ...
        cluster: "slurm"; submitit also has "local" and "debug", which need no cluster.
    """

    def __init__(self, runs: Path, settings: dict[str, Any] | None = None, cluster: str = "slurm") -> None:
        try:
            import submitit
        except ImportError as error:
            msg = "--launcher slurm needs submitit: pip install 'sansa_lightning[slurm]'"
            raise ValueError(msg) from error
        try:
            self.executor: Any = submitit.AutoExecutor(folder=runs / "slurm", cluster=cluster)
            self.executor.update_parameters(name="ablate", **(settings or {}))
        except (NameError, TypeError, ValueError, RuntimeError) as error:
            msg = f"--launcher slurm: {error}"
            raise ValueError(msg) from error
        self.threads = int((settings or {}).get("cpus_per_task", 1))

    def run(self, jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """See :meth:`Launcher.run`; a job that ends without an outcome, as at a time limit, is an error of its run."""
        waiting = {job.identity: self.executor.submit(execute, job, self.threads) for job in jobs}
        try:
            while waiting:
                for identity in [identity for identity, job in waiting.items() if job.done()]:
                    yield _outcome(identity, waiting.pop(identity))
                if waiting:
                    time.sleep(POLL)
        finally:
            for job in waiting.values():
                job.cancel()


def parse_settings(given: Sequence[str]) -> dict[str, Any]:
    """Settings from ``KEY=VALUE``; values in JSON, such as numbers, are read as JSON.

    >>> parse_settings(["timeout_min=240", "slurm_partition=gpu"])
    {'timeout_min': 240, 'slurm_partition': 'gpu'}

    Raises:
        ValueError: it has another form.
    """
    found: dict[str, Any] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key.isidentifier():
            msg = f"--slurm: expected KEY=VALUE, but got {each!r}"
            raise ValueError(msg)
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def _outcome(identity: str, job: Any) -> Outcome:
    error = job.exception()
    if error is None:
        outcome: Outcome = job.result()
        return outcome
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    # Its text is a traceback between rules, with advice on the place of logs.
    raised = [line for line in lines if RAISED.match(line)]
    return Outcome(identity, f"job {job.job_id}: {(raised or lines)[-1]}", 0.0)
