"""Checkpoints and weights with bytes or entries changed: refused in one line, or every tensor as it was written."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from builders import nano
from fuzz import raw, trees
from fuzz.checkpoint_mutations import own
from sansa_lightning.checkpoints.adapters import attach_from
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.files.tensor_files import read_tensors
from sansa_lightning.runs.checkpoint_files import check_checkpoint, read_checkpoint
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.trackers.weights import load_weights

OF_BYTES, OF_CONTENT = 250, 100


def refused(error: Exception, path: Path) -> str:
    """Checks what an error says."""
    assert str(path) in str(error)
    assert str(error).isprintable(), str(error)
    assert len(str(error)) < 1000
    return "refused"


def mutations_of_bytes(good: bytes) -> Any:
    rng = np.random.default_rng(0)
    for _ in range(OF_BYTES):
        yield raw.BYTES[rng.integers(len(raw.BYTES))](good, rng)


def test_bytes_of_a_checkpoint(tmp_path):
    """Its parts have checksums: whatever is read is what was written."""
    path, whole = tmp_path / "last.ckpt", own()
    torch.save(whole, path)
    outcomes: Counter[str] = Counter()
    for bad in mutations_of_bytes(path.read_bytes()):
        path.write_bytes(bad)
        try:
            found = read_checkpoint(path)
            check_checkpoint(found, path)
        except ValueError as error:
            outcomes[refused(error, path)] += 1
            continue
        assert found[HEADER] == whole[HEADER]
        assert found["state_dict"].keys() == whole["state_dict"].keys()
        assert all(torch.equal(found["state_dict"][name], tensor) for name, tensor in whole["state_dict"].items())
        outcomes["same"] += 1
    assert outcomes["refused"] > OF_BYTES // 3
    assert outcomes["same"] > 0


@pytest.mark.parametrize("layout", ["safetensors", "legacy"])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_bytes_of_files_without_checksums(tmp_path, layout):
    """A changed number is a number; nothing else may change, and no other error may come."""
    path = tmp_path / ("w.safetensors" if layout == "safetensors" else "w.pth")
    whole = {f"part {number}.weight": torch.full((5, number), float(number)) for number in range(1, 9)}
    if layout == "safetensors":
        save_file(whole, path)
    else:
        torch.save(whole, path, _use_new_zipfile_serialization=False)
    outcomes: Counter[str] = Counter()
    for bad in mutations_of_bytes(path.read_bytes()):
        path.write_bytes(bad)
        try:
            read_tensors(path)
            outcomes["read"] += 1
        except ValueError as error:
            outcomes[refused(error, path)] += 1
    assert outcomes["refused"] > OF_BYTES // 5


def junk(value: Any, rng: np.random.Generator) -> Any:
    """Something else in a tensor's place."""
    return [5, None, "x", [value], value[:1], value.half(), value.to_sparse(), value.double(), {}][rng.integers(9)]


def one_change(content: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """A checkpoint with another header, another tensor, or one that is missing, too many or called otherwise."""
    changed = copy.deepcopy(content)
    state = changed["state_dict"]
    name = list(state)[rng.integers(len(state))]
    kind = rng.integers(8)
    if kind == 0:
        del state[name]
    elif kind == 1:
        state[f"{name}x"] = state[name]
    elif kind == 2:
        state[name] = junk(state[name], rng)
    elif kind == 3:
        changed["state_dict"] = [None, [], "x", 3][rng.integers(4)]
    else:
        changed[HEADER] = trees.one_change(changed[HEADER], rng)
    return changed


@pytest.mark.slow
def test_content_of_a_checkpoint(tmp_path):
    path, whole, rng = tmp_path / "last.ckpt", own(), np.random.default_rng(0)
    outcomes: Counter[str] = Counter()
    for _ in range(OF_CONTENT):
        content = one_change(whole, rng)
        torch.save(content, path)
        sam = nano()
        try:
            attach_from(path, sam)
        except ValueError as error:
            outcomes[refused(error, path)] += 1
            continue
        expected = {name.removeprefix("base."): tensor for name, tensor in content["state_dict"].items()}
        trained = trained_parameters(sam)
        assert trained.keys() == expected.keys()
        assert all(torch.equal(trained[name], tensor.float()) for name, tensor in expected.items())
        outcomes["read"] += 1
    assert outcomes["refused"] > OF_CONTENT // 3


@pytest.mark.slow
def test_content_of_weights(tmp_path):
    path, rng = tmp_path / "weights.pt", np.random.default_rng(0)
    whole, sam = dict(nano(1).state_dict()), nano()
    names = list(whole)
    before = {name: tensor.clone() for name, tensor in sam.state_dict().items()}
    for _ in range(20):
        content: Any = dict(whole)
        name = names[rng.integers(len(names))]
        content[name] = junk(content[name], rng)
        torch.save({"model": content}, path)
        try:
            load_weights(sam, path)
        except ValueError as error:
            refused(error, path)
            assert all(torch.equal(tensor, before[key]) for key, tensor in sam.state_dict().items())
            continue
        assert all(torch.equal(tensor, content[key].to(tensor.dtype)) for key, tensor in sam.state_dict().items())
        sam = nano()
