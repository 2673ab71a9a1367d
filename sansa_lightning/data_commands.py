"""The commands under ``data``, and where each is: ``python -m sansa_lightning data <command> ...``."""

from __future__ import annotations

from collections.abc import Sequence

from sansa_lightning.commands import function_at

DATA_COMMANDS: dict[str, str] = {
    "describe": "sansa_lightning.describe.command:main",
    "prepare": "sansa_lightning.prepare.command:prepare",
    "verify": "sansa_lightning.prepare.command:verify",
}
"""Name to ``module:function``, as in ``COMMANDS``."""


def main(args: Sequence[str]) -> int:
    """Run one of the commands.

    Returns:
        Its exit status.

    Raises:
        ValueError: there is no such command.
    """
    usage = f"expected data {', '.join(DATA_COMMANDS)}, followed by its options"
    if not args or args[0] not in DATA_COMMANDS:
        if args and args[0] in ("-h", "--help"):
            print(f"{usage}; each has --help")
            return 0
        msg = f"{usage}, but got {' '.join(['data', *args[:1]])!r}"
        raise ValueError(msg)
    return function_at(DATA_COMMANDS[args[0]])(args[1:])
