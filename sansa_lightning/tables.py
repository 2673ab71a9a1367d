"""Scores as plain text, in percent."""

from __future__ import annotations

from collections.abc import Mapping

from sansa_lightning.metrics import FewShotScores
from sansa_lightning.pretraining.jaccard import TrackingScore


def score_table(stage: str, scores: FewShotScores | TrackingScore) -> str:
    """What a run scored: a table with a row for each class, or the tracking score of a run without classes."""
    if isinstance(scores, TrackingScore):
        return f"{stage}: tracking J {100 * scores.j:.1f} over {scores.frames} frames"
    return per_class_table({stage: scores})


def per_class_table(runs: Mapping[str, FewShotScores]) -> str:
    """A table with one row a class, one column a run, and the means at the bottom.

    Args:
        runs: scores over the same classes and targets, by the heading of their column.

    Raises:
        ValueError: there is no run, or the runs were scored on different classes or targets.
    """
    drawn = {heading: [(c.class_id, c.name, c.targets) for c in run.classes] for heading, run in runs.items()}
    columns = list(drawn.values())
    if not columns or any(column != columns[0] for column in columns):
        msg = f"per_class_table: expected runs scored on the same classes and targets, but got {list(runs)}"
        raise ValueError(msg)
    rows = [["class", "", "targets", *runs]]
    for index, (class_id, name, targets) in enumerate(columns[0]):
        scores = [_percent(run.classes[index].iou) for run in runs.values()]
        rows.append([str(class_id), name, str(targets), *scores])
    total = sum(targets for _, _, targets in columns[0])
    rows.append(["", "mIoU", str(total), *(_percent(run.miou) for run in runs.values())])
    rows.append(["", "FB-IoU", str(total), *(_percent(run.fb_iou) for run in runs.values())])
    return _aligned(rows)


def _percent(score: float) -> str:
    return f"{100 * score:.1f}"


def _aligned(rows: list[list[str]]) -> str:
    """Rows as lines: the second column flush left, all others flush right; rules under the head and over the means."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if position == 1 else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-2], rule, *lines[-2:]])
