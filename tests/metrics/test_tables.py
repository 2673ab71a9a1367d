"""The table as a person sees it."""

from __future__ import annotations

import pytest

from sansa_lightning.metrics.controls import ControlScores
from sansa_lightning.metrics.few_shot_iou import ClassScore, FewShotScores
from sansa_lightning.metrics.tables import per_class_table

FROZEN = FewShotScores(0.05, 0.5, (ClassScore(0, "person", 0.1, 12), ClassScore(44, "bottle", 0.0, 0)))
ADAPTED = FewShotScores(0.28125, 0.75, (ClassScore(0, "person", 0.5625, 12), ClassScore(44, "bottle", 0.0, 0)))


def test_controls_come_below_the_means():
    scores = {"frozen": FROZEN, "AdaptFormer": ADAPTED}
    controls = {"AdaptFormer": ControlScores(0.1, 0.18125, None, 0.75, 0.4)}
    assert per_class_table(scores, controls).splitlines()[-5:] == [
        "---------------------------------------------------------",
        "       wrong reference                   n/a         10.0",
        "       margin                            n/a         18.1",
        "       choice (chance 40.0)              n/a         75.0",
        "       segment everything                n/a          n/a",
    ]


def test_two_runs_side_by_side():
    assert per_class_table({"frozen": FROZEN, "AdaptFormer": ADAPTED}).splitlines() == [
        "class          targets  frozen  AdaptFormer",
        "-------------------------------------------",
        "    0  person       12    10.0         56.2",
        "   44  bottle        0     0.0          0.0",
        "-------------------------------------------",
        "       mIoU         12     5.0         28.1",
        "       FB-IoU       12    50.0         75.0",
    ]


@pytest.mark.parametrize("runs", [{}, {"a": FROZEN, "b": FROZEN._replace(classes=FROZEN.classes[:1])}])
def test_runs_that_cannot_be_compared(runs):
    with pytest.raises(ValueError, match="scored on the same classes and targets, but got"):
        per_class_table(runs)
