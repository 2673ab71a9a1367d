"""Results are kept apart from what a job is given, so that they neither replace it nor are taken for it next time."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sansa_lightning.annotate.given.targets import Target


def check_apart(asked: Namespace) -> None:
    """Refuse results among the folders and files that the options name.

    Raises:
        ValueError: ``--out`` is one of them, or the folder of ``--masks`` or ``--yolo`` has one in it or lies in one.
    """
    given = [*asked.images, asked.references, *([asked.reference_images] if asked.reference_images else [])]
    if asked.reference_images is None and asked.references.suffix == ".json":
        given.append(asked.references.parent)
    out = _real(asked.out)
    if out in map(_real, given):
        msg = f"--out: {asked.out} is a file that the job reads; expected another name"
        raise ValueError(msg)
    searched = [path for path in (*asked.images, asked.references) if path.is_dir()]
    for option, folder in _folders(asked):
        own = _real(folder)
        for path in given:
            if _real(path).is_relative_to(own) or (path in searched and own.is_relative_to(_real(path))):
                msg = f"--{option}: expected a folder apart from what the job reads, but {folder} and {path} overlap"
                raise ValueError(msg)


def check_pictures(asked: Namespace, targets: Sequence[Target]) -> None:
    """Refuse a folder of results that has a picture in it which is to be annotated.

    Raises:
        ValueError: names the first.
    """
    folders = [(option, folder, _real(folder)) for option, folder in _folders(asked)]
    if not folders:
        return
    real = cache(_real)  # there are millions of pictures, but few folders
    for target in targets:
        for option, folder, own in folders:
            places = [real(target.path.parent), *([_real(target.path)] if target.path.is_symlink() else [])]
            if any(place.is_relative_to(own) for place in places):
                msg = (
                    f"--{option}: expected a folder apart from the pictures, but {target.path} is in {folder} and "
                    f"could be replaced"
                )
                raise ValueError(msg)


def _folders(asked: Namespace) -> list[tuple[str, Path]]:
    return [(option, path) for option in ("masks", "yolo") if (path := getattr(asked, option)) is not None]


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
