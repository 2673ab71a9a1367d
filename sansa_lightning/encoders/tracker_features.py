"""The tracker's own features as an encoder: of a place in its image encoder, with its strategy or without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Literal, get_args

import torch
from torch import Tensor, nn

from sansa_lightning.encoders.base import Encoder
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.checks import check_whole
from sansa_lightning.strategies.without import Without
from sansa_lightning.trackers.base import Tracker

EncoderPlace = Literal["stage 0", "stage 1", "stage 2", "stage 3", "neck"]
"""The places of :data:`~sansa_lightning.trackers.base.Place` that lie in the image encoder."""

NECK: Final = "neck"


class TrackerFeatures(Encoder):
    """Features of the tracker's image encoder, as in evaluation: dropout does nothing in training either.

    Args:
        place: the end of a stage, from fine to coarse, or the neck, whose map memory attention reads.
        adapted: whether with the strategy. Without it they are those of the base alone, bit by bit, whatever was
            trained; if tensors of the image encoder itself train, that needs up to a second one's memory.
        encode_chunk: number of frames that the image encoder takes at a time; as many as suit the device if None.

    Raises:
        ValueError: there is no such place, or a chunk without frames.
    """

    def __init__(self, place: EncoderPlace = NECK, adapted: bool = True, encode_chunk: int | None = None) -> None:
        super().__init__()
        if place not in get_args(EncoderPlace):
            msg = f"TrackerFeatures.place: expected one of {', '.join(get_args(EncoderPlace))}, but got {place!r}"
            raise ValueError(msg)
        self.place = place
        self.adapted = adapted
        self.encode_chunk = (
            None if encode_chunk is None else check_whole(encode_chunk, "TrackerFeatures.encode_chunk", what="frame")
        )
        self._bare = _Bare()

    @torch.no_grad()
    def forward(self, tracker: Tracker, images: Tensor) -> Tensor:
        """See :meth:`Encoder.forward`.

        Raises:
            ValueError: the tracker does not give features of this place, or, of the base alone, has no strategy or
                one that cannot be left out.
        """
        with _evaluating(tracker), nullcontext() if self.adapted else self._bare.of(tracker):
            return self._features(tracker, images).float()

    def _features(self, tracker: Tracker, images: Tensor) -> Tensor:
        if self.place == NECK:
            return tracker.encode(images, self.encode_chunk).image
        heard: list[Tensor] = []  # one part for each chunk
        handle = tracker.tap(self.place, heard.append)
        try:
            tracker.encode(images, self.encode_chunk)
        finally:
            handle.remove()
        if not heard:
            msg = (
                f"TrackerFeatures.place: expected {NECK!r}, since {type(tracker).__name__} gives none of {self.place!r}"
            )
            raise ValueError(msg)
        return torch.cat(heard)


class _Bare:
    """How to leave out the strategy of one tracker, found once.

    A copy of it, and what is pickled of it, is empty: the tracker is then another one.
    """

    def __init__(self) -> None:
        self.without: Without | None = None

    def of(self, tracker: Tracker) -> AbstractContextManager[None]:
        """The context in which the tracker's image encoder has no strategy."""
        if not Strategy.is_attached(tracker):
            return nullcontext()
        if self.without is None or self.without.tracker is not tracker or self.without.is_elsewhere():
            self.without = Without(tracker, parts=("trunk", "neck"))
        return self.without

    def __reduce__(self) -> tuple[type[_Bare], tuple[()]]:
        return _Bare, ()


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Everything in eval mode while the block runs; then as it was."""
    training = [each for each in module.modules() if each.training]
    module.eval()
    try:
        yield
    finally:
        for each in training:
            each.training = True
