"""Pascal-Part: parts of the objects of PASCAL VOC 2010, in the layout in circulation (docs/sansa.md 4.4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.annotations.entry_ids import whole
from sansa_lightning.data.formats.annotations.json_file import Entry, entries, read_json
from sansa_lightning.data.formats.annotations.regions import Regions, View
from sansa_lightning.data.formats.annotations.run_lengths import is_size
from sansa_lightning.data.formats.annotations.segmentations import Segmentations
from sansa_lightning.data.formats.notes import NoteBook
from sansa_lightning.data.formats.picture_files import below
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.object_source import ObjectSource, box_numbers, object_mark, window
from sansa_lightning.files.messages import brief, plain
from sansa_lightning.images.orientation import Exif

Group = Literal["animals", "indoor", "person", "vehicles"]
"""The four folds of the literature, in their order."""

_VOC = "VOCdevkit/VOC2010"
_EXCLUDED = {("aeroplane", "TAIL")}


@dataclass(frozen=True, slots=True)
class _Part:
    """A class: an object's part, and the pictures listed for it."""

    group: str
    owner: str
    part: str
    listed: dict[Split, list[str]]


class PascalPart(ObjectSource):
    """Parts of objects, each object cut out by its box; a class's mask is the union of the object's parts of it.

    A class is an object with a part, such as ``dog:HEAD``, with pictures in both splits; the tail of the aeroplane is
    left out as in the literature. Class ids count the classes of all groups, so that they do not depend on the group.
    Image keys are ``<split>/<file>#<position among the picture's objects>``.

    Args:
        root: folder with ``VOCdevkit/VOC2010``.
        group: its classes are used; None for all.
        check_files: see :class:`RegionSource`.
        name: of the source.
        exif: see :class:`RegionSource`.
    """

    def __init__(
        self,
        root: Path,
        group: Group | None = None,
        check_files: bool = True,
        name: str = "pascal_part",
        exif: Exif = "upright",
    ) -> None:
        if group not in (*get_args(Group), None):
            msg = f"PascalPart.group: expected one of {', '.join(get_args(Group))} or None, but got {group!r}"
            raise ValueError(msg)
        pictures = f"{_VOC}/JPEGImages"
        super().__init__(root, {"train": pictures, "val": pictures}, check_files, name, exif)
        self.group = group
        self.index = self.root / _VOC / "all_obj_part_to_image.json"
        self.folder = self.root / _VOC / "Annotations_Part_json_merged_part_classes"

    def _read(self, split: Split) -> Regions:
        parts = dict(enumerate(_parts(self.index)))
        chosen = {number: part for number, part in parts.items() if self.group in (None, part.group)}
        if not chosen:
            msg = f"{self.index}: expected parts listed in both train and val for {self.group or 'a group'}"
            raise ValueError(msg)
        book = NoteBook()
        masks = Segmentations(book)
        views: dict[tuple[str, int], int] = {}
        shown: list[View] = []
        drawn: dict[tuple[ClassId, int], list[bytes]] = defaultdict(list)
        files: dict[str, list[_Object]] = {}
        for number, part in chosen.items():
            for stem in dict.fromkeys(part.listed[split]):
                if stem not in files:
                    files[stem] = list(_objects(self.folder / f"{stem}.json", masks))
                for found in files[stem]:
                    if found.name == part.owner and part.part in found.parts:
                        place = views.setdefault((stem, found.position), len(views))
                        if place == len(shown):
                            mark = object_mark(found.position)
                            shown.append(View(f"{stem}.jpg", found.size, found.window, mark))
                        drawn[number, place] += found.parts[part.part]
        masks.check(self.folder)
        names = {number: f"{part.owner}:{part.part}" for number, part in chosen.items()}
        return Regions.pack(names, shown, drawn, notes=book.notes())


@dataclass(frozen=True, slots=True)
class _Object:
    """An object of a picture: its place in the file's list, its box, and run lengths for each of its parts."""

    position: int
    name: str
    size: tuple[int, int]
    window: tuple[int, int, int, int]
    parts: dict[str, list[bytes]]


def _parts(index: Path) -> Iterator[_Part]:
    """The classes of all groups, in the order of the literature's folds and then of the file."""
    content = read_json(index, "the circulating index of Pascal-Part")
    for group in get_args(Group):
        for owner, about in _children(index, content, group, "object").items():
            for part, lists in _children(index, {owner: about}, owner, "part").items():
                listed = {
                    split: _stems(f"{index}: {owner}, {part}, {split}", lists, split) for split in get_args(Split)
                }
                if all(listed.values()) and (owner, part) not in _EXCLUDED:
                    yield _Part(group, owner, part, listed)


def _children(index: Path, content: Any, name: str, kind: str) -> dict[str, Any]:
    entry = content.get(name) if isinstance(content, dict) else None
    children = entry.get(kind) if isinstance(entry, dict) else None
    if not isinstance(children, dict):
        msg = f"{index}: expected {name!r} with a dictionary {kind!r}"
        raise ValueError(msg)
    return children


def _stems(where: str, lists: Any, split: Split) -> list[str]:
    listed = lists.get(split, []) if isinstance(lists, dict) else None
    if not isinstance(listed, list):
        msg = f"{where}: expected a list of pictures, but got {brief(lists)}"
        raise ValueError(msg)
    return [below(where, stem, parts=1) for stem in listed]


def _objects(path: Path, masks: Segmentations) -> Iterator[_Object]:
    content = read_json(path, "Pascal-Part's annotations of a picture")
    for position, entry in enumerate(entries(path, content, "object", ("name", "bndbox", "parts"))):
        where = f"{path}: object {position}"
        box = entry["bndbox"]
        corners = list(box.values()) if isinstance(box, dict) else box
        parts: dict[str, list[bytes]] = defaultdict(list)
        shown = entries(path, entry, "parts", ("name", "mask"))
        found = [(_name(where, part), mask) for part in shown for mask in _masks(part)]
        size = next(filter(None, (_size(mask) for _, mask in found)), (0, 0))
        for name, mask in found:
            runs = masks.runs(f"{path.name}, object {position}, {plain(name)}", mask, *size)
            if runs is not None:
                parts[name].append(runs)
        yield _Object(position, _name(where, entry), size, window(*box_numbers(where, corners)), dict(parts))


def _name(where: str, entry: Entry) -> str:
    if not isinstance(entry["name"], str):
        msg = f"{where}: expected a name, but got {brief(entry['name'])}"
        raise ValueError(msg)
    return entry["name"]


def _masks(part: Entry) -> list[Any]:
    return part["mask"] if isinstance(part["mask"], list) else [part["mask"]]


def _size(mask: Any) -> tuple[int, int] | None:
    """(H, W) of run lengths, as they state it, pixels."""
    size = mask.get("size") if isinstance(mask, dict) else None
    sides = [whole(side) for side in size] if isinstance(size, list) else []
    height, width = sides if len(sides) == 2 else (None, None)
    return (height, width) if height is not None and width is not None and is_size(height, width) else None
