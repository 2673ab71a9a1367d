"""The commands beside Lightning's own, and where each is: ``python -m sansa_lightning <command> ...``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

Command = Callable[[Sequence[str]], int]
"""Takes the arguments after the command's name and gives the exit status; bad input is a ValueError or an OSError."""

COMMANDS: dict[str, str] = {
    "ablate": "sansa_lightning.ablate.command:main",
    "params": "sansa_lightning.ablate.params:main",
    "data": "sansa_lightning.data_commands:main",
}
"""Name to ``module:function``; imported when called, so that one command does not pay for the others."""


def command(name: str) -> Command:
    """The function behind a name of :data:`COMMANDS`."""
    return function_at(COMMANDS[name])


def function_at(place: str) -> Command:
    """The function at ``module:function``."""
    module, name = place.split(":")
    found: Command = getattr(import_module(module), name)
    return found
