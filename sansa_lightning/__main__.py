"""python -m sansa_lightning, and the console script sansa-lightning."""

import os
import sys
from collections.abc import Sequence

from sansa_lightning.runs.interrupts import ignore_requests, interruptible


@interruptible()
def main(args: Sequence[str] | None = None) -> None:
    """The command line of this process; slow imports come after it has become interruptible.

    Classes in the current folder are found however it is started: ``python -m`` looks there first, a console script
    would look in its own folder.
    """
    if not sys.flags.safe_path and not {"", os.getcwd()} & set(sys.path):  # noqa: PTH109  in Python's own spelling
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    from sansa_lightning.cli import main as command_line

    command_line(args)


def program() -> None:
    """:func:`main` as a whole process, which does nothing else but end."""
    try:
        main()
    finally:
        ignore_requests()


if __name__ == "__main__":
    program()
