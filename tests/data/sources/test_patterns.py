from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from sansa_lightning.data.patterns.keys import PatternKey
from sansa_lightning.data.patterns.layout import AREA, SEEN
from sansa_lightning.data.patterns.scene import MORE_OBJECTS, SECOND_INSTANCE
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.patterns import PaletteRule, Patterns

ALL = tuple(range(32))


@pytest.fixture(scope="module")
def source() -> Patterns:
    return Patterns()


def dilated(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 2)
    return np.logical_or.reduce([padded[i : i + 96, j : j + 96] for i in range(5) for j in range(5)])


def test_classes_and_images(source: Patterns) -> None:
    assert source.name == "patterns"
    assert source.classes("train") == source.classes("val") == ALL
    assert [source.class_name(class_id) for class_id in (0, 31)] == ["stripes", "bubbles"]
    assert {len(source.images(class_id, "train")) for class_id in ALL} == {1000}
    assert {len(source.images(class_id, "val")) for class_id in ALL} == {250}
    keys = [key for split in ("train", "val") for class_id in ALL for key in source.images(class_id, split)]
    assert len(set(keys)) == 32 * 1250
    assert keys[0] == "train-0-0"


def test_image_and_mask_are_as_the_contract_says(source: Patterns) -> None:
    image, mask = source.load("val-3-17", 3)
    assert (image.shape, image.dtype, mask.shape, mask.dtype) == ((96, 96, 3), np.uint8, (96, 96), np.uint8)
    assert set(np.unique(mask)) == {0, 1}
    assert Patterns(size=64).load("val-3-17", 3)[0].shape == (64, 64, 3)


@pytest.mark.parametrize("key", ["val-0-0", "train-9-4", "val-31-100", "val-5-5+0=val-5-6"])
def test_masks_are_the_objects_of_the_class(source: Patterns, key: str) -> None:
    instances, classes = source.objects(key)
    assert instances.max() == len(classes)
    for class_id in ALL:
        members = [number for number, shown in enumerate(classes, 1) if shown == class_id]
        assert (source.load(key, class_id)[1] == np.isin(instances, members)).all()


def test_object_is_where_the_mask_says_it_is(source: Patterns) -> None:
    """Repainting one object changes its pixels, and no others but for its soft edge."""
    for index in range(20):
        reference, target = f"val-3-{index}", f"val-3-{index + 20}"
        instances, classes = source.objects(target)
        image, _ = source.load(target, 3)
        for wearer in range(len(classes)):
            worn, mask = source.load(f"{target}+{wearer}={reference}", 3)
            changed = (image != worn).any(-1)
            of_object = instances == wearer + 1
            assert (mask == source.load(target, 3)[1]).all()
            assert changed[of_object].mean() > 0.95
            assert not changed[~dilated(of_object)].any()


def extremes(image: NDArray[np.uint8], members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean colours of the darkest and lightest fifth of an object's pixels."""
    pixels = image[members].astype(np.float64)
    pixels = pixels[np.argsort(pixels @ [0.299, 0.587, 0.114])]
    fifth = len(pixels) // 5
    return np.stack([pixels[:fifth].mean(0), pixels[-fifth:].mean(0)])


def test_paired_object_wears_the_colours_of_the_references_subject(source: Patterns) -> None:
    """Measured in pixels: both objects lie between the same two colours, so their extreme pixels agree."""
    lent, own = [], []
    for index in range(30):
        reference, target = f"val-8-{index}", f"val-8-{index + 30}"
        shown, classes = source.objects(reference)
        wanted = extremes(source.load(reference, 8)[0], shown == classes.index(8) + 1)
        instances, classes = source.objects(target)
        wearer = next(number for number, class_id in enumerate(classes) if class_id != 8)
        for key, distances in ((f"{target}+{wearer}={reference}", lent), (target, own)):
            distances.append(np.abs(extremes(source.load(key, 8)[0], instances == wearer + 1) - wanted).mean())
    assert np.median(lent) < 15
    assert np.median(own) > 45


@pytest.mark.parametrize("rule", ["adversarial", "neutral"])
def test_pair_lends_the_palette_by_the_rule(rule: PaletteRule) -> None:
    source = Patterns(val_rule=rule, transfer=0.7)
    rng = np.random.default_rng(0)
    lent, astray, expected = 0, 0, 0.0
    for index in range(1500):
        target = f"val-4-{index % 200}"
        key = PatternKey.parse(source.pair("val-4-201", target, 4, rng, "val"))
        if key.wearer is None:
            assert str(key) == target
            continue
        distractors = [class_id != 4 for class_id in source._scene(key).classes]
        lent += 1
        astray += distractors[key.wearer]
        expected += 1.0 if rule == "adversarial" else float(np.mean(distractors))
        assert str(key) == f"{target}+{key.wearer}=val-4-201"
    assert lent == pytest.approx(1050, abs=4 * np.sqrt(1500 * 0.21))
    assert astray == pytest.approx(expected, abs=0 if rule == "adversarial" else 4 * np.sqrt(lent * 0.25))


def test_rules_belong_to_splits_and_transfer_can_be_off() -> None:
    rng = np.random.default_rng(0)
    assert Patterns(transfer=0.0).pair("val-4-1", "val-4-2", 4, rng, "val") == "val-4-2"
    source = Patterns(transfer=1.0, val_rule="adversarial")
    wearers: dict[Split, set[bool]] = {"train": set(), "val": set()}
    for split, seen in wearers.items():
        for index in range(40):
            key = PatternKey.parse(source.pair(f"{split}-4-90", f"{split}-4-{index}", 4, rng, split))
            assert key.wearer is not None
            seen.add(source._scene(key).classes[key.wearer] == 4)
    assert wearers == {"train": {False, True}, "val": {False}}


def test_nothing_depends_on_order_or_on_what_was_drawn_before() -> None:
    keys = ["val-3-1", "train-3-1", "val-3-2+0=val-3-1", "val-30-1"]
    forward, backward = Patterns(), Patterns(train_images=7, val_images=9)
    drawn = {key: forward.load(key, 3) for key in keys}
    forward.objects("val-3-2")
    for key in reversed(keys):
        for source in (backward, forward):
            image, mask = source.load(key, 3)
            assert (image == drawn[key][0]).all()
            assert (mask == drawn[key][1]).all()


def test_another_seed_is_another_benchmark() -> None:
    assert (Patterns(seed=1).load("val-3-1", 3)[0] != Patterns().load("val-3-1", 3)[0]).any()


@pytest.mark.parametrize("fold", range(4))
def test_training_never_shows_an_unseen_class(fold: int) -> None:
    """Under each fold, whether the source knows it or not; distractors included."""
    for source in (Patterns(), Patterns(held_out=fold)):
        (pool,) = Strict(fold).pools(source, "train")
        keys = [key for class_id in pool.classes for key in source.images(class_id, pool.split)[:40]]
        shown = {class_id for key in keys for class_id in source._scene(PatternKey.parse(key)).classes}
        assert shown == {class_id for class_id in ALL if class_id % 4 != fold}


def test_held_out_widens_the_choice_of_distractors() -> None:
    def shown(source: Patterns) -> set[int]:
        return {class_id for index in range(200) for class_id in source._scene(PatternKey("train", 5, index)).classes}

    assert shown(Patterns()) == {class_id for class_id in ALL if class_id % 4 == 1}
    assert shown(Patterns(held_out=0)) == {class_id for class_id in ALL if class_id % 4 != 0}
    assert shown(Patterns(held_out=1)) == shown(Patterns())


def test_objects_are_balanced(source: Patterns) -> None:
    """Each class as often a distractor as any other; numbers of objects and instances as stated."""
    casts = [(own, source._scene(PatternKey("val", own, index)).classes) for own in ALL for index in range(60)]
    distractors = np.bincount([class_id for own, shown in casts for class_id in shown if class_id != own])
    expected = distractors.sum() / 32
    assert ((distractors - expected) ** 2 / expected).sum() < 61  # chi-squared, 31 degrees of freedom, 1 in 1000
    assert np.mean([len(shown) == 3 for _, shown in casts]) == pytest.approx(MORE_OBJECTS, abs=0.05)
    twice = np.mean([shown.count(own) == 2 for own, shown in casts])
    assert twice == pytest.approx(MORE_OBJECTS * SECOND_INSTANCE, abs=0.03)
    assert all(1 <= shown.count(own) <= 2 and len(set(shown)) >= 2 for own, shown in casts)
    in_front = np.mean([shown[-1] == own for own, shown in casts])
    assert in_front == pytest.approx(np.mean([shown.count(own) / len(shown) for own, shown in casts]), abs=0.05)


def test_sizes_do_not_depend_on_the_class(source: Patterns) -> None:
    areas = np.array([[source._scene(PatternKey("val", own, i)).mask(own).mean() for i in range(40)] for own in ALL])
    assert areas.min() >= SEEN
    assert areas.max() <= 2 * AREA[1]
    assert 0.16 <= areas.mean() <= 0.24
    standard_error = areas.std() / np.sqrt(areas.shape[1])
    assert np.abs(areas.mean(1) - areas.mean()).max() < 4 * standard_error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 16}, "Patterns.size: expected 32 to 512, but got 16"),
        ({"seed": -1}, "Patterns.seed: expected 0 to 2**64 - 1, but got -1"),
        ({"val_images": 0}, "Patterns.val_images: expected 1 to 2**32, but got 0"),
        ({"train_images": 0}, "Patterns.train_images: expected 1 to 2**32, but got 0"),
        ({"held_out": 4}, "Patterns.held_out: expected 0 to 3 or None, but got 4"),
        ({"transfer": 1.5}, "Patterns.transfer: expected a probability, but got 1.5"),
        ({"val_rule": "nasty"}, "Patterns.val_rule: expected one of neutral, adversarial, but got 'nasty'"),
        ({"train_rule": "nasty"}, "Patterns.train_rule: expected one of neutral, adversarial, but got 'nasty'"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Patterns(**arguments)


@pytest.mark.parametrize("key", ["val-32-0", "val-3-250", "train-3-1000", "val-3-1+1=val-3-250", "val-3-1+1=val-40-2"])
def test_unknown_images(source: Patterns, key: str) -> None:
    with pytest.raises(KeyError, match=re.escape(f"but got '{key}'")):
        source.load(key, 3)


def test_unknown_objects_and_classes(source: Patterns) -> None:
    with pytest.raises(KeyError, match="expected a number below the image's number of objects after '\\+'"):
        source.load("val-3-1+3=val-3-2", 3)
    for ask in (source.class_name, lambda c: source.images(c, "val"), lambda c: source.load("val-3-1", c)):
        with pytest.raises(KeyError, match="expected a class id of 0 to 31, but got 32"):
            ask(32)
