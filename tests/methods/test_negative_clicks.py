"""Negative clicks: where they are placed, and equality with what the sam2 package makes of the same clicks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from builders import frames, largest_difference, nano, prompts_of_each_kind
from launches import refusal
from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.episode import Episode
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.negative_clicks import NegativeClicks, false_positive_centre
from sansa_lightning.methods.sansa import Sansa

SIZE = (96, 96)


def batch_of(truths: Tensor, prompts: list[Prompt], seed: int = 0) -> ClipBatch:
    """Clips of one reference and the targets of ``truths``, uint8 [B, N, H, W]."""
    clips, targets, *size = truths.shape
    images = frames(clips, 1 + targets, tuple(size), seed)
    masks = torch.cat([torch.ones(clips, 1, *size, dtype=torch.uint8), truths], dim=1)
    names = [Episode("coco", b, ("r",), tuple(range(targets))) for b in range(clips)]
    return ClipBatch.collate(
        [Clip(*parts) for parts in zip(names, images, masks, [(p,) for p in prompts], strict=True)]
    )


def logits_of(method: Sansa, batch: ClipBatch) -> Tensor:
    with torch.inference_mode():
        return method(nano(), batch, propagate_targets=False).logits


def nothing(clips: int = 1, targets: int = 1) -> Tensor:
    """Truths without foreground: all that is segmented is wrong."""
    return torch.zeros(clips, targets, *SIZE, dtype=torch.uint8)


# --- where clicks go --------------------------------------------------------------------------------------------------


@st.composite
def masks_and_truths(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.random(size) < rng.random(), rng.choice(np.array([0, 1, 255], np.uint8), size, p=[0.8, 0.1, 0.1])


def depth_by_search(wrong: np.ndarray, y: int, x: int) -> float:
    """Distance from a pixel to the nearest one that is right, pixels outside the image being right."""
    height, width = wrong.shape
    around = [(j, i) for j in range(-1, height + 1) for i in range(-1, width + 1)]
    right = [(j, i) for j, i in around if not (0 <= j < height and 0 <= i < width and wrong[j, i])]
    return min(np.hypot(j - y, i - x) for j, i in right)


@settings(max_examples=200, deadline=None)
@given(masks_and_truths(), st.integers(0, 3))
def test_the_click_is_in_the_middle_of_the_largest_mistake(drawn, earlier):
    mask, truth = drawn
    wrong = mask & (truth == 0)
    clicked: list[tuple[int, int]] = []
    for _ in range(earlier + 1):
        depths = {
            (int(x), int(y)): depth_by_search(wrong, y, x)
            for y, x in zip(*np.nonzero(wrong), strict=True)
            if (x, y) not in clicked
        }
        place = false_positive_centre(mask, truth, clicked)
        if not depths:
            assert place is None
            return
        assert place in depths
        assert depths[place] == pytest.approx(max(depths.values()))
        clicked.append(place)


def test_a_thick_mistake_before_a_long_one():
    mask = np.zeros((20, 40), bool)
    mask[2:4] = True  # 80 pixels, two thick
    mask[10:17, 5:12] = True  # 49 pixels, seven thick
    assert false_positive_centre(mask, np.zeros((20, 40), np.uint8)) == (8, 13)


# --- what clicks do ---------------------------------------------------------------------------------------------------


def stock_corrections(images: Tensor, prompt: Prompt, clicks: int) -> tuple[list[Tensor], list[tuple[int, int]]]:
    """One clip of two frames by the sam2 package's own steps: tracked, then clicked on; low-res masks, and clicks."""
    sam = nano()
    sam.multimask_output_in_sam = sam.multimask_output_for_tracking = True
    bank: dict[str, dict[int, dict]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}

    def step(number: int, points: dict | None, previous: Tensor | None, most: int) -> Tensor:
        sam.multimask_min_pt_num, sam.multimask_max_pt_num = 0, most
        _, features, positions, sizes = sam._prepare_backbone_features(sam.forward_image(images[number][None]))
        out = sam.track_step(
            frame_idx=number,
            is_init_cond_frame=number == 0,
            current_vision_feats=features,
            current_vision_pos_embeds=positions,
            feat_sizes=sizes,
            point_inputs=points,
            mask_inputs=None,
            output_dict=bank,
            num_frames=2,
            prev_sam_mask_logits=previous,
        )
        if number == 0:
            bank["cond_frame_outputs"][0] = out
        return out["pred_masks"]

    step(0, {"point_coords": prompt.coords[None], "point_labels": prompt.labels[None]}, None, most=0)
    answers, places = [step(1, None, None, most=1)], []
    for _ in range(clicks):
        mask = F.interpolate(answers[-1], SIZE, mode="bilinear", align_corners=False)[0, 0] > 0
        places.append(false_positive_centre(mask.numpy(), np.zeros(SIZE, np.uint8), places))
        points = {"point_coords": torch.tensor([places]).float(), "point_labels": torch.zeros(1, len(places)).int()}
        # As the video predictor has it: the last answer, clipped, goes along with all clicks.
        answers.append(step(1, points, answers[-1].clamp(-32, 32), most=1))
    return answers, places


def test_equals_the_sam2_package_clicked_at_the_same_places():
    prompt = prompts_of_each_kind()[1]
    batch = batch_of(nothing(), [prompt])
    with torch.inference_mode():
        answers, places = stock_corrections(batch.images[0], prompt, clicks=3)
    assert len(set(places)) == 3
    for clicks in (1, 2, 3):
        found = logits_of(NegativeClicks(clicks), batch)
        expected = F.interpolate(answers[clicks], SIZE, mode="bilinear", align_corners=False)
        assert largest_difference(found[0, 1], expected[0, 0]) <= 1e-5
        assert largest_difference(answers[clicks], answers[clicks - 1]) > 0.1
    tracked = F.interpolate(answers[0], SIZE, mode="bilinear", align_corners=False)
    assert largest_difference(logits_of(Sansa(), batch)[0, 1], tracked[0, 0]) <= 1e-5


def test_a_target_without_a_mistake_keeps_its_mask():
    prompts = prompts_of_each_kind()[1:3]
    plain = logits_of(Sansa(), batch_of(nothing(2), prompts))
    truths = nothing(2)
    truths[0, 0] = (plain[0, 1] > 0).byte()
    for ignored in (False, True):
        if ignored:
            truths[0, 0] *= 255
        clicked = logits_of(NegativeClicks(3), batch_of(truths, prompts))
        assert torch.equal(clicked[0, 1], plain[0, 1])
        assert largest_difference(clicked[1, 1], plain[1, 1]) > 0.1
        assert torch.equal(clicked[:, 0], plain[:, 0])  # references have no clicks


def test_missed_foreground_gets_no_click():
    prompts = prompts_of_each_kind()[1:2]
    everything = torch.ones(1, 1, *SIZE, dtype=torch.uint8)
    batch = batch_of(everything, prompts)
    assert torch.equal(logits_of(NegativeClicks(5), batch), logits_of(Sansa(), batch))


def mixed() -> ClipBatch:
    """Three clips of two targets, with other prompts; some targets are right after the first or second click."""
    prompts = [prompts_of_each_kind()[kind] for kind in (0, 2, 3)]
    batch = batch_of(nothing(3, 2), prompts)
    masks = batch.masks.clone()
    for clip, target, clicks in ((0, 0, 0), (1, 1, 1), (2, 0, 2)):
        method = NegativeClicks(clicks) if clicks else Sansa()
        masks[clip, 1 + target] = (logits_of(method, batch)[clip, 1 + target] > 0).byte()
    return replace(batch, masks=masks)


def clip_of(batch: ClipBatch, b: int) -> ClipBatch:
    one = slice(b, b + 1)
    return ClipBatch(batch.episodes[one], batch.images[one], batch.masks[one], batch.prompts[one])


@pytest.mark.slow
@pytest.mark.parametrize("clicks", [1, 3])
def test_a_batch_equals_its_clips_one_by_one(clicks):
    batch, method = mixed(), NegativeClicks(clicks)
    together = logits_of(method, batch)
    alone = torch.cat([logits_of(method, clip_of(batch, b)) for b in range(3)])
    assert largest_difference(together, alone) <= 1e-5
    assert largest_difference(together, logits_of(Sansa(), batch)) > 0.1


def test_no_loop_over_the_batch():
    sam, calls = nano(), Counter()
    for name in ("image_encoder", "memory_attention", "sam_mask_decoder"):
        getattr(sam, name).register_forward_hook(lambda *_, name=name: calls.update([name]))
    with torch.inference_mode():
        NegativeClicks(3)(sam, batch_of(nothing(4, 2), [prompts_of_each_kind()[3]] * 4), propagate_targets=False)
    assert calls == {"image_encoder": 1, "memory_attention": 1, "sam_mask_decoder": 2 + 3}


def test_clicks_are_in_pixels_of_the_clip():
    """A clip at half the size: its clicks, doubled, are what the decoder gets."""
    batch = batch_of(torch.zeros(1, 1, 48, 48, dtype=torch.uint8), [Prompt.box([5, 6, 30, 31])])
    sam, seen = nano(), []
    sam.sam_prompt_encoder.register_forward_pre_hook(lambda _, __, kwargs: seen.append(kwargs), with_kwargs=True)
    with torch.inference_mode():
        plain = Sansa()(sam, batch, propagate_targets=False).logits[0, 1] > 0
        seen.clear()
        NegativeClicks(1)(sam, batch, propagate_targets=False)
    x, y = false_positive_centre(plain.numpy(), np.zeros((48, 48), np.uint8))
    coords, labels = seen[-1]["points"]
    assert (coords.tolist(), labels.tolist()) == ([[[2.0 * x, 2.0 * y]]], [[0]])


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_at_least_one_click():
    with pytest.raises(ValueError, match=r"NegativeClicks\.clicks: expected at least 1, but got 0"):
        NegativeClicks(0)


def test_no_training_through_it():
    batch = batch_of(nothing(), prompts_of_each_kind()[1:2])
    message = r"model\.method: expected one that trains, such as Sansa, but got NegativeClicks, which is for evaluation"
    with pytest.raises(ValueError, match=message):
        NegativeClicks(1)(nano(), batch, propagate_targets=True)
    with pytest.raises(ValueError, match=message):
        NegativeClicks(1).check("fit", None)
    NegativeClicks(1).check("test", None)


def test_fit_refuses_in_one_line(capsys, tiny_yaml, tmp_path):
    said = refusal(capsys, "fit", "--config", tiny_yaml, "--model.method", "NegativeClicks", "--run_dir", tmp_path)
    assert said.startswith("model.method: expected one that trains, such as Sansa, but got NegativeClicks")
