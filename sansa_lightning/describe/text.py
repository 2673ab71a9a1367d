"""A summary as plain text: a table for each pool, then the most important facts, at the end where they are seen."""

from __future__ import annotations

from collections.abc import Iterator

from tabulate import tabulate

from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.describe.experiment import Experiment
from sansa_lightning.describe.overlap import Overlap
from sansa_lightning.describe.summary import PoolSummary, Summary
from sansa_lightning.files.messages import counted


def as_text(summary: Summary, experiment: Experiment) -> str:
    """The summary of an experiment."""
    trained, tested = summary.counted
    tables = [_table("train", pool, f"the first {trained}") for pool in summary.train]
    tables.append(_table("test", summary.test, f"all {tested}"))
    lines = [f"{label:15}{line}" for label, line in _lines(summary, experiment)]
    return "\n\n".join([*tables, "\n".join(lines)])


def _lines(summary: Summary, experiment: Experiment) -> Iterator[tuple[str, str]]:
    """The lines, as label and text."""
    data = experiment.data
    yield "protocol", experiment.protocol
    yield "clips", f"{data.size} x {data.size} px"
    if summary.train:
        yield "train prompt", experiment.train_prompt
    yield "test prompt", experiment.prompt
    if summary.train:
        counts = f"of {counted(data.train_shots, 'reference')} and {counted(data.train_targets, 'target')}"
        yield "train episodes", f"{len(data.episodes('train'))} per epoch, {counts}"
    yield "test episodes", f"{summary.counted[1]}, of {counted(data.shots, 'reference')} and 1 target, {_origin(data)}"
    for pool in summary.train:
        yield "train pool", _pool(pool, shares=len(summary.train) > 1)
    if not summary.train:
        yield "train pool", f"none: {summary.untrained}"
    yield "test pool", _pool(summary.test, shares=False)
    for pool in (*summary.train, summary.test):
        if pool.dropped:
            names = ", ".join(pool.dropped)
            yield "left out", f"{len(pool.dropped)} of {pool.source}, {pool.split}, with too few images: {names}"
        for note in pool.notes:
            yield "note", f"{pool.source}, {pool.split} split: {note}"
    if summary.overlap:
        yield from (("overlap", line) for line in _overlap(summary.overlap))


def _origin(data: EpisodeDataModule) -> str:
    return f"from {data.manifest}" if data.manifest else f"by {data.test_order.__name__} with seed {data.test_seed}"


def _pool(pool: PoolSummary, *, shares: bool) -> str:
    text = f"{counted(len(pool.rows), 'class', 'classes')}, {pool.split} split of {pool.source}"
    return f"{text}; weight {100 * pool.share:.1f} %, drawn {100 * pool.drawn:.1f} %" if shares else text


def _overlap(found: Overlap) -> tuple[str, str]:
    names = f": {', '.join(found.classes)}" if found.classes else ""
    return (
        f"{counted(len(found.classes), 'shared class', 'shared classes')}, of {found.tested} tested{names}",
        f"{counted(found.pictures, 'shared picture')}, of {found.tested_pictures} tested",
    )


def _table(phase: str, pool: PoolSummary, episodes: str) -> str:
    rows = [(str(row.class_id), row.name, row.images, row.objects, row.episodes) for row in pool.rows]
    known = [row.objects for row in pool.rows if row.objects is not None]
    sums = (sum(row.images for row in pool.rows), sum(known) if known else None, sum(row.episodes for row in pool.rows))
    title = f"{phase}: {pool.split} split of {pool.source} (episodes: {episodes})"
    head = ("class", "", "images", "objects", "episodes")
    # Flush left are the names of classes alone; a dash stands for an unknown value.
    places = ("right", "left", "right", "right", "right")
    table = tabulate(
        [head, *rows, ("", "sum", *sums)], tablefmt="plain", colalign=places, missingval="-", disable_numparse=True
    )
    return f"{title}\n{table}"
