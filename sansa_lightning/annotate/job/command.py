"""``python -m sansa_lightning annotate``: from options to files."""

from __future__ import annotations

import errno
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sansa_lightning.annotate.application import Application
from sansa_lightning.annotate.given.apart import check_apart, check_pictures
from sansa_lightning.annotate.given.references import find_references
from sansa_lightning.annotate.given.targets import Target, find_targets, fingerprint
from sansa_lightning.annotate.job.entries import Shape
from sansa_lightning.annotate.job.finish import finish
from sansa_lightning.annotate.job.index_maps import check_classes
from sansa_lightning.annotate.job.journal import ENDING, Journal, Record
from sansa_lightning.annotate.job.model import Prepared, prepare
from sansa_lightning.annotate.job.progress import Progress
from sansa_lightning.annotate.job.work import Settings, Work
from sansa_lightning.annotate.options import MEMORIES
from sansa_lightning.files.messages import counted

SAME = ("overlap", "instances", "min_area", "presence", "min_score", "polygons", "exif", "precision", "size")
"""Options on which the results depend, beside the model and the pictures. The steps change the rounding, so they count
as well."""


def annotate(asked: Namespace) -> int:
    """Annotate pictures by references, and write the results.

    Returns:
        0.

    Raises:
        ValueError: an option or a file is wrong, or the disk is full; says what to do.
        FileNotFoundError: a file is missing.
    """
    folder = asked.out.with_name(asked.out.name + ENDING)
    check_apart(asked)
    _check_results(asked, folder)
    targets = find_targets(asked.images, asked.image_root)
    check_pictures(asked, targets)
    references = None
    if asked.references.suffix != MEMORIES:
        references = find_references(asked.references, asked.reference_images, asked.exif, asked.shots)
        if asked.masks:
            check_classes(len(references.readers))
    prepared = prepare(asked, references)
    if asked.masks:
        check_classes(len(prepared.categories))  # of memories
    with _room(asked.out):
        # Again: another process may have finished the job while the model was loaded.
        _check_results(asked, folder)
        _annotated(asked, folder, targets, prepared)
        finish(asked, folder, targets, prepared)
    return 0


def _check_results(asked: Namespace, folder: Path) -> None:
    """Refuse results that could not be written, before anything is read.

    Raises:
        ValueError: says which.
    """
    if asked.out.exists() and not folder.exists() and not asked.overwrite:
        msg = f"--out: {asked.out} is there already and finished; expected another name, or --overwrite"
        raise ValueError(msg)
    if asked.preview and asked.preview.suffix != ".html":
        msg = f"--preview: expected the name of an .html file, but got {asked.preview}"
        raise ValueError(msg)
    if asked.yolo:
        from sansa_lightning.annotate.job.yolo import check_extra

        check_extra()
    for option, path in (("out", asked.out.parent), ("masks", asked.masks), ("yolo", asked.yolo)):
        if path is not None:
            _check_writable(option, path)
    if asked.preview:
        _check_writable("preview", asked.preview.parent)


def _check_writable(option: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        msg = f"--{option}: cannot write to {folder}: {error.strerror or error}"
        raise ValueError(msg) from error


def _annotated(asked: Namespace, folder: Path, targets: Sequence[Target], prepared: Prepared) -> None:
    """Do what is left of the job, or of its shard."""
    job = _job(asked, targets, prepared)
    shard = asked.shard
    name = "all" if shard.of == 1 else f"{shard.number}-of-{shard.of}"
    settings = Settings(
        asked.overlap,
        asked.min_score,
        Shape(asked.instances, asked.min_area, asked.polygons),
        asked.exif,
        asked.workers,
    )
    apply = Application(prepared.segmenter.model, prepared.memories, asked.pairs_per_step, asked.presence)
    work = Work(apply, targets, settings, asked.targets_per_step)
    every = range(len(work.groups))
    with Journal(folder, name, job) as journal:
        done = Record(folder, len(work.groups)).places
        own = every[shard.number :: shard.of]
        left = [group for group in own if group not in done]
        pictures = sum(len(work.groups[group]) for group in own)
        progress = Progress(pictures, pictures - sum(len(work.groups[group]) for group in left))
        if progress.done:
            print(f"going on after {counted(progress.done, 'picture')}", flush=True)
        work.run(left, journal, progress)


def _job(asked: Namespace, targets: Sequence[Target], prepared: Prepared) -> dict[str, Any]:
    """What the results depend on, in plain values."""
    made_by: Mapping[str, Any] = prepared.memories.made_by
    return {
        **{key: made_by[key] for key in ("base", "method", "strategy", "adapter")},
        "references": prepared.references,
        "images": f"{len(targets)}, {fingerprint(targets)[:16]}",
        **{option: getattr(asked, option) for option in SAME},
        **{step: getattr(asked, step) for step in ("targets_per_step", "pairs_per_step")},
    }


@contextmanager
def _room(out: Path) -> Iterator[None]:
    """Say in one line that the disk is full, and that nothing is lost.

    Raises:
        ValueError: it is.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        msg = f"no room on the disk of {out}: free some, then run the same command again; it goes on where it was"
        raise ValueError(msg) from error
