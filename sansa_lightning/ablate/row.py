"""``python -m sansa_lightning.ablate.row TABLE --row NAME --fold F --seed S``: one run of ``ablate``.

For the agents of a W&B sweep, which choose row, fold and seed. The process becomes the command line's own ``fit``, or
``test`` if nothing trains, with the whole configuration in a file. ``ablate TABLE --runs runs/sweeps`` finds the
results.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sansa_lightning.ablate.expand import Asked, Expander
from sansa_lightning.ablate.file_lock import locked
from sansa_lightning.ablate.jobs import WRITTEN, Job
from sansa_lightning.ablate.table import read_table
from sansa_lightning.files.shipped import located
from sansa_lightning.files.whole import write_text
from sansa_lightning.report.gather.facts import INCIDENTAL, below
from sansa_lightning.runs.failures import run_main
from sansa_lightning.runs.folder import expanded


def main(args: Sequence[str]) -> None:
    """Become the run.

    Raises:
        ValueError: see :func:`apart` and :func:`planned`.
        OSError: likewise, or the run's folder cannot be written to.
    """
    given, rest = parser().parse_known_args(args)
    settings, watched = apart(rest)
    job = planned(given, settings)
    job.folder.mkdir(parents=True, exist_ok=True)
    # An ablate with the same folder waits for it, and vice versa.
    with locked(job.folder, threading.Event()) as lock:
        os.set_inheritable(lock.fileno(), True)
        write_text(job.folder / WRITTEN, job.config)
        command = [sys.executable, "-m", "sansa_lightning", *arguments(job), *watched]
        os.execv(sys.executable, command)  # noqa: S606  our own program


def parser() -> argparse.ArgumentParser:
    """Options of the command; all others belong to the run."""
    made = argparse.ArgumentParser("sansa_lightning.ablate.row", allow_abbrev=False)
    made.add_argument("table", type=located, metavar="TABLE", help="table file: ablations/tables/*.yaml")
    made.add_argument("--row", required=True, help="name of one of its rows")
    made.add_argument("--fold", type=int, required=True, help="of the protocol")
    made.add_argument("--seed", type=int, required=True, help="of everything that training draws")
    made.add_argument("--config", action="append", type=located, default=[], help="as for ablate")
    made.add_argument("--adjust", type=located, help="as for ablate")
    made.add_argument("--runs", type=expanded, default=Path("runs/sweeps"), help="folder of the runs")
    made.add_argument("--run_dir", type=expanded, help="folder of this run, instead of one below --runs")
    return made


def apart(rest: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Options of a run: those that make it a different run from the row's, by key, and those that only watch it.

    Raises:
        ValueError: one is not in the form that W&B uses.
    """
    settings: dict[str, str] = {}
    watched = []
    for option in rest:
        key, equals, value = option.removeprefix("--").partition("=")
        if not option.startswith("--") or not equals:
            msg = f"options: expected --key=value, but got {option!r}"
            raise ValueError(msg)
        if below(key, INCIDENTAL):
            watched.append(option)
        else:
            settings[key] = value
    return settings, watched


def planned(given: argparse.Namespace, settings: Mapping[str, str]) -> Job:
    """The run of a row on one fold and with one seed, checked as in ``ablate``.

    Args:
        given: see :func:`parser`.
        settings: dotted keys with values, on top of the row's own.

    Raises:
        ValueError: the table or the row has a fault.
        OSError: a file is missing.
    """
    table, faults = read_table(given.table)
    if table is None or faults:
        raise ValueError("; ".join(faults))
    named = {row.name: row for row in table.rows}
    if given.row not in named:
        msg = f"--row: expected one of {', '.join(named)}, but got {given.row!r}"
        raise ValueError(msg)
    row = replace(named[given.row], settings={**named[given.row].settings, **settings})
    expander = Expander(Asked(tuple(given.config), given.adjust, (given.fold,), (given.seed,), given.runs))
    expander.expand(replace(table, rows=(row,)))
    if expander.faults:
        raise ValueError("; ".join(expander.faults))
    (job,) = expander.jobs.values()
    return replace(job, folder=given.run_dir or job.folder)


def arguments(job: Job) -> list[str]:
    """The arguments of ``python -m sansa_lightning`` that execute a run, or resume an interrupted one."""
    command = [job.subcommand, "--config", str(job.folder / WRITTEN), "--run_dir", str(job.folder)]
    goes_on = job.trains and job.result() is None and job.last_checkpoint.is_file()
    return [*command, "--ckpt_path", "last"] if goes_on else command


if __name__ == "__main__":
    run_main(lambda: main(sys.argv[1:]))
