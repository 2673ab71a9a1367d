"""Image keys of the benchmark: the whole address of an image as text.

``val-3-17`` is image 17 of class 3 in the val split; in ``val-3-17+1=val-3-40`` its object 1 wears the palette
of the subject of ``val-3-40``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import cast

from sansa_lightning.clips.episode import ImageKey
from sansa_lightning.data.sources.base import Split

_NUMBER = "(0|[1-9][0-9]*)"
_PLAIN = f"(train|val)-{_NUMBER}-{_NUMBER}"
_KEY = re.compile(f"{_PLAIN}(?:[+]{_NUMBER}=({_PLAIN}))?")


@dataclass(frozen=True, slots=True)
class PatternKey:
    """The content of an image key.

    Attributes:
        split: of the image.
        class_id: of the image.
        index: number of the image in its class and split.
        wearer: number of the object that wears another image's palette; None if there is none.
        lender: the key of that image; None if there is none.
    """

    split: Split
    class_id: int
    index: int
    wearer: int | None = None
    lender: PatternKey | None = None

    def __str__(self) -> str:
        plain = f"{self.split}-{self.class_id}-{self.index}"
        return plain if self.lender is None else f"{plain}+{self.wearer}={self.lender}"

    @classmethod
    def parse(cls, key: ImageKey) -> PatternKey:
        """The content of a key.

        Raises:
            KeyError: it is not one.
        """
        match = _KEY.fullmatch(str(key))
        if match is None:
            msg = f"Patterns: expected an image key like 'val-3-17' or 'val-3-17+1=val-3-40', but got {key!r}"
            raise KeyError(msg)
        split, class_id, index, wearer, lender, *_ = match.groups()
        plain = cls(cast("Split", split), int(class_id), int(index))
        return plain if lender is None else plain.lend(int(wearer), cls.parse(lender))

    def lend(self, wearer: int, lender: PatternKey) -> PatternKey:
        """The same image with an object in the palette of another image's subject.

        Raises:
            ValueError: one of the two images wears a borrowed palette already.
        """
        if self.lender is not None or lender.lender is not None:
            msg = f"Patterns: expected images in their own palettes, but got {self} and {lender}"
            raise ValueError(msg)
        return replace(self, wearer=wearer, lender=lender)
