"""Which memories a target sees, and that conditioning on them equals the sam2 package's own."""

from __future__ import annotations

import pytest
import torch

from builders import largest_difference, nano, nano_2_1
from sansa_lightning.methods.memory import (
    KShotMemory,
    MemoryBank,
    MemoryRule,
    pointer_memories,
    spatial_memories,
)
from sansa_lightning.trackers.base import Features, Memory, Tracker

MODES: tuple[KShotMemory, ...] = ("released", "invariant")
BUILDERS = {"2.0": nano, "2.1": nano_2_1}


class Frame(int):
    """A frame number that as a key of a dictionary equals only itself."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def a_bank(sam: Tracker, count: int, shots: int, mode: KShotMemory, clips: int = 2) -> MemoryBank:
    generator = torch.Generator().manual_seed(count)
    side = sam.image_size // sam.backbone_stride
    shapes = [(clips, sam.mem_dim, side, side), (clips, sam.mem_dim, side, side), (clips, sam.hidden_dim)]
    memories = [Memory(*(torch.randn(shape, generator=generator) for shape in shapes)) for _ in range(count)]
    return MemoryBank(shots, MemoryRule(mode), memories)


def conditioned(sam: Tracker, bank: MemoryBank, image: torch.Tensor, clip_length: int) -> torch.Tensor:
    return bank.condition(sam, Features(image, (), torch.ones_like(image[:1])), clip_length).image


def stock_condition(sam: Tracker, bank: MemoryBank, image: torch.Tensor, length: int) -> torch.Tensor:
    """What the sam2 package makes of the same memories.

    Released: frame 0 is the one conditioning frame. Invariant: all references are, at the distance of frame 0.
    """
    outputs = [
        {"maskmem_features": memory.features, "maskmem_pos_enc": [memory.position], "obj_ptr": memory.pointer}
        for memory in bank.frames
    ]
    conditioning = 1 if bank.rule.frames == "released" else bank.shots
    return sam._prepare_memory_conditioned_features(
        frame_idx=len(outputs),
        is_init_cond_frame=False,
        current_vision_feats=[image.flatten(2).permute(2, 0, 1)],
        current_vision_pos_embeds=[torch.ones_like(image).flatten(2).permute(2, 0, 1)],
        feat_sizes=[tuple(image.shape[-2:])],
        output_dict={
            "cond_frame_outputs": {Frame(0): out for out in outputs[:conditioning]},
            "non_cond_frame_outputs": dict(enumerate(outputs[conditioning:], conditioning)),
        },
        num_frames=length,
    )


def rows(frame: int, shots: int, mode: KShotMemory) -> dict[int, int]:
    return {seen.frame: seen.code for seen in spatial_memories(frame, shots, 7, mode)}


@pytest.mark.parametrize(
    ("frame", "shots", "expected"),
    [
        (1, 1, {0: 6}),
        (3, 3, {0: 6, 1: 1, 2: 0}),
        (5, 5, {0: 6, 1: 3, 2: 2, 3: 1, 4: 0}),
        (7, 1, {0: 6, 1: 5, 2: 4, 3: 3, 4: 2, 5: 1, 6: 0}),
        (8, 8, {0: 6, 2: 5, 3: 4, 4: 3, 5: 2, 6: 1, 7: 0}),  # reference 1 is lost
        (9, 9, {0: 6, 3: 5, 4: 4, 5: 3, 6: 2, 7: 1, 8: 0}),  # references 1 and 2 are lost
        (12, 5, {0: 6, 6: 5, 7: 4, 8: 3, 9: 2, 10: 1, 11: 0}),
    ],
)
def test_temporal_rows_as_released(frame: int, shots: int, expected: dict[int, int]) -> None:
    assert rows(frame, shots, "released") == expected
    assert list(rows(frame, shots, "released")) == sorted(expected)  # frame 0 first, then oldest to newest


@pytest.mark.parametrize(
    ("frame", "shots", "expected"),
    [
        (1, 1, {0: 6}),
        (5, 5, dict.fromkeys(range(5), 6)),
        (9, 9, dict.fromkeys(range(9), 6)),  # none is lost
        (7, 5, {0: 6, 1: 6, 2: 6, 3: 6, 4: 6, 5: 1, 6: 0}),
        (10, 2, {0: 6, 1: 6, 4: 5, 5: 4, 6: 3, 7: 2, 8: 1, 9: 0}),
    ],
)
def test_temporal_rows_when_invariant(frame: int, shots: int, expected: dict[int, int]) -> None:
    assert rows(frame, shots, "invariant") == expected


@pytest.mark.parametrize(
    ("frame", "shots", "limit", "mode", "expected"),
    [
        (1, 1, 2, "released", [(0, 1)]),
        (3, 3, 4, "released", [(0, 3), (2, 1), (1, 2)]),
        (3, 1, 3, "released", [(0, 3), (2, 1), (1, 2)]),
        (20, 1, 16, "released", [(0, 20), *((20 - d, d) for d in range(1, 16))]),
        (3, 3, 4, "invariant", [(0, 3), (1, 3), (2, 3)]),
        (5, 3, 6, "invariant", [(0, 5), (1, 5), (2, 5), (4, 1), (3, 2)]),
    ],
)
def test_pointers_and_their_distances(
    frame: int, shots: int, limit: int, mode: KShotMemory, expected: list[tuple[int, int]]
) -> None:
    assert [tuple(seen) for seen in pointer_memories(frame, shots, limit, mode)] == expected


@pytest.mark.parametrize("family", BUILDERS)
@pytest.mark.parametrize("mode", MODES)
def test_conditioning_equals_the_sam2_package(family: str, mode: KShotMemory) -> None:
    sam = BUILDERS[family]()
    image = torch.randn(2, sam.hidden_dim, 12, 12, generator=torch.Generator().manual_seed(1))
    for count in (1, 2, 3, 5, 7, 8, 9):
        for shots in {1, (count + 1) // 2, count}:
            bank = a_bank(sam, count, shots, mode)
            with torch.inference_mode():
                ours = conditioned(sam, bank, image, clip_length=count + 1)
                stock = stock_condition(sam, bank, image, length=count + 1)
            assert largest_difference(ours, stock) <= 1e-5, (count, shots)


def test_more_pointers_than_the_limit_equals_the_sam2_package() -> None:
    sam = nano_2_1()
    sam.max_obj_ptrs_in_encoder = 4
    image = torch.randn(1, sam.hidden_dim, 12, 12, generator=torch.Generator().manual_seed(1))
    bank = a_bank(sam, 9, shots=2, mode="released", clips=1)
    with torch.inference_mode():
        ours = conditioned(sam, bank, image, clip_length=12)
        stock = stock_condition(sam, bank, image, length=12)
    assert largest_difference(ours, stock) <= 1e-5


def test_distances_of_pointers_matter_to_2_1_only() -> None:
    image = torch.randn(1, 96, 12, 12, generator=torch.Generator().manual_seed(1))
    for family, matters in (("2.0", False), ("2.1", True)):
        sam = BUILDERS[family]()
        bank = a_bank(sam, 2, shots=1, mode="released", clips=1)
        with torch.inference_mode():
            short = conditioned(sam, bank, image, clip_length=3)
            long = conditioned(sam, bank, image, clip_length=9)
        assert (largest_difference(short, long) > 1e-3) == matters, family


def test_a_memory_equals_the_sam2_package() -> None:
    sam = nano()
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, sam.hidden_dim, 12, 12, generator=generator)
    logits = torch.randn(2, 1, 96, 96, generator=generator) * 5
    pointer = torch.randn(2, sam.hidden_dim, generator=generator)
    with torch.inference_mode():
        features = Features(image, (), torch.ones_like(image[:1]))
        memory = sam.remember(features, MemoryRule().written(logits), pointer)
        features, position = sam._encode_new_memory(
            [image.flatten(2).permute(2, 0, 1)], [(12, 12)], logits, torch.ones(2, 1), is_mask_from_pts=True
        )
    assert largest_difference(memory.features, features) <= 1e-5
    assert torch.equal(memory.position, position[-1])
    assert memory.pointer is pointer


def test_repeat_keeps_the_copies_of_a_clip_together() -> None:
    memory = Memory(*(torch.arange(2.0).reshape(2, *[1] * extra) for extra in (3, 3, 1)))
    assert memory.repeat(3).pointer.flatten().tolist() == [0, 0, 0, 1, 1, 1]
    assert memory.repeat(3).features.shape == (6, 1, 1, 1)
