"""The figures of a report, as SVG that is readable on light and on dark ground."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sansa_lightning.figures.plots import COLOURS, beside, repeated_colours
from sansa_lightning.report.gather.runs import Run
from sansa_lightning.report.tables.model import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#010203"
"""Colour of text and axes, replaced by the reader's."""

READERS_INK = "<style>svg{color:#1b1b1b}@media(prefers-color-scheme:dark){svg{color:#e8e8e8}}</style>"
OF_J = re.compile(r"(?:J =|train_targets) (\d+)")
MOST_CLASSES, MOST_ROWS = 40, 4


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        name: of its file.
        title: below it.
        alt: what it shows, for those who do not see it.
        svg: the file.
    """

    name: str
    title: str
    alt: str
    svg: str


def speed_figure(
    name: str, title: str, runs: Mapping[Run, str], paper: Mapping[str, tuple[float, float]]
) -> Figure | None:
    """MIoU over frames per second, a series for each device; None if no run says its speed.

    Args:
        name: of its file.
        title: below it.
        runs: with the names of their rows.
        paper: the paper's (frames per second, mIoU in percent) by name, on its own machine; empty for the miniature.
    """
    series: dict[str, list[tuple[float, float, str]]] = {}
    for run, row in runs.items():
        speed, miou = run.result.more.get("frames_per_second"), run.scores.miou
        if isinstance(speed, int | float) and miou is not None:
            device = str((run.result.machine or {}).get("device", "unknown device"))
            series.setdefault(f"here, {device}", []).append((float(speed), 100 * miou, row))
    if not series:
        return None
    if paper:
        series["paper, RTX 4090"] = [(*point, each) for each, point in paper.items()]
    canvas = _Canvas()
    for colour, (label, points) in zip(repeated_colours(len(series)), series.items(), strict=True):
        canvas.axes.scatter([x for x, _, _ in points], [y for _, y, _ in points], label=label, color=colour)
        for x, y, row in {row: (x, y, row) for x, y, row in points}.values():
            canvas.axes.annotate(row[:24], (x, y), textcoords="offset points", xytext=(5, 4), fontsize=7)
    canvas.label("frames per second", "mIoU, percent")
    said = "; ".join(
        f"{label}: {', '.join(f'{y:.1f} at {x:.1f}' for x, y, _ in each[:8])}" for label, each in series.items()
    )
    return Figure(name, title, f"mIoU in percent at frames per second. {said}", canvas.svg(name))


def length_figure(name: str, title: str, table: Table) -> Figure | None:
    """MIoU over J, beside the paper's where the table has it; None if fewer than two rows of a table are of a J."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in table.rows:
        if length := OF_J.search(str(row["row"])):
            for key, label in (("miou", "here"), ("paper", "paper")):
                if isinstance(value := row.get(key), float):
                    of = [row.get("data"), f"folds {row['folds']}" if label == "here" and row.get("folds") else None]
                    series = ", ".join([label, *(str(each) for each in of if each)])
                    found.setdefault(series, []).append((int(length[1]), value))
    lines = {label: sorted(points) for label, points in found.items() if len(points) > 1}
    if not any(label.startswith("here") for label in lines):
        return None
    canvas = _Canvas()
    for colour, (label, points) in zip(repeated_colours(len(lines)), lines.items(), strict=True):
        style = "--" if label.startswith("paper") else "-"
        canvas.axes.plot(*zip(*points, strict=True), style, marker="o", label=label, color=colour)
    canvas.axes.set_xticks(sorted({x for points in lines.values() for x, _ in points}))
    canvas.label("J, targets of a training clip", "mIoU, percent")
    said = "; ".join(
        f"{label}: {', '.join(f'{y:.1f} at J = {x}' for x, y in points)}" for label, points in lines.items()
    )
    return Figure(name, title, f"mIoU in percent over J. {said}", canvas.svg(name))


def class_figure(name: str, title: str, table: Table) -> Figure | None:
    """A bar for each class and row: the classes with most targets, the first rows; None for a single class."""
    rows = [column for column in table.columns if column.kind == "percent"][:MOST_ROWS]
    classes = sorted(table.rows, key=lambda row: -int(row["targets"] or 0))[:MOST_CLASSES]
    if len(classes) < 2 or not rows:
        return None
    canvas = _Canvas(height=1.2 + 0.11 * len(classes) * (len(rows) + 1))
    for place, (column, colour) in enumerate(zip(rows, repeated_colours(len(rows)), strict=True)):
        values = [float(row.get(column.key) or 0) for row in classes]
        heights, thick = beside(place, len(rows), len(classes))
        canvas.axes.barh(heights, values, thick, label=column.title[:40], color=colour)
    canvas.axes.set_yticks(range(len(classes)), [str(row["class"]) for row in classes], fontsize=7)
    canvas.axes.invert_yaxis()
    canvas.label("IoU, percent", "")
    best = max(classes, key=lambda row: float(row.get(rows[0].key) or 0))
    worst = min(classes, key=lambda row: float(row.get(rows[0].key) or 0))
    alt = (
        f"IoU of {len(classes)} classes by {', '.join(column.title for column in rows)}. Of the first, the best is "
        f"{best['class']} and the worst {worst['class']}. The table of the classes has all numbers."
    )
    return Figure(name, title, alt, canvas.svg(name))


def difference_figure(name: str, title: str, rows: Sequence[tuple[str, float, float | None, float | None]]) -> Figure:
    """A difference with its interval for each class.

    Args:
        name: of its file.
        title: below it.
        rows: class, difference, and ends of its interval, in percent.
    """
    shown = sorted(rows, key=lambda row: row[1])[-MOST_CLASSES:]
    canvas = _Canvas(height=1.2 + 0.18 * len(shown))
    canvas.axes.axvline(0, color=INK, linewidth=0.8)
    for place, (_, difference, low, high) in enumerate(shown):
        if low is not None and high is not None:
            canvas.axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=1.5)
        canvas.axes.plot([difference], [place], "o", color=COLOURS[0], markersize=4)
    canvas.axes.set_yticks(range(len(shown)), [row[0] for row in shown], fontsize=7)
    canvas.label("difference of IoU, percentage points, with 95 % interval", "")
    said = ", ".join(f"{row[0]} {row[1]:+.1f}" for row in reversed(shown))
    return Figure(name, title, f"Difference of IoU by class: {said}", canvas.svg(name))


class _Canvas:
    """A small plot on transparent ground."""

    def __init__(self, height: float = 3.4) -> None:
        from matplotlib.figure import Figure as Plot

        self.plot = Plot(figsize=(6.4, height), layout="constrained")
        self.axes: Axes = self.plot.add_subplot()
        self.axes.set_facecolor("none")
        self.axes.grid(visible=True, color=INK, alpha=0.12)
        for side, spine in self.axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(INK)

    def label(self, x: str, y: str) -> None:
        self.axes.set_xlabel(x, color=INK)
        self.axes.set_ylabel(y, color=INK)
        self.axes.tick_params(colors=INK)
        for text in self.axes.texts:
            text.set_color(INK)
        if self.axes.get_legend_handles_labels()[0]:
            self.plot.legend(loc="outside upper left", ncols=2, fontsize=8, framealpha=0, labelcolor=INK)

    def svg(self, name: str) -> str:
        """The plot, the same each time."""
        from matplotlib import rc_context
        from matplotlib.text import Text

        for each in self.plot.findobj(Text):
            each.set_parse_math(False)  # names of rows and classes may have dollars
        with (
            rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "text.parse_math": False}),
            io.StringIO() as file,
        ):
            self.plot.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
            text = file.getvalue()
        start = text.index("<svg")
        inside = text.index(">", start) + 1
        head, rest = text[start:inside], text[inside:]
        return head + READERS_INK + rest.replace(INK, "currentColor")
