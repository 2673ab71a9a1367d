"""Tensors out of a file against those that they are to be copied into: names, kinds, sizes and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from sansa_lightning.files.messages import plain

FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""What a floating-point tensor may be stored as; it is converted to the type here."""


def compare(state: Mapping[str, Any], own: Mapping[str, Tensor]) -> list[str]:
    """What of ``own`` is missing in ``state`` or cannot be copied from it, one phrase a kind, none if all is well.

    Args:
        state: names and, it is hoped, tensors of a file.
        own: the tensors here; only shape and dtype are looked at, so they may be on the meta device.
    """
    problems = []
    if missing := own.keys() - state.keys():
        problems.append(f"missing {summary(missing)}")
    shared = sorted(own.keys() & state.keys())
    if odd := [name for name in shared if not is_dense(state[name])]:
        return [
            *problems,
            f"{len(odd)} entries that are no dense tensors, first {shown(odd[0])}: {kind(state[odd[0]])}",
        ]
    if wrong := [name for name in shared if state[name].shape != own[name].shape]:
        name = wrong[0]
        found, expected = list(state[name].shape), list(own[name].shape)
        problems.append(f"{len(wrong)} tensors of another size, first {name}: {found} in the file, {expected} here")
    if wrong := [name for name in shared if not _storable(state[name].dtype, own[name].dtype)]:
        problems.append(_of_another_type(wrong, state, own))
    if not problems and (wrong := [name for name in shared if not_finite(state[name], own[name].dtype)]):
        name = wrong[0]
        bad, all_of_it = not_finite(state[name], own[name].dtype), state[name].numel()
        problems.append(
            f"{len(wrong)} tensors with NaN or infinity, first {name}: {bad} of its {all_of_it} values are not finite"
        )
    return problems


def is_dense(value: Any) -> bool:
    """Whether it is a plain tensor with numbers in it.

    Sparse, nested and quantised ones, those on the meta device, views that repeat a few numbers for as many as they
    like, and classes that compute otherwise are none.
    """
    return (
        type(value) in (Tensor, torch.nn.Parameter)
        and value.layout == torch.strided
        and not (value.is_quantized or value.is_meta or value.is_nested)
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def kind(value: Any) -> str:
    """What something is, in the words of a message."""
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    if value.is_meta:
        return "a tensor without numbers (meta)"
    if value.is_nested or value.is_quantized:
        return "a nested tensor" if value.is_nested else f"a quantised tensor ({_name(value.dtype)})"
    if value.layout != torch.strided:
        return f"a tensor of layout {_name(value.layout)}"
    if type(value) in (Tensor, torch.nn.Parameter):
        return f"a view that repeats its numbers, as {list(value.shape)}"
    return f"a {type(value).__name__}"


def not_finite(value: Tensor, dtype: torch.dtype) -> int:
    """How many values are NaN or infinite, or become so in a type of less range."""
    if not value.is_floating_point():
        return 0
    return int((~torch.isfinite(value.detach().to(dtype))).sum())


def summary(keys: set[str] | frozenset[str]) -> str:
    """How many keys, and the first of them."""
    return f"{len(keys)} tensors, first {shown(min(map(str, keys)))}"


def shown(name: str) -> str:
    """A name out of a file as a message can show it."""
    return plain(name, 120)


def _storable(found: torch.dtype, own: torch.dtype) -> bool:
    return found in FLOATING if own.is_floating_point else found == own


def _of_another_type(wrong: list[str], state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    name = wrong[0]
    expected = ", ".join(map(_name, FLOATING)) if own[name].dtype.is_floating_point else _name(own[name].dtype)
    return f"{len(wrong)} tensors of another type, first {name}: {_name(state[name].dtype)}; expected {expected}"


def _name(value: Any) -> str:
    return str(value).removeprefix("torch.")
