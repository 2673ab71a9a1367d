"""``python -m sansa_lightning ablate TABLE ...``: expand, check, run the missing runs, print the tables."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from sansa_lightning.ablate.expand import Asked, Expander
from sansa_lightning.ablate.identity import IDENTITY_VERSION
from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.launchers.base import Launcher
from sansa_lightning.ablate.launchers.local import LocalLauncher
from sansa_lightning.ablate.launchers.none import NoLauncher
from sansa_lightning.ablate.launchers.slurm import SlurmLauncher, parse_settings
from sansa_lightning.ablate.papers_experiment import difference
from sansa_lightning.ablate.progress import watched
from sansa_lightning.ablate.table import Table, read_table
from sansa_lightning.files.messages import counted
from sansa_lightning.files.whole import write_text
from sansa_lightning.report.recorded import VERSION, Recorded
from sansa_lightning.report.render import Report
from sansa_lightning.report.rows import PlannedRow, RowScores
from sansa_lightning.runs.interrupts import heard


def ablate(given: argparse.Namespace) -> int:
    """Expand, check, run and print.

    Args:
        given: the options, see :func:`sansa_lightning.ablate.options.ablate_parser`.

    Returns:
        0; 1 if a run failed; 2 if a fault was found before the first run; 130 or 143 after Ctrl-C or SIGTERM.
    """
    launcher = _launcher(given)
    recorded = Recorded.read(given.recorded, IDENTITY_VERSION) if given.recorded else Recorded()
    expander = Expander(Asked(tuple(given.config), given.adjust, given.folds, given.seeds, given.runs))
    tables, faults = [], []
    for path in given.tables:
        table, wrong = read_table(path)
        faults += wrong
        if table is not None:
            tables.append((table, expander.expand(table)))
    if faults := [*faults, *expander.faults]:
        sys.stderr.write("".join(f"error: {fault}\n" for fault in faults))
        return 2
    try:
        errors = run_missing(list(expander.jobs.values()), launcher, recorded)
    except KeyboardInterrupt:
        done = len(expander.jobs) - len(_missing(expander.jobs.values(), recorded))
        number = heard() or signal.SIGINT
        finished = f"{done} of {counted(len(expander.jobs), 'run')} finished"
        sys.stderr.write(f"interrupted by {number.name}: {finished}; run the same command again\n")
        return 128 + number
    for table, rows in tables:
        print(write_table(table, rows, expander.jobs, errors, given.runs, recorded))
    return 1 if errors else 0


def _launcher(given: argparse.Namespace) -> Launcher:
    if given.launcher == "slurm":
        return SlurmLauncher(given.runs, parse_settings(given.slurm))
    if given.launcher == "none":
        return NoLauncher()
    return LocalLauncher(given.jobs)


def run_missing(jobs: Sequence[Job], launcher: Launcher, recorded: Recorded) -> dict[str, str]:
    """Carry out what is neither finished nor recorded: a line for each that ends, and every 30 s for each that goes on.

    Returns:
        The last line of error of each failed run, by its identity.
    """
    missing = _missing(jobs, recorded)
    print(f"{counted(len(jobs), 'run')}, {len(jobs) - len(missing)} of them finished already", flush=True)
    named, errors = {job.identity: job for job in missing}, {}
    with watched(missing, partial(print, flush=True)) as watch, closing(launcher.run(missing)) as outcomes:
        for number, outcome in enumerate(outcomes, 1):
            job = named[outcome.identity]
            watch.ended(outcome.identity)
            if outcome.error:
                errors[outcome.identity] = outcome.error
            print(f"[{number}/{len(missing)}] {job.name}: {_said(job, outcome.error, outcome.seconds)}", flush=True)
    return errors


def write_table(
    table: Table,
    rows: Sequence[PlannedRow],
    jobs: Mapping[str, Job],
    errors: Mapping[str, str],
    runs: Path,
    recorded: Recorded,
) -> str:
    """Write ``<runs>/<table>.md`` and ``.json``.

    Returns:
        The Markdown.
    """
    used = sorted({key for planned in rows for key in planned.runs.values()})
    report = Report(
        name=table.name,
        title=table.title,
        rows=[_scored(table, planned, jobs, recorded) for planned in rows],
        paper_base=table.paper_base,
        errors={jobs[key].name: error for key, error in errors.items() if key in used},
    )
    text = report.markdown()
    write_text(runs / f"{table.name}.md", text)
    folders = {key: str(jobs[key].folder) for key in used}
    content: dict[str, Any] = {VERSION: IDENTITY_VERSION, **report.plain(), "folders": folders}
    write_text(runs / f"{table.name}.json", json.dumps(content, indent=2) + "\n")
    return text


def _scored(table: Table, planned: PlannedRow, jobs: Mapping[str, Job], recorded: Recorded) -> RowScores:
    """A row with the known scores of its runs."""
    found = {}
    for place, key in planned.runs.items():
        job = jobs[key]
        scores = recorded.of(key, in_domain=job.in_domain) or job.scores(in_domain=table.in_domain)
        if scores is not None:
            found[place] = scores
    return RowScores(planned, found, difference(planned.config, table.paper_base, planned.files))


def _missing(jobs: Iterable[Job], recorded: Recorded) -> list[Job]:
    return [job for job in jobs if not job.finished() and recorded.of(job.identity, in_domain=job.in_domain) is None]


def _said(job: Job, error: str, seconds: float) -> str:
    if error:
        return f"failed: {error} (see {job.folder})"
    scores = job.scores(in_domain=job.in_domain)
    miou = scores.miou if scores else None
    return f"mIoU {'n/a' if miou is None else f'{100 * miou:.1f}'} in {seconds:.0f} s"
