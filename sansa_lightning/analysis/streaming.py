"""Tracking through a video of any length: a frame comes, its masks go out, and old memories are dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.images.pictures import to_frame
from sansa_lightning.methods.memory import MemoryBank
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.sansa import Propagating
from sansa_lightning.model import FewShotModel
from sansa_lightning.trackers.base import Features, Memory


class Stream:
    """The objects of one video, marked in its first frame.

    Memory and time of a frame do not grow with the length of the video: a memory that no later frame reads is dropped.

    Args:
        model: of a method that propagates.
        image: the first frame, uint8 [H, W, 3].
        masks: of its M objects, bool [M, H, W].
        length: frames of the video, which scales the distances of pointers in SAM 2.1.

    Raises:
        ValueError: the method does not propagate, or there is no object.
    """

    def __init__(self, model: FewShotModel, image: NDArray[np.uint8], masks: Tensor, length: int) -> None:
        self.tracker, self.rules = model.base, rules_of(model)
        self.length, self.objects = length, len(masks)
        if not self.objects:
            msg = "vos: expected at least one object in the first frame of a video, but got none"
            raise ValueError(msg)
        self.device, self.size = model.device, (image.shape[0], image.shape[1])
        prompts = [Prompt.mask(mask).to(self.device) for mask in self._in_clip(masks)]
        side = (self.tracker.clip_size, self.tracker.clip_size)
        _, memory = self.rules.write_references(self.tracker, self._features(image), prompts, side)
        self.bank = MemoryBank(1, self.rules.memory, [memory])

    def step(self, image: NDArray[np.uint8]) -> Tensor:
        """The next frame: logits of each object, float32 [M, H, W] on the CPU."""
        part = self._features(image)
        decoded = self.rules.decode_targets(self.tracker, self.bank.condition(self.tracker, part, self.length))
        logits = self.tracker.full_resolution(decoded.mask)
        self.bank.frames.append(self.tracker.remember(part, self.rules.memory.written(logits), decoded.pointer))
        self._forget()
        return F.interpolate(decoded.mask, self.size, mode="bilinear", align_corners=False)[:, 0].cpu()

    def _features(self, image: NDArray[np.uint8]) -> Features:
        """Of a frame, once for each object."""
        frame = to_frame(image, self.tracker.clip_size)[None].to(self.device)
        return self.tracker.encode(frame).select(torch.zeros(self.objects, dtype=torch.int64, device=self.device))

    def _in_clip(self, masks: Tensor) -> Tensor:
        side = self.tracker.clip_size
        return F.interpolate(masks[None].float(), (side, side), mode="nearest")[0]

    def _forget(self) -> None:
        """Drop the tensors of the frame that has become too old to be read; its place in the order stays."""
        reach = max(self.tracker.memory_rows, min(self.length, self.tracker.most_pointers))
        old = len(self.bank.frames) - 1 - reach
        if old >= self.bank.shots:
            self.bank.frames[old] = GONE


GONE: Any = Memory(*[None] * 3)  # type: ignore[arg-type]
"""Stands for a dropped memory."""


def tracked(
    model: FewShotModel, frames: Iterable[tuple[NDArray[np.uint8], Any]], masks: Tensor, length: int
) -> Iterator[Tensor]:
    """The map of objects of every frame after the first, uint8 [H, W]: 0, or k for the k-th object.

    Where several objects are found, the one with the highest logit has the pixel.

    Args:
        model: in eval mode, of a method that propagates.
        frames: pictures, uint8 [H, W, 3], each with anything.
        masks: of the objects in the first frame, bool [M, H, W].
        length: number of frames.

    Raises:
        ValueError: see :class:`Stream`.
    """
    waiting = iter(frames)
    stream = Stream(model, next(waiting)[0], masks, length)
    for image, _ in waiting:
        highest, number = stream.step(image).max(0)
        yield torch.where(highest > 0, number + 1, 0).byte()


def rules_of(model: FewShotModel) -> Propagation:
    """The rules by which a model writes and reads memories.

    Raises:
        ValueError: its method has none.
    """
    if not isinstance(model.method, Propagating):
        msg = f"model.method: expected one that propagates, as Sansa, but got {type(model.method).__name__}"
        raise ValueError(msg)
    return model.method.rules


def objects_in(found: NDArray[np.uint8]) -> Tensor:
    """The masks of the objects in a map, bool [M, H, W]."""
    present = [number for number in np.unique(found).tolist() if number]
    return torch.stack([torch.from_numpy(found == number) for number in present]) if present else torch.zeros(0, 1, 1)
