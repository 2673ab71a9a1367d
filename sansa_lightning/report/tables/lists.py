"""Where the numbers of a report are from, what is in no table and why, and the scores of single classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from sansa_lightning.report.gather.runs import Run, classes_of
from sansa_lightning.report.tables.model import Column, Table, Value


def provenance(runs: Sequence[Run]) -> Table:
    """A row for each run that stands in a table."""
    rows: list[Mapping[str, Value]] = [dict(run.provenance) for run in runs]
    columns = [Column(key, key, "text") for key in (rows[0] if rows else {"run": ""})]
    notes = [
        "configuration, fingerprint of the base, list of test episodes and commit by the first twelve characters of "
        "their hashes"
    ]
    return Table(name="provenance", title="Provenance", columns=columns, rows=rows, notes=notes).shown()


def listed_apart(apart: Mapping[str, str]) -> Table:
    """What is in no table, with the reason."""
    rows = [{"run": run, "reason": reason} for run, reason in sorted(apart.items())]
    columns = [Column("run", "run", "text"), Column("reason", "reason", "text")]
    return Table(name="apart", title="Listed apart", columns=columns, rows=rows)


def class_table(name: str, title: str, rows: Mapping[Run, str]) -> Table | None:
    """IoU of each class in percent, a column for each row of a table: the mean over its runs that drew the class.

    Args:
        name: of the table.
        title: its heading.
        rows: the runs with the names of their rows.
    """
    by_row: dict[str, dict[str, list[float]]] = {}
    targets: dict[str, int] = {}
    for run, row in rows.items():
        for each, (iou, count) in classes_of(run).items():
            by_row.setdefault(row, {}).setdefault(each, []).append(100 * iou)
            targets[each] = max(targets.get(each, 0), count)
    if not targets:
        return None
    columns = [Column("class", "class", "text"), Column("targets", "targets", "count"), *map(_column, by_row)]
    lines: list[Mapping[str, Value]] = [
        {"class": each, "targets": count, **{row: fmean(found[each]) for row, found in by_row.items() if each in found}}
        for each, count in targets.items()
    ]
    notes = ["IoU of single classes in percent, mean over the runs of a row; targets: of one run"]
    return Table(name=name, title=title, columns=columns, rows=lines, notes=notes)


def _column(row: str) -> Column:
    return Column(row, row)
