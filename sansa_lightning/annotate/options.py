"""Options and help of the command ``annotate``, without torch."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from sansa_lightning.files.messages import brief

LARGE = "sam2_hiera_large"
"""The base if neither an option nor an adapter names one."""

MEMORIES = ".safetensors"
"""Ending of a file of memories, in place of references."""


@dataclass(frozen=True)
class Shard:
    """One of several equal parts of a job.

    Attributes:
        number: from 0 on.
        of: number of parts.
    """

    number: int = 0
    of: int = 1


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are a ValueError of one line."""

    def error(self, message: str) -> NoReturn:
        msg = f"{message}; see annotate --help"
        raise ValueError(msg)


def main(args: Sequence[str]) -> int:
    """The command; see :func:`sansa_lightning.annotate.job.command.annotate`."""
    asked = read_options(args)
    from sansa_lightning.annotate.job.command import annotate

    return annotate(asked)


def read_options(args: Sequence[str]) -> argparse.Namespace:
    """The options of a command line.

    Args:
        args: as after ``annotate``.

    Raises:
        ValueError: an option is wrong.
        SystemExit: the requested help has been printed.
    """
    parser = _Parser(
        prog="sansa_lightning annotate",
        description="Masks for your own pictures by a few references of each class; see docs/annotate.md.",
        epilog="Run the same command again to go on where it was interrupted.",
        allow_abbrev=False,
    )
    for add in (_add_data, _add_model, _add_objects, _add_results, _add_work):
        add(parser)
    asked = parser.parse_args(args)
    if asked.out.suffix != ".json":
        msg = f"--out: expected the name of a .json file, but got {asked.out}"
        raise ValueError(msg)
    _check_memories(asked)
    return asked


def _check_memories(asked: argparse.Namespace) -> None:
    """Refuse options of references that are read, where memories of some are given."""
    odd = [name for name in ("shots", "reference_images", "size") if getattr(asked, name) is not None]
    if asked.references.suffix == MEMORIES and odd:
        msg = f"--{odd[0]}: expected no such option with memories, which have their own, but {asked.references} is one"
        raise ValueError(msg)


def _add_data(parser: argparse.ArgumentParser) -> None:
    own = parser.add_argument_group("pictures")
    references = "a folder with <class>/images and <class>/masks, a COCO or prompts .json, or memories (.safetensors)"
    own.add_argument("--references", type=_path, required=True, metavar="PATH", help=references)
    own.add_argument("--reference_images", type=_path, metavar="DIR", help="of a .json; its own folder if not given")
    own.add_argument("--shots", type=_number(1), metavar="K", help="at most K references of a class, the first ones")
    targets = "a folder, a list of paths (.txt), a COCO .json, or tar shards; several are taken one after the other"
    own.add_argument("--images", type=_path, nargs="+", required=True, metavar="PATH", help=targets)
    own.add_argument("--image_root", type=_path, metavar="DIR", help="of a list or .json; its own folder if not given")
    own.add_argument("--exif", choices=("upright", "stored"), default="upright", help="see docs/data.md")


def _add_model(parser: argparse.ArgumentParser) -> None:
    own = parser.add_argument_group("model")
    own.add_argument("--base", metavar="NAME", help=f"the adapter's own if not given; without an adapter {LARGE}")
    own.add_argument("--weights", default="official", help="of the base: official, or a file")
    adapter = "a run folder, a folder that publish wrote, a checkpoint or a published file, or hub:OWNER/NAME"
    own.add_argument("--adapter", type=_path, metavar="ADAPTER", help=adapter)
    own.add_argument("--object_scores", action="store_true", help="the base has SAM 2's object scores, as for FS-SAM2")
    own.add_argument("--kshot_memory", choices=("released", "invariant"), default="released", help="see docs/sansa.md")
    own.add_argument("--size", type=_number(1), metavar="PIXELS", help="side of the clips; the method's if not given")
    own.add_argument("--device", default="auto", help="such as cpu or cuda; auto takes a GPU if there is one")
    own.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")


def _add_objects(parser: argparse.ArgumentParser) -> None:
    own = parser.add_argument_group("objects")
    own.add_argument("--overlap", choices=("keep", "highest"), default="keep", help="highest: logits compete per pixel")
    own.add_argument("--instances", action="store_true", help="each connected part of a mask is an object")
    own.add_argument("--min_area", type=_number(1), default=1, metavar="PIXELS", help="smaller objects are left out")
    own.add_argument("--presence", action="store_true", help="also score by looking back at the references; takes time")
    scored = "masks with a lower presence, or without --presence predicted IoU, are left out"
    own.add_argument("--min_score", type=_share, default=0.0, metavar="SCORE", help=scored)


def _add_results(parser: argparse.ArgumentParser) -> None:
    own = parser.add_argument_group("results")
    own.add_argument("--out", type=_path, required=True, metavar="FILE", help="annotations in COCO's format, .json")
    own.add_argument("--overwrite", action="store_true", help="replace it if it is there and finished")
    own.add_argument("--polygons", action="store_true", help="polygons instead of run lengths")
    own.add_argument("--masks", type=_path, metavar="DIR", help="also write index maps, palette PNGs: 0 is background")
    own.add_argument("--yolo", type=_path, metavar="DIR", help="also write YOLO's segmentation format (extra: formats)")
    own.add_argument("--preview", type=_path, metavar="FILE", help="also write a page (.html), least certain first")
    own.add_argument("--preview_pictures", type=_number(1), default=100, metavar="N", help="pictures on that page")


def _add_work(parser: argparse.ArgumentParser) -> None:
    own = parser.add_argument_group("work")
    shard = "do part I of N, 0 <= I < N; when all are done, the same command without --shard merges them"
    own.add_argument("--shard", type=_shard, default=Shard(), metavar="I/N", help=shard)
    own.add_argument("--targets_per_step", type=_number(1), default=4, metavar="N", help="pictures encoded at a time")
    own.add_argument("--pairs_per_step", type=_number(1), default=16, metavar="N", help="class masks decoded at a time")
    own.add_argument(
        "--encode_chunk", type=_number(1), metavar="N", help="frames in the encoder at a time; by device if not given"
    )
    own.add_argument("--workers", type=_number(1), default=2, metavar="N", help="threads that read pictures")


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _number(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            msg = f"expected a whole number of at least {least}, but got {brief(text)}"
            raise argparse.ArgumentTypeError(msg)
        return int(text)

    return number


def _share(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found <= 1:
        msg = f"expected a number from 0 to 1, but got {brief(text)}"
        raise argparse.ArgumentTypeError(msg)
    return found


def _shard(text: str) -> Shard:
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if not found or not int(found[1]) < int(found[2]):
        msg = f"expected I/N with 0 <= I < N, such as 0/4, but got {brief(text)}"
        raise argparse.ArgumentTypeError(msg)
    return Shard(int(found[1]), int(found[2]))
