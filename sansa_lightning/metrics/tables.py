"""Scores as plain text, in percent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from tabulate import tabulate

from sansa_lightning.files.messages import counted
from sansa_lightning.metrics.controls import ControlScores
from sansa_lightning.metrics.few_shot_iou import FewShotScores
from sansa_lightning.metrics.tracking import TrackingScore

NOT_THERE = "n/a"
"""Stands for a number that does not exist, such as the margin in a pool of one class."""


FROZEN, ADAPTED = "frozen", "adapted"
"""The base without and with its strategy, in records, tables and pictures."""


def score_table(
    scores: Mapping[str, FewShotScores | TrackingScore], controls: Mapping[str, ControlScores] | None = None
) -> str:
    """The last scores of a run: a table, with the frozen base's column if there is one, a tracking score, or nothing.

    Args:
        scores: by phase, in the order of their computation.
        controls: likewise.
    """
    if not scores:
        return ""
    phase, last = list(scores.items())[-1]
    if isinstance(last, TrackingScore):
        return f"{phase}: tracking J {100 * last.j:.1f} over {counted(last.frames, 'frame')}"
    columns = {FROZEN: FROZEN, ADAPTED: phase} if FROZEN in scores else {phase: phase}
    runs = {heading: scores[name] for heading, name in columns.items()}
    found = {heading: (controls or {})[name] for heading, name in columns.items() if name in (controls or {})}
    return per_class_table({heading: run for heading, run in runs.items() if isinstance(run, FewShotScores)}, found)


def per_class_table(runs: Mapping[str, FewShotScores], controls: Mapping[str, ControlScores] | None = None) -> str:
    """A table with a row for each class, a column for each run, and below them the means and the controls.

    Args:
        runs: scores over the same classes and targets, by the heading of their column.
        controls: of runs, by the same headings; without any, their rows are left out.

    Raises:
        ValueError: there is no run, or the runs were scored on different classes or targets.
    """
    drawn = {heading: [(c.class_id, c.name, c.targets) for c in run.classes] for heading, run in runs.items()}
    columns = list(drawn.values())
    if not columns or any(column != columns[0] for column in columns):
        msg = f"per_class_table: expected runs scored on the same classes and targets, but got {list(runs)}"
        raise ValueError(msg)
    classes = [
        [str(class_id), name, str(targets), *(_percent(run.classes[index].iou) for run in runs.values())]
        for index, (class_id, name, targets) in enumerate(columns[0])
    ]
    total = str(sum(targets for _, _, targets in columns[0]))
    means = [
        ["", "mIoU", total, *(_percent(run.miou) for run in runs.values())],
        ["", "FB-IoU", total, *(_percent(run.fb_iou) for run in runs.values())],
    ]
    blocks = [[["class", "", "targets", *runs]], classes, means]
    if controls:
        blocks.append(_control_rows([controls.get(heading) for heading in runs]))
    return _aligned(blocks)


def _control_rows(runs: Sequence[ControlScores | None]) -> list[list[str]]:
    # Chance depends on the targets, which are the same in all columns.
    chance = next((run.choice_chance for run in runs if run is not None), None)
    labels = {
        "wrong_miou": "wrong reference",
        "margin": "margin",
        "choice": f"choice (chance {_percent(chance)})",
        "everything_miou": "segment everything",
    }
    return [
        ["", label, "", *(_percent(None if run is None else getattr(run, name)) for run in runs)]
        for name, label in labels.items()
    ]


def _percent(score: float | None) -> str:
    return NOT_THERE if score is None else f"{100 * score:.1f}"


def _aligned(blocks: Sequence[list[list[str]]]) -> str:
    """Blocks of rows as lines: the second column flush left, all others flush right; rules between the blocks."""
    rows = [row for block in blocks for row in block]
    places = ["right", "left", *["right"] * (len(rows[0]) - 2)]
    lines = tabulate(rows, tablefmt="plain", colalign=places, disable_numparse=True).splitlines()
    for end in reversed(list(accumulate(len(block) for block in blocks[:-1]))):
        lines.insert(end, "-" * len(lines[0]))
    return "\n".join(lines)
