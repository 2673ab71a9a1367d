"""The recipe on nano: batches, orders, and equality with a plain loop over the sam2 package's own steps."""

from __future__ import annotations

import types
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from builders import frames, largest_difference, mask_prompt, nano, nano_2_1, prompts_of_each_kind, propagation
from sansa_lightning import Prompt
from sansa_lightning.methods.memory import KShotMemory, MemoryRule
from sansa_lightning.methods.propagation import Propagation

if TYPE_CHECKING:
    from collections.abc import Callable

    from sansa_lightning.trackers.base import Tracker

MODES: tuple[KShotMemory, ...] = ("released", "invariant")
BUILDERS = {"2.0": nano, "2.1": nano_2_1}
TOLERANCE = 1e-5


def run(sam: Tracker, images: Tensor, prompts: list[list[Prompt]], follow: bool = True, **options: object) -> Tensor:
    with torch.inference_mode():
        return propagation(**options)(sam, images, prompts, propagate_targets=follow).logits


def three_clips_of_mixed_prompts() -> list[list[Prompt]]:
    """Two references each: masks, boxes, one, two and three points, another order in each clip."""
    mask, one, three, box = prompts_of_each_kind()
    two = Prompt.points([[70, 20], [33, 34]])
    return [[mask, box], [three, mask_prompt(corner=40)], [one, two]]


# --- equality with the sam2 package -----------------------------------------------------------------------------------


def use_mask(sam: Tracker, features: Tensor, fine: list[Tensor], mask: Tensor) -> tuple[Any, ...]:
    """In the place of the package's method: memory gets the mask after its round trip, with soft edges (1.2, step 6).

    The package reports the mask itself; here the decoder's answer is kept to be reported.
    """
    low = F.interpolate(
        mask * 20.0 - 10.0, sam.sam_prompt_encoder.mask_input_size, mode="bilinear", align_corners=False, antialias=True
    )
    high = F.interpolate(low, (sam.image_size, sam.image_size), mode="bilinear", align_corners=False)
    out = sam._forward_sam_heads(features, mask_inputs=sam.mask_downsample(mask), high_res_features=fine)
    sam.reported = out[3]
    return low, high, out[2], low, high, out[5], out[6]


def inputs_of(sam: Tracker, prompt: Prompt | None, size: torch.Size) -> dict[str, Any]:
    """A prompt as ``track_step`` takes it, at the size of the base's input; of a mask any touched pixel counts."""
    side = (sam.image_size, sam.image_size)
    if prompt is None:
        return {"point_inputs": None, "mask_inputs": None}
    if prompt.dense is not None:
        mask = F.interpolate(prompt.dense[None, None], side, mode="bilinear", align_corners=False, antialias=True)
        return {"point_inputs": None, "mask_inputs": (mask > 0).float()}
    coords = prompt.coords * torch.tensor([side[1] / size[1], side[0] / size[0]])
    return {"point_inputs": {"point_coords": coords[None], "point_labels": prompt.labels[None]}, "mask_inputs": None}


def stock_loop(sam: Tracker, images: Tensor, prompts: list[Prompt], mode: KShotMemory) -> Tensor:
    """One clip, frame after frame, with nothing but the sam2 package; its mask prompts as in :func:`use_mask`."""
    # One mask for prompts, the best of three for targets (docs/sansa.md 1.2, step 4).
    sam.multimask_output_in_sam = sam.multimask_output_for_tracking = True
    sam.multimask_min_pt_num = sam.multimask_max_pt_num = 0
    sam._use_mask_as_output = types.MethodType(use_mask, sam)
    side = (sam.image_size, sam.image_size)
    inputs = F.interpolate(images, side, mode="bilinear", align_corners=False, antialias=True)
    bank: dict[str, dict[int, dict]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    logits = []
    for number, image in enumerate(inputs):
        backbone = sam.forward_image(image[None])
        _, features, positions, sizes = sam._prepare_backbone_features(backbone)
        prompt = prompts[number] if number < len(prompts) else None
        sam.reported = None
        out = sam.track_step(
            frame_idx=number,
            is_init_cond_frame=prompt is not None,
            current_vision_feats=features,
            current_vision_pos_embeds=positions,
            feat_sizes=sizes,
            **inputs_of(sam, prompt, images.shape[-2:]),
            output_dict=bank,
            num_frames=len(images),
        )
        conditioning = number == 0 or (mode == "invariant" and prompt is not None)
        bank["cond_frame_outputs" if conditioning else "non_cond_frame_outputs"][number] = out
        low = out["pred_masks"] if sam.reported is None else sam.reported
        logits.append(F.interpolate(low, images.shape[-2:], mode="bilinear", align_corners=False)[0, 0])
    return torch.stack(logits)


@pytest.mark.parametrize(("family", "mode"), [("2.0", "released"), ("2.0", "invariant"), ("2.1", "released")])
def test_equals_a_loop_over_the_sam2_package(family: str, mode: KShotMemory) -> None:
    sam = BUILDERS[family]()
    _, one, three, box = prompts_of_each_kind()
    prompts = [[one, box, three], [box, three, one]]
    images = frames(2, 6)
    ours = run(sam, images, prompts, kshot_memory=mode)
    with torch.inference_mode():
        stock = torch.stack([stock_loop(sam, *clip, mode) for clip in zip(images, prompts, strict=True)])
    assert stock.std() > 0.5  # far from the tolerance
    assert largest_difference(ours, stock) <= TOLERANCE


def masks_of_three() -> list[Prompt]:
    return [mask_prompt(corner=corner) for corner in (10, 25, 40)]


def mixed_three() -> list[Prompt]:
    """A mask, a box with clicks on it, and clicks: not in this order, so that the first is no mask."""
    return [Prompt.box([10, 12.5, 60, 70], [[30, 40], [55, 20]], [1, 0]), mask_prompt(), prompts_of_each_kind()[2]]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kinds", [masks_of_three, mixed_three])
def test_three_references_equal_a_loop_over_the_sam2_package(
    kinds: Callable[[], list[Prompt]], mode: KShotMemory
) -> None:
    """Masks too: what of the package's treatment of them the published code changed is all that :func:`use_mask` is."""
    sam, images, prompts = nano(), frames(2, 6), [kinds(), kinds()[::-1]]
    ours = run(sam, images, prompts, kshot_memory=mode)
    with torch.inference_mode():
        stock = torch.stack([stock_loop(sam, *clip, mode) for clip in zip(images, prompts, strict=True)])
    assert stock.std() > 0.5
    assert largest_difference(ours, stock) <= TOLERANCE


def test_clicks_on_a_boxed_reference_count() -> None:
    sam, images, corners = nano(), frames(1, 2), [10, 12.5, 60, 70]
    plain, clicked, against = (
        run(sam, images, [[prompt]])
        for prompt in (
            Prompt.box(corners),
            Prompt.box(corners, [[30, 40]]),
            Prompt.box(corners, [[30, 40]], [0]),
        )
    )
    for frame in (0, 1):
        assert largest_difference(plain[:, frame], clicked[:, frame]) > 1e-3
        assert largest_difference(clicked[:, frame], against[:, frame]) > 1e-3


def test_prompts_are_in_pixels_of_the_clip() -> None:
    """A clip at half the size of the base's input: what the sam2 package gets is scaled by two."""
    sam, images = nano(), frames(1, 2, (48, 48))
    inputs = F.interpolate(images[0], (96, 96), mode="bilinear", align_corners=False, antialias=True)
    ours = run(sam, images, [[Prompt.points([[10.0, 20.0], [30.0, 7.5]], [1, 0])]])
    with torch.inference_mode():
        stock = stock_loop(sam, inputs, [Prompt.points([[20, 40], [60, 15]], [1, 0])], "released")
    low = Propagation()(sam, images, [[Prompt.points([[10.0, 20.0], [30.0, 7.5]], [1, 0])]]).low
    full = F.interpolate(low, (96, 96), mode="bilinear", align_corners=False)
    assert largest_difference(full[0], stock) <= TOLERANCE
    assert ours.shape == (1, 2, 48, 48)


# --- batches, orders, chunks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_a_batch_equals_its_clips_one_by_one(mode: KShotMemory, follow: bool) -> None:
    sam, images, prompts = nano(), frames(3, 5), three_clips_of_mixed_prompts()
    together = run(sam, images, prompts, follow, kshot_memory=mode)
    alone = [run(sam, images[b : b + 1], [prompts[b]], follow, kshot_memory=mode) for b in range(3)]
    assert largest_difference(together, torch.cat(alone)) <= TOLERANCE
    assert largest_difference(together[0], together[1]) > 0.1  # the clips do differ


@pytest.mark.parametrize("family", BUILDERS)
@pytest.mark.parametrize("follow", [True, False])
def test_the_order_of_references_matters_only_as_released(family: str, follow: bool) -> None:
    sam, images, prompts = BUILDERS[family](), frames(1, 5), prompts_of_each_kind()[:3]
    order = [2, 0, 1]
    shuffled = torch.cat([images[:, order], images[:, 3:]], dim=1)
    changes = {}
    for mode in MODES:
        first = run(sam, images, [prompts], follow, kshot_memory=mode)
        second = run(sam, shuffled, [[prompts[k] for k in order]], follow, kshot_memory=mode)
        assert largest_difference(first[:, order], second[:, :3]) <= TOLERANCE  # a reference's own mask never changes
        changes[mode] = largest_difference(first[:, 3:], second[:, 3:])
    assert changes["invariant"] <= TOLERANCE
    assert changes["released"] > 1e-2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", BUILDERS)
def test_targets_from_the_references_alone(family: str, mode: KShotMemory) -> None:
    sam, images, prompts = BUILDERS[family](), frames(2, 5), [prompts_of_each_kind()[:2], prompts_of_each_kind()[2:]]
    together = run(sam, images, prompts, follow=False, kshot_memory=mode)
    for target, follow in ((2, True), (3, False), (4, True)):
        alone = run(sam, images[:, [0, 1, target]], prompts, follow, kshot_memory=mode)
        assert largest_difference(together[:, [0, 1, target]], alone) <= TOLERANCE


def test_a_target_reads_the_predictions_before_it_only_when_they_propagate() -> None:
    sam, images, prompts = nano(), frames(1, 4), [[mask_prompt()]]
    other = images.clone()
    other[:, 1] = frames(1, 1, seed=7)[:, 0]
    for follow, reads in ((True, True), (False, False)):
        change = largest_difference(run(sam, images, prompts, follow)[:, 2:], run(sam, other, prompts, follow)[:, 2:])
        assert (change > 1e-2) == reads


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_encoding_in_chunks_changes_nothing(chunk: int) -> None:
    sam, images, prompts = nano(), frames(2, 3), [[mask_prompt()], [mask_prompt(corner=40)]]
    assert largest_difference(run(sam, images, prompts, encode_chunk=chunk), run(sam, images, prompts)) <= TOLERANCE


@pytest.mark.parametrize("follow", [True, False])
def test_no_loop_over_the_batch(follow: bool) -> None:
    sam, calls = nano(), Counter()
    for name in ("image_encoder", "memory_attention", "memory_encoder", "sam_mask_decoder", "sam_prompt_encoder"):
        getattr(sam, name).register_forward_hook(lambda *_, name=name: calls.update([name]))
    counts = []
    for clips in (1, 3):
        calls.clear()
        run(sam, frames(clips, 4), [prompts_of_each_kind()[:2]] * clips, follow)
        counts.append(dict(calls))
    steps = 2 if follow else 1
    assert counts[0] == counts[1]
    # Two kinds of prompts are two decoder calls; the last target is not remembered.
    assert counts[0] == {
        "image_encoder": 1,
        "memory_attention": steps,
        "memory_encoder": steps if follow else 1,
        "sam_mask_decoder": 2 + steps,
        "sam_prompt_encoder": 2 + steps,
    }


# --- references with a mask -------------------------------------------------------------------------------------------


def test_the_reported_mask_of_a_reference_is_the_decoders_answer() -> None:
    """Not the prompt: the decoder's single mask for it on the raw features (docs/sansa.md 1.2, steps 4 and 6)."""
    sam, images, prompt = nano(), frames(1, 2), mask_prompt()
    with torch.inference_mode():
        features = sam.encode(images[0, :1])
        dense = F.interpolate(sam.mask_downsample(prompt.dense[None, None]), (48, 48), mode="bilinear", antialias=True)
        answer = sam._forward_sam_heads(
            features.image, mask_inputs=dense, high_res_features=list(features.fine), multimask_output=False
        )
        masks = Propagation()(sam, images, [[prompt]])
    assert largest_difference(masks.low[:, :1], answer[3]) <= TOLERANCE
    assert ((masks.logits[0, 0] > 0) != (prompt.dense > 0)).any()


def remembered_mask(monkeypatch: pytest.MonkeyPatch, images: Tensor, prompt: Prompt, **options: object) -> Tensor:
    """The mask logits that go into the memory of the first reference."""
    seen: list[Tensor] = []
    written = MemoryRule.written
    monkeypatch.setattr(MemoryRule, "written", lambda rule, logits: (seen.append(logits), written(rule, logits))[1])
    run(nano(), images, [[prompt]], **options)
    return seen[0]


def test_the_remembered_mask_is_the_soft_edged_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = mask_prompt()
    remembered = remembered_mask(monkeypatch, frames(1, 2), prompt)
    low = F.interpolate(prompt.dense[None, None] * 20 - 10, (48, 48), mode="bilinear", antialias=True)
    expected = F.interpolate(low, (96, 96), mode="bilinear")
    assert largest_difference(remembered, expected) <= 1e-5
    assert ((remembered > -10) & (remembered < 10)).any()  # soft edges
    assert torch.equal(remembered.amin(), torch.tensor(-10.0))


@pytest.mark.parametrize(("threshold", "side"), [(0.0, 66), (0.5, 64)])
def test_a_mask_grows_by_a_pixel_when_resized_as_released(
    monkeypatch: pytest.MonkeyPatch, threshold: float, side: int
) -> None:
    """docs/sansa.md 1.2, step 5, in nano's scale: a 40 px square of a 60 px clip has 64 or 66 px of the 96 px input."""
    mask = torch.zeros(60, 60)
    mask[8:48, 8:48] = 1
    remembered = remembered_mask(monkeypatch, frames(1, 2, (60, 60)), Prompt.mask(mask), mask_threshold=threshold)
    assert int((remembered[0, 0, 48] > 0).sum()) == side


# --- sizes, gradients, errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(40, 90), (130, 64)])
def test_clips_that_are_not_square(size: tuple[int, int]) -> None:
    """As if squashed to the base's input first, with the prompt squashed along."""
    sam, images = nano(), frames(1, 3, size)
    square = F.interpolate(images[0], (96, 96), mode="bilinear", align_corners=False, antialias=True)[None]
    scale = torch.tensor([96 / size[1], 96 / size[0]])
    corners = torch.tensor([[5.0, 6.0], [33.0, 30.0]])
    masks = Propagation()(sam, images, [[Prompt.box(corners)]])
    squashed = Propagation()(sam, square, [[Prompt.box(corners * scale)]])
    assert masks.logits.shape == (1, 3, *size)
    assert largest_difference(masks.low, squashed.low) <= TOLERANCE
    expected = F.interpolate(squashed.low, size, mode="bilinear", align_corners=False)
    assert largest_difference(masks.logits, expected) <= TOLERANCE


def test_every_target_passes_gradients_to_the_pictures_before_it() -> None:
    sam = nano().requires_grad_(False)
    images = frames(1, 4).requires_grad_()
    Propagation()(sam, images, [[mask_prompt()]]).logits[:, 3].sum().backward()
    assert (images.grad.abs().amax((0, 2, 3, 4)) > 0).all()  # through memories of all three frames before it


@pytest.mark.parametrize("batch", [1, 2])
def test_prompts_stay_as_they_were(batch: int) -> None:
    prompt = Prompt.box([4, 5, 30, 40])
    first = run(nano(), frames(batch, 2, (48, 48)), [[prompt]] * batch)
    assert prompt.coords.flatten().tolist() == [4, 5, 30, 40]
    assert torch.equal(first, run(nano(), frames(batch, 2, (48, 48)), [[prompt]] * batch))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kshot_memory": "both"}, r"kshot_memory: expected 'released' or 'invariant', but got 'both'"),
        ({"mask_threshold": 1.0}, r"mask_threshold: expected a number in \[0, 1\), but got 1\.0"),
        ({"mask_threshold": -0.1}, r"mask_threshold: .* but got -0\.1"),
        (
            {"encode_chunk": 0},
            r"encode_chunk: expected at least 1 frame, or null to suit the device, but got 0",
        ),
    ],
)
def test_options_out_of_range(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        propagation(**options)


BOX = Prompt.box([1, 2, 3, 4])


@pytest.mark.parametrize(
    ("images", "prompts", "message"),
    [
        (
            torch.zeros(2, 3, 96, 96),
            [[BOX]],
            r"images: expected a tensor \[B, T, 3, H, W\], uint8 or .*, but got torch\.float32 \[2, 3, 96, 96\]",
        ),
        (torch.zeros(1, 2, 1, 9, 9), [[BOX]], r"images: .* but got torch\.float32 \[1, 2, 1, 9, 9\]"),
        (torch.zeros(1, 2, 3, 9, 9), [BOX], r"\[\[Prompt, \.\.\.\], \.\.\.\], but got \[Prompt, \.\.\.\]$"),
        (torch.zeros(1, 2, 3, 9, 9), BOX, r"prompts: expected a list of K prompts for each clip, .* but got Prompt$"),
        (torch.zeros(1, 2, 3, 9, 9), [[torch.ones(9, 9)]], r"for each clip, .*, but got a Tensor among them$"),
        (torch.zeros(1, 2, 3, 9, 9), [[BOX, None]], r"for each clip, .*, but got a NoneType among them$"),
        (torch.zeros(1, 2, 3, 9, 9), [], r"prompts: expected 1 lists of K prompts.* but got lists of \[\]"),
        (torch.zeros(2, 2, 3, 9, 9), [[BOX]], r"prompts: expected 2 lists .* but got lists of \[1\]"),
        (torch.zeros(1, 2, 3, 9, 9), [[]], r"1 <= K < 2 frames, but got lists of \[0\]"),
        (torch.zeros(1, 2, 3, 9, 9), [[BOX, BOX]], r"1 <= K < 2 frames, but got lists of \[2\]"),
        (torch.zeros(2, 4, 3, 9, 9), [[BOX, BOX], [BOX]], r"the same K for each.* but got lists of \[2, 1\]"),
        (torch.zeros(1, 2, 3, 9, 8), [[Prompt.mask(torch.ones(8, 9))]], r"masks of \[9, 8\], but got \[8, 9\]"),
    ],
)
def test_clips_that_do_not_fit_together(images: Tensor, prompts: list[list[Prompt]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(nano(), images, prompts)


@pytest.mark.parametrize("dtype", [torch.int32, torch.float64, torch.float16, torch.bfloat16])
def test_pictures_of_another_type(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=rf"^images: expected a tensor .*, but got {dtype} \[1, 2, 3, 9, 9\]$"):
        run(nano(), torch.zeros(1, 2, 3, 9, 9, dtype=dtype), [[BOX]])


def test_pictures_that_are_no_tensor() -> None:
    with pytest.raises(ValueError, match=r"^images: expected a tensor .*, but got ndarray$"):
        run(nano(), torch.zeros(1, 2, 3, 9, 9).numpy(), [[BOX]])
