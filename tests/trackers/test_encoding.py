"""Frames to features: chunks, the frozen prefix, recomputed activations."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from builders import frames, largest_difference, mask_prompt, nano, randomise
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import trained_parameters

if TYPE_CHECKING:
    from sansa_lightning.trackers.base import Tracker


def adapted(placement: tuple[int, ...] = (2, 3)) -> Tracker:
    sam = nano()
    AdaptFormer(placement).attach(sam)
    randomise(sam)
    return sam


def gradients(sam: Tracker) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and gradients of one clip with two targets."""
    logits = Propagation()(sam, frames(1, 3), [[mask_prompt()]]).logits
    loss = logits[:, 1:].square().mean()
    loss.backward()
    return loss.detach(), {name: parameter.grad for name, parameter in trained_parameters(sam).items()}


def test_shapes_and_strides() -> None:
    features = nano().encode(frames(1, 2, (50, 70))[0])
    assert features.image.shape == (2, 96, 12, 12)
    assert [tuple(level.shape) for level in features.fine] == [(2, 12, 48, 48), (2, 24, 24, 24)]
    assert features.position.shape == (1, 96, 12, 12)


def test_select_takes_frames_in_the_order_asked_for() -> None:
    features = nano().encode(frames(1, 3)[0])
    part = features.select(torch.tensor([2, 0]))
    assert torch.equal(part.image, features.image[[2, 0]])
    assert all(torch.equal(level, whole[[2, 0]]) for level, whole in zip(part.fine, features.fine, strict=True))


def test_features_equal_the_sam2_package() -> None:
    sam, images = nano(), frames(1, 2)[0]
    stock = sam._prepare_backbone_features(sam.forward_image(images))[1]
    features = sam.encode(images)
    for ours, flat in zip([*features.fine, features.image], stock, strict=True):
        assert largest_difference(ours.flatten(2).permute(2, 0, 1), flat) <= 1e-5


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 9])
def test_chunks_change_nothing(chunk: int) -> None:
    sam, images = nano(), frames(1, 5)[0]
    calls = []
    sam.image_encoder.register_forward_hook(lambda _module, inputs, _output: calls.append(len(inputs[0])))
    chunked = sam.encode(images, chunk)
    assert calls == [len(part) for part in images.split(chunk)]
    assert largest_difference(chunked.image, sam.encode(images).image) <= 1e-5


def test_blocks_of_each_stage_of_nano() -> None:
    assert [block.stage for block in nano().blocks()] == [0, 1, 2, 2, 2, 2, 3]


def test_no_graph_is_kept_below_the_first_trained_block() -> None:
    sam = adapted(placement=(2,))
    blocks = list(sam.image_encoder.trunk.blocks)
    needs_gradient, saved = {}, dict.fromkeys(range(len(blocks)), 0)
    running: list[int] = []

    def enter(block: nn.Module, _inputs: object) -> None:
        running.append(blocks.index(block))

    def leave(_block: nn.Module, _inputs: object, output: Tensor) -> None:
        needs_gradient[running.pop()] = output.requires_grad

    def count(tensor: Tensor) -> Tensor:
        for number in running:
            saved[number] += 1
        return tensor

    for block in blocks:
        block.register_forward_pre_hook(enter)
        block.register_forward_hook(leave)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        sam.encode(frames(1, 2)[0])
    assert needs_gradient == {0: False, 1: False, 2: True, 3: True, 4: True, 5: True, 6: True}
    assert [number for number, tensors in saved.items() if not tensors] == [0, 1]


def test_nothing_requires_a_gradient_when_nothing_trains() -> None:
    sam = nano().requires_grad_(False)
    assert not sam.encode(frames(1, 1)[0]).image.requires_grad


def test_recomputed_activations_give_the_same_loss_and_gradients() -> None:
    loss, expected = gradients(adapted())
    sam = adapted()
    keys = list(sam.state_dict())
    sam.recompute()
    again, found = gradients(sam)
    assert list(sam.state_dict()) == keys
    assert abs(loss - again) <= 1e-6
    assert found.keys() == expected.keys()
    assert all(grad is not None and grad.abs().max() > 0 for grad in expected.values())
    assert all(largest_difference(found[name], expected[name]) <= 1e-6 for name in expected)


def test_recomputing_saves_fewer_activations_and_leaves_none_behind() -> None:
    sizes = []
    for recompute in (False, True):
        sam = adapted()
        if recompute:
            sam.recompute()
        kept: dict[int, int] = {}
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, kept=kept: (kept.update({tensor.data_ptr(): tensor.nbytes}), tensor)[1],
            lambda tensor: tensor,
        ):
            loss = Propagation()(sam, frames(1, 2), [[mask_prompt()]]).logits.mean()
        sizes.append(sum(kept.values()))
        loss.backward()
        assert all(block.adapter._residual is None for block in sam.image_encoder.trunk.blocks[2:])
    assert sizes[1] < sizes[0] / 2


def test_recomputing_starts_at_the_first_trained_block() -> None:
    sam = adapted(placement=(3,))
    sam.recompute()
    replaced = ["forward" in vars(block) for block in sam.image_encoder.trunk.blocks]
    assert [key for key, _ in itertools.groupby(replaced)] == [False, True]
    assert replaced.index(True) == 6
