"""The tracker's own features at a chosen place, with or without what a strategy has added."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from sansa_lightning.encoders.base import Encoder
from sansa_lightning.files.messages import brief
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.switch import is_switch, off
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.zoo import base_of

OwnPlace = Literal["stage 0", "stage 1", "stage 2", "stage 3", "neck"]
"""The end of a stage of the image encoder, from fine to coarse, or of its neck."""

ENCODING = ("trunk", "neck")
"""The parts of a tracker that come before these places."""


class OwnStage(Encoder):
    """What the tracker's image encoder computes anyway, at the end of a stage or of the neck; nothing to download.

    Without ``adapted`` these are the features of the base as it was built, whatever a strategy has done to it: modules
    that it added are switched off meanwhile. Only where tensors of the encoder itself train is there a second, frozen
    base. The frames are encoded once more than the method does itself.

    Args:
        place: "stage 0" to "stage 3", or "neck".
        adapted: whether the strategy acts, so that the features change while it trains.
        chunk: number of frames that are encoded at a time; all of a call if None.

    Raises:
        ValueError: there is no such place, or the chunk is less than 1.
    """

    def __init__(self, place: OwnPlace = "stage 2", adapted: bool = False, chunk: int | None = None) -> None:
        super().__init__()
        if place not in get_args(OwnPlace):
            msg = f"OwnStage.place: expected one of {', '.join(get_args(OwnPlace))}, but got {brief(place)}"
            raise ValueError(msg)
        if chunk is not None and chunk < 1:
            msg = f"OwnStage.chunk: expected at least 1 frame, or null for all, but got {chunk}"
            raise ValueError(msg)
        self.place: OwnPlace = place
        self.adapted = adapted
        self.chunk = chunk
        self.twin: Tracker | None = None
        self._switches: list[nn.Module] | None = None

    def attach(self, tracker: Tracker) -> None:
        """Look for what the strategy has added, or build a second base; see :meth:`Encoder.attach`.

        Raises:
            ValueError: the encoder's own tensors train, and the base's settings are not known, so that it cannot be
                built a second time.
        """
        self._switches = [module for module in tracker.modules() if is_switch(module)]
        if not self.adapted and Strategy.is_attached(tracker) and _own_tensors_train(tracker, self._switches):
            base = base_of(tracker)
            built = base.random() if base.weights is None else base.build()
            self.twin = built.to(next(tracker.parameters()).device)
        super().attach(tracker)

    def forward(self, tracker: Tracker, images: Tensor) -> Tensor:
        """See :meth:`Encoder.forward`."""
        if self._switches is None:
            self.attach(tracker)
        heard: list[Tensor] = []
        with torch.no_grad(), self._seen(tracker) as shown:
            handle = shown.tap(self.place, heard.append)
            try:
                shown.encode(images, self.chunk)
            finally:
                handle.remove()
        if not heard:
            msg = (
                f"OwnStage: expected a tracker whose features can be tapped, but {type(tracker).__name__} has no tap()"
            )
            raise ValueError(msg)
        return torch.cat(heard).float()

    @contextmanager
    def _seen(self, tracker: Tracker) -> Iterator[Tracker]:
        """The tracker that encodes: as it is, the second base, or without what was added."""
        if self.adapted:
            yield tracker
            return
        if self.twin is not None:
            yield self.twin
            return
        there = {id(module) for module in tracker.modules()}
        with ExitStack() as stack:
            for switch in self._switches or ():
                if id(switch) not in there:
                    msg = "OwnStage: the strategy was merged into the base's weights; expected it beside them"
                    raise ValueError(msg)
                stack.enter_context(off(switch))
            yield tracker


def _own_tensors_train(tracker: Tracker, switches: list[nn.Module]) -> bool:
    """Whether anything trains in the image encoder that cannot be switched off."""
    added = {id(parameter) for switch in switches for parameter in switch.parameters()}
    names = {name for part in ENCODING for name in tracker.in_part(part)}
    return any(
        parameter.requires_grad and name in names and id(parameter) not in added
        for name, parameter in tracker.named_parameters()
    )
