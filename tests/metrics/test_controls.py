"""What the controls count, against sums by hand."""

from __future__ import annotations

import pytest
import torch

from sansa_lightning.clips.objects import Objects
from sansa_lightning.metrics.controls import ChoiceAccuracy, ControlMetrics, coverage
from sansa_lightning.metrics.scoring import ScoredTargets

PAIR = Objects(torch.tensor([[1, 1, 2, 2, 0]], dtype=torch.int16), (7, 8))
LEFT, RIGHT = torch.tensor([[5.0, 5.0, -5.0, -5.0, 5.0]]), torch.tensor([[-5.0, -5.0, 5.0, 5.0, -5.0]])


def test_coverage_is_the_mean_probability_of_each_object():
    probability = torch.tensor([[1.0, 0.0, 0.6, 0.7, 0.9]])
    assert coverage(probability, PAIR) == [(7, 0.5), (8, pytest.approx(0.65))]


def test_an_object_without_a_pixel_is_none():
    hidden = Objects(PAIR.instances, (7, 8, 9))
    assert [class_id for class_id, _ in coverage(torch.ones(1, 5), hidden)] == [7, 8]


def update(metric: ChoiceAccuracy, logits: torch.Tensor, objects: Objects, class_id: int, scored: bool = True) -> None:
    metric.update([logits], [objects], torch.tensor([class_id]), torch.tensor([scored]))


def test_choice_is_the_share_of_right_objects_and_chance_that_of_guesses():
    metric = ChoiceAccuracy()
    update(metric, LEFT, PAIR, 7)
    update(metric, RIGHT, PAIR, 7)
    update(metric, LEFT, PAIR, 7)
    three = Objects(torch.tensor([[1, 2, 3, 3, 0]], dtype=torch.int16), (7, 8, 8))
    first = torch.tensor([[6.0, 5.0, -5.0, -5.0, 5.0]])
    update(metric, first, three, 8)  # chooses the first: wrong, though two of three are right
    update(metric, LEFT, PAIR, 7, scored=False)
    update(metric, LEFT, Objects(PAIR.instances, (8, 8)), 7)  # nothing right to choose: not counted
    choice, chance = metric.compute()
    assert choice == 0.5
    assert chance == pytest.approx((0.5 * 3 + 2 / 3) / 4, abs=1e-11)


@pytest.mark.parametrize("value", [0.0, -3.0, 25.0, 31.0])
def test_a_mask_that_covers_all_alike_has_the_choice_of_a_guess(value):
    metric = ChoiceAccuracy()
    odd = Objects(torch.tensor([[1, 1, 1, 2, 3, 3, 3, 0]], dtype=torch.int16), (7, 8, 8))
    for class_id in (7, 8):
        update(metric, torch.full((1, 8), value), odd, class_id)
    choice, chance = metric.compute()
    assert choice == pytest.approx(chance, abs=1e-9)
    assert chance == pytest.approx(0.5, abs=1e-9)


def test_logits_that_are_1_in_single_precision_are_told_apart():
    metric = ChoiceAccuracy()
    update(metric, torch.tensor([[20.0, 20.0, 21.0, 21.0, 0.0]]), PAIR, 8)
    assert metric.compute()[0] == 1.0


def test_what_is_not_a_number_chooses_nothing():
    metric = ChoiceAccuracy()
    for class_id in (7, 8):
        update(metric, torch.full((1, 5), float("nan")), PAIR, class_id)
    assert metric.compute() == (0.0, 0.5)


def test_without_targets_there_is_no_choice():
    metric = ChoiceAccuracy()
    update(metric, LEFT, PAIR, 7, scored=False)
    assert metric.compute() == (None, None)


def targets(rows: list[tuple[torch.Tensor, int]], objects: Objects | None = PAIR, paired: bool = True) -> ScoredTargets:
    """The truth is what PAIR has of the class."""
    truths = [(PAIR.instances == class_id - 6).byte() for _, class_id in rows]
    return ScoredTargets(
        [logits for logits, _ in rows],
        truths,
        torch.tensor([class_id for _, class_id in rows]),
        torch.ones(len(rows), dtype=torch.bool),
        [objects] * len(rows),
        torch.full((len(rows),), paired),
    )


def test_all_controls_of_two_targets():
    metrics = ControlMetrics([7, 8])
    metrics.count_right(targets([(LEFT, 7), (LEFT, 8)]))
    metrics.count_wrong(targets([(LEFT, 7), (RIGHT, 8)]))
    found = metrics.compute()
    # Right: class 7 has 2 of 3 pixels (one false), class 8 none. Wrong: 2 of 3, and 2 of 2. Everything: 2 of 4 each.
    assert found.wrong_miou == pytest.approx((2 / 3 + 1) / 2)
    assert found.margin == pytest.approx(1 / 3 - (2 / 3 + 1) / 2)
    assert found.everything_miou == 0.5
    assert (found.choice, found.choice_chance) == (0.5, 0.5)
    metrics.reset()
    assert set(metrics.compute()) == {None}


def test_the_margin_is_over_targets_that_have_both():
    metrics = ControlMetrics([7])
    metrics.count_right(targets([(RIGHT, 7)], paired=False))
    metrics.count_right(targets([(LEFT, 7)]))
    metrics.count_wrong(targets([(RIGHT, 7)]))
    assert metrics.compute().margin == pytest.approx(2 / 3)


def test_what_a_source_does_not_know_is_not_there():
    metrics = ControlMetrics([7])
    metrics.count_right(targets([(LEFT, 7)], objects=None, paired=False))
    assert set(metrics.compute()) == {None}


def test_parts_of_two_processes_add_up_exactly():
    rows = [(LEFT, 7), (RIGHT, 7), (LEFT, 8), (RIGHT, 8), (LEFT, 8)]
    whole, parts = ControlMetrics([7, 8]), [ControlMetrics([7, 8]) for _ in range(2)]
    whole.count_right(targets(rows))
    for rank, part in enumerate(parts):
        for row in rows[rank::2]:
            part.count_right(targets([row]))
    for name in ("right", "everything", "choice"):
        first, second = (getattr(part, name) for part in parts)
        for state in first._defaults:
            reduce = first._reductions[state]
            merged = reduce(torch.stack([getattr(first, state), getattr(second, state)]))
            assert torch.equal(merged, getattr(getattr(whole, name), state)), state
