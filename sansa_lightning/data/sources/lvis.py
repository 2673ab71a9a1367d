"""LVIS: 1,203 classes in COCO's photographs, from the official JSON or from the pickles in circulation (spec 4.2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from sansa_lightning.clip import ClassId
from sansa_lightning.data.annotation_json import (
    AnnotationFile,
    category_names,
    image_files,
    image_size,
    look_up,
    places,
)
from sansa_lightning.data.pickled_classes import Sizes, by_class, category_labels
from sansa_lightning.data.pickles import read_pickle
from sansa_lightning.data.picture_files import below
from sansa_lightning.data.published_annotations import PublishedAnnotations
from sansa_lightning.data.regions import Regions, View
from sansa_lightning.data.run_lengths import run_lengths
from sansa_lightning.data.sources.base import Split
from sansa_lightning.messages import brief


class Lvis(PublishedAnnotations):
    """Objects of LVIS v1; the mask of a class in an image is the union of its objects.

    Class ids are LVIS's category ids, 1 to 1203. Image keys are ``<split>/<folder>/<file>``; LVIS's val split has
    pictures of both ``train2017`` and ``val2017``.
    """

    dataset = kind = "lvis"
    published: ClassVar[dict[Split, str]] = {
        "train": "lvis_v1_train.json",
        "val": "lvis_v1_val.json",
    }

    def _read_file(self, path: Path, split: Split) -> Regions:
        content = AnnotationFile(path, "LVIS v1's annotations; see https://www.lvisdataset.org/dataset")
        images = content.entries("images", ("id", "height", "width"))
        views = places(path, "images", images)
        sizes = [image_size(path, image) for image in images]
        names = category_names(content)
        drawn: dict[tuple[ClassId, int], list[bytes]] = defaultdict(list)
        needed = ("id", "image_id", "category_id", "segmentation")
        for annotation in content.annotations(needed):
            where = f"{path}: annotation {annotation['id']}"
            view = look_up(where, annotation, "image_id", views, "images")
            look_up(where, annotation, "category_id", names, "categories")
            runs = run_lengths(where, annotation["segmentation"], *sizes[view])
            drawn[annotation["category_id"], view].append(runs)
        files = image_files(path, images)
        shown = [View.whole(f"{split}/{file}", file, size) for file, size in zip(files, sizes, strict=True)]
        return Regions.pack(dict(sorted(names.items())), shown, drawn)


class LvisReleased(Lvis):
    """LVIS from the pickles in circulation: category id -> picture -> ``{"annotations": [...]}``.

    They hold no names and no sizes: a class is called by its number, and sizes are read from the pictures, which
    must be there.
    """

    kind = "lvis-released"
    looks_up_sizes = True
    published: ClassVar[dict[Split, str]] = {"train": "lvis_train.pkl", "val": "lvis_val.pkl"}

    def _read_file(self, path: Path, split: Split) -> Regions:
        classes = by_class(str(path), read_pickle(path))
        sizes = Sizes(self.pictures, self.exif)
        views: dict[str, View] = {}
        drawn: dict[tuple[ClassId, str], list[bytes]] = defaultdict(list)
        for class_id, pictures in classes.items():
            for name, objects in _pictures(f"{path}: class {class_id}", pictures):
                file = below(f"{path}: class {class_id}", name)
                where = f"{path}: class {class_id}, {file}"
                segmentations = list(_segmentations(where, objects))
                size = sizes.of(file, f"{path}: class {class_id}", segmentations)
                view = views.setdefault(file, View.whole(f"{split}/{file}", file, size))
                drawn[class_id, file] += [run_lengths(where, each, *view.size) for each in segmentations]
        numbers = {file: number for number, file in enumerate(views)}
        by_number = {(class_id, numbers[file]): parts for (class_id, file), parts in drawn.items() if parts}
        return Regions.pack(category_labels(classes), list(views.values()), by_number)


def _pictures(where: str, pictures: Any) -> Iterable[tuple[Any, Any]]:
    if not isinstance(pictures, dict):
        msg = f"{where}: expected a dictionary picture -> annotations, but got {brief(pictures)}"
        raise ValueError(msg)
    return pictures.items()


def _segmentations(where: str, entry: Any) -> Iterator[Any]:
    annotations = entry.get("annotations") if isinstance(entry, dict) else None
    if not isinstance(annotations, list):
        msg = f"{where}: expected a dictionary with a list 'annotations', but got {brief(entry)}"
        raise ValueError(msg)
    for annotation in annotations:
        if not isinstance(annotation, dict) or "segmentation" not in annotation:
            msg = f"{where}: expected annotations with a segmentation, but got {brief(annotation)}"
            raise ValueError(msg)
        yield annotation["segmentation"]
