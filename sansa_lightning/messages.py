"""Turns a parser's error into the one line that a person needs: what is wrong, and the nearest thing that is right."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

UNKNOWN_KEY = re.compile(
    r"(?:does not accept option|Option|unrecognized arguments:) ['-]*(?P<key>[\w.]+?)(?:\.class_path)?(?:['=\s]|$)"
)
UNKNOWN_CLASS = re.compile(r"Expected a dot import path string: (?P<name>\w+)")


def short_error(parser: ArgumentParser, message: str, modules: Iterable[ModuleType]) -> str:
    """One line: the parser's message, and for a misspelt key or class the nearest ones.

    Args:
        parser: what raised it; knows the keys.
        message: the parser's own.
        modules: those whose ``__all__`` lists the classes that a configuration can name.
    """
    line = " ".join(message.split())
    classes = {name: getattr(module, name) for module in modules for name in module.__all__}
    if found := UNKNOWN_CLASS.search(line):
        return f"{line}; {_nearest(found['name'], classes) or 'known are ' + ', '.join(sorted(classes))}"
    if found := UNKNOWN_KEY.search(line):
        keys = {key.split(".", 1)[-1] if key.startswith("fit.") else key for key, _ in parser.get_defaults().items()}
        keys |= {key.rsplit(".", depth)[0] for key in keys for depth in (1, 2)}
        arguments = {name for each in classes.values() for name in inspect.signature(each).parameters}
        known = keys if "." in found["key"] else arguments | keys
        hint = _nearest(found["key"], known)
        return f"{line}; {hint}" if hint else f"{line}; see --help"
    return line


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=2, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else ""
