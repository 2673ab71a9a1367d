"""FewShotIoU against a NumPy loop over the same masks."""

from __future__ import annotations

import json
import pickle
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, distributed, multiprocessing

from sansa_lightning.clips.prompt import IGNORE
from sansa_lightning.metrics.few_shot_iou import FewShotIoU, few_shot_iou, overlap_counts

CLASSES = (3, 7, 11, 40)
NEVER = 40
N, H, W = 24, 6, 9


def episodes(seed: int = 0, ignore: float = 0.1) -> tuple[Tensor, Tensor, Tensor]:
    """Random masks of all classes but NEVER, of very different foreground shares, some empty."""
    random = np.random.default_rng(seed)
    share = random.uniform(size=(N, 1, 1)).round(1)
    prediction = random.uniform(size=(N, H, W)) < share
    target = (random.uniform(size=(N, H, W)) < share[::-1]).astype(np.uint8)
    target[random.uniform(size=(N, H, W)) < ignore] = IGNORE
    class_ids = random.choice(CLASSES[:-1], N)
    return torch.from_numpy(prediction), torch.from_numpy(target), torch.from_numpy(class_ids)


def loop(predictions, targets, class_ids) -> tuple[float, float, dict[int, float], dict[int, int]]:
    """mIoU, FB-IoU, IoU and number of masks by class, one pixel set after the other."""
    inter = {(c, side): 0 for c in CLASSES for side in (False, True)}
    union = dict(inter)
    drawn = dict.fromkeys(CLASSES, 0)
    for prediction, target, class_id in zip(predictions, targets, class_ids, strict=True):
        keep = np.asarray(target) != IGNORE
        guess, truth = np.asarray(prediction)[keep], np.asarray(target)[keep] == 1
        drawn[int(class_id)] += 1
        for side in (False, True):
            inter[int(class_id), side] += np.sum((guess == side) & (truth == side))
            union[int(class_id), side] += np.sum((guess == side) | (truth == side))
    iou = {c: float(inter[c, True] / max(union[c, True], 1)) for c in CLASSES}
    sides = [sum(inter[c, s] for c in CLASSES) / sum(union[c, s] for c in CLASSES) for s in (False, True)]
    return float(np.mean(list(iou.values()))), float(np.mean(sides)), iou, drawn


def assert_equal_to_loop(metric: FewShotIoU, predictions, targets, class_ids) -> None:
    miou, fb_iou, iou, drawn = loop(predictions, targets, class_ids)
    scores = metric.compute()
    assert scores.miou == pytest.approx(miou, rel=1e-14)
    assert scores.fb_iou == pytest.approx(fb_iou, rel=1e-14)
    assert {row.class_id: row.iou for row in scores.classes} == pytest.approx(iou, rel=1e-14)
    assert {row.class_id: row.targets for row in scores.classes} == drawn


@pytest.mark.parametrize("size", [1, 5, N])
def test_equals_loop_in_batches_of_any_size(size):
    masks = episodes()
    metric = FewShotIoU(CLASSES)
    for part in zip(*(tensor.split(size) for tensor in masks), strict=True):
        metric.update(*part)
    assert_equal_to_loop(metric, *masks)


def test_is_not_the_mean_over_images():
    prediction, target, class_ids = episodes()
    metric = FewShotIoU(CLASSES)
    metric.update(prediction, target, class_ids)
    inter, union = overlap_counts(prediction, target)
    per_image = inter[:, 1] / union[:, 1].clamp(min=1)
    means = [float(per_image[class_ids == c].mean()) for c in CLASSES[:-1]]
    assert abs(sum(means) / len(CLASSES) - metric.compute().miou) > 0.01


def test_class_never_drawn_counts_zero():
    prediction, target, class_ids = episodes()
    metric, without = FewShotIoU(CLASSES), FewShotIoU(CLASSES[:-1])
    metric.update(prediction, target, class_ids)
    without.update(prediction, target, class_ids)
    assert metric.compute().classes[-1] == (NEVER, str(NEVER), 0.0, 0)
    assert metric.compute().miou == pytest.approx(without.compute().miou * 3 / 4, rel=1e-14)
    assert metric.compute().fb_iou == without.compute().fb_iou


def test_ignored_pixels_count_nowhere():
    prediction, target, class_ids = episodes(ignore=0.3)
    metric, flipped = FewShotIoU(CLASSES), FewShotIoU(CLASSES)
    metric.update(prediction, target, class_ids)
    flipped.update(prediction ^ (target == IGNORE), target, class_ids)
    assert metric.compute() == flipped.compute()
    assert_equal_to_loop(metric, prediction, target, class_ids)


def test_masks_of_different_sizes():
    prediction, target, class_ids = episodes()
    predictions = [mask[: 1 + i % H, : 1 + i % W] for i, mask in enumerate(prediction)]
    targets = [mask[: 1 + i % H, : 1 + i % W] for i, mask in enumerate(target)]
    metric = FewShotIoU(CLASSES)
    metric.update(predictions, targets, class_ids)
    assert_equal_to_loop(metric, predictions, targets, class_ids)


def test_what_is_not_scored_is_not_counted():
    prediction, target, class_ids = episodes()
    scored = torch.arange(N) % 3 != 0
    metric = FewShotIoU(CLASSES)
    metric.update(prediction, target, torch.where(scored, class_ids, 999), scored)
    assert_equal_to_loop(metric, prediction[scored], target[scored], class_ids[scored])


def test_nothing_but_ignored_pixels_scores_zero():
    metric = FewShotIoU([5])
    metric.update(
        torch.ones(1, 2, 2, dtype=torch.bool), torch.full((1, 2, 2), 255, dtype=torch.uint8), torch.tensor([5])
    )
    assert metric.compute() == (0.0, 0.0, ((5, "5", 0.0, 1),))


def test_functions_by_hand():
    prediction = torch.tensor([[[1, 1, 0, 0], [1, 0, 0, 1]]], dtype=torch.bool)
    target = torch.tensor([[[1, 0, 1, 0], [255, 0, 0, 255]]], dtype=torch.uint8)
    intersection, union = overlap_counts(prediction, target)
    assert intersection.tolist() == [[3, 1]]
    assert union.tolist() == [[5, 3]]
    miou, fb_iou, iou = few_shot_iou(intersection, union)
    assert (miou.item(), fb_iou.item(), iou.tolist()) == (1 / 3, (3 / 5 + 1 / 3) / 2, [1 / 3])


def test_clone_pickle_and_reset():
    masks = episodes()
    metric = FewShotIoU(CLASSES, names=["a", "b", "c", "d"])
    metric.update(*masks)
    scores = metric.compute()
    assert [row.name for row in scores.classes] == ["a", "b", "c", "d"]
    twin = metric.clone()
    restored = pickle.loads(pickle.dumps(metric))  # noqa: S301 - our own bytes, a line ago
    metric.reset()
    metric.update(*episodes(seed=1))
    assert_equal_to_loop(metric, *episodes(seed=1))
    for copy in (twin, restored):
        assert copy.compute() == scores
        copy.update(*masks)
        assert copy.compute().miou == scores.miou
        assert copy.compute().classes[0].targets == 2 * scores.classes[0].targets


def test_counts_stay_whole_numbers_beyond_float32():
    """The whole of a large run: 2^24 + 1 is where float32 counts would stall."""
    metric = FewShotIoU([1])
    metric.half()
    metric.union += 2**24
    metric.update(torch.ones(1, 1, 1, dtype=torch.bool), torch.ones(1, 1, 1, dtype=torch.uint8), torch.tensor([1]))
    assert metric.union[0, 1].item() == 2**24 + 1


def test_update_does_not_wait_for_the_device():
    """On the meta device any ``.item()``, ``bool()`` or shape that depends on values raises."""
    metric = FewShotIoU(CLASSES).to("meta")
    prediction, target, class_ids = (tensor.to("meta") for tensor in episodes())
    metric.update(prediction, target, class_ids, torch.ones(N, dtype=torch.bool, device="meta"))
    metric.update(list(prediction), list(target), class_ids)
    assert metric.union.shape == (4, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), r"at least one class id, each once, but got \[\]"),
        (([1, 2, 1],), r"at least one class id, each once, but got \[1, 2, 1\]"),
        (([1, 2], ["one"]), r"expected 2 names, one per class, but got 1"),
    ],
)
def test_bad_constructor_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        FewShotIoU(*arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, t, c: (p.float(), t, c), r"bool predictions .* but got torch.float32 \[6, 9\]"),
        (lambda p, t, c: (p, t.bool(), c), r"uint8 targets .* and torch.bool \[6, 9\]"),
        (lambda p, t, c: (p[:, 1:], t, c), r"but got torch.bool \[5, 9\] and torch.uint8 \[6, 9\]"),
        (lambda p, t, c: (p, t, c[1:]), r"at least one, but got 24, 24 and 23"),
        (lambda p, t, c: ([], [], c[:0]), r"at least one, but got 0, 0 and 0"),
    ],
)
def test_bad_masks(change, message):
    with pytest.raises(ValueError, match=message):
        FewShotIoU(CLASSES).update(*change(*episodes()))


def test_class_outside_the_list():
    prediction, target, class_ids = episodes()
    class_ids[5] = -2
    metric = FewShotIoU(CLASSES)
    metric.update(prediction, target, class_ids)
    with pytest.raises(ValueError, match=r"a mask of class -2 was scored, .* classes \(3, 7, 11, 40\)"):
        metric.compute()


def _share(rank: int) -> tuple[Tensor, Tensor, Tensor]:
    prediction, target, class_ids = (tensor[rank::2][: 12 - 5 * rank] for tensor in episodes())
    return prediction, target, class_ids


def _score_share(rank: int, folder: Path) -> None:
    rendezvous = f"file://{folder}/rendezvous"
    distributed.init_process_group("gloo", rendezvous, timedelta(seconds=60), world_size=2, rank=rank)
    prediction, target, class_ids = _share(rank)
    metric = FewShotIoU(CLASSES)
    metric.update(prediction, target, class_ids)
    scores = metric.compute()
    if rank == 1:
        metric.update(prediction, target, torch.full_like(class_ids, 8))
    else:
        metric.update(prediction, target, class_ids)
    with pytest.raises(ValueError, match="a mask of class 8 was scored"):
        metric.compute()
    (folder / f"{rank}.json").write_text(json.dumps(scores))
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_with_unequal_shares_equal_one_and_stop_together(tmp_path):
    """One spawn for both, since starting torch twice is what costs here."""
    metric = FewShotIoU(CLASSES)
    for rank in range(2):
        metric.update(*_share(rank))
    multiprocessing.spawn(_score_share, (tmp_path,), nprocs=2)
    one = json.loads(json.dumps(metric.compute()))
    assert [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)] == [one, one]
