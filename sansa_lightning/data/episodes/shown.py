"""The classes that an image shows, whichever class it is listed for."""

from __future__ import annotations

import numpy as np

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.sources.abilities import objects_of
from sansa_lightning.data.sources.base import Source


class Shown:
    """The classes that an image shows: the answers of ``Source.shows``, if possible from one look at all its objects.

    With label maps, each answer of the source would decode the map again (157 ms for ADE20K's 150 classes).

    Args:
        source: of the image.
        key: of the image.
    """

    def __init__(self, source: Source, key: ImageKey) -> None:
        self.source = source
        self.key = key
        found = objects_of(source, key)
        if found is None:
            self.listed, self.visible = None, frozenset[ClassId]()
        else:
            counts = np.bincount(found[0].ravel(), minlength=len(found[1]) + 1)
            self.listed = frozenset(found[1])
            self.visible = frozenset(c for c, pixels in zip(found[1], counts[1:].tolist(), strict=True) if pixels)

    def __contains__(self, class_id: ClassId) -> bool:
        if class_id in self.visible:
            return True
        if self.listed is not None and class_id not in self.listed:
            return False
        # The source knows no objects, or the object is covered by others, or has no pixel at all.
        return self.source.shows(self.key, class_id)
