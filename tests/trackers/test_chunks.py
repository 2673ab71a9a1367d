"""Chunks by device: sizes, and equal results."""

from __future__ import annotations

import torch

from builders import largest_difference, mask_prompt, nano, pictures
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.trackers import chunks
from sansa_lightning.trackers.chunks import clips_at_once, frames_at_once

CPU = torch.device("cpu")


def test_frames_at_once_on_a_cpu():
    assert [frames_at_once(CPU, side // 4, 96) for side in (96, 256, 512, 1024, 2048)] == [113, 16, 4, 1, 1]


def test_clips_at_once_on_a_cpu():
    assert [clips_at_once(torch.zeros(9, 1, side, side)) for side in (12, 32, 64, 128)] == [28, 4, 1, 1]


def test_clips_attend_in_parts_as_they_do_together(monkeypatch):
    sam, images = nano(), pictures(5, 4)
    prompts = [[mask_prompt()] * 2] * 5
    with torch.no_grad():
        expected = Propagation()(sam, images, prompts).logits
        sizes: list[int] = []
        sam.memory_attention.norm.register_forward_hook(lambda _m, inputs, _o: sizes.append(len(inputs[0])))
        monkeypatch.setattr(chunks, "QUERIES_ON_CPU", 2 * 144)
        assert largest_difference(Propagation()(sam, images, prompts).logits, expected) <= 1e-5
    assert sizes == [2, 2, 1] * 2


def test_the_chunk_is_what_goes_through_the_encoder():
    sam = nano()
    sam.image_size = 512  # the formula is asked, not the map
    sam.pixels = lambda images: images.float()
    sizes: list[int] = []
    sam.image_encoder.register_forward_hook(lambda _m, inputs, _o: sizes.append(len(inputs[0])))
    sam.encode(pictures(1, 6)[0])
    assert sizes == [4, 2]
