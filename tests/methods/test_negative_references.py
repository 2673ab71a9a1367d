"""Negative references: a pixel goes to the one that claims it most."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from builders import largest_difference, mask_prompt, nano, negative, negative_batch
from launches import refusal
from sansa_lightning import ClipBatch, Prompt
from sansa_lightning.clips.negatives import Negative
from sansa_lightning.methods.negative_references import NegativeReferences
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.sansa import Sansa

SIZE = (96, 96)


ONE, TWO, THREE = (negative(11, mask_prompt()), negative(12, Prompt.box([5, 5, 70, 60])), negative(13, mask_prompt()))


def low_of(method: Sansa, batch: ClipBatch) -> Tensor:
    with torch.inference_mode():
        return method(nano(), batch, propagate_targets=False).low


def propagated(batch: ClipBatch, clip: int, one: Negative) -> Tensor:
    """The targets of a clip after a negative reference alone, as logits of the decoder, [N, 4h, 4w]."""
    images = torch.cat([one.image[None], batch.images[clip, batch.shots :]])[None]
    with torch.inference_mode():
        return Propagation()(nano(), images, [[one.prompt]], propagate_targets=False).low[0, 1:]


def test_a_pixel_goes_to_the_highest_logit():
    batch = negative_batch([(ONE, TWO), (), (THREE,)])
    plain, found = (low_of(method, batch) for method in (Sansa(), NegativeReferences()))
    for clip, negatives in enumerate(batch.negatives):
        rivals = [propagated(batch, clip, one) for one in negatives]
        expected = plain[clip, 1:]
        for rival in rivals:
            expected = torch.minimum(expected, plain[clip, 1:] - rival)
        assert largest_difference(found[clip, 1:], expected) <= 1e-5
        # Foreground is what the references claim, and more than the background's 0 and than any negative does.
        kept = plain[clip, 1:] > 0
        for rival in rivals:
            kept &= plain[clip, 1:] > rival
        sure = expected.abs() > 1e-4
        assert torch.equal((found[clip, 1:] > 0)[sure], kept[sure])
    assert torch.equal(found[:, :1], plain[:, :1])
    assert largest_difference(found[0], plain[0]) > 0.1
    assert torch.equal(found[1], plain[1])


def test_masks_at_clip_size():
    batch = negative_batch([(ONE,)])
    with torch.inference_mode():
        masks = NegativeReferences()(nano(), batch, propagate_targets=False)
    assert torch.equal(masks.logits, F.interpolate(masks.low, SIZE, mode="bilinear", align_corners=False))


def test_a_batch_equals_its_clips_one_by_one():
    batch = negative_batch([(), (ONE, TWO), (THREE,)], shots=2)
    together = low_of(NegativeReferences(), batch)
    for clip in range(3):
        one = slice(clip, clip + 1)
        alone = replace(
            batch,
            **{name: getattr(batch, name)[one] for name in ("episodes", "images", "masks", "prompts", "negatives")},
        )
        assert largest_difference(low_of(NegativeReferences(), alone)[0], together[clip]) <= 1e-5


def test_no_loop_over_the_batch():
    sam, calls = nano(), Counter()
    for name in ("image_encoder", "memory_attention", "memory_encoder"):
        getattr(sam, name).register_forward_hook(lambda *_, name=name: calls.update([name]))
    with torch.inference_mode():
        NegativeReferences()(sam, negative_batch([(ONE,), (THREE, ONE), ()]), propagate_targets=False)
    assert calls == {"image_encoder": 2, "memory_attention": 2, "memory_encoder": 2}


class TestMistakes:
    def test_no_training_through_it(self):
        message = r"model\.method: expected one that trains, such as Sansa, but got NegativeReferences"
        with pytest.raises(ValueError, match=message):
            NegativeReferences()(nano(), negative_batch([(ONE,)]), propagate_targets=True)
        with pytest.raises(ValueError, match=message):
            NegativeReferences().check("fit", SimpleNamespace(negatives=object()))

    def test_clips_without_negatives(self):
        message = r"data\.negatives: expected a choice of negative references .*, but got null"
        with pytest.raises(ValueError, match=message):
            NegativeReferences().check("test", SimpleNamespace(negatives=None))
        NegativeReferences().check("test", SimpleNamespace(negatives=object()))

    def test_a_batch_without_negatives(self):
        batch = negative_batch([(ONE,)])
        plain = ClipBatch(batch.episodes, batch.images, batch.masks, batch.prompts)
        with pytest.raises(
            ValueError, match=r"^NegativeReferences: expected clips with negatives, but got a ClipBatch$"
        ):
            low_of(NegativeReferences(), plain)

    def test_the_command_line_refuses_in_one_line(self, capsys, tiny_yaml, tmp_path):
        method = ("--model.method", "NegativeReferences", "--model.strategy", "Frozen")
        said = refusal(capsys, "test", "--config", tiny_yaml, *method, "--run_dir", tmp_path)
        assert said.startswith("data.negatives: expected a choice of negative references")
