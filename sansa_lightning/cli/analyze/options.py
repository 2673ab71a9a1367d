"""Options and help of the command ``analyze``, without torch."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sansa_lightning.analysis.kinds.names import KINDS
from sansa_lightning.cli.recipes import FEW_SHOT, chosen_recipe, settings
from sansa_lightning.cli.short_error import nearest

OWN = "analysis."
"""Start of the keys of an analysis's own options."""


@dataclass(frozen=True)
class Options:
    """The options of a command line.

    Attributes:
        name: of the analysis.
        config: experiment and ablation files, in this order.
        ckpt: a checkpoint or published adapter, or the folder of a run; None for the model as it is before training.
        out: folder of the findings.
        device: to compute on; None for a GPU if there is one.
        own: the analysis's own options and their values, without ``OWN``.
        settings: dotted keys of the configuration and their values, on top of the files.
    """

    name: str
    config: tuple[Path, ...]
    ckpt: Path | None
    out: Path
    device: str | None
    own: Mapping[str, str]
    settings: Mapping[str, str]


def main(args: Sequence[str]) -> int:
    """The command; see :func:`sansa_lightning.cli.analyze.command.analyze`."""
    asked = read_options(args)
    from sansa_lightning.cli.analyze.command import analyze

    return analyze(asked)


def read_options(args: Sequence[str]) -> Options:
    """The options of a command line.

    Args:
        args: as after ``analyze``.

    Raises:
        ValueError: an option is wrong, or the configuration belongs to another recipe.
        SystemExit: the requested help has been printed.
    """
    try:
        given, rest = _parser().parse_known_args(args)
    except argparse.ArgumentError as error:
        raise ValueError(str(error)) from error
    if given.name not in KINDS:
        got = f"{given.name!r}; {nearest(given.name, KINDS)}" if given.name else "nothing; see --help"
        msg = f"analyze: expected one of {', '.join(KINDS)}, but got {got}"
        raise ValueError(msg)
    if (recipe := chosen_recipe(args)).name != FEW_SHOT:
        msg = f"recipe: expected {FEW_SHOT}, whose model and episodes can be analysed, but got {recipe.name!r}"
        raise ValueError(msg)
    found = settings(rest)
    own = {key.removeprefix(OWN): value for key, value in found.items() if key.startswith(OWN)}
    others = {key: value for key, value in found.items() if not key.startswith(OWN)}
    out = given.out or Path("analyses") / given.name
    return Options(given.name, tuple(given.config), given.ckpt, out, given.device, own, others)


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {name:<15}{kind.says}" for name, kind in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="sansa_lightning analyze",
        description="Look into features, masks and memories of a model, frozen and adapted, on its test data.",
        epilog=f"analyses:\n{kinds}\n\nEach has options of its own, --analysis.NAME (docs/analysis.md); any key of\n"
        "the configuration can follow, too, such as --data.protocol.init_args.fold 1.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        exit_on_error=False,
    )
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="one of the analyses below")
    parser.add_argument(
        "--config", "-c", action="append", type=Path, default=[], help="experiment and ablation files, in this order"
    )
    parser.add_argument("--ckpt", type=Path, help="checkpoint, published adapter, or folder of a run")
    parser.add_argument("--out", type=Path, help="folder of the findings; analyses/NAME if not given")
    parser.add_argument("--device", help="to compute on, such as cpu or cuda; a GPU if there is one")
    return parser
