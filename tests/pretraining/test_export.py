"""The file of weights: small, whole, and a base again."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from builders import nano
from sansa_lightning.pretraining.export import write_weights
from sansa_lightning.trackers.zoo import Base


def test_a_base_is_built_from_the_file(tmp_path):
    sam, path = nano(), tmp_path / "nano.safetensors"
    write_weights(sam, path)
    assert path.stat().st_size <= 8e6
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}
    built = Base("nano", weights=path).build()
    for name, tensor in sam.state_dict().items():
        assert torch.equal(built.state_dict()[name], tensor.half().float()), name


@pytest.mark.parametrize("value", [float("nan"), 1e5])
def test_refuses_a_training_that_failed(tmp_path, value):
    sam, path = nano(), tmp_path / "nano.safetensors"
    torch.nn.init.constant_(sam.no_mem_embed, value)
    with pytest.raises(ValueError, match="no_mem_embed holds NaN or numbers beyond 65504; the training has failed"):
        write_weights(sam, path)
    assert not path.exists()
