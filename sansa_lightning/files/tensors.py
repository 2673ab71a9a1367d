"""Compare the tensors of a file with those that they will be copied into: names, kinds, sizes and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from sansa_lightning.files.messages import counted, plain

FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""The types in which a file may store a floating-point tensor; it is converted to the type here."""


def compare(state: Mapping[str, Any], own: Mapping[str, Tensor]) -> list[str]:
    """The tensors of ``own`` that ``state`` lacks or that do not fit: a phrase for each fault, none if all is well.

    Args:
        state: the content of a file, tensors by name if all is well.
        own: the tensors here; only shape and dtype are looked at, so they may be on the meta device.
    """
    problems = []
    if missing := own.keys() - state.keys():
        problems.append(f"missing {summary(missing)}")
    shared = sorted(own.keys() & state.keys())
    if odd := [name for name in shared if not is_dense(state[name])]:
        return [
            *problems,
            f"{counted(len(odd), 'entry', 'entries')} other than dense tensors, "
            f"first {shown(odd[0])}: {kind(state[odd[0]])}",
        ]
    if wrong := [name for name in shared if state[name].shape != own[name].shape]:
        name = wrong[0]
        found, expected = list(state[name].shape), list(own[name].shape)
        many = counted(len(wrong), "tensor")
        problems.append(f"{many} of another size, first {name}: {found} in the file, {expected} here")
    if wrong := [name for name in shared if not _storable(state[name].dtype, own[name].dtype)]:
        problems.append(_of_another_type(wrong, state, own))
    if not problems and (wrong := [name for name in shared if not_finite(state[name], own[name].dtype)]):
        name = wrong[0]
        bad, all_of_it = not_finite(state[name], own[name].dtype), state[name].numel()
        problems.append(
            f"{counted(len(wrong), 'tensor')} with NaN or infinity, first {name}: "
            f"{bad} of its {all_of_it} values are not finite"
        )
    return problems


def is_dense(value: Any) -> bool:
    """Whether a value is a plain tensor with numbers in it.

    Not plain are sparse, nested, quantised and meta tensors, views that repeat their numbers (expanded ones), and
    subclasses of Tensor.
    """
    return (
        type(value) in (Tensor, torch.nn.Parameter)
        and value.layout == torch.strided
        and not (value.is_quantized or value.is_meta or value.is_nested)
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def kind(value: Any) -> str:
    """The kind of a value, as a message calls it."""
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
    """The number of values that are NaN or infinite, or become so in ``dtype``."""
    if not value.is_floating_point():
        return 0
    return int((~torch.isfinite(value.detach().to(dtype))).sum())


def summary(keys: set[str] | frozenset[str]) -> str:
    """The number of keys, and the first of them."""
    return f"{counted(len(keys), 'tensor')}, first {shown(min(map(str, keys)))}"


def shown(name: str) -> str:
    """A name from a file, safe to print."""
    return plain(name, 120)


def _storable(found: torch.dtype, own: torch.dtype) -> bool:
    return found in FLOATING if own.is_floating_point else found == own


def _of_another_type(wrong: list[str], state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    name = wrong[0]
    expected = ", ".join(map(_name, FLOATING)) if own[name].dtype.is_floating_point else _name(own[name].dtype)
    many = counted(len(wrong), "tensor")
    return f"{many} of another type, first {name}: {_name(state[name].dtype)}; expected {expected}"


def _name(value: Any) -> str:
    return str(value).removeprefix("torch.")
