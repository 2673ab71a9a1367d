"""What a target is not: references of other classes, for methods that compare.

They belong to the clips themselves and are no extra of a test: such a method cannot segment without them.
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
    """An annotated image of a class that is not to be segmented.

    Attributes:
        episode: its class, its one reference, and the targets that it comes with.
        image: uint8 [3, H, W], RGB, of the clip's size.
        prompt: annotates the object of the other class, in pixels of the clip.
    """

    episode: Episode
    image: Tensor
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class ClipWithNegatives(Clip):
    """A clip with negative references; wherever a :class:`Clip` does, this does too.

    Attributes:
        negatives: references of other classes; there may be none.
    """

    negatives: tuple[Negative, ...] = field(kw_only=True)

    def after(self, other: Clip) -> Self:
        """See :meth:`Clip.after`; without negatives that say not to segment what the references show."""
        kept = tuple(one for one in self.negatives if one.episode.class_id != other.episode.class_id)
        return replace(Clip.after(self, other), negatives=kept)


@dataclass(frozen=True, slots=True)
class BatchWithNegatives(ClipBatch):
    """Clips with negative references, stacked; wherever a :class:`ClipBatch` does, this does too.

    Attributes:
        negatives: B tuples, as in :class:`ClipWithNegatives`; their lengths may differ.
    """

    negatives: tuple[tuple[Negative, ...], ...] = field(kw_only=True)
