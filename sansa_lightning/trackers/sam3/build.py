"""SAM 3's tracker with random weights, in its published size or a configuration of one's own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import Sam3TrackerVideoConfig

    from sansa_lightning.trackers.sam3.tracker import Sam3Tracker

PATCH = 14
"""Side of a patch in pixels; the input's side is a multiple of it."""


def check_installed() -> None:
    """Refuse the base where the library is missing.

    Raises:
        ValueError: names the extra that brings it.
    """
    if find_spec("transformers") is None:
        msg = "Base.name: sam3 needs the transformers library: pip install 'sansa_lightning[transformers]'"
        raise ValueError(msg)


def build_sam3(image_size: int | None = None, config: Sam3TrackerVideoConfig | None = None) -> Sam3Tracker:
    """The tracker with random weights.

    Args:
        image_size: side of the input in pixels, a multiple of 14; the published one, 1008, if None.
        config: of the library, for another size of model; the published one if None.

    Raises:
        ValueError: the transformers library is missing.
    """
    check_installed()
    from transformers import Sam3TrackerVideoConfig, Sam3TrackerVideoModel

    from sansa_lightning.trackers.sam3.tracker import Sam3Tracker

    sizes: dict[str, Any] = {} if image_size is None else {"image_size": image_size}
    return Sam3Tracker(Sam3TrackerVideoModel(config or Sam3TrackerVideoConfig(**sizes)))
