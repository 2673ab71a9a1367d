"""The commands beside Lightning's own, and where each is: ``python -m sansa_lightning <command> ...``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

Command = Callable[[Sequence[str]], int]
"""Takes the arguments after the command's name and gives the exit status; bad input is a ValueError or an OSError."""

COMMANDS: dict[str, str] = {}
"""Name to ``module:function``; imported when called, so that one command does not pay for the others."""


def command(name: str) -> Command:
    """The function behind a name of :data:`COMMANDS`."""
    module, function = COMMANDS[name].split(":")
    found: Command = getattr(import_module(module), function)
    return found
