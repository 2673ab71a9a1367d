"""From what was found to the contents of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sansa_lightning.files.messages import counted
from sansa_lightning.report.figures import Figure, class_figure, difference_figure, length_figure, speed_figure
from sansa_lightning.report.gather.facts import fact
from sansa_lightning.report.gather.find import Found
from sansa_lightning.report.gather.runs import Run
from sansa_lightning.report.gather.sort import unfit
from sansa_lightning.report.pairs.compare import RESAMPLES, Comparison, Difference
from sansa_lightning.report.panels import panels_of
from sansa_lightning.report.paper import paper_results
from sansa_lightning.report.tables.groups import group_tables, row_names, scored_alike
from sansa_lightning.report.tables.lists import class_table, listed_apart, provenance
from sansa_lightning.report.tables.model import Column, Table, Value, percent
from sansa_lightning.report.tables.papers import paper_tables, seats
from sansa_lightning.report.tables.recorded import is_miniature, papers_experiment, recorded_table
from sansa_lightning.report.write.contents import Contents, Section

MINIATURE = (
    "Runs of nano, or on the drawn patterns. They show whether parts work; their numbers say nothing about SAM 2 or "
    "about a paper, and no number of a paper stands beside them."
)
OTHERS = "Runs on other data than a paper's, or of models that no paper has; each table holds what was scored alike."
APART = "In no table, for the reason given."
PAPERS = "Runs of a paper's own experiment, beside what the paper prints; a column holds numbers of one protocol alone."
MOST_TARGETS = 30


@dataclass
class Sorted:
    """Runs and tables by the part of the report that they belong to.

    Attributes:
        apart: runs in no table, with the reason.
        papers: tables of papers.
        of_papers: names of the rows of their runs, for each set that was scored alike.
        groups: further tables with the names of their runs' rows, for the miniature and for others.
        recorded: tables that ``ablate`` wrote, for "papers", "miniature" and "others".
    """

    apart: dict[str, str]
    papers: list[Table]
    of_papers: list[dict[Run, str]]
    groups: dict[str, list[tuple[Table, dict[Run, str]]]]
    recorded: dict[str, list[Table]]

    @property
    def named(self) -> list[dict[Run, str]]:
        """The runs of all tables with the names of their rows, for each set that was scored alike."""
        return [*self.of_papers, *(names for members in self.groups.values() for _, names in members)]

    @property
    def runs(self) -> dict[Run, str]:
        """All runs that stand in tables."""
        return {run: name for names in self.named for run, name in names.items()}


def build(found: Found, comparison: Comparison | None = None, title: str = "Report") -> Contents:
    """The contents of a report.

    Args:
        found: runs and tables.
        comparison: of two runs, if it was asked for.
        title: of the report.

    Raises:
        ValueError: a table is not as ``ablate`` writes it.
    """
    own = sort(found)
    sections = [
        _papers(own),
        _group(own, "miniature", "Miniature", MINIATURE),
        _group(own, "others", "Other experiments", OTHERS),
        *([] if comparison is None else [_compared(comparison)]),
        _classes(own.named),
        Section(name="episodes", title="Episodes", panels=panels_of(own.runs)),
        Section(name="apart", title="Listed apart", says=APART, tables=[listed_apart(own.apart)] if own.apart else []),
        Section(name="provenance", title="Provenance", tables=[provenance(list(own.runs))] if own.runs else []),
    ]
    says = (
        f"{counted(len(own.runs), 'run')} in tables, {len(own.apart)} listed apart, "
        f"{counted(len(found.tables), 'recorded table')}. All scores are in percent. "
        f"Written {datetime.now(UTC).isoformat(timespec='minutes')}."
    )
    return Contents(title, says, [section for section in sections if not section.empty])


def sort(found: Found) -> Sorted:
    """Sort runs and tables.

    Raises:
        ValueError: a table is not as ``ablate`` writes it.
    """
    apart, fit = dict(found.apart), []
    for run in found.runs:
        if reason := unfit(run):
            apart[run.name] = reason
        else:
            fit.append(run)
    tables, others = paper_tables([run for run in fit if not run.miniature], apart)
    groups = {
        "miniature": group_tables([run for run in fit if run.miniature], apart, "miniature"),
        "others": group_tables(others, apart, "others"),
    }
    placed = [run for run in fit if not run.miniature and run not in others and run.name not in apart]
    return Sorted(apart, tables, [row_names(each) for each in scored_alike(placed)], groups, _recorded(found.tables))


def _recorded(tables: Mapping[Path, Mapping[str, Any]]) -> dict[str, list[Table]]:
    found: dict[str, list[Table]] = {"papers": [], "miniature": [], "others": []}
    names: set[str] = set()
    for file, content in tables.items():
        where = "papers" if papers_experiment(content) else "miniature" if is_miniature(content) else "others"
        table = recorded_table(file, content)
        if table.name in names:  # two folders with a table of the same name
            table = replace(table, name=f"{table.name}_{len(names)}")
        names.add(table.name)
        found[where].append(table)
    return found


def _papers(own: Sorted) -> Section:
    block = paper_results()["table8_backbones"]
    speed, score = (block["columns"].index(key) for key in ("fps_rtx4090", "coco20i_miou"))
    papers = {f"SANSA {row['encoder']}": (row["values"][speed], row["values"][score]) for row in block["rows"]}
    of_speed = {run: name for names in own.of_papers for run, name in names.items() if _is_table8(run)}
    figures = [
        speed_figure("figure5", "Figure 5: speed and accuracy on COCO-20i, by size of the encoder", of_speed, papers)
    ]
    tables = [*own.papers, *own.recorded["papers"]]
    figures += [length_figure(f"j_{table.name}", f"{table.title}, over J", table) for table in tables]
    return Section(name="papers", title="Tables of papers", says=PAPERS, tables=tables, figures=_there(figures))


def _is_table8(run: Run) -> bool:
    return any(seat.table == "table8" for seat in seats(run)[0])


def _group(own: Sorted, name: str, title: str, says: str) -> Section:
    members = own.groups[name]
    tables = [*(table for table, _ in members), *own.recorded[name]]
    figures = [
        speed_figure(f"speed_{table.name}", f"Speed and accuracy: {table.title}", names, {}) for table, names in members
    ]
    figures += [length_figure(f"j_{table.name}", f"mIoU over J: {table.title}", table) for table in tables]
    return Section(name=name, title=title, says=says, tables=tables, figures=_there(figures))


def _classes(named: Sequence[Mapping[Run, str]]) -> Section:
    tables = []
    for number, names in enumerate(named, 1):
        source = next((str(fact(run.result, "data.source")) for run in names), "")
        table = class_table(f"classes{number}", f"Classes of {source}", names)
        tables += [] if table is None else [table]
    figures = [class_figure(f"bars_{table.name}", table.title, table) for table in tables]
    return Section(name="classes", title="Single classes", tables=tables, figures=_there(figures))


def _compared(comparison: Comparison) -> Section:
    """A, B, and what differs: classes with intervals, then single targets."""
    columns = [
        Column("class", "class", "text"),
        Column("targets", "targets", "count"),
        Column("a", "A"),
        Column("b", "B"),
    ]
    columns += [
        Column("difference", "B less A", "signed"),
        Column("low", "from", "signed"),
        Column("high", "to", "signed"),
    ]
    columns += [Column("certain", "interval leaves out 0", "text")]
    rows = [_difference_row(each) for each in (comparison.mean, *comparison.classes)]
    classes = Table(
        name="compared_classes", title="By class", columns=columns, rows=rows,
        notes=[
            f"IoU in percent; from and to: 95 % interval of the difference, percentile bootstrap of {RESAMPLES} "
            "resamples of the targets, drawn for both runs together and within each class; it says nothing about other "
            "seeds",
            "mIoU: mean over the classes that were drawn",
        ],
    )  # fmt: skip
    ends = [(each.name, 100 * each.difference, percent(each.low), percent(each.high)) for each in comparison.classes]
    return Section(
        name="comparison", title="Comparison",
        says=f"A is {comparison.a}; B is {comparison.b}. Both were scored on the same targets.",
        tables=[classes, _target_table(comparison)],
        figures=[difference_figure("compared", "Difference of B less A by class", ends)],
    )  # fmt: skip


def _difference_row(each: Difference) -> dict[str, Value]:
    values = {"a": each.a, "b": each.b, "difference": each.difference, "low": each.low, "high": each.high}
    certain = "" if each.low is None else "yes" if each.certain else "no"
    return {
        "class": each.name,
        "targets": each.targets,
        "certain": certain,
        **{k: percent(v) for k, v in values.items()},
    }


def _target_table(comparison: Comparison) -> Table:
    columns = [Column(key, key, "text") for key in ("target", "references")]
    columns += [Column("episode", "episode", "count"), Column("class_id", "class", "count"), Column("a", "A")]
    columns += [Column("b", "B"), Column("difference", "B less A", "signed")]
    rows: list[dict[str, Value]] = [
        {
            **{key: getattr(one, key) for key in ("target", "references", "episode", "class_id")},
            **{"a": 100 * one.iou, "b": 100 * two.iou, "difference": 100 * (two.iou - one.iou)},
        }
        for one, two in comparison.targets[:MOST_TARGETS]
    ]
    title = f"The {len(rows)} targets that differ most"
    return Table(
        name="compared_targets", title=title, columns=columns, rows=rows, notes=["IoU of single targets in percent"]
    )


def _there(figures: Sequence[Figure | None]) -> list[Figure]:
    return [figure for figure in figures if figure is not None]
