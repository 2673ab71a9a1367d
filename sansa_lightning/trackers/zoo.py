"""The bases by name, and their construction."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch

from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.nano import NanoSize, build_nano
from sansa_lightning.trackers.sam2.configurations import PUBLISHED, build_published, left_over
from sansa_lightning.trackers.sam3.build import PATCH, build_sam3, check_installed
from sansa_lightning.trackers.weights import NANO, OFFICIAL, SAM3, find_weights, load_weights

log = logging.getLogger(__name__)

BASES = (NANO, *PUBLISHED, SAM3)
"""Names of the bases: ours, and the published ones."""

SIDES = 32
"""An input's side is a multiple of it: a cell of the encoder's coarsest map has so many pixels."""


@dataclass(frozen=True)
class Base:
    """A tracker to build, and its weights.

    Attributes:
        name: one of ``BASES``, or the import path of one's own :class:`Tracker`, built without arguments.
        weights: a file (official layout ``{"model": ...}`` or a bare state dict, .pt or .safetensors; of SAM 2 also the
            layout of transformers), a folder with a ``model.safetensors`` or a repository of the hub that has one
            (``hf://owner/name``), "official" for the published one (from the folder ``SANSA_WEIGHTS``, else from the
            Hugging Face hub; for nano the packaged one; what a tracker of one's own is built with), or None for random
            weights.
        seed: of the random weights.
        image_size: side S of the tracker's input in pixels, a multiple of 32, of 14 for sam3; that of the weights'
            training if None.
        object_scores: whether to build it with SAM 2's object scores, which SANSA does not use; sam3 always has
            its own.
    """

    name: str = "sam2_hiera_tiny"
    weights: str | Path | None = OFFICIAL
    seed: int = 0
    image_size: int | None = None
    object_scores: bool = False

    def __post_init__(self) -> None:
        """Check the name and the size.

        Raises:
            ValueError: the name is unknown, the encoder cannot divide the size, an option exists only for other bases,
                or the library that a base comes from is missing.
        """
        if self.name not in BASES:
            own_tracker(self.name)
        if self.name == SAM3:
            check_installed()
        multiple = PATCH if self.name == SAM3 else SIDES
        if self.image_size is not None and (self.image_size < multiple or self.image_size % multiple):
            msg = f"Base.image_size: expected a multiple of {multiple} pixels, but got {self.image_size}"
            raise ValueError(msg)
        if self.object_scores and self.name not in PUBLISHED:
            why = "always has its own" if self.name == SAM3 else "has none"
            msg = f"Base.object_scores: expected false for {self.name}, which {why}, but got true"
            raise ValueError(msg)
        if self.image_size is not None and self.name not in BASES:
            msg = f"Base.image_size: expected null for {self.name}, whose class says it, but got {self.image_size}"
            raise ValueError(msg)

    def build(self) -> Tracker:
        """The tracker, in eval mode, float32, on the CPU, with its weights.

        Raises:
            FileNotFoundError: the weights are missing; says where to put them.
            ValueError: the file does not fit the base.
        """
        path = self.weights_file()
        tracker = self.random()
        if path is not None:
            load_weights(tracker, path, left_over(self.name, self.object_scores))
        elif self.weights is None:
            log.warning(
                "%s has RANDOM weights (weights: null, seed %d): it has learnt nothing, and its masks mean nothing",
                self.name,
                self.seed,
            )
        tracker.built_from = self
        return tracker.eval()

    def weights_file(self) -> Path | None:
        """The file that ``weights`` asks for; None if there is none to read.

        Raises:
            FileNotFoundError: it is not where it should be; says where to put it.
            ValueError: it is broken.
        """
        if self.weights is None or (self.weights == OFFICIAL and self.name not in BASES):
            return None
        return find_weights(self.name, self.weights)

    def random(self) -> Tracker:
        """The tracker with the random weights of ``seed``, whatever ``weights`` says."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            if self.name == NANO:
                return build_nano(NanoSize() if self.image_size is None else NanoSize(image=self.image_size))
            if self.name == SAM3:
                return build_sam3(self.image_size)
            if self.name not in PUBLISHED:
                return own_tracker(self.name)()
            return build_published(self.name, self.image_size, self.object_scores)


def own_tracker(path: str) -> type[Tracker]:
    """A tracker's class by its import path.

    Raises:
        ValueError: there is none.
    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name, None) if module else None
    except ImportError as error:
        msg = f"Base.name: {module!r}, of {path!r}, cannot be imported: {error}"
        raise ValueError(msg) from error
    if isinstance(found, type) and issubclass(found, Tracker):
        return found
    msg = f"Base.name: expected one of {', '.join(BASES)}, or the import path of a Tracker, but got {path!r}"
    raise ValueError(msg)


def base_of(tracker: Tracker) -> Base:
    """The settings from which a tracker was built, which say whether it holds weights.

    Raises:
        ValueError: it was not built by :meth:`Base.build`.
    """
    found = getattr(tracker, "built_from", None)
    if not isinstance(found, Base):
        msg = "the settings of this tracker are unknown; build it with sansa_lightning.trackers.zoo.Base"
        raise ValueError(msg)
    return found
