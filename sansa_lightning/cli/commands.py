"""The commands with their purposes and places. Imports none of them, so that one does not load the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from sansa_lightning.cli.short_error import nearest

Main = Callable[[Sequence[str]], int]
"""Takes the arguments after the command's name and gives the exit status; bad input is a ValueError or an OSError."""


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        says: its purpose, in a sentence.
        place: ``module:function`` of its :data:`Main`; empty for commands that run a recipe.
    """

    says: str
    place: str = ""


COMMANDS: dict[str, Command] = {
    "fit": Command("Train, and score the trained model on the test episodes."),
    "validate": Command("Score a checkpoint, or the base alone, on the validation episodes."),
    "test": Command("Score a checkpoint, or the base alone, on the test episodes."),
    "predict": Command("Write the predicted masks of the test episodes, with overlays."),
    "annotate": Command(
        "Find the classes of a few annotated pictures in many others.",
        "sansa_lightning.annotate.options:main",
    ),
    "page": Command(
        "Mark an object in one picture and see it in others, on a local web page.",
        "sansa_lightning.page.options:main",
    ),
    "ablate": Command(
        "Execute the missing runs of tables, and print the tables.",
        "sansa_lightning.ablate.options:ablate",
    ),
    "params": Command("Count the trained parameters of each row of a table.", "sansa_lightning.ablate.options:params"),
    "analyze": Command(
        "Look into the features, masks and memories of a model, frozen and adapted.",
        "sansa_lightning.cli.analyze.options:main",
    ),
    "report": Command(
        "Collect runs in tables and figures, beside the papers' numbers where they are of the same experiment.",
        "sansa_lightning.report.command:report",
    ),
    "publish": Command(
        "Write a trained adapter with a model card for the Hugging Face hub, and push it if there is a token.",
        "sansa_lightning.publish.command:publish",
    ),
    "data describe": Command(
        "Describe the data that a configuration trains and tests on, and draw some episodes.",
        "sansa_lightning.describe.options:main",
    ),
    "data prepare": Command(
        "Fetch, unpack and check the data of a benchmark.", "sansa_lightning.prepare.command:prepare"
    ),
    "data verify": Command(
        "List what is missing or broken in the data of a benchmark.", "sansa_lightning.prepare.command:verify"
    ),
}
"""By name; commands of a group have two words."""

GROUPS = tuple(dict.fromkeys(name.partition(" ")[0] for name in COMMANDS if " " in name))
"""First words of two-word names."""

RUNS = tuple(name for name, command in COMMANDS.items() if not command.place)
"""Commands that run a recipe."""


def named(args: Sequence[str]) -> tuple[str, list[str]]:
    """The command on a command line, and the arguments after its name.

    Args:
        args: as after ``python -m sansa_lightning``.

    Raises:
        ValueError: it names none.
    """
    first = args[0] if args else ""
    if first in COMMANDS:
        return first, list(args[1:])
    if members := _members(first):
        if (name := " ".join(args[:2])) in COMMANDS:
            return name, list(args[2:])
        msg = f"expected {first} {', '.join(members)}, followed by its options, but got {name!r}"
        raise ValueError(msg)
    if first.startswith("-") and (run := next((arg for arg in args if arg in RUNS), None)):
        msg = f"options and --config come after the command: {run} --config FILE"
        raise ValueError(msg)
    known = dict.fromkeys(name.partition(" ")[0] for name in COMMANDS)
    got = f"{first!r}; {nearest(first, known)}" if first else "nothing; see --help"
    msg = f"command: expected one of {', '.join(known)}, but got {got}"
    raise ValueError(msg)


def overview(group: str = "") -> str:
    """The help: every command with its sentence.

    Args:
        group: only those whose name begins with this word.
    """
    shown = {name: command for name, command in COMMANDS.items() if not group or name.startswith(f"{group} ")}
    width = max(map(len, shown)) + 2
    return "\n".join(
        [
            f"usage: sansa_lightning {group + ' ' if group else ''}COMMAND [options]",
            "",
            "Few-shot segmentation with Segment Anything 2: train, compare and apply adapters.",
            "",
            "commands:",
            *(f"  {name:<{width}}{command.says}" for name, command in shown.items()),
            "",
            "Each has --help. Without a command: --version, and --print_completion for a bash completion script.",
        ]
    )


def call(name: str, args: Sequence[str]) -> int:
    """Run a command without a recipe.

    Returns:
        Its exit status.
    """
    module, function = COMMANDS[name].place.split(":")
    found: Main = getattr(import_module(module), function)
    return found(args)


def _members(group: str) -> list[str]:
    """The second words of the commands of a group."""
    return [name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{group} ")]
