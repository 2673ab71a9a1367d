"""Protocols that leave the choice of classes to the source."""

from __future__ import annotations

from sansa_lightning.data.protocols.base import Pool, PoolPhase, Protocol
from sansa_lightning.data.protocols.same_names import check_apart, has_images
from sansa_lightning.data.sources.base import Source, Split
from sansa_lightning.files.messages import counted


class AllClasses(Protocol):
    """Train on all classes of the train split, test on all of the val split: no class is held out.

    For a generalist, for a source that is only tested, and for one's own data if new images of known classes matter.

    Args:
        min_images: images that a class needs in a split to be drawn there, at least 2.
    """

    def __init__(self, min_images: int = 2) -> None:
        if min_images < 2:
            msg = f"{type(self).__name__}.min_images: expected at least 2, but got {min_images}"
            raise ValueError(msg)
        self.min_images = min_images

    def pools(self, source: Source, phase: PoolPhase) -> tuple[Pool, ...]:
        """One pool, of all classes of the phase's split.

        Raises:
            ValueError: the split has no classes, or none with enough images.
        """
        split: Split = "train" if phase == "train" else "val"
        wanted = source.classes(split)
        if not wanted:
            msg = f"{type(self).__name__}: {source} has no classes in its {split} split; expected one to {phase} on"
            raise ValueError(msg)
        return (Pool.filtered(source, split, wanted, self.min_images, type(self).__name__),)


class ClassSplits(AllClasses):
    """Train and test classes as the source's own class lists say, which must have none in common (FSS-1000).

    Args:
        min_images: images that a class needs in a split to be drawn there, at least 2.
    """

    def pools(self, source: Source, phase: PoolPhase) -> tuple[Pool, ...]:
        """One pool, of all classes of the phase's split.

        Raises:
            ValueError: the splits share classes or names of classes, or there is nothing to draw.
        """
        shared = sorted(set(source.classes("train")) & set(source.classes("val")))
        if shared:
            names = ", ".join(source.class_name(class_id) for class_id in shared[:3])
            many = counted(len(shared), "class", "classes")
            msg = f"ClassSplits: {source} has {many} in both splits ({names}); expected none"
            raise ValueError(msg)
        trained, tested = (
            [class_id for class_id in source.classes(split) if has_images(source, class_id, split, self.min_images)]
            for split in ("train", "val")
        )
        check_apart("ClassSplits", source, trained, tested)
        return super().pools(source, phase)
