"""The work of a job: groups of pictures are read ahead, annotated, and written to the journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from sansa_lightning.annotate.application import Application
from sansa_lightning.annotate.found import Overlap, found_in
from sansa_lightning.annotate.given.targets import Target
from sansa_lightning.annotate.job.entries import Shape, entries_of
from sansa_lightning.annotate.job.journal import Journal, Line
from sansa_lightning.annotate.job.progress import Progress
from sansa_lightning.files.messages import one_line, plain
from sansa_lightning.images.orientation import Exif
from sansa_lightning.images.pictures import to_frame

AHEAD = 3
"""Groups that are read while one is annotated."""


@dataclass(frozen=True)
class Read:
    """A picture that was read, or why it was not.

    Attributes:
        size: (H, W) of its own.
        frame: uint8 [3, S, S].
        error: one line; empty if it was read.
    """

    size: tuple[int, int] = (0, 0)
    frame: Tensor | None = None
    error: str = ""


@dataclass(frozen=True)
class Settings:
    """What is made of a group.

    Attributes:
        overlap: see ``found.Overlap``.
        min_score: see ``Segmenter.annotate``.
        shape: of objects.
        exif: see ``orientation.Exif``.
        workers: threads that read pictures.
    """

    overlap: Overlap
    min_score: float
    shape: Shape
    exif: Exif
    workers: int


class Work:
    """Annotates groups of pictures.

    A group is always the same pictures, whoever does it: the same numbers come out, after an interruption and in any
    number of shards.

    Args:
        apply: the memories.
        targets: all pictures of the job.
        settings: what is made of them.
        step: pictures in a group.
    """

    def __init__(self, apply: Application, targets: Sequence[Target], settings: Settings, step: int) -> None:
        self.apply, self.targets, self.settings = apply, targets, settings
        self.groups = groups_of(targets, step)

    @torch.inference_mode()
    def run(self, groups: Sequence[int], journal: Journal, progress: Progress) -> None:
        """Do groups by their numbers, each with a line in the journal.

        Raises:
            OSError: the journal cannot be written to.
        """
        with ThreadPoolExecutor(self.settings.workers) as pool:
            try:
                for group, pictures in self._ahead(pool, groups):
                    images = self._images(group, pictures)
                    journal.append({"group": group, "images": images})
                    progress.add(len(images), sum("error" in image for image in images))
            finally:
                pool.shutdown(cancel_futures=True)

    def _ahead(self, pool: ThreadPoolExecutor, groups: Sequence[int]) -> Iterator[tuple[int, list[Read]]]:
        """Each group with its pictures, of which those of some groups are being read at any time."""
        waiting: deque[tuple[int, list[Future[Read]]]] = deque()
        for group in groups:
            waiting.append((group, [pool.submit(self._read, self.targets[each]) for each in self.groups[group]]))
            if len(waiting) > AHEAD:
                yield _gathered(waiting.popleft())
        while waiting:
            yield _gathered(waiting.popleft())

    def _read(self, target: Target) -> Read:
        try:
            picture = target.picture(self.settings.exif)
            return Read((picture.height, picture.width), to_frame(picture, self.apply.memories.size))
        except (ValueError, OSError) as error:
            return Read(error=plain(one_line(error)))

    def _images(self, group: int, pictures: Sequence[Read]) -> list[Line]:
        frames = [picture.frame for picture in pictures if picture.frame is not None]
        answers = self.apply(torch.stack(frames)) if frames else iter(())
        own, names = self.settings, self.apply.memories.names
        images: list[Line] = []
        for number, picture in zip(self.groups[group], pictures, strict=True):
            target = self.targets[number]
            image: Line = {"target": number, "name": target.name}
            if picture.frame is None:
                images.append({**image, "error": picture.error})
                continue
            found = found_in(picture.size, names, next(answers), own.overlap, own.min_score)
            entries = entries_of(found, own.shape)
            images.append({**image, "id": target.image_id, "size": picture.size, "found": entries})
        return images


def groups_of(targets: Sequence[Target], step: int) -> list[range]:
    """The numbers of the pictures of each group of ``step``, the last perhaps smaller."""
    numbers = range(len(targets))
    return [numbers[start : start + step] for start in numbers[::step]]


def _gathered(waiting: tuple[int, list[Future[Read]]]) -> tuple[int, list[Read]]:
    group, futures = waiting
    return group, [future.result() for future in futures]
