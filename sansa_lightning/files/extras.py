"""Libraries of optional extras: a missing one is one line that says how to get it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec


def check_extra(user: str, modules: Mapping[str, str], extra: str) -> None:
    """Check that libraries are installed, without importing them.

    Args:
        user: who needs them, for the message.
        modules: as they are imported, each with the package that brings it.
        extra: of this package, which brings them all.

    Raises:
        ValueError: one is missing; names it and the extra.
    """
    if missing := [package for module, package in modules.items() if find_spec(module) is None]:
        msg = f"{user} needs {' and '.join(missing)}: pip install 'sansa_lightning[{extra}]'"
        raise ValueError(msg)
