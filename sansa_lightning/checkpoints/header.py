"""The header of a checkpoint, which gives its tensors their meaning, and checks of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from sansa_lightning.files.messages import brief, counted, plain
from sansa_lightning.files.tensors import is_dense, kind

HEADER = "sansa_lightning"
"""Key of a checkpoint's header; a file without it may be a published adapter."""

PARTS = ("base.", "method.")
"""Beginnings of the names of a model's trained tensors, in the checkpoint and in the model."""

HEADER_KEYS: dict[str, dict[str, type]] = {
    "strategy": {"class": str, "settings": Mapping},
    "method": {"class": str, "settings": Mapping},
    "base": {"name": str, "fingerprint": str},
}
"""Required entries of a header, and their types."""

FIRST_METHOD = "Sansa"
"""The method of checkpoints from before headers named it."""

MOST_VALUES = 10_000
"""Levels of nesting that a header may have; one that contains itself never ends."""


def own_parts(content: Mapping[str, Any], where: str) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    """Header and trained tensors of a checkpoint of a run, by their names in the model.

    Args:
        content: of the file.
        where: the file, for the message.

    Raises:
        ValueError: an entry is missing, has another type, or holds more than plain values.
    """
    found = dict(plain_header(content, where))
    found.setdefault("method", {"class": FIRST_METHOD, "settings": {}})
    for part, keys in HEADER_KEYS.items():
        for key, wanted in keys.items():
            _part(_part(found, part, Mapping, where), key, wanted, where)
    state = tensors_by_name(content, where)
    if wrong := [name for name in state if not name.startswith(PARTS)]:
        msg = (
            f"{where} does not fit what trains here: unexpected {counted(len(wrong), 'name')}, "
            f"first {brief(wrong[0], 120)}; "
            f"expected {' or '.join(f'{part}<...>' for part in PARTS)}"
        )
        raise ValueError(msg)
    return found, dict(state)


def plain_header(content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The header of any checkpoint, as values that can be compared and shown.

    Args:
        content: of the file.
        where: the file, for the message.

    Raises:
        ValueError: there is none, or it holds more than plain values.
    """
    found: Mapping[str, Any] = _part(content, HEADER, Mapping, where)
    if (odd := not_plain(found)) is not None:
        msg = f"{where} is not a whole checkpoint of this project: its {HEADER!r} holds a {odd}, not a plain value"
        raise ValueError(msg)
    return found


def tensors_by_name(content: Mapping[str, Any], where: str) -> Mapping[str, Tensor]:
    """The tensors of any checkpoint, by their names in the file.

    Args:
        content: of the file.
        where: the file, for the message.

    Raises:
        ValueError: there are none, or an entry is not a named tensor; says how many there are.
    """
    _part(content, HEADER, Mapping, where)
    state = _part(content, "state_dict", Mapping, where)
    if unnamed := [name for name in state if not isinstance(name, str)]:
        msg = (
            f"{where} is not a whole checkpoint of this project: its 'state_dict' has "
            f"{counted(len(unnamed), 'key')} other than names, first {brief(unnamed[0])}"
        )
        raise ValueError(msg)
    if odd := [name for name, value in state.items() if not is_dense(value)]:
        msg = (
            f"{where} is not a whole checkpoint of this project: its 'state_dict' has "
            f"{counted(len(odd), 'entry', 'entries')} other than dense tensors, first {brief(odd[0], 120)}: "
            f"{kind(state[odd[0]])}"
        )
        raise ValueError(msg)
    return dict(state)


def _part(content: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    if key in content and isinstance(content[key], kind):
        return content[key]
    fault = f"is a {type(content[key]).__name__}" if key in content else "is missing"
    msg = f"{where} is not a whole checkpoint of this project: its {key!r} {fault}; expected a {kind.__name__.lower()}"
    raise ValueError(msg)


def not_plain(value: Any) -> str | None:
    """The type of the first value in nested containers that is not plain; None if all are."""
    waiting, seen = [value], 0
    while waiting:
        each, seen = waiting.pop(), seen + 1
        if seen > MOST_VALUES:
            return "container without end"
        if isinstance(each, Mapping):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple):
            waiting += each
        elif not isinstance(each, str | int | float | None):
            return type(each).__name__
    return None


def check_header(found: Mapping[str, Any], expected: Mapping[str, Any], where: str) -> None:
    """Refuse a checkpoint that belongs to another base, strategy or method.

    Args:
        found: the header of the file.
        expected: entries of a header, all of whose values the file must have.
        where: the file, for the message.

    Raises:
        ValueError: names the difference.
    """
    for part, values in expected.items():
        for key, value in values.items():
            if (there := found[part].get(key)) != value:
                named = f": {plain(found[part]['name'])}, with the weights of then" if key == "fingerprint" else ""
                msg = (
                    f"{where}: its {part} {key} is {brief(there, 400)}, but here it is {brief(value, 400)}; "
                    f"use the {part} that it was trained with{named}"
                )
                raise ValueError(msg)
