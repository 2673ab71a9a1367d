"""The constructor's arguments of an object, as a checkpoint keeps them; and classes by their names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any


def plain_settings(built: Any) -> dict[str, Any]:
    """The constructor's arguments as plain values, from an object that keeps each under its own name."""
    return {name: _plain(getattr(built, name)) for name in inspect.signature(type(built)).parameters}


def known_classes(root: type) -> dict[str, Any]:
    """Every imported class below ``root``, by its name; so a name in a file cannot make us import anything.

    Abstract classes are left out.
    """
    unseen: list[type] = [root]
    found: dict[str, type] = {}
    while unseen:
        children: list[type] = unseen.pop().__subclasses__()
        unseen += children
        found.update({child.__name__: child for child in children if not inspect.isabstract(child)})
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def class_and_settings(built: Any) -> dict[str, Any]:
    """The class of an object and its constructor's arguments, as plain values; for one inside another's settings."""
    return {"class": type(built).__name__, "settings": plain_settings(built)}


def from_class_and_settings(root: type, found: Mapping[str, Any]) -> Any:
    """The object that gave these :func:`class_and_settings`.

    Args:
        root: class that its class is below.
        found: ``class`` and ``settings``.

    Raises:
        ValueError: its module was not imported.
    """
    known = known_classes(root)
    if found["class"] not in known:
        msg = f"{root.__name__} {found['class']!r} is not known; import its module first; known: {sorted(known)}"
        raise ValueError(msg)
    return known[found["class"]](**found["settings"])
