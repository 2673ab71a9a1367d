"""Tensors of a file against those that they are to be copied into."""

from __future__ import annotations

import pytest
import torch

from sansa_lightning.files.tensors import compare, is_dense, kind, not_finite, summary

OWN = {"a": torch.zeros(2, 3), "b": torch.zeros(4), "n": torch.zeros(2, dtype=torch.long)}


def changed(**entries):
    return {**OWN, **entries}


@pytest.mark.parametrize(
    ("state", "problems"),
    [
        (OWN, []),
        (changed(a=torch.nn.Parameter(torch.ones(2, 3).half())), []),
        (changed(extra=3), []),
        ({}, ["missing 3 tensors, first a"]),
        (changed(a=torch.zeros(6)), ["1 tensor of another size, first a: [6] in the file, [2, 3] here"]),
        (changed(a=None, b=3), ["2 entries other than dense tensors, first a: a NoneType"]),
        (changed(b=torch.zeros(4, dtype=torch.int8)), ["1 tensor of another type, first b: int8; expected {}"]),
        (changed(n=torch.zeros(2)), ["1 tensor of another type, first n: float32; expected int64"]),
        (changed(n=torch.zeros(2, dtype=torch.int32)), ["1 tensor of another type, first n: int32; expected int64"]),
        (
            changed(a=torch.tensor([[1.0, torch.nan, 0], [torch.inf, -torch.inf, 0]])),
            ["1 tensor with NaN or infinity, first a: 3 of its 6 values are not finite"],
        ),
        (
            changed(b=torch.tensor([1e300, 1.0, 1e39, 0.0], dtype=torch.float64)),
            ["1 tensor with NaN or infinity, first b: 2 of its 4 values are not finite"],
        ),
        (
            {"a": torch.zeros(1), "b": torch.zeros(4, dtype=torch.bool)},
            [
                "missing 1 tensor, first n",
                "1 tensor of another size, first a: [1] in the file, [2, 3] here",
                "1 tensor of another type, first b: bool; expected {}",
            ],
        ),
    ],
)
def test_compare(state, problems):
    floats = "float16, bfloat16, float32, float64"
    assert compare(state, OWN) == [problem.format(floats) for problem in problems]
    assert compare(state, {name: tensor.to("meta") for name, tensor in OWN.items()}) == compare(state, OWN)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.zeros(3).to_sparse(), "a tensor of layout sparse_coo"),
        (torch.eye(3).to_sparse_csr(), "a tensor of layout sparse_csr"),
        (torch.zeros(3, device="meta"), "a tensor without numbers (meta)"),
        (torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8), "a quantised tensor (qint8)"),
        (torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), "a nested tensor"),
        (torch.zeros(1).expand(5, 5), "a view that repeats its numbers, as [5, 5]"),
        ([1.0], "a list"),
    ],
)
def test_what_is_not_dense(value, words):
    assert not is_dense(value)
    assert kind(value) == words


@pytest.mark.parametrize("value", [torch.zeros(3), torch.zeros(0), torch.tensor(1.0), torch.zeros(4, 4)[1:3, ::2]])
def test_what_is_dense(value):
    assert is_dense(value)


def test_not_finite():
    assert not_finite(torch.tensor([1.0, torch.nan, torch.inf]), torch.float32) == 2
    assert not_finite(torch.tensor([65_504.0, 65_536.0, 1e5]), torch.float16) == 2
    assert not_finite(torch.tensor([1, 2]), torch.float32) == 0


def test_summary_is_short_and_can_be_printed():
    assert summary({"b", "a"}) == "2 tensors, first a"
    assert summary({"x" * 9000}) == f"1 tensor, first {'x' * 120}"
    assert summary({"a\nb\x00"}) == "1 tensor, first a b?"
