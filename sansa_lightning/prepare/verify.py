"""List the faults of a benchmark's files: missing, broken, truncated, or of the wrong size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from sansa_lightning.data.formats.mask_files import missing_files
from sansa_lightning.data.formats.picture_checks import PictureFiles
from sansa_lightning.data.sources.abilities import HasFiles
from sansa_lightning.data.sources.base import Source, Split
from sansa_lightning.files.messages import counted, one_line
from sansa_lightning.images.pictures import read_image
from sansa_lightning.prepare.benchmark import Benchmark, Layout
from sansa_lightning.prepare.progress import progress

_BATCH = 500
"""Pictures that a thread takes at a time."""


def faults(benchmark: Benchmark, root: Path, deep: bool = False) -> Iterator[str]:
    """A line for each fault of the data in ``root``, for each layout found there.

    Args:
        benchmark: of the data.
        root: their folder.
        deep: whether to decode each picture and mask; otherwise headers and ends are read.
    """
    for layout in benchmark.layouts_in(root):
        yield from _layout_faults(layout, root, deep)


def _layout_faults(layout: Layout, root: Path, deep: bool) -> Iterator[str]:
    for content in layout.contents:
        found = content.found(root)
        if found < content.count:
            yield f"{root / content.pattern}: expected {counted(content.count, 'file')}, but found {found}"
    source = layout.source(root)
    for split in layout.splits:
        yield from split_faults(source, split, deep)


def split_faults(source: Source, split: Split, deep: bool = False) -> Iterator[str]:
    """A line for each fault of one split of a source; see :func:`faults`."""
    try:
        pictures = source.picture_files(split) if isinstance(source, HasFiles) else ()
    except (ValueError, OSError) as error:
        yield one_line(error)
        return
    if not isinstance(source, HasFiles) or not pictures:
        yield f"{source}: no pictures in its {split} split; expected some"
        return
    missing = dict.fromkeys(missing_files(file for picture in pictures for file in _files(picture)))
    yield from (f"{file} is not there" for file in missing)
    there = [picture for picture in pictures if not any(file in missing for file in _files(picture))]
    broken = 0
    for fault in _broken(source, there, deep):
        broken += 1
        yield fault
    if not missing and not broken:
        yield from _own(source, split)


def _files(picture: PictureFiles) -> tuple[Path, ...]:
    return (picture.image,) if picture.mask is None else (picture.image, picture.mask)


def _broken(source: HasFiles, pictures: Sequence[PictureFiles], deep: bool) -> Iterator[str]:
    batches = [pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)]
    with ThreadPoolExecutor() as pool, progress(f"checking {source}", len(pictures), " pictures") as bar:
        for batch, found in zip(batches, pool.map(partial(_batch, source, deep), batches), strict=True):
            bar.update(len(batch))
            yield from found


def _batch(source: HasFiles, deep: bool, pictures: Sequence[PictureFiles]) -> list[str]:
    found = []
    for picture in pictures:
        try:
            source.check_picture(picture)
            for file in _files(picture) if deep else ():
                read_image(file)
        except (ValueError, OSError) as error:
            found.append(one_line(error))
    return found


def _own(source: Source, split: Split) -> Iterator[str]:
    """The fault found by the source's own check after the others."""
    try:
        source.verify(split)
    except (ValueError, OSError) as error:
        yield one_line(error)
