"""Annotation files of the kinds that labelling tools write, made anew, of coloured boxes; and a look at the pictures.

Each entry of ``CHANGES`` turns a plain file in COCO's format into one of a kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HEIGHT, WIDTH, PICTURES = 48, 64, 6
NAMES = ("bolt", "leaf", "cup", "shell")
COLOURS = ((220, 30, 30), (30, 200, 40), (40, 60, 230), (230, 200, 20))
BACKGROUND = (120, 120, 120)
Content = dict[str, list[dict[str, Any]]]


def write_plain(root: Path) -> Path:
    """Twenty-four pictures of a box each, ``img/001.png`` ..., with ``ann.json`` beside; the path of that."""
    (root / "img").mkdir(parents=True)
    rng = np.random.default_rng(0)
    content: Content = {"images": [], "annotations": [], "categories": []}
    content["categories"] = [{"id": number, "name": name} for number, name in enumerate(NAMES, 1)]
    for number in range(1, PICTURES * len(NAMES) + 1):
        kind = (number - 1) // PICTURES
        x0, y0 = int(rng.integers(6, 30)), int(rng.integers(6, 20))
        x1, y1 = x0 + int(rng.integers(14, 28)), y0 + int(rng.integers(12, 22))
        pixels = np.full((HEIGHT, WIDTH, 3), BACKGROUND, np.uint8)
        pixels[y0:y1, x0:x1] = COLOURS[kind]
        Image.fromarray(pixels).save(root / "img" / f"{number:03d}.png")
        image = {"id": number, "file_name": f"{number:03d}.png", "height": HEIGHT, "width": WIDTH}
        outline = [[x0, y0, x1, y0, x1, y1, x0, y1]]
        content["images"].append(image)
        content["annotations"].append(
            {"id": number, "image_id": number, "category_id": kind + 1, "segmentation": outline, "iscrowd": 0}
        )
    path = root / "ann.json"
    path.write_text(json.dumps(content))
    return path


def shown(picture: Path) -> np.ndarray:
    """bool [H, W]: where a picture of one coloured shape differs from its background, whatever an annotation says."""
    with Image.open(picture) as opened:
        pixels = np.asarray(opened.convert("RGB")).astype(int)
    background = np.median(pixels.reshape(-1, 3), axis=0)
    return np.asarray(abs(pixels - background).sum(-1) > 90)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def _runs(annotation: dict[str, Any]) -> dict[str, Any]:
    """The box of an annotation as plain run lengths."""
    x0, y0, _, _, x1, y1, _, _ = annotation["segmentation"][0]
    column = [HEIGHT - (y1 - y0), y1 - y0]
    counts = [x0 * HEIGHT + y0, *[y1 - y0, column[0]] * (x1 - x0)]
    return {"size": [HEIGHT, WIDTH], "counts": [*counts[:-1], HEIGHT * WIDTH - sum(counts[:-1])]}


def crowd_half(content: Content, root: Path) -> None:
    for annotation in content["annotations"][::2]:
        annotation.update(segmentation=_runs(annotation), iscrowd=1)


def crowds_all(content: Content, root: Path) -> None:
    for annotation in content["annotations"]:
        annotation.update(segmentation=_runs(annotation), iscrowd=1)


def _relative(content: Content, overshoot: float) -> None:
    for annotation in content["annotations"]:
        outline = np.array(annotation["segmentation"][0]).reshape(-1, 2) / (WIDTH, HEIGHT)
        annotation["segmentation"] = [(outline + overshoot).ravel().tolist()]


def normalised(content: Content, root: Path) -> None:
    _relative(content, 0.0)


def normalised_beyond(content: Content, root: Path) -> None:
    """With a corner before 0, and brush masks, which are always in pixels, among them."""
    brushed = [_runs(annotation) for annotation in content["annotations"][:5]]
    _relative(content, -0.2)
    for annotation, runs in zip(content["annotations"], brushed, strict=False):
        annotation["segmentation"] = runs


def empty_segmentation(content: Content, root: Path) -> None:
    content["annotations"][3]["segmentation"] = []


def degenerate_part(content: Content, root: Path) -> None:
    content["annotations"][3]["segmentation"].append([10.0, 10.0, 10.0, 10.0])


def dup_names(content: Content, root: Path) -> None:
    content["categories"][1]["name"] = f" {NAMES[0].upper()}"


def backslash(content: Content, root: Path) -> None:
    (root / "img" / "images").mkdir()
    for image in content["images"]:
        (root / "img" / image["file_name"]).rename(root / "img" / "images" / image["file_name"])
        image["file_name"] = f"images\\{image['file_name']}"


def string_ids(content: Content, root: Path) -> None:
    for image in content["images"]:
        image["id"] = f"img_{image['id']}"
    for annotation in content["annotations"]:
        annotation.update(id=f"ann{annotation['id']}", image_id=f"img_{annotation['image_id']}")


def float_ids(content: Content, root: Path) -> None:
    for image in content["images"]:
        image.update(height=float(HEIGHT), width=float(WIDTH))
    for annotation in content["annotations"]:
        annotation.update(image_id=float(annotation["image_id"]), category_id=float(annotation["category_id"]))


def rle_in_list(content: Content, root: Path) -> None:
    for annotation in content["annotations"]:
        annotation["segmentation"] = [_runs(annotation)]


def dup_file(content: Content, root: Path) -> None:
    content["images"].append({**content["images"][0], "id": 999})
    content["annotations"].append({**content["annotations"][0], "id": 999, "image_id": 999})


def absolute_right(content: Content, root: Path) -> None:
    for image in content["images"]:
        image["file_name"] = f"{root}/img/{image['file_name']}"


def classes_1(content: Content, root: Path) -> None:
    del content["images"][PICTURES:], content["annotations"][PICTURES:], content["categories"][1:]


CHANGES: dict[str, Callable[[Content, Path], None]] = {
    change.__name__: change
    for change in (
        *(crowd_half, crowds_all, normalised, normalised_beyond, empty_segmentation, degenerate_part, dup_names),
        *(backslash, string_ids, float_ids, rle_in_list, dup_file, absolute_right, classes_1),
    )
}


def write_case(root: Path, kind: str) -> Path:
    """A file of a kind, with its pictures; its path."""
    path = write_plain(root)
    content = json.loads(path.read_text())
    CHANGES[kind](content, root)
    path.write_text(json.dumps(content))
    return path
