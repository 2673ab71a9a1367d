"""FSSAM on nano: K references by hand, batches, gates, gradients, and what it refuses."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from builders import frames, largest_difference, mask_prompt, nano, randomise
from sansa_lightning import ClipBatch, Prompt, load
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.trained import trained_state
from sansa_lightning.clips.episode import Episode
from sansa_lightning.data.prompts.base import MaskPrompt
from sansa_lightning.data.prompts.boxes import BoxPrompt
from sansa_lightning.encoders.tracker_features import TrackerFeatures
from sansa_lightning.losses import SquaredDice
from sansa_lightning.methods.calibrated import Calibrated
from sansa_lightning.methods.fssam.memory import References, write
from sansa_lightning.methods.fssam.method import Fssam
from sansa_lightning.methods.prompting import BEST
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.trackers.base import NO_PROMPT, Tracker
from sansa_lightning.trackers.zoo import Base

PARTS = ("mask_decoder", "memory_encoder", "memory_attention")


def fssam(**options: Any) -> Fssam:
    return Fssam(TrackerFeatures("stage 2", adapted=False), **options)


def clips(count: int = 2, shots: int = 3, targets: int = 1, seed: int = 0) -> ClipBatch:
    prompts = tuple(tuple(mask_prompt(corner=5 + 9 * k + 4 * b) for k in range(shots)) for b in range(count))
    masks = torch.zeros(count, shots + targets, 96, 96, dtype=torch.uint8)
    masks[:, :, 30:60, 20:70] = 1
    episodes = tuple(Episode("coco", 1, tuple(range(shots)), tuple(range(targets))) for _ in range(count))
    return ClipBatch(episodes, frames(count, shots + targets, seed=seed), masks, prompts)


def low_of(method: Fssam, batch: ClipBatch, sam: Tracker | None = None) -> Tensor:
    with torch.inference_mode():
        return method(sam or nano(), batch, propagate_targets=False).low


def attention_as(kshot: str, shots: int, masks: Tensor) -> Any:
    """Cross-attention by hand over [K references | pseudo memory | pointers], on projected, rotated keys.

    Args:
        kshot: "averaged" merges the references' keys and values into one block; "released" lowers the second block.
        shots: K.
        masks: float32 [B, K, N].
    """
    size = masks.shape[-1]

    def stretch(values: Tensor) -> Tensor:
        low = values.min(-1, keepdim=True).values
        return (values - low) / (values.max(-1, keepdim=True).values - low + 1e-7)

    def attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0) -> Tensor:
        scale = math.sqrt(query.shape[-1])
        if key.shape[-2] <= size:
            return (query @ key.transpose(-1, -2) / scale).softmax(-1) @ value
        blocks = list(key[..., : (shots + 1) * size, :].split(size, dim=-2))
        values = list(value[..., : (shots + 1) * size, :].split(size, dim=-2))
        lowered, trusting = (1, 1) if kshot == "released" else (shots, shots)
        trusted = 0
        for shot in range(trusting):
            weights = masks[:, None, shot, :, None]
            vector = (blocks[shot] * weights).sum(-2, keepdim=True) / (weights.sum(-2, keepdim=True) + 5e-4)
            cosine = (blocks[lowered] * vector).sum(-1) / (blocks[lowered].norm(dim=-1) * vector.norm(dim=-1))
            trusted = trusted + stretch(cosine) / trusting
        if kshot == "averaged":
            blocks = [torch.stack(blocks[:-1]).mean(0), blocks[-1]]
            values, lowered = [torch.stack(values[:-1]).mean(0), values[-1]], 1
        blocks.append(key[..., (shots + 1) * size :, :])
        values.append(value[..., (shots + 1) * size :, :])
        scores = [query @ block.transpose(-1, -2) / scale for block in blocks]
        scores[lowered] = scores[lowered] + 10 * (stretch(scores[lowered]) + trusted[..., None, :] - 1).clamp(max=0)
        return torch.cat(scores, -1).softmax(-1) @ torch.cat(values, -2)

    return attention


@pytest.mark.parametrize("kshot", ["averaged", "concatenated", "released"])
def test_several_references_by_hand(kshot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the pseudo memory on: tokens put together here, keys merged after projection and rotation."""
    sam, method, batch, shots = nano(), fssam(kshot=kshot), clips(), 3
    with torch.inference_mode():
        features = sam.encode(batch.images.flatten(0, 1))
        seen = method.encoder(sam, batch.images.flatten(0, 1))
        grid = torch.arange(8).reshape(2, 4)
        prompts = [prompt for clip in batch.prompts for prompt in clip]
        references = method.read_references(sam, features, seen, grid[:, :3], prompts)[1]
        targets = features.select(grid[:, 3])
        given = method.priors(sam, seen[grid[:, 3]], references)
        found = method.segment_targets(sam, targets, given, references)
        pseudo = method.pseudo_memory(sam, targets, given, references)
        spatial = [*references.features.unbind(1), pseudo.features]
        keys = torch.cat([each.flatten(2).permute(2, 0, 1) for each in spatial])
        place = references.position.flatten(2).permute(2, 0, 1) + sam.maskmem_tpos_enc[6]
        pointers = torch.cat([references.pointers, pseudo.pointer[:, None]], 1).reshape(2, -1, 48).transpose(0, 1)
        small = torch.nn.functional.interpolate(references.masks, (12, 12), mode="nearest").flatten(2)
        monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", attention_as(kshot, shots, small))
        conditioned = sam.memory_attention(
            curr=[targets.image.flatten(2).permute(2, 0, 1)],
            curr_pos=[targets.position.expand(2, -1, -1, -1).flatten(2).permute(2, 0, 1)],
            memory=torch.cat([keys, pointers]),
            memory_pos=torch.cat([place.repeat(4, 1, 1), torch.zeros_like(pointers)]),
            num_obj_ptr_tokens=len(pointers),
        )
        monkeypatch.undo()
        conditioned = conditioned.permute(1, 2, 0).reshape(2, 96, 12, 12)
        expected = sam.decode(targets.with_image(conditioned), NO_PROMPT, BEST)
    assert len(pointers) == 2 * (shots + 1)
    assert largest_difference(found.mask, expected.mask) <= 1e-4


@pytest.mark.slow
def test_the_ways_differ_with_several_references_and_not_with_one() -> None:
    ways = ("averaged", "concatenated", "released")
    one, several = clips(shots=1), clips()
    alone = [low_of(fssam(kshot=way), one) for way in ways]
    assert torch.equal(alone[0], alone[1])
    assert torch.equal(alone[0], alone[2])
    many = [low_of(fssam(kshot=way), several)[:, 3:] for way in ways]
    assert min(largest_difference(many[i], many[j]) for i, j in ((0, 1), (0, 2), (1, 2))) > 1e-3


@pytest.mark.parametrize(("kshot", "same"), [("averaged", True), ("concatenated", True), ("released", False)])
def test_the_order_of_references_matters_only_to_the_release(kshot: Any, same: bool) -> None:
    batch = clips(count=1)
    turned = ClipBatch(batch.episodes, batch.images[:, [2, 1, 0, 3]], batch.masks, (tuple(reversed(batch.prompts[0])),))
    difference = largest_difference(low_of(fssam(kshot=kshot), batch)[:, 3:], low_of(fssam(kshot=kshot), turned)[:, 3:])
    assert (difference <= 1e-4) == same


@pytest.mark.slow
def test_a_batch_equals_its_clips_and_each_target_stands_alone() -> None:
    sam, batch = nano(), clips(targets=2)
    together = low_of(fssam(), batch, sam)
    for clip in range(2):
        for target in range(2):
            images = batch.images[clip : clip + 1, [0, 1, 2, 3 + target]]
            alone = ClipBatch((), images, batch.masks[:1, :4], batch.prompts[clip : clip + 1])
            expected = low_of(fssam(), alone, sam)
            assert largest_difference(together[clip, :3], expected[0, :3]) <= 1e-5
            assert largest_difference(together[clip, 3 + target], expected[0, 3]) <= 1e-4
    with torch.inference_mode():
        assert torch.equal(fssam()(sam, batch, propagate_targets=True).low, together)


def test_remembered_references_segment_as_in_a_clip() -> None:
    model, batch = FewShotModel(nano(), Frozen(), fssam(), "nano").eval(), clips(targets=2)
    images = batch.images.clone()
    images[1, 3:] = images[0, 3:]
    with torch.inference_mode():
        expected = model(ClipBatch((), images, batch.masks, batch.prompts), propagate_targets=False).logits[:, 3:]
        memories: list[References] = [model.remember(images[b, :3], batch.prompts[b]) for b in range(2)]
        memories.insert(1, model.remember(images[0, :1], batch.prompts[0][:1]))
        answers = model.segment(memories, images[0, 3:])
        alone = model.segment(memories[1:2], images[0, 3:])
    assert largest_difference(answers.logits[[0, 2]], expected) <= 1e-4
    assert largest_difference(answers.logits[1], alone.logits[0]) <= 1e-4
    assert bool(((answers.iou > 0) & (answers.iou < 1)).all())


def with_scores(sam: Tracker) -> Tracker:
    """A nano that says whether an object is there, and has a vector for one that is not."""
    sam.pred_obj_scores = sam.fixed_no_obj_ptr = True
    sam.no_obj_ptr = nn.Parameter(torch.full((1, 96), 7.0))
    return sam


def test_pointers_pass_two_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object score not above 0, or a mask without a value above 0, gives the vector of an absent object."""
    sam = with_scores(nano())
    decode, scores = type(sam).decode, torch.tensor([2.0, -1.0, 0.0, 3.0])
    features = sam.encode(frames(4, 1)[:, 0])
    masks = torch.zeros(4, 1, 96, 96)
    masks[:3, :, 10:50, 10:50] = 0.4

    def scored(self: Any, *args: Any) -> Any:
        if self is not sam:
            return decode(self, *args)
        self.pred_obj_scores = False
        found = decode(self, *args)
        self.pred_obj_scores = True
        return found._replace(object_score=scores)

    monkeypatch.setattr(type(sam), "decode", scored)
    with torch.inference_mode():
        pointers = write(sam, features, masks).memory.pointer
        assert [bool((pointer == 7).all()) for pointer in pointers] == [False, True, True, True]
        plain = write(nano(), features, masks).memory.pointer
    assert torch.equal(pointers[0], plain[0])


def trained_model(**options: Any) -> FewShotModel:
    return FewShotModel(nano(), FineTune(PARTS), fssam(**options), "nano")


def backward(model: FewShotModel, batch: ClipBatch) -> dict[str, Tensor | None]:
    model.train()
    torch.manual_seed(0)
    logits = model(batch, propagate_targets=True).logits[:, batch.shots :]
    SquaredDice()(logits, batch.masks[:, batch.shots :]).backward()
    return {name.removeprefix("base."): each.grad for name, each in model.trained().items()}


def test_gradients_reach_the_three_parts_and_nothing_else() -> None:
    """nano has no object scores, and so no head of theirs."""
    model = trained_model()
    gradients = backward(model, clips(count=1, shots=2))
    none = {name for name, gradient in gradients.items() if gradient is None}
    heads = {f"iou_prediction_head.layers.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")}
    fine = {f"conv_s{i}.{kind}" for i in range(2) for kind in ("weight", "bias")}
    assert none == {f"sam_mask_decoder.{name}" for name in heads | fine}
    modules = [model.base.get_submodule(name) for name in ("sam_mask_decoder", "memory_encoder", "memory_attention")]
    assert len(gradients) == sum(len(list(module.parameters())) for module in modules)
    single = [each for name, each in gradients.items() if "hypernetworks_mlps.0." in name]
    assert not any(each.any() for each in single if each is not None)
    assert float(gradients["memory_encoder.out_proj.weight"].abs().max()) > 0
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)


def test_used_tensors_are_those_with_a_gradient() -> None:
    gradients = backward(trained_model(trained="used"), clips(count=1, shots=2))
    assert all(gradient is not None for gradient in gradients.values())
    assert not any("hypernetworks_mlps.0." in name or "conv_s" in name for name in gradients)


def test_several_processes_get_zeros_where_one_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = clips(count=1, shots=1)
    alone = backward(trained_model(), batch)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    several = backward(trained_model(), batch)
    for name, gradient in alone.items():
        assert torch.equal(several[name], torch.zeros_like(several[name]) if gradient is None else gradient), name


def test_adapters_in_the_trunk_learn_under_its_memory() -> None:
    sam = nano()
    model = FewShotModel(sam, AdaptFormer(placement=[2, 3], scale=0.3), fssam(), "nano")
    randomise(sam)
    gradients = backward(model, clips(count=1, shots=2))
    assert gradients
    assert all(gradient is not None and bool(gradient.any()) for gradient in gradients.values())


def test_recomputing_changes_no_gradient() -> None:
    """The bias is there in the backward pass, too."""
    batch, found = clips(count=1, shots=2), []
    for again in (False, True):
        model = trained_model()
        if again:
            model.base.recompute()
        for layer in model.base.memory_attention.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
            elif hasattr(layer, "dropout_p"):
                layer.dropout_p = 0.0
        found.append(backward(model, batch))
    for name, gradient in found[0].items():
        if gradient is not None:
            assert largest_difference(gradient, found[1][name]) <= 1e-6, name


def test_a_checkpoint_brings_the_method_and_its_encoder(tmp_path: Any) -> None:
    tracker = Base("nano", weights=None).build()
    method = Fssam(TrackerFeatures("stage 3"), rounds=2, version="v2", kshot="released")
    model = FewShotModel(tracker, FineTune(PARTS), method, "nano").eval()
    randomise(model.base, seed=3)
    torch.save({HEADER: model.header(), "state_dict": trained_state(model)}, tmp_path / "last.ckpt")
    batch = clips(count=1)
    again = load("nano", weights=None, adapter=tmp_path / "last.ckpt").model
    assert again.method.settings() == method.settings()
    assert isinstance(again.method.encoder, TrackerFeatures)
    with torch.inference_mode():
        expected = model(batch, propagate_targets=False).logits
        assert torch.equal(again(batch, propagate_targets=False).logits, expected)


def test_calibration_reads_a_checkpoint_of_sansa_and_does_not_train() -> None:
    sam = nano()
    model = FewShotModel(sam, AdaptFormer(placement=[2, 3], scale=0.3), Calibrated(), "nano").eval()
    randomise(sam)
    assert model.method.trained_as().__name__ == "Sansa"
    batch = clips(shots=1)
    with torch.inference_mode():
        found = model(batch, propagate_targets=False).low
        expected = Fssam(TrackerFeatures("stage 2"))(sam, batch, propagate_targets=False).low
    assert torch.equal(found, expected)
    assert largest_difference(found, low_of(Calibrated(factor=0.0), batch, sam)) > 1e-4
    message = r"model\.method: expected one that trains, such as Sansa, but got Calibrated"
    with pytest.raises(ValueError, match=message):
        model(batch, propagate_targets=True)
    with pytest.raises(ValueError, match=message):
        Calibrated().check("fit", SimpleNamespace(prompt=MaskPrompt()))


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"version": "v3"}, r"^Fssam\.version: expected one of v1, v2, but got 'v3'$"),
            ({"kshot": "all"}, r"^Fssam\.kshot: expected one of averaged, concatenated, released, but got 'all'$"),
            ({"trained": "all"}, r"^Fssam\.trained: expected one of released, used, but got 'all'$"),
            ({"rounds": -1}, r"^Fssam\.rounds: expected at least 0, but got -1$"),
            ({"factor": float("nan")}, r"^Fssam\.factor: expected a finite number of at least 0, but got nan$"),
            ({"encode_chunk": 0}, r"^Fssam\.encode_chunk: expected at least 1 frame, or null for all, but got 0$"),
        ],
    )
    def test_arguments_out_of_range(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            fssam(**options)

    def test_a_reference_without_a_mask(self) -> None:
        batch = ClipBatch(
            (), frames(1, 2), torch.zeros(1, 2, 96, 96, dtype=torch.uint8), ((Prompt.box([1, 2, 3, 4]),),)
        )
        with pytest.raises(ValueError, match=r"^Fssam: expected a mask for each reference, .* but got a box$"):
            low_of(fssam(), batch)

    def test_clips_with_boxes(self) -> None:
        message = r"^data\.train_prompt: expected MaskPrompt for the method Fssam, .* but got BoxPrompt$"
        boxes = SimpleNamespace(prompt=MaskPrompt(), train_prompt=BoxPrompt())
        with pytest.raises(ValueError, match=message):
            fssam().check("fit", boxes)
        fssam().check("test", boxes)
        fssam().check("predict", SimpleNamespace())


def test_copies_are_independent() -> None:
    model = trained_model()
    twin = copy.deepcopy(model).eval()
    batch = clips(count=1)
    with torch.inference_mode():
        assert torch.equal(twin(batch, propagate_targets=False).low, model.eval()(batch, propagate_targets=False).low)
    assert not {id(p) for p in trained_parameters(model).values()} & {id(p) for p in twin.parameters()}
