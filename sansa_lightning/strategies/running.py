"""How a tracker with a strategy is run: settings of speed and memory, which change results by rounding alone."""

from __future__ import annotations

from sansa_lightning.strategies.base import Strategy
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.compiled import Compile
from sansa_lightning.trackers.encoder_cache import EncoderCache


def set_up(tracker: Tracker, recompute: bool, cache: EncoderCache | None, compiled: Compile | None) -> None:
    """Set up a tracker, once, after its strategy was attached.

    Args:
        tracker: the base.
        recompute: see :meth:`Tracker.recompute`.
        cache: see :meth:`Tracker.cache_encoder`.
        compiled: see :meth:`Tracker.compile_regions`.

    Raises:
        ValueError: the tracker cannot do it, or settings exclude each other.
    """
    if recompute and compiled is not None:
        msg = "model.compile: expected null with model.recompute: true, since what is recomputed is not compiled"
        raise ValueError(msg)
    if recompute:
        tracker.recompute()
    if cache is not None:
        tracker.cache_encoder(cache, Strategy.changed(tracker))
    if compiled is not None:
        tracker.compile_regions(compiled)
