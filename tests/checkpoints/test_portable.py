"""A model's trained tensors as one safetensors file."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from builders import model, nano, randomise
from sansa_lightning.checkpoints.adapters import read_adapter
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.portable import write_portable
from sansa_lightning.checkpoints.trained import trained_state
from sansa_lightning.strategies.adaptformer import AdaptFormer


def test_what_is_written_is_read_again_and_fits_its_base_alone(tmp_path):
    one = model(nano(), AdaptFormer(hidden={2: 4, 3: 5, 4: 6, 5: 7, 6: 8}, placement="blocks 2-6"))
    randomise(one)
    write_portable(tmp_path / "a.safetensors", one.header(), trained_state(one))
    found = read_adapter(tmp_path / "a.safetensors", nano())
    assert found.strategy.settings() == one.strategy.settings()
    assert found.strategy.hidden == {2: 4, 3: 5, 4: 6, 5: 7, 6: 8}  # JSON has no numbers as keys
    assert found.state.keys() == trained_state(one).keys()
    assert all(torch.equal(value, found.state[name]) for name, value in trained_state(one).items())
    with pytest.raises(ValueError, match=r"a\.safetensors: its base fingerprint is .* but here it is"):
        read_adapter(tmp_path / "a.safetensors", nano(seed=1))


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "3", '{"strategy": 1}'])
def test_a_damaged_header_is_one_line(text, tmp_path):
    file = tmp_path / "a.safetensors"
    save_file({"base.x": torch.zeros(1)}, file, metadata={HEADER: text})
    with pytest.raises(ValueError, match=r"a\.safetensors"):
        read_adapter(file, nano())
