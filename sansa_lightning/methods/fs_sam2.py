"""FS-SAM2: SAM 2's memory without its video parts; LoRA learns (Forni et al., ICIAP 2025; docs/fs_sam2.md)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.memory import MemoryRule
from sansa_lightning.methods.prompting import (
    MASK_BIAS,
    MASK_SCALE,
    SINGLE,
    References,
    answer_points,
    given_masks,
    in_groups,
)
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.sansa import Propagating
from sansa_lightning.methods.unused import unused_in_spatial_memory
from sansa_lightning.strategies.parts import PromptKinds
from sansa_lightning.trackers.base import DecodeRule, Features, Memory, Tracker
from sansa_lightning.trackers.sam2.configurations import PUBLISHED

log = logging.getLogger(__name__)

SPATIAL = MemoryRule("invariant", pointers=False, temporal=False)
"""All references are alike, without temporal rows, and no object pointers (docs/fs_sam2.md 2)."""


class GivenMasks(Propagation):
    """Propagation in which the masks of references go to the memory encoder as they are (docs/fs_sam2.md 2)."""

    def write_references(
        self, tracker: Tracker, features: Features, prompts: Sequence[Prompt], size: tuple[int, int]
    ) -> tuple[Tensor, Memory]:
        """Masks are written as -10 and 10, and are their own answers; see :meth:`Propagation.write_references`.

        The decoder turns points and boxes into masks first, which are written like predictions.
        """

        def answer(part: Features, members: list[Prompt]) -> References:
            pointers = part.image.new_zeros(part.image.shape[:2])  # kept, but never read
            if members[0].dense is None:
                found = answer_points(tracker, part, members, size)
                return References(found.masks, pointers, self.memory.written(found.remembered))
            logits = given_masks(tracker, part, members, self.mask_threshold) * MASK_SCALE + MASK_BIAS
            return References(tracker.low_resolution(logits), pointers, logits)

        found = in_groups(features, prompts, answer)
        return found.masks, tracker.remember(features, found.remembered, found.pointers)


class FsSam2(Propagating):
    """Few-shot segmentation by spatial memories alone, and one mask for each target.

    The mask of a reference is written as -10 and 10, and its frame is not decoded. A target reads the concatenated
    memories of all references, and takes the mask of the decoder's single-mask token, whatever its object score is.
    Further targets of a clip are segmented from the references alone, or with ``propagate_targets`` also read the
    predictions before them, written as SAM 2 writes its own; the paper has one target.

    What trains is the strategy's: the paper's is ``LoRA`` in three parts (``ablations/fs_sam2.yaml``), on a base with
    object scores, which add a token to the decoder.

    Args:
        stability: in evaluation, a mask less stable than this gives way to the best of three; 0.98 as released, None
            for never. It is never so in training. See :class:`DecodeRule`.
        mask_threshold: a mask prompt, resized bilinearly to the tracker's input, is foreground above it; in [0, 1).
        encode_chunk: number of frames that the image encoder takes at a time; the whole batch if None.
    """

    def __init__(
        self, stability: float | None = 0.98, mask_threshold: float = 0.5, encode_chunk: int | None = None
    ) -> None:
        if stability is not None and not 0 < stability <= 1:
            msg = f"FsSam2.stability: expected a number in (0, 1], or null for no fall-back, but got {stability}"
            raise ValueError(msg)
        super().__init__(GivenMasks(SPATIAL, mask_threshold, encode_chunk, DecodeRule("single", stability)))
        self.stability = stability
        self.mask_threshold = mask_threshold
        self.encode_chunk = encode_chunk

    @property
    def rules(self) -> Propagation:
        """In training there is no fall-back, though the frozen decoder is in eval mode (docs/fs_sam2.md 2)."""
        return replace(self.propagation, decode=SINGLE) if self.training else self.propagation

    def attach(self, tracker: Tracker) -> None:
        """See :meth:`Method.attach`; a published base without object scores is not the method's, and is told so."""
        super().attach(tracker)
        base: Any = tracker.built_from
        if base is not None and base.name in PUBLISHED and not base.object_scores:
            log.warning("FsSam2: %s lacks a token that FS-SAM2's decoder has; set base.object_scores: true", base.name)

    def unused(self, prompts: PromptKinds | None) -> str:
        """See :meth:`Method.unused`."""
        return unused_in_spatial_memory(prompts, single=True)

    def clip_size(self, tracker: Tracker) -> int:
        """Frames come at the size of the tracker's input, since FS-SAM2's do (docs/fs_sam2.md 2)."""
        return tracker.image_size
