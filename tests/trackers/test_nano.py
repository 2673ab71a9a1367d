"""nano: small, and of the sam2 package's own classes."""

from __future__ import annotations

import torch

from builders import frames
from sansa_lightning.trackers.nano import NanoSize, build_nano


def test_size() -> None:
    sam = build_nano()
    assert sum(parameter.numel() for parameter in sam.parameters()) < 5e6
    assert (sam.image_size, sam.backbone_stride, sam.hidden_dim, sam.mem_dim) == (96, 8, 96, 48)


def test_only_classes_of_sam2_and_torch() -> None:
    assert {type(module).__module__.split(".")[0] for module in list(build_nano().modules())[1:]} == {"sam2", "torch"}


def test_another_size() -> None:
    sam = build_nano(NanoSize(image=64, width=16, channels=64, memory=32, windows=(8, 8, 4, 4)))
    with torch.inference_mode():
        features = sam.encode(frames(1, 1, (64, 64))[0])
    assert features.image.shape == (1, 64, 8, 8)
    assert [tuple(level.shape) for level in features.fine] == [(1, 8, 32, 32), (1, 16, 16, 16)]
