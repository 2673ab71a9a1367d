"""The embedded benchmark: 32 classes of surface patterns on random silhouettes, rendered on demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.patterns.families import FOLDS, NAMES
from sansa_lightning.data.patterns.keys import PatternKey
from sansa_lightning.data.patterns.scene import Scene
from sansa_lightning.data.sources.base import Source, Split

PaletteRule = Literal["neutral", "adversarial"]

_CLASSES = range(len(NAMES))
_RULES = ("neutral", "adversarial")


class Patterns(Source):
    """A procedural few-shot benchmark in which similar looks do not mean the same class (``docs/patterns.md``).

    An image shows two or three objects, one of them (sometimes two) of its class, the others of other classes.
    The class is the surface pattern; silhouette, palette, size, place and background are drawn independently of it. An
    image depends on (seed, key) alone, and is equal to the bit on every machine.

    Distractors in train images must not show a fold's test classes. By default they come from the fold of the image's
    own class, so that training under any ``Strict`` fold never shows an unseen class, not even as a distractor. With
    ``held_out`` they come from all classes outside one fold: more variety, for that fold only. Distractors in val
    images come from all classes.

    Args:
        size: side of the images in pixels, 32 to 512.
        seed: of the whole benchmark, 0 <= seed < 2**64.
        train_images: images per class in the train split.
        val_images: images per class in the val split.
        held_out: fold whose classes train images of other folds never show; None for each class's own fold.
        transfer: probability that an object of a target wears the reference's palette, see :meth:`pair`.
        train_rule: selects that object in the train split.
        val_rule: selects that object in the val split.
    """

    name = "patterns"
    equal_classes = True

    def __init__(
        self,
        size: int = 96,
        seed: int = 0,
        train_images: int = 1000,
        val_images: int = 250,
        held_out: int | None = None,
        transfer: float = 0.7,
        train_rule: PaletteRule = "neutral",
        val_rule: PaletteRule = "neutral",
    ) -> None:
        _check("size", "32 to 512", size, 32 <= size <= 512)
        _check("seed", "0 to 2**64 - 1", seed, 0 <= seed < 1 << 64)
        _check("train_images", "1 to 2**32", train_images, 1 <= train_images <= 1 << 32)
        _check("val_images", "1 to 2**32", val_images, 1 <= val_images <= 1 << 32)
        _check("held_out", f"0 to {FOLDS - 1} or None", held_out, held_out in (None, *range(FOLDS)))
        _check("transfer", "a probability", transfer, 0 <= transfer <= 1)
        _check("train_rule", "one of neutral, adversarial", train_rule, train_rule in _RULES)
        _check("val_rule", "one of neutral, adversarial", val_rule, val_rule in _RULES)
        self.size = size
        self.seed = seed
        self.held_out = held_out
        self.transfer = transfer
        self.counts: dict[Split, int] = {"train": train_images, "val": val_images}
        self.rules: dict[Split, PaletteRule] = {"train": train_rule, "val": val_rule}
        self._images: dict[tuple[ClassId, Split], tuple[ImageKey, ...]] = {}

    def classes(self, split: Split) -> tuple[ClassId, ...]:
        """0..31 in both splits."""
        return tuple(_CLASSES)

    def class_name(self, class_id: ClassId) -> str:
        """A description of the pattern."""
        return NAMES[self._known(class_id)]

    def images(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """Keys of the images of the class; images in which it is a distractor are not listed."""
        drawn = (self._known(class_id), split)
        if drawn not in self._images:
            indices = range(self.counts[split])
            self._images[drawn] = tuple(str(PatternKey(split, class_id, index)) for index in indices)
        return self._images[drawn]

    def load(self, key: ImageKey, class_id: ClassId) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Render one image, with the mask of all its objects of a class."""
        parts, scene = self._open(key)
        worn = scene.palettes
        if parts.lender is not None:
            lender = self._scene(parts.lender)
            worn = worn.copy()
            worn[parts.wearer] = lender.palettes[lender.subject]
        return scene.image(worn), scene.mask(self._known(class_id))

    def objects(self, key: ImageKey) -> tuple[NDArray[np.uint8], tuple[ClassId, ...]]:
        """The objects of an image, for controls that ignore the class or choose among the objects.

        Returns:
            The instance map, uint8 [H, W], 0 background and k + 1 the k-th object, and the class of each object.

        Raises:
            KeyError: the key is unknown.
        """
        _, scene = self._open(key)
        return scene.instances, scene.classes

    def shows(self, key: ImageKey, class_id: ClassId) -> bool:
        """Whether one of the objects belongs to the class; each object has visible pixels."""
        return self._known(class_id) in self._open(key)[1].classes

    def pair(
        self, reference: ImageKey, target: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split
    ) -> ImageKey:
        """The target; with probability ``transfer``, one of its objects wears the palette of the reference's subject.

        Under the rule "adversarial" it is a distractor, so that following the colours leads astray; under "neutral" it
        is any object, so that colours say nothing and avoiding them does not pay either.
        """
        if rng.random() >= self.transfer:
            return target
        parts, scene = self._open(target)
        adversarial = self.rules[split] == "adversarial"
        wearers = [number for number, shown in enumerate(scene.classes) if not adversarial or shown != class_id]
        lender, _ = self._open(reference)
        return str(parts.lend(wearers[int(rng.integers(len(wearers)))], lender))

    def _open(self, key: ImageKey) -> tuple[PatternKey, Scene]:
        """The content of a key and the image that it names, checked to exist."""
        parts = PatternKey.parse(key)
        for part in (parts, parts.lender or parts):
            if part.class_id not in _CLASSES or part.index >= self.counts[part.split]:
                msg = (
                    f"Patterns: expected a class below {len(_CLASSES)} and an index below "
                    f"{self.counts[part.split]} in the {part.split} split, but got {str(key)!r}"
                )
                raise KeyError(msg)
        scene = self._scene(parts)
        if parts.wearer is not None and parts.wearer >= len(scene.classes):
            msg = f"Patterns: expected a number below the image's number of objects after '+', but got {str(key)!r}"
            raise KeyError(msg)
        return parts, scene

    def _scene(self, parts: PatternKey) -> Scene:
        others = self._distractors(parts)
        return Scene(self.seed, parts.split, parts.class_id, parts.index, others, self.size)

    def _distractors(self, parts: PatternKey) -> tuple[ClassId, ...]:
        fold = parts.class_id % FOLDS
        if parts.split == "val":
            return tuple(_CLASSES)
        if self.held_out in (None, fold):
            return tuple(other for other in _CLASSES if other % FOLDS == fold)
        return tuple(other for other in _CLASSES if other % FOLDS != self.held_out)

    def _known(self, class_id: ClassId) -> ClassId:
        if class_id not in _CLASSES:
            msg = f"Patterns: expected a class id of 0 to {len(_CLASSES) - 1}, but got {class_id!r}"
            raise KeyError(msg)
        return class_id


def _check(argument: str, expected: str, given: object, good: bool) -> None:
    if not good:
        msg = f"Patterns.{argument}: expected {expected}, but got {given!r}"
        raise ValueError(msg)
