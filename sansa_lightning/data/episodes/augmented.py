"""Training clips whose frames are augmented, each on its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.data.episodes.dataset import ClipDataset
from sansa_lightning.data.episodes.samplers import Episodes
from sansa_lightning.data.frames.augmentation import Augmentation, frame_randomness
from sansa_lightning.data.prompts import Prompter
from sansa_lightning.data.sources.base import Source
from sansa_lightning.images.pictures import Size


class AugmentedClips(ClipDataset):
    """Clips of a list of episodes, augmented; prompts are drawn from the augmented masks.

    A frame depends on the seed, the index of its episode over all epochs, and its position, not on processes.

    Args:
        episodes: the list.
        sources: see :class:`ClipDataset`.
        size: see :class:`ClipDataset`.
        prompter: see :class:`ClipDataset`.
        augmentation: makes frames of images.
        seed: of the augmentation, >= 0.
    """

    def __init__(
        self,
        episodes: Episodes,
        sources: Mapping[str, Source],
        size: Size,
        prompter: Prompter,
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        super().__init__(episodes, sources, size, prompter)
        self.augmentation = augmentation
        self.seed = seed

    def _fill(
        self,
        frame: Tensor,
        truth: Tensor,
        image: NDArray[np.uint8],
        mask: NDArray[np.uint8],
        place: tuple[int, int] | None,
    ) -> None:
        if place is None:
            msg = "AugmentedClips: expected an episode of the list, which has an index, but got another one"
            raise ValueError(msg)
        seen, shown = self.augmentation(image, mask, self.size, frame_randomness(self.seed, *place))
        frame.copy_(seen)
        truth.copy_(shown)
