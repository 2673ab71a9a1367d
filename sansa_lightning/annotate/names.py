"""Names of classes, which stand in files, tables and pages."""

from __future__ import annotations

from typing import Any

from sansa_lightning.files.messages import brief


def check_class_name(name: Any, where: str) -> str:
    """A name of a class, checked.

    Args:
        name: what was given.
        where: it was given, for the message.

    Raises:
        ValueError: it is no text, empty, or has characters that are not printable.
    """
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        msg = f"{where}: expected names of classes of printable characters, but got {brief(name)}"
        raise ValueError(msg)
    return name
