"""Options and help of the commands ``ablate`` and ``params``, without torch."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from sansa_lightning.files.shipped import located
from sansa_lightning.runs.folder import expanded


def ablate(args: Sequence[str]) -> int:
    """The command ``ablate``; see :func:`sansa_lightning.ablate.command.ablate` for its exit status."""
    given = ablate_parser().parse_args(args)
    from sansa_lightning.ablate import command

    return command.ablate(given)


def params(args: Sequence[str]) -> int:
    """The command ``params``; see :func:`sansa_lightning.ablate.params.params` for its exit status."""
    given = params_parser().parse_args(args)
    from sansa_lightning.ablate.params import params as count

    return count(given)


def ablate_parser() -> argparse.ArgumentParser:
    """Options of ``ablate``."""
    made = argparse.ArgumentParser("sansa_lightning ablate", allow_abbrev=False)
    made.add_argument("tables", nargs="+", type=located, metavar="TABLE", help="table files: ablations/tables/*.yaml")
    made.add_argument(
        "--config", action="append", type=located, default=[], help="experiment, in the place of a table's"
    )
    made.add_argument("--adjust", type=located, help="what strategies need there: ablations/tables/adjust/*.yaml")
    made.add_argument("--folds", type=_numbers, help="such as 0,1; a table's own if not given")
    made.add_argument("--seeds", type=_numbers, help="such as 0,1,2; a table's own if not given")
    made.add_argument("--runs", type=expanded, default=Path("runs/ablate"), help="folder of the runs and tables")
    made.add_argument(
        "--recorded", type=located, help="tables (.json) of earlier calls: ablations/results; not run again"
    )
    made.add_argument(
        "--launcher",
        choices=("local", "slurm", "none"),
        default="local",
        help="where the runs are executed; none: nowhere, the tables show the finished ones",
    )
    made.add_argument("--jobs", type=int, default=1, help="local: runs at a time, which share the cores")
    made.add_argument("--slurm", action="append", default=[], metavar="KEY=VALUE", help="slurm: settings of a job")
    return made


def params_parser() -> argparse.ArgumentParser:
    """Options of ``params``."""
    made = argparse.ArgumentParser("sansa_lightning params", allow_abbrev=False)
    made.add_argument("tables", nargs="+", type=located, metavar="TABLE", help="table files: ablations/tables/*.yaml")
    made.add_argument("--base", default="sam2_hiera_large", help="base of the rows that name none; as model.base.name")
    return made


def _numbers(text: str) -> tuple[int, ...]:
    """From "0,1" to (0, 1); for anything else argparse says that the value is invalid."""
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise ValueError
    return numbers
