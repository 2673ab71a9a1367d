"""Negative references, which show other classes, for methods that compare.

They belong to the clips and are no extra of a test: such a method cannot segment without them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.episode import Episode
from sansa_lightning.clips.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Negative:
    """An annotated image of a class other than the one to segment.

    Attributes:
        episode: its class, its one reference, and the targets of the clip.
        image: uint8 [3, H, W], RGB, of the clip's size.
        prompt: annotates the object of the other class, in pixels of the clip.
    """

    episode: Episode
    image: Tensor
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class ClipWithNegatives(Clip):
    """A clip with negative references, usable wherever a :class:`Clip` is.

    Attributes:
        negatives: references of other classes; there may be none.
    """

    negatives: tuple[Negative, ...] = field(kw_only=True)

    def after(self, other: Clip) -> Self:
        """See :meth:`Clip.after`; negatives of the new references' own class are left out."""
        kept = tuple(one for one in self.negatives if one.episode.class_id != other.episode.class_id)
        return replace(Clip.after(self, other), negatives=kept)


@dataclass(frozen=True, slots=True)
class BatchWithNegatives(ClipBatch):
    """Clips with negative references, stacked; usable wherever a :class:`ClipBatch` is.

    Attributes:
        negatives: B tuples, as in :class:`ClipWithNegatives`; their lengths may differ.
    """

    negatives: tuple[tuple[Negative, ...], ...] = field(kw_only=True)
