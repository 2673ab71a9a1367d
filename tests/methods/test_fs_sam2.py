"""FS-SAM2's rule: equality with a walk over the sam2 package's own modules, what is unused, what is refused."""

from __future__ import annotations

import copy
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from builders import frames, largest_difference, mask_prompt, model, nano, prompts_of_each_kind, randomise
from sansa_lightning import ClipBatch, Prompt
from sansa_lightning.methods.fs_sam2 import FsSam2
from sansa_lightning.methods.sansa import SansaSpatial
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.trackers.zoo import Base

if TYPE_CHECKING:
    from sansa_lightning.methods.base import Method
    from sansa_lightning.strategies.parts import PromptKinds
    from sansa_lightning.trackers.base import Tracker

TOLERANCE = 1e-5
PAPERS = LoRA(
    "all",
    {"trunk": ["qkv", "proj"], "memory_attention": ["q_proj", "k_proj", "v_proj", "out_proj"]}
    | {"memory_encoder": ["out_proj"]},
    {"trunk": 4, "memory_attention": 32, "memory_encoder": 32},
    16.0,
)


@cache
def scored() -> Tracker:
    """SAM 2.1 tiny at 128 pixels with object scores, all of them negative, and masks large enough to be compared."""
    sam = Base("sam2.1_hiera_tiny", weights=None, image_size=128, object_scores=True).random().eval()
    sam.sam_mask_decoder.pred_obj_score_head.layers[2].bias.data.fill_(-50.0)
    with torch.no_grad():
        for part in (sam.memory_attention, sam.memory_encoder, sam.sam_mask_decoder):
            for parameter in (each for each in part.parameters() if each.ndim > 1):
                parameter.mul_(1.5)
    return sam


def batch_of(images: Tensor, prompts: list[list[Prompt]]) -> ClipBatch:
    masks = torch.zeros(images.shape[:2] + images.shape[3:], dtype=torch.uint8)
    return ClipBatch((), images, masks, tuple(map(tuple, prompts)))


def masks_of(count: int, size: tuple[int, int] = (96, 96), first: int = 5) -> list[Prompt]:
    return [mask_prompt(size, corner=first + 8 * number) for number in range(count)]


def logits_of(
    sam: Tracker, images: Tensor, prompts: list[list[Prompt]], method: Method | None = None, follow: bool = False
) -> Tensor:
    method = method or FsSam2().eval()
    with torch.inference_mode():
        return method(sam, batch_of(images, prompts), propagate_targets=follow).logits


# --- a walk over the sam2 package's modules ---------------------------------------------------------------------------


class Walk:
    """One clip, frame after frame, with nothing but the modules of the sam2 package."""

    def __init__(self, sam: Tracker, stability: float | None = 0.98) -> None:
        self.sam, self.side, self.stability = sam, (sam.image_size, sam.image_size), stability
        self.memories: list[tuple[Tensor, Tensor]] = []

    def __call__(self, images: Tensor, prompts: list[Prompt], follow: bool) -> Tensor:
        """Logits of the targets, [N, H, W]."""
        inputs = F.interpolate(images, self.side, mode="bilinear", align_corners=False, antialias=True)
        encoded = [self.sam.forward_image(image[None]) for image in inputs]
        for frame, prompt in zip(encoded, prompts, strict=False):
            given = F.interpolate(prompt.dense[None, None], self.side, mode="bilinear", antialias=True) > 0.5
            self.write(frame, torch.where(given, 10.0, -10.0))
        answers = []
        for frame in encoded[len(prompts) :]:
            low = self.decode(frame, self.attend(frame))
            answers.append(F.interpolate(low, images.shape[-2:], mode="bilinear", align_corners=False)[0, 0])
            if follow:
                high = F.interpolate(low, self.side, mode="bilinear", align_corners=False)
                self.write(frame, 20.0 / (1 + torch.exp(-high)) - 10.0)
        return torch.stack(answers)

    def write(self, frame: dict[str, list[Tensor]], mask: Tensor) -> None:
        written = self.sam.memory_encoder(frame["vision_features"], mask, skip_mask_sigmoid=True)
        self.memories.append((written["vision_features"], written["vision_pos_enc"][0]))

    def attend(self, frame: dict[str, list[Tensor]]) -> Tensor:
        maps = (frame["vision_features"], frame["vision_pos_enc"][-1])
        image, position = (each.flatten(2).permute(2, 0, 1) for each in maps)
        keys, places = (
            torch.cat([each.flatten(2).permute(2, 0, 1) for each in kind]) for kind in zip(*self.memories, strict=True)
        )
        found = self.sam.memory_attention(
            curr=image, curr_pos=position, memory=keys, memory_pos=places, num_obj_ptr_tokens=0
        )
        return found.permute(1, 2, 0).reshape_as(maps[0])

    def decode(self, frame: dict[str, list[Tensor]], image: Tensor) -> Tensor:
        nowhere = (torch.zeros(1, 1, 2), -torch.ones(1, 1, dtype=torch.int32))
        sparse, dense = self.sam.sam_prompt_encoder(points=nowhere, boxes=None, masks=None)
        masks, ious, _, _ = self.sam.sam_mask_decoder.predict_masks(
            image_embeddings=image,
            image_pe=self.sam.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            repeat_image=False,
            high_res_features=frame["backbone_fpn"][:2],
        )
        single = masks[:, :1]
        inner, outer = (int((single > delta).sum()) for delta in (0.05, -0.05))
        if self.stability is None or outer == 0 or inner / outer >= self.stability:
            return single
        best = 1 + int(ious[0, 1:].argmax())
        return masks[:, best : best + 1]


@pytest.mark.slow
@pytest.mark.parametrize("shots", [1, 3, 5])
@pytest.mark.parametrize("base", [nano, scored])
def test_targets_equal_a_walk_over_the_sam2_package(base: Any, shots: int) -> None:
    sam, images = base(), frames(2, shots + 2)
    prompts = [masks_of(shots), masks_of(shots, first=15)]
    ours = logits_of(sam, images, prompts)
    with torch.inference_mode():
        for clip in range(2):
            for target in (shots, shots + 1):
                frames_of = torch.cat([images[clip, :shots], images[clip, target][None]])
                alone = Walk(sam)(frames_of, prompts[clip], follow=False)
                assert largest_difference(ours[clip, target], alone[0]) <= TOLERANCE
    assert ours[:, shots:].std() > 0.3
    assert largest_difference(ours[0, shots], ours[1, shots]) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("shots", [1, 2])
def test_propagated_targets_equal_a_walk_over_the_sam2_package(shots: int) -> None:
    sam, images = nano(), frames(2, shots + 3)
    prompts = [masks_of(shots), masks_of(shots, first=15)]
    ours = logits_of(sam, images, prompts, follow=True)
    with torch.inference_mode():
        for clip in range(2):
            expected = Walk(sam)(images[clip], prompts[clip], follow=True)
            assert largest_difference(ours[clip, shots:], expected) <= TOLERANCE
    assert largest_difference(ours[:, -1], logits_of(sam, images, prompts)[:, -1]) > 1e-2


def test_the_fall_back_is_of_evaluation_alone_and_can_be_left_out() -> None:
    sam, images, prompts = nano(), frames(4, 2), [masks_of(1, first=4 * clip) for clip in range(4)]
    found = {name: logits_of(sam, images, prompts, method) for name, method in methods_of_stability().items()}
    with torch.inference_mode():
        single, fallen = (
            torch.stack([Walk(sam, stability)(*clip, follow=False)[0] for clip in zip(images, prompts, strict=True)])
            for stability in (None, 0.98)
        )
    assert largest_difference(single, fallen) > 0.1
    for name, expected in (("evaluation", fallen), ("off", single), ("training", single)):
        assert largest_difference(found[name][:, 1], expected) <= TOLERANCE, name


def methods_of_stability() -> dict[str, FsSam2]:
    return {"evaluation": FsSam2().eval(), "off": FsSam2(stability=None).eval(), "training": FsSam2().train()}


def test_a_whole_model_falls_back_in_evaluation_alone() -> None:
    """The frozen decoder stays in eval mode, so it is the method that knows."""
    built = model(nano(), LoRA([3], rank=2, dropout=0.0), FsSam2())
    assert built.method.rules.decode.stability == 0.98
    built.train()
    assert not built.base.sam_mask_decoder.training
    assert built.method.rules.decode.stability is None
    built.eval()
    assert built.method.rules.decode.stability == 0.98


def test_masks_are_written_as_they_are_and_references_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    sam, seen, decoded = nano(), [], []
    kept, decode = sam.remember, sam.decode
    monkeypatch.setattr(sam, "remember", lambda *args: (seen.append(args), kept(*args))[1])
    monkeypatch.setattr(sam, "decode", lambda *args: (decoded.append(len(args[0].image)), decode(*args))[1])
    prompts = [masks_of(2)]
    logits = logits_of(sam, frames(1, 3), prompts)
    ((_, written, pointers),) = seen
    expected = torch.stack([prompt.dense for prompt in prompts[0]])[:, None] * 20 - 10
    assert torch.equal(written, expected)
    assert not pointers.any()
    assert decoded == [1]  # the target
    own = (logits[0, :2] > 0) == (expected[:, 0] > 0)
    assert own.float().mean() > 0.98  # a mask is its own answer, apart from its edges at half the size


def test_the_order_of_references_does_not_matter() -> None:
    sam, images, prompts = nano(), frames(1, 4), masks_of(3)
    turned = torch.cat([images[:, [2, 0, 1]], images[:, 3:]], dim=1)
    one, two = logits_of(sam, images, [prompts]), logits_of(sam, turned, [[prompts[2], prompts[0], prompts[1]]])
    assert largest_difference(one[:, 3], two[:, 3]) <= 1e-4


def test_points_and_boxes_are_decoded_first() -> None:
    """As SANSA reads them, in groups, beside a mask; each clip as if it were alone."""
    sam, images = nano(), frames(2, 3)
    mask, one, three, box = prompts_of_each_kind()
    prompts = [[mask, box], [three, one]]
    together = logits_of(sam, images, prompts)
    for clip in range(2):
        alone = logits_of(sam, images[clip : clip + 1], [prompts[clip]])
        assert largest_difference(together[clip : clip + 1], alone) <= 1e-4
    given = logits_of(sam, images[:1], [[mask, Prompt.mask(together[0, 1] > 0)]])
    assert largest_difference(given[0, 2], together[0, 2]) > 1e-3  # hard edges instead of soft ones


def test_references_are_read_once_for_many_targets() -> None:
    sam, images = nano(), frames(1, 5)[0]
    built = model(sam, PAPERS, FsSam2())
    randomise(built)
    classes = [([0], masks_of(1)), ([1, 2], masks_of(2, first=15))]
    encoded: list[int] = []
    with torch.inference_mode():
        memories = [built.remember(images[numbers], prompts) for numbers, prompts in classes]
        handle = sam.image_encoder.register_forward_hook(lambda _, inputs, __: encoded.append(len(inputs[0])))
        answers = built.segment(memories, images[3:])
        handle.remove()
        for number, (references, prompts) in enumerate(classes):
            clip = batch_of(images[[*references, 3, 4]][None], [prompts])
            expected = built(clip, propagate_targets=False).logits[0, len(references) :]
            assert largest_difference(answers.logits[number], expected) <= TOLERANCE
    assert encoded == [2]
    assert answers.iou.shape == (2, 2)


def test_untrained_lora_is_plain_propagation_under_the_same_rules() -> None:
    images, prompts = frames(1, 2), [masks_of(1)]
    built = model(nano(), PAPERS, FsSam2())
    with torch.inference_mode():
        found = built(batch_of(images, prompts), propagate_targets=False).logits
        plain = Walk(nano())(images[0], prompts[0], follow=False)
    assert torch.equal(found, logits_of(nano(), images, prompts))
    assert largest_difference(found[0, 1], plain[0]) <= TOLERANCE


def test_pefts_own_state_brings_the_lora_back() -> None:
    import peft

    built, fresh = (model(nano(), copy.copy(PAPERS), FsSam2()) for _ in range(2))
    randomise(built)
    state = peft.get_peft_model_state_dict(built.base)
    names = {name.removeprefix("base.").replace(".default", "") for name in built.trained()}
    assert state.keys() == names
    assert len(names) == 2 * 35
    assert not peft.set_peft_model_state_dict(fresh.base, state).unexpected_keys
    batch = batch_of(frames(1, 2), [masks_of(1)])
    with torch.inference_mode():
        one, two = (each(batch, propagate_targets=False).logits for each in (built, fresh))
    assert torch.equal(one, two)
    assert largest_difference(one, logits_of(nano(), batch.images, [masks_of(1)])) > 0.1


def test_all_lora_layers_learn_from_one_clip() -> None:
    built = model(nano(), PAPERS, FsSam2())
    randomise(built)
    built.train()
    logits = built(batch_of(frames(1, 2), [masks_of(1)]), propagate_targets=True).logits
    logits[:, 1:].square().mean().backward()
    assert len(built.trained()) == 2 * 35
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in built.trained().values())


# --- parameters without a gradient ------------------------------------------------------------------------------------

POINTS = Prompt.points([[30, 40], [50, 20], [5, 60]], [1, 1, 0])
BOX = Prompt.box([10, 12.5, 60, 70])
NOT_SEEN = r".*k_proj\.bias"
"""The gradient of a bias of all keys is zero, up to rounding: softmax does not see it."""


def without_gradient(method: Method, sam: Tracker, *clips: list[Prompt]) -> set[str]:
    """Names of the parameters that got no gradient, or nothing but zeros, from a training clip of two targets."""
    for parameter in sam.parameters():
        parameter.grad = None
    batch = batch_of(frames(len(clips), len(clips[0]) + 2), list(clips))
    method.train()(sam, batch, propagate_targets=True).logits[:, len(clips[0]) :].square().mean().backward()
    return {
        name
        for name, parameter in sam.named_parameters()
        if (parameter.grad is None or not parameter.grad.any()) and not re.fullmatch(NOT_SEEN, name)
    }


def unused(method: Method, sam: Tracker, prompts: PromptKinds) -> set[str]:
    return {name for name, _ in sam.named_parameters() if re.fullmatch(method.unused(prompts), name)}


CHOSEN = r"sam_mask_decoder\.output_hypernetworks_mlps\.[123]\..*"
"""Of SANSA's three masks some may be no target's."""


@pytest.mark.parametrize("method", [FsSam2(), SansaSpatial()], ids=["FsSam2", "SansaSpatial"])
def test_what_clips_leave_unused_is_found_by_experiment(method: Method) -> None:
    sam = nano()
    passed = re.compile(CHOSEN if isinstance(method, SansaSpatial) else r"(?!)")
    masks = without_gradient(method, sam, masks_of(1))
    assert {name for name in masks if not passed.fullmatch(name)} == unused(method, sam, "mask")
    both = without_gradient(method, sam, [POINTS, BOX])
    assert {name for name in both if not passed.fullmatch(name)} == unused(method, sam, "points")
    corners = {name for name, _ in sam.named_parameters() if "point_embeddings" in name or "mlps.0" in name}
    either = {name for name in masks | both if not passed.fullmatch(name)}
    assert either - corners == unused(method, sam, "mixed") - corners


@pytest.mark.slow
def test_object_scores_are_unused_too() -> None:
    sam = scored.__wrapped__()  # of its own: what it remembers of inference mode cannot be trained
    method = FsSam2()
    found = without_gradient(method, sam, masks_of(1))
    expected = unused(method, sam, "mask")
    assert {"no_obj_ptr", "no_obj_embed_spatial", "sam_mask_decoder.pred_obj_score_head.layers.2.bias"} <= expected
    assert found == expected


def test_fine_tuning_leaves_them_frozen() -> None:
    trained = model(nano(), FineTune("full"), FsSam2()).trained()
    assert "base.memory_encoder.out_proj.weight" in trained
    assert not any(name in trained for name in ("base.maskmem_tpos_enc", "base.obj_ptr_proj.layers.0.weight"))


# --- SANSA without pointers and rows ----------------------------------------------------------------------------------


def test_spatial_sansa_reads_neither_pointers_nor_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    sam, asked = nano(), []
    kept = sam.tokens
    monkeypatch.setattr(sam, "tokens", lambda *args: (asked.append(args), kept(*args))[1])
    method, images, prompts = SansaSpatial().eval(), frames(1, 5), [masks_of(3)]
    logits = logits_of(sam, images, prompts, method, follow=True)
    assert [len(memories) for memories, _, _ in asked] == [3, 4]
    assert all(row is None for memories, _, _ in asked for _, row in memories)
    assert all(pointers == [] for _, pointers, _ in asked)
    monkeypatch.undo()
    with torch.no_grad():
        sam.maskmem_tpos_enc.add_(1)
        for parameter in sam.obj_ptr_proj.parameters():
            parameter.add_(1)
    assert torch.equal(logits_of(sam, images, prompts, method, follow=True), logits)


def test_the_crossing_of_adaptformer_is_a_strategy_under_the_method() -> None:
    built = model(nano(), AdaptFormer(), FsSam2())
    randomise(built)
    images, prompts = frames(1, 2), [masks_of(1)]
    with torch.inference_mode():
        found = built(batch_of(images, prompts), propagate_targets=False).logits
        expected = Walk(built.base)(images[0], prompts[0], follow=False)
    assert largest_difference(found[0, 1], expected[0]) <= TOLERANCE
    assert largest_difference(found, logits_of(nano(), images, prompts)) > 0.1


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"stability": 0.0},
            r"FsSam2\.stability: expected a number in \(0, 1\], or null for no fall-back, but got 0\.0",
        ),
        ({"stability": 1.2}, r"FsSam2\.stability: .* but got 1\.2"),
        ({"mask_threshold": 1.0}, r"mask_threshold: expected a number in \[0, 1\), but got 1\.0"),
        ({"encode_chunk": 0}, r"encode_chunk: expected at least 1 frame"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FsSam2(**settings)


def test_settings_bring_the_method_back() -> None:
    method = FsSam2(stability=None, mask_threshold=0.25, encode_chunk=2)
    again = FsSam2.from_settings(method.settings())
    assert again.settings() == {"stability": None, "mask_threshold": 0.25, "encode_chunk": 2}
    assert again.propagation == method.propagation


@pytest.mark.parametrize(
    ("name", "scores", "remarks"), [("sam2.1_hiera_tiny", False, 1), ("sam2.1_hiera_tiny", True, 0)]
)
def test_a_base_without_object_scores_is_told(
    name: str, scores: bool, remarks: int, caplog: pytest.LogCaptureFixture
) -> None:
    sam = nano()
    sam.built_from = Base(name, None, object_scores=scores)
    FsSam2().attach(sam)
    said = [text for text in caplog.messages if "lacks a token that FS-SAM2's decoder has; set base.object" in text]
    assert len(said) == remarks


def test_frames_come_at_the_size_of_the_input() -> None:
    sam = nano()
    sam.evaluated_at = 64
    assert (sam.clip_size, FsSam2().clip_size(sam), SansaSpatial().clip_size(sam)) == (64, 96, 64)
