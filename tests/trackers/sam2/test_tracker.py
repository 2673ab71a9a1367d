"""SAM 2 as a tracker: which mask is taken, what is said of it, soft masks, settings of a base."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from builders import frames, largest_difference, mask_prompt, nano, propagation
from sansa_lightning.methods.memory import MemoryBank, MemoryRule
from sansa_lightning.trackers.base import NO_PROMPT, PARTS, DecoderPrompt, DecodeRule
from sansa_lightning.trackers.zoo import Base


def candidates(sam) -> tuple[Tensor, Tensor]:
    """All four masks of two frames without a prompt, and their predicted IoUs, by the package's own decoder."""
    features = sam.encode(frames(1, 2)[0])
    points = (torch.zeros(2, 1, 2), -torch.ones(2, 1, dtype=torch.int32))
    sparse, dense = sam.sam_prompt_encoder(points=points, boxes=None, masks=None)
    masks, ious, _, _ = sam.sam_mask_decoder.predict_masks(
        image_embeddings=features.image,
        image_pe=sam.sam_prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        repeat_image=False,
        high_res_features=list(features.fine),
    )
    return masks, ious


def decoded(sam, rule: DecodeRule):
    return sam.decode(sam.encode(frames(1, 2)[0]), NO_PROMPT, rule)


def test_the_mask_that_a_rule_takes_comes_with_its_predicted_iou():
    sam = nano()
    with torch.inference_mode():
        masks, ious = candidates(sam)
        single, best = decoded(sam, DecodeRule("single")), decoded(sam, DecodeRule("best"))
    chosen = 1 + ious[:, 1:].argmax(1)
    assert torch.equal(single.mask[:, 0], masks[:, 0])
    assert torch.equal(single.iou, ious[:, 0])
    assert torch.equal(best.mask[:, 0], masks[range(2), chosen])
    assert torch.equal(best.iou, ious[range(2), chosen])
    assert best.object_score is None


@pytest.mark.parametrize("threshold", [0.0, 1.1])
def test_an_unstable_single_mask_falls_back_to_the_best_of_three(threshold):
    """Above 1 no mask is stable; at 0 each is. In training mode SAM 2 does not fall back."""
    sam = nano()
    rule = DecodeRule("single", stability=threshold)
    with torch.inference_mode():
        single, best, found = (decoded(sam, each) for each in (DecodeRule("single"), DecodeRule("best"), rule))
        again = decoded(sam, DecodeRule("single"))  # the rule of a call does not outlive it
        sam.sam_mask_decoder.train()
        training = decoded(sam, rule)
    expected = single if threshold == 0 else best
    assert torch.equal(found.mask, expected.mask)
    assert torch.equal(found.iou, expected.iou)
    assert torch.equal(again.mask, single.mask)
    assert torch.equal(training.mask, single.mask)
    assert torch.equal(found.pointer, single.pointer)  # of the single-mask token, as in SAM 2


def test_stability_is_the_iou_of_the_areas_around_zero():
    sam = Base("nano").build()
    with torch.inference_mode():
        masks, _ = candidates(sam)
        delta = 0.25
        inner, outer = ((masks[:, 0] > edge).flatten(1).sum(1) for edge in (delta, -delta))
        stability = (inner / outer).tolist()
        assert 0 < min(stability) < max(stability) < 1
        between = sum(stability) / 2
        found = decoded(sam, DecodeRule("single", stability=between, delta=delta))
        single, best = decoded(sam, DecodeRule("single")), decoded(sam, DecodeRule("best"))
    for frame, value in enumerate(stability):
        expected = single if value >= between else best
        assert torch.equal(found.mask[frame], expected.mask[frame])


def test_a_gate_asks_for_object_scores():
    with pytest.raises(ValueError, match=r"DecodeRule\.gate: expected a tracker with object scores; build"):
        decoded(nano(), DecodeRule(gate=True))


@pytest.mark.slow
def test_object_scores_gate_the_mask():
    sam = Base("sam2_hiera_tiny", weights=None, image_size=256, object_scores=True).random().eval()
    features = sam.encode(frames(1, 2)[0])
    with torch.inference_mode():
        free = sam.decode(features, NO_PROMPT, DecodeRule("best"))
        gated = sam.decode(features, NO_PROMPT, DecodeRule("best", gate=True))
    assert free.object_score is not None
    for frame, score in enumerate(free.object_score):
        expected = free.mask[frame] if score > 0 else torch.full_like(free.mask[frame], -1024.0)
        assert torch.equal(gated.mask[frame], expected)
    assert features.image.shape[-2:] == (16, 16)


def test_a_soft_mask_lies_between_the_hard_ones():
    sam = nano()
    mask = torch.zeros(1, 1, 96, 96)
    mask[..., 20:60, 30:70] = 1
    with torch.inference_mode():
        empty, soft, hard = (sam.mask_prompt(mask * value) for value in (0.0, 0.5, 1.0))
        features = sam.encode(frames(1, 1)[0])
        answers = [
            sam.decode(features, DecoderPrompt(mask=prompt), DecodeRule()).mask for prompt in (empty, soft, hard)
        ]
    assert soft.shape == (1, 1, 48, 48)
    assert largest_difference(soft, (empty + hard) / 2) <= 1e-5  # a convolution is linear
    assert largest_difference(answers[1], answers[0]) > 1e-3
    assert largest_difference(answers[1], answers[2]) > 1e-3


@pytest.mark.parametrize("clicks", [0, 2])
def test_tokens_are_read_after_the_points_and_before_the_one_that_is_padded(clicks):
    sam, generator = nano(), torch.Generator().manual_seed(1)
    tokens = torch.randn(2, 3, sam.token_width, generator=generator)
    coords, labels = torch.rand(2, clicks, 2, generator=generator) * 90, torch.ones(2, clicks, dtype=torch.int32)
    with torch.inference_mode():
        features = sam.encode(frames(1, 2)[0])
        given = DecoderPrompt(coords, labels, tokens=tokens) if clicks else DecoderPrompt(tokens=tokens)
        found = sam.decode(features, given, DecodeRule("single"))
        points, dense = sam.sam_prompt_encoder(points=(coords, labels), boxes=None, masks=None)
        sparse = torch.cat([points[:, :-1], points[:, -1:] + tokens, points[:, -1:]], dim=1)
        masks, ious, _, _ = sam.sam_mask_decoder(
            image_embeddings=features.image,
            image_pe=sam.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            repeat_image=False,
            high_res_features=list(features.fine),
        )
    assert largest_difference(found.mask, masks) <= 1e-5
    assert largest_difference(found.iou, ious[:, 0]) <= 1e-6


def test_one_token_of_zeros_is_no_prompt():
    sam = nano()
    with torch.inference_mode():
        features = sam.encode(frames(1, 2)[0])
        zeros = DecoderPrompt(tokens=torch.zeros(2, 1, sam.token_width))
        found, plain = (sam.decode(features, prompt, DecodeRule("best")) for prompt in (zeros, NO_PROMPT))
    assert torch.equal(found.mask, plain.mask)
    assert torch.equal(found.pointer, plain.pointer)


def test_another_size_is_a_setting_of_the_base():
    small = Base("nano", image_size=64).build()
    usual = Base("nano").build()
    assert small.state_dict().keys() == usual.state_dict().keys()
    assert all(torch.equal(tensor, usual.state_dict()[name]) for name, tensor in small.state_dict().items())
    with torch.inference_mode():
        assert small.encode(frames(1, 1)[0]).image.shape == (1, 96, 8, 8)
        masks = propagation()(small, frames(1, 3), [[mask_prompt()]])
    assert masks.logits.shape == (1, 3, 96, 96)
    assert masks.low.shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_size": 100}, r"Base\.image_size: expected a multiple of 32 pixels, but got 100"),
        ({"image_size": 0}, r"Base\.image_size: expected a multiple of 32"),
        ({"object_scores": True}, r"Base\.object_scores: expected false for nano, which has none"),
        ({"name": "nowhere.Tracker"}, r"Base\.name: 'nowhere', of 'nowhere\.Tracker', cannot be imported: No module"),
        (
            {"name": "json.JSONDecoder"},
            r"Base\.name: expected one of nano, .*, or the import path of a Tracker",
        ),
    ],
)
def test_settings_that_a_base_cannot_have(settings, message):
    with pytest.raises(ValueError, match=message):
        Base(**{"name": "nano", **settings})


def test_rules_of_memory():
    """Without pointers and temporal rows a target reads the spatial memories alone, each at its place."""
    sam = nano()
    reading = propagation().read(sam, frames(1, 3), [[mask_prompt(), mask_prompt(corner=40)]])
    heard = []
    sam.memory_attention.register_forward_pre_hook(lambda _, __, named: heard.append(named), with_kwargs=True)
    part = reading.features.select(torch.tensor([2]))
    for rule in (MemoryRule("invariant"), MemoryRule("invariant", pointers=False, temporal=False)):
        MemoryBank(2, rule, reading.bank.frames).condition(sam, part, 3)
    full, bare = heard
    spatial = 2 * 12 * 12
    assert len(full["memory"]) == spatial + full["num_obj_ptr_tokens"] == spatial + 2 * 2
    assert len(bare["memory"]) == spatial
    assert bare["num_obj_ptr_tokens"] == 0
    assert torch.equal(bare["memory"], full["memory"][:spatial])
    rows = full["memory_pos"][:spatial] - bare["memory_pos"]
    assert largest_difference(rows, sam.maskmem_tpos_enc[6].expand_as(rows)) <= 1e-6


def test_what_is_written_into_memory():
    logits = torch.tensor([-30.0, 0.0, 30.0])
    assert MemoryRule().written(logits).tolist() == pytest.approx([-10, 0, 10], abs=1e-5)
    assert MemoryRule(scale=2.0, bias=1.0).written(logits).tolist() == pytest.approx([1, 2, 3], abs=1e-5)
    assert MemoryRule(sigmoid=False).written(logits) is logits


def test_every_part_has_parameters_and_only_qkv_lies_in_another():
    sam = nano()
    assert tuple(sam.parts()) == PARTS
    assert all(sam.in_part(part) for part in PARTS)
    assert set(sam.in_part("qkv")) < set(sam.in_part("trunk"))


def test_taps_hear_until_they_are_removed():
    sam, heard = nano(), {}
    handles = [
        sam.tap(place, lambda features, place=place: heard.setdefault(place, []).append(tuple(features.shape)))
        for place in ("stage 0", "stage 2", "neck", "decoder")
    ]
    with torch.inference_mode():
        propagation()(sam, frames(1, 2), [[mask_prompt()]])
        for handle in handles:
            handle.remove()
        propagation()(sam, frames(1, 2), [[mask_prompt()]])
    assert heard == {
        "stage 0": [(2, 32, 48, 48)],
        "stage 2": [(2, 128, 12, 12)],
        "neck": [(2, 96, 12, 12)],
        "decoder": [(1, 144, 96)] * 2,
    }
