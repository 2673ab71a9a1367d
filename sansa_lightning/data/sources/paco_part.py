"""PACO-Part: parts of everyday objects, from PACO-LVIS's JSON or pickles in circulation (docs/sansa.md 4.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.annotations.entry_ids import Id, id_of, look_up, whole
from sansa_lightning.data.formats.annotations.json_file import AnnotationFile, Entry
from sansa_lightning.data.formats.annotations.lists import Pictures, numbered, of_coco, read_categories, read_pictures
from sansa_lightning.data.formats.annotations.pickled_classes import Sizes, by_class, category_labels
from sansa_lightning.data.formats.annotations.reader import keep_once, usable
from sansa_lightning.data.formats.annotations.regions import Regions, View
from sansa_lightning.data.formats.annotations.segmentations import Segmentations
from sansa_lightning.data.formats.notes import NoteBook
from sansa_lightning.data.formats.pickles import read_pickle
from sansa_lightning.data.formats.picture_files import below
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.object_source import ObjectSource, box_numbers, object_mark, window
from sansa_lightning.data.sources.published_annotations import PublishedAnnotations
from sansa_lightning.files.messages import brief, counted

NO_OWNER = "parts left out, whose object is not in the file, not in the same image or without a box"
_PICKLED = {"category_id", "obj_ann_id", "obj_bbox", "segmentation"}

Box = tuple[float, float, float, float]


class PacoPart(PublishedAnnotations, ObjectSource):
    """Parts of objects, each object cut out by its box; a class's mask is the union of the object's parts of it.

    Class ids are PACO's category ids; the classes of a split are the parts with annotations in it. Image keys are
    ``<split>/<folder>/<file>#<annotation id of the object>``.
    """

    dataset = kind = "paco"
    published: ClassVar[dict[Split, str]] = {
        "train": "paco/paco_lvis_v1_train.json",
        "val": "paco/paco_lvis_v1_val.json",
    }

    def read_file(self, path: Path, folder: Path) -> Regions:
        """See :meth:`AnnotationFiles.read_file`."""
        content = AnnotationFile(path, "PACO-LVIS's annotations; see https://github.com/facebookresearch/paco")
        book = NoteBook()
        pictures = read_pictures(content, of_coco, book)
        categories = read_categories(content, book)
        all_names = numbered(path, categories)
        boxes = _boxes(content, pictures)
        table = _Objects(book)
        names: dict[ClassId, str] = {}
        for part in usable(content, pictures, categories, book, wanted=_is_part):
            owner, class_id = id_of(part.entry.get("obj_ann_id")), int(part.category)
            if owner is None or (owner, part.row) not in boxes:
                book.add(NO_OWNER, part.where)
                continue
            names[class_id] = all_names[class_id]
            view = table.view(pictures.files[part.row], owner, boxes[owner, part.row], pictures.sizes[part.row])
            table.add(part.where, view, class_id, part.runs)
        return table.pack(path, dict(sorted(names.items())))


class PacoPartReleased(PacoPart):
    """PACO-Part from the pickles in circulation: ``{"cid2img": {...}, "img2anno": {...}}``.

    They hold no names and no sizes: a class is named by its number, and sizes are read from the pictures, which must
    exist.
    """

    kind = "paco-released"
    looks_up_sizes = True
    published: ClassVar[dict[Split, str]] = {"train": "paco/paco_part_train.pkl", "val": "paco/paco_part_val.pkl"}

    def read_file(self, path: Path, folder: Path) -> Regions:
        """See :meth:`AnnotationFiles.read_file`."""
        content = read_pickle(path)
        keys = ("cid2img", "img2anno")
        if not isinstance(content, dict) or not all(isinstance(content.get(key), dict) for key in keys):
            msg = f"{path}: expected a dictionary with the dictionaries 'cid2img' and 'img2anno'"
            raise ValueError(msg)
        book, sizes = NoteBook(), Sizes(folder, self.exif)
        table, masks = _Objects(book), Segmentations(book)
        classes = by_class(f"{path}: cid2img", content["cid2img"])
        entries = list(_pickled_entries(path, classes, content["img2anno"]))
        for _, _, file, part in entries:
            sizes.drawn(file, [part["segmentation"]])
        for class_id, here, file, part in entries:
            size = sizes.of(file, f"{path}: {here}")
            box = box_numbers(f"{path}: {here}", part["obj_bbox"])
            runs = masks.runs(here, part["segmentation"], *size)
            if runs is not None:
                table.add(here, table.view(file, part["obj_ann_id"], box, size), class_id, runs)
        masks.check(path)
        return table.pack(path, category_labels(classes))


def _is_part(entry: Entry) -> bool:
    """Whether an annotation is of a part, not of an object itself."""
    return id_of(entry.get("obj_ann_id")) != id_of(entry.get("id"))


def _boxes(content: AnnotationFile, pictures: Pictures) -> dict[tuple[Id, int], Box]:
    """(Id, place of the image) of each object -> its box (x, y, width, height).

    Raises:
        ValueError: an object has two boxes; says how many have.
    """
    boxes: dict[tuple[Id, int], Box] = {}
    several: list[str] = []
    for entry in content.annotations():
        number = id_of(entry.get("id")) if isinstance(entry, dict) else None
        row = None if number is None else look_up(pictures.rows, entry.get("image_id"))
        if number is None or row is None or _is_part(entry):
            continue
        try:
            box = box_numbers("", entry.get("bbox"))
        except ValueError:
            continue  # its parts are counted
        if boxes.setdefault((number, row), box) != box:
            several.append(f"annotation {brief(number)}")
    if several:
        many = counted(len(several), "object")
        msg = f"{content.path}: expected one box per object, but {several[0]} has two; {many} in all"
        raise ValueError(msg)
    return boxes


class _Objects:
    """Objects with their parts, while an annotation file is read."""

    def __init__(self, book: NoteBook) -> None:
        self.book = book
        self.views: dict[tuple[str, Id], tuple[int, View]] = {}
        self.drawn: dict[tuple[ClassId, int], list[bytes]] = defaultdict(list)

    def view(self, file: str, number: Id, box: Box, size: tuple[int, int]) -> int:
        """The place of an object's view, whose box is the first one given for it."""
        if (file, number) not in self.views:
            x, y, width, height = box
            shown = window(x, y, x + width, y + height)
            view = View(file, size, shown, object_mark(number))
            self.views[file, number] = len(self.views), view
        return self.views[file, number][0]

    def add(self, where: str, view: int, class_id: ClassId, runs: bytes) -> None:
        """Add one part of an object."""
        keep_once(self.drawn[class_id, view], runs, where, self.book)

    def pack(self, path: Path, names: dict[ClassId, str]) -> Regions:
        """The regions of all parts added.

        Raises:
            ValueError: there are none.
        """
        if not self.drawn:
            why = f"; {self.book}" if self.book.notes() else ""
            msg = f"{path}: expected annotations of parts (obj_ann_id is not their own id), but there are none{why}"
            raise ValueError(msg)
        return Regions.pack(names, [view for _, view in self.views.values()], self.drawn, notes=self.book.notes())


def _pickled_entries(
    path: Path, classes: dict[ClassId, Any], annotations: dict[Any, Any]
) -> Iterator[tuple[ClassId, str, str, Entry]]:
    """Class id, place in the file, picture and part, in the order of the file."""
    for class_id, images in classes.items():
        for image_id, name in _pickled_images(f"{path}: cid2img, class {class_id}", images):
            here = f"class {class_id}, image {brief(image_id)}"
            file = below(f"{path}: {here}", name.replace("\\", "/") if isinstance(name, str) else name, parts=2)
            for part in _pickled_parts(f"{path}: {here}", annotations.get(image_id)):
                if part["category_id"] == class_id:
                    yield class_id, here, file, part


def _pickled_images(where: str, images: Any) -> Iterator[tuple[Any, Any]]:
    """Image id and picture of a class, in the order of the file, each once (train lists some twice)."""
    if not isinstance(images, list):
        msg = f"{where}: expected a list of images, but got {brief(images)}"
        raise ValueError(msg)
    seen = set()
    for image in images:
        if not isinstance(image, dict) or len(image) != 1:
            msg = f"{where}: expected {{image id: picture}}, but got {brief(image)}"
            raise ValueError(msg)
        ((image_id, name),) = image.items()
        if image_id not in seen:
            seen.add(image_id)
            yield image_id, name


def _pickled_parts(where: str, parts: Any) -> list[Entry]:
    listed = parts if isinstance(parts, list) else [parts]
    found = [_numbered(part) for part in listed if isinstance(part, dict) and part.keys() >= _PICKLED]
    whole_ones = [part for part in found if None not in (part["obj_ann_id"], part["category_id"])]
    if len(whole_ones) < len(listed):
        msg = (
            f"{where}: expected img2anno to list its parts with {', '.join(sorted(_PICKLED))}, and numbers as ids; "
            f"{len(listed) - len(whole_ones)} of {len(listed)} differ"
        )
        raise ValueError(msg)
    return whole_ones


def _numbered(part: Entry) -> Entry:
    """The entry with its ids as numbers; None for an id that is not a number."""
    return part | {key: whole(part[key]) for key in ("obj_ann_id", "category_id")}
