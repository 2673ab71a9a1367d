"""The beginning of every command line: light commands are answered at once, others import torch and Lightning first."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from sansa_lightning.cli.commands import COMMANDS, GROUPS, call, named, overview
from sansa_lightning.cli.recipes import Recipe, chosen_recipe, config_files, options
from sansa_lightning.files.shipped import with_located
from sansa_lightning.runs.failures import one_line_errors
from sansa_lightning.runs.folder import RUN_VARIABLE, interruption, release_folder
from sansa_lightning.runs.interrupts import end_further_processes, first_process, interruptible

HELP = ("-h", "--help")


def _interrupted(signal: str) -> str:
    end_further_processes()
    return interruption(signal)


@interruptible(_interrupted, release_folder)
def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; see :func:`~sansa_lightning.runs.failures.one_line_errors` for its end after an error.

    After Ctrl-C or SIGTERM it ends with one line and exit status 130 or 143.

    Args:
        args: as after ``python -m sansa_lightning``; those of the process if None.
    """
    if "LOCAL_RANK" not in os.environ:
        os.environ.pop(RUN_VARIABLE, None)  # of an earlier call in this process
    given = with_located(sys.argv[1:] if args is None else args)
    with one_line_errors():
        if text := _answer(given):
            print(text)
            raise SystemExit(0)
        name, rest = named(given)
        if COMMANDS[name].place:
            raise SystemExit(call(name, rest))
        recipe = chosen_recipe(rest)
        _announce(name, recipe, rest)
        from sansa_lightning.cli.run import run

        run(recipe, given)


def _answer(given: Sequence[str]) -> str:
    """The text printed for a command line without a command; empty if there is one."""
    if given and given[-1] in HELP and given[:-1] in ([], *([group] for group in GROUPS)):
        return overview(*given[:-1])
    if list(given) == ["--version"]:
        return f"sansa_lightning {version('sansa_lightning')}"
    if list(given) == ["--print_completion"]:
        from sansa_lightning.cli.completion import script  # imports Lightning, which has its own options

        return script()
    return ""


def _announce(name: str, recipe: Recipe, args: Sequence[str]) -> None:
    """Announce the run on stderr, once, since the import of torch and Lightning takes seconds."""
    asks = any(arg in HELP or arg.endswith(".help") or arg.startswith("--print_config") for arg in args)
    if first_process() and not asks:
        files = ", ".join(config_files(options(args))) or "its defaults"
        sys.stderr.write(f"{name}: recipe {recipe.name}, configured by {files}\n")
        sys.stderr.flush()
