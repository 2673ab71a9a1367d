"""Targets of a batch, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from builders import mask_prompt, pictures
from sansa_lightning import Clip, Episode
from sansa_lightning.clips.evaluation import Controls, EvaluationBatch, EvaluationClip
from sansa_lightning.clips.objects import Objects
from sansa_lightning.metrics.few_shot_iou import FewShotIoU
from sansa_lightning.metrics.scoring import ScoredTargets

EPISODE = Episode("s", 4, ("a",), ("b", "c"))
SHOWN = Objects(torch.ones(96, 96, dtype=torch.int16), (4,))


def clip(seed: int) -> Clip:
    masks = torch.full((3, 96, 96), seed, dtype=torch.uint8)
    return Clip(EPISODE, pictures(1, 3, seed=seed)[0], masks, (mask_prompt(),))


def evaluated(seed: int, **extras: Any) -> EvaluationClip:
    return EvaluationClip(clip(seed), **extras)


def test_at_clip_size():
    logits = torch.randn(2, 2, 96, 96)
    one, two = Controls((SHOWN, None), wrong=None), Controls((None, SHOWN), wrong=clip(5))
    batch = EvaluationBatch.collate([evaluated(0, controls=one), evaluated(1, controls=two, scored=False)])
    found = ScoredTargets.of(batch, logits)
    assert torch.equal(torch.stack(found.logits), logits.flatten(0, 1))
    assert [int(truth[0, 0]) for truth in found.truths] == [0, 0, 1, 1]
    assert found.class_ids.tolist() == [4] * 4
    assert found.scored.tolist() == [True, True, False, False]
    assert [one is SHOWN for one in found.objects] == [True, False, False, True]
    assert found.paired.tolist() == [False, False, True, True]


def test_at_original_size():
    originals = tuple(torch.zeros(size, dtype=torch.uint8) for size in ((50, 70), (120, 33)))
    logits = torch.randn(1, 2, 96, 96)
    found = ScoredTargets.of(EvaluationBatch.collate([evaluated(0, originals=originals)]), logits)
    assert [tuple(one.shape) for one in found.logits] == [(50, 70), (120, 33)]
    assert [one.shape for one in found.truths] == [one.shape for one in found.logits]
    expected = F.interpolate(logits[:, :1], (50, 70), mode="bilinear")[0, 0]
    torch.testing.assert_close(found.logits[0], expected)
    assert found.objects == [None, None]
    assert found.paired.tolist() == [False, False]


def aligned(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear between pixels, with the corners of both grids on each other."""
    rows, columns = (np.linspace(0, old - 1, new) for new, old in zip(size, logits.shape, strict=True))
    y, x = np.floor(rows).astype(int), np.floor(columns).astype(int)
    below, right = np.minimum(y + 1, logits.shape[0] - 1), np.minimum(x + 1, logits.shape[1] - 1)
    v, u = (rows - y)[:, None], (columns - x)[None]
    above = logits[y][:, x] * (1 - u) + logits[y][:, right] * u
    return above * (1 - v) + (logits[below][:, x] * (1 - u) + logits[below][:, right] * u) * v


SIZES = ((50, 70), (120, 33), (96, 96), (41, 200))


def of_sizes(align_corners: bool) -> tuple[EvaluationBatch, Tensor]:
    """Two clips of two targets each, all of different sizes, the second with wrong references."""
    rng = np.random.default_rng(0)
    masks = [torch.from_numpy(rng.choice(np.array([0, 1, 255], np.uint8), size)) for size in SIZES]
    clips = [
        evaluated(0, originals=tuple(masks[:2]), align_corners=align_corners, controls=Controls((None, None), None)),
        evaluated(1, originals=tuple(masks[2:]), align_corners=align_corners, controls=Controls((None, None), clip(5))),
    ]
    return EvaluationBatch.collate(clips), torch.randn(2, 2, 96, 96, generator=torch.Generator().manual_seed(1))


def test_clips_of_different_original_sizes_with_corners_aligned():
    """Resized before the threshold, scored without 255, summed over a class: as counted with NumPy."""
    batch, logits = of_sizes(align_corners=True)
    found = ScoredTargets.of(batch, logits)
    hit, union, background = 0, 0, [0, 0]
    for one, truth, low in zip(found.logits, found.truths, logits.flatten(0, 1).numpy(), strict=True):
        expected = aligned(low.astype(float), tuple(truth.shape))
        np.testing.assert_allclose(one.numpy(), expected, atol=2e-5)
        mask, true, valid = expected > 0, truth.numpy() == 1, truth.numpy() != 255
        hit += (mask & true).sum()
        union += ((mask & valid) | true).sum()
        background[0] += (~mask & ~true & valid).sum()
        background[1] += ((~mask | ~true) & valid).sum()
    metric = FewShotIoU([4])
    metric.update(found.masks(0.0), found.truths, found.class_ids, found.scored)
    scores = metric.compute()
    assert abs(scores.miou - hit / union) < 1e-4
    assert abs(scores.fb_iou - (hit / union + background[0] / background[1]) / 2) < 1e-4
    wrong = batch.controls.wrong
    assert wrong.align_corners
    np.testing.assert_allclose(
        ScoredTargets.of(wrong, logits[1:]).logits[1].numpy(),
        aligned(logits[1, 1].double().numpy(), SIZES[3]),
        atol=2e-5,
    )


def test_the_two_ways_of_resizing_differ():
    """Without corners aligned the pixels' centres are; at the clip's own size both change nothing."""
    (one, logits), (other, _) = of_sizes(align_corners=True), of_sizes(align_corners=False)
    differences = [
        float((a - b).abs().max())
        for a, b in zip(ScoredTargets.of(one, logits).logits, ScoredTargets.of(other, logits).logits, strict=True)
    ]
    assert differences[2] == 0
    assert min(differences[:2] + differences[3:]) > 0.1
