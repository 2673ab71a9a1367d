"""What all datamodules do with their clips."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.pretraining.datamodule import TrackingDataModule


def test_a_batch_moves_to_a_gpu_while_the_cpu_goes_on():
    """Lightning's own way to move a batch that is no tensor waits for each copy."""
    asked = []
    batch = SimpleNamespace(to=lambda device, non_blocking: (asked.append((device.type, non_blocking)), device)[1])
    for data in (EpisodeDataModule(), TrackingDataModule()):
        for device in ("cuda", "cpu", "mps"):
            assert data.transfer_batch_to_device(batch, torch.device(device), 0) == torch.device(device)
    assert asked == [("cuda", True), ("cpu", False), ("mps", False)] * 2
