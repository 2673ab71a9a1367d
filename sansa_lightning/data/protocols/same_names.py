"""Classes with the same name, compared without capitals and white space: never both trained and tested."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.sources.abilities import image_count
from sansa_lightning.data.sources.base import Source, Split

_INVISIBLE = ("Z", "Cf", "Cc")
"""Unicode categories of white space and of characters without width."""

_OTHER: dict[Split, Split] = {"train": "val", "val": "train"}


def bare(name: str) -> str:
    """A name without capitals, white space and invisible characters.

    >>> bare("Traffic  Light ")
    'trafficlight'
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(each for each in text if not unicodedata.category(each).startswith(_INVISIBLE))


def same_names(source: Source, classes: Collection[ClassId]) -> list[tuple[ClassId, ...]]:
    """Groups of classes that share a name, ascending."""
    found: dict[str, list[ClassId]] = defaultdict(list)
    for class_id in sorted(classes):
        found[bare(source.class_name(class_id))].append(class_id)
    return [tuple(group) for group in found.values() if len(group) > 1]


def known_classes(source: Source, split: Split) -> list[ClassId]:
    """The classes of a split, and those of the other one if they may differ and it can be read."""
    found, other = set(source.classes(split)), _OTHER[split]
    if not source.equal_classes and has_split(source, other):
        found |= set(source.classes(other))
    return sorted(found)


def has_split(source: Source, split: Split) -> bool:
    """Whether a split exists and can be read."""
    try:
        return bool(source.classes(split))
    except (FileNotFoundError, ValueError):
        return False


def has_images(source: Source, class_id: ClassId, split: Split, least: int) -> bool:
    """Whether a split has at least ``least`` images of a class, which may be unknown to it."""
    return class_id in source.classes(split) and image_count(source, class_id, split) >= least


def check_apart(what: str, source: Source, trained: Collection[ClassId], tested: Collection[ClassId]) -> None:
    """Check that no class to train has the name of another class, tested as unseen.

    Args:
        what: the protocol, for the error.
        source: of both.
        trained: classes to train.
        tested: classes to test.

    Raises:
        ValueError: some have; names the first two and says how many tested classes are affected.
    """
    by_name = {bare(source.class_name(class_id)): class_id for class_id in sorted(trained, reverse=True)}
    named = ((by_name.get(bare(source.class_name(class_id))), class_id) for class_id in sorted(tested))
    clashes = [(one, other) for one, other in named if one is not None and one not in tested]
    if clashes:
        one, other = map(source.class_label, clashes[0])
        msg = (
            f"{what}: {one} would be trained and {other} tested as unseen, but they have one name, compared without "
            f"capitals and spaces; so have {len(clashes)} of the {len(tested)} classes to test in {source}; expected "
            f"one class per name: merge or rename them"
        )
        raise ValueError(msg)


def shared_names(source: Source, classes: Collection[ClassId]) -> tuple[Note, ...]:
    """A note on classes that share a name, if there are any."""
    groups = same_names(source, classes)
    if not groups:
        return ()
    first = " and ".join(map(source.class_label, groups[0]))
    what = "classes that share a name with others, compared without capitals and spaces"
    return (Note(what, sum(map(len, groups)), first),)
