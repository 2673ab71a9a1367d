"""A base's tensors as a small file."""

from __future__ import annotations

from pathlib import Path

import torch

from sansa_lightning.files.whole import replacing
from sansa_lightning.trackers.base import Tracker

LARGEST = torch.finfo(torch.float16).max


def write_weights(sam: Tracker, path: Path) -> None:
    """Write all tensors of a base in half precision (float16) as safetensors, whole or not at all.

    Half precision halves the file; a base built from it computes in float32 like any other. Scores of shipped weights
    are those of the file.

    Raises:
        ValueError: a tensor is not finite or does not fit into half precision.
    """
    from safetensors.torch import save_file

    state = {name: tensor.detach().cpu() for name, tensor in sam.state_dict().items()}
    for name, tensor in state.items():
        if not bool((tensor.abs() <= LARGEST).all()):
            msg = f"export to {path}: {name} holds NaN or numbers beyond {LARGEST:g}; the training has failed"
            raise ValueError(msg)
    with replacing(path) as partial:
        save_file({name: tensor.half().contiguous() for name, tensor in state.items()}, partial)
