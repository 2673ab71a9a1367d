"""COCO to PASCAL: two datasets of the same things, with no class in common between training and test."""

from __future__ import annotations

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.protocols.base import Pool, PoolPhase, Protocol
from sansa_lightning.data.protocols.same_names import check_apart
from sansa_lightning.data.sources.abilities import of_fold
from sansa_lightning.data.sources.base import Source

FOLDS = 4
COCO_CLASSES = 80
REGROUPED = 10
"""Number of the first of these folds in lists of images, where PASCAL's own folds are 0 to 3."""

AS_IN_COCO = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}
"""PASCAL's classes with another name in COCO; the other 14 have the same name in both."""


class CocoToPascal(Protocol):
    """Train on COCO's base classes of a fold, test on the PASCAL classes among those that the fold holds out.

    COCO's folds are those of COCO-20i (class id mod 4). PASCAL's 20 classes are all COCO classes as well, and are
    regrouped accordingly: fold f tests those whose COCO namesake is in COCO's fold f, 6, 4, 6 and 4 of them. These are
    the published lists (Boudiaf et al., CVPR 2021), and no class is both trained and tested, by whatever name. In lists
    of images (``FoldLists``) they are folds 10 to 13.

    Args:
        train_source: COCO, with its 80 categories; the datamodule's source is PASCAL.
        fold: 0 to 3.
        min_images: images that a class needs in a split to be drawn there, at least 2.
    """

    def __init__(self, train_source: Source, fold: int, min_images: int = 2) -> None:
        if not 0 <= fold < FOLDS:
            msg = f"CocoToPascal.fold: expected 0 to {FOLDS - 1}, but got {fold}"
            raise ValueError(msg)
        if min_images < 2:
            msg = f"CocoToPascal.min_images: expected at least 2, but got {min_images}"
            raise ValueError(msg)
        self.train_source = train_source
        self.fold = fold
        self.min_images = min_images

    def pools(self, source: Source, phase: PoolPhase) -> tuple[Pool, ...]:
        """One pool: COCO's base classes to train, PASCAL's regrouped ones to test.

        Raises:
            ValueError: the train source does not have COCO's 80 classes, two classes of one side share a name, or a
                class to test has no namesake in COCO.
        """
        ids = _by_name(self.train_source)
        what = f"CocoToPascal fold {self.fold}"
        base = [class_id for class_id in self.train_source.classes("train") if not self.holds_out(class_id)]
        if phase == "train":
            held_out = [class_id for class_id in ids.values() if self.holds_out(class_id)]
            check_apart(what, self.train_source, base, held_out)
            lists = of_fold(self.train_source, self.fold, held_out)
            return (Pool.filtered(lists, "train", base, self.min_images, f"{what}, base classes"),)
        namesakes = {class_id: _namesake(source, class_id, ids) for class_id in source.classes("val")}
        tested = [class_id for class_id, coco_id in namesakes.items() if self.holds_out(coco_id)]
        check_apart(what, self.train_source, base, [namesakes[class_id] for class_id in tested])
        lists = of_fold(source, REGROUPED + self.fold, tested)
        return (Pool.filtered(lists, "val", tested, self.min_images, f"{what}, unseen classes"),)

    def holds_out(self, coco_id: ClassId) -> bool:
        """Whether a class of COCO is kept from training."""
        return coco_id % FOLDS == self.fold


def _by_name(coco: Source) -> dict[str, ClassId]:
    classes = coco.classes("train")
    if len(classes) != COCO_CLASSES:
        msg = (
            f"CocoToPascal.train_source: expected COCO with {COCO_CLASSES} classes, but got {coco} with {len(classes)}"
        )
        raise ValueError(msg)
    return {coco.class_name(class_id): class_id for class_id in classes}


def _namesake(source: Source, class_id: ClassId, ids: dict[str, ClassId]) -> ClassId:
    name = source.class_name(class_id)
    found = ids.get(AS_IN_COCO.get(name, name))
    if found is None:
        msg = f"CocoToPascal: expected PASCAL's classes in {source}, but COCO has no class {name!r}"
        raise ValueError(msg)
    return found
