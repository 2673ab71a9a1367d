"""Modules that are run by ``python -m``: bad input is one line on stderr and exit status 2, as of the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable

from sansa_lightning.messages import one_line


def run_script(main: Callable[[], None]) -> None:
    """Run the main function of a module.

    Raises:
        SystemExit: with status 2, after a ValueError or an OSError.
    """
    try:
        main()
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {one_line(error)}\n")
        raise SystemExit(2) from error
