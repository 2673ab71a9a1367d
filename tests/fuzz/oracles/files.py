"""Oracles of datasets that have a mask file for each image."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from fuzz.oracles.reading import Reading, digits, grey, labels, need, rgb, text, there


def coco20i_released(root: Path) -> Reading:
    reading = Reading()
    for fold in range(4):
        content = pickle.loads((root / f"splits/val/fold{fold}.pkl").read_bytes())  # noqa: S301 - the reader was first
        for number, files in content.items():
            need(isinstance(files, list | tuple | np.ndarray), files)
            listed = {pair for pair in reading.pairs if pair[1] == digits(number)}
            now = {(f"val/{file}", digits(number)) for file in files}
            need(digits(number) < 80 and (not listed or not now or listed == now), number)
            for file in map(text, files):
                path = (root / "annotations" / file).with_suffix(".png")
                pair = _label_pair(there(root / file), path, digits(number), 80)
                reading.pairs[f"val/{file}", digits(number)] = pair
    return reading


def _label_pair(
    image: Path, mask: Path, class_id: int, classes: int, ignore: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    values = labels(mask)
    need(set(np.unique(values).tolist()) <= {*range(classes + 1), 255}, mask)
    found = (values == class_id + 1).astype(np.uint8)
    if ignore:
        found[values == 255] = 255
    picture = rgb(image)
    need(picture.shape[:2] == found.shape, mask)
    return picture, found


def _grey_pair(image: Path, mask: Path) -> tuple[np.ndarray, np.ndarray]:
    picture, found = rgb(image), (grey(mask) >= 128).astype(np.uint8)
    need(picture.shape[:2] == found.shape, mask)
    return picture, found


def pascal5i(root: Path) -> Reading:
    reading = Reading()
    for fold in range(4):
        for line in (root / f"splits/pascal/val/fold{fold}.txt").read_bytes().decode().splitlines():
            stem, number = line.strip().split("__")
            class_id = digits(number) - 1
            need(5 * fold <= class_id < 5 * fold + 5, line)
            files = root / "JPEGImages" / f"{stem}.jpg", root / "SegmentationClassAug" / f"{stem}.png"
            reading.pairs[f"val/{stem}", class_id] = _label_pair(*files, class_id, 20)
    return reading


def ade20k(root: Path) -> Reading:
    rows = (root / "objectInfo150.txt").read_bytes().decode().splitlines()
    rows = [row.split("\t") for row in rows if row.strip()]
    need(all(len(row) == 5 for row in rows), rows)
    need([row[0].strip() for row in rows[1:]] == [str(number) for number in range(1, 151)], rows)
    names = [row[4].split(",")[0].strip() for row in rows[1:]]
    need(all(names), names)
    reading = Reading(dict(enumerate(names)))
    for path in (root / "annotations/validation").glob("*.png"):
        for value in set(np.unique(labels(path)).tolist()) - {0, 255}:
            image = root / "images/validation" / f"{path.stem}.jpg"
            reading.pairs[f"val/{path.stem}", value - 1] = _label_pair(image, path, value - 1, 150, ignore=False)
    return reading


def fss1000(root: Path) -> Reading:
    lists = [(root / f"splits/{name}.txt").read_bytes().decode().split("\n") for name in ("trn", "val", "test")]
    lists = [sorted(line.strip() for line in lines if line.strip()) for lines in lists]
    names = [name for lines in lists for name in lines]
    need(len(set(names)) == len(names), names)
    reading = Reading({names.index(name): name for name in lists[2]})
    for name in lists[2]:
        for image in (root / "data" / name).glob("*.jpg"):
            picture, mask = rgb(image), grey(image.with_suffix(".png"))
            rows, columns = (np.arange(n) * m // n for n, m in zip(picture.shape, mask.shape, strict=False))
            found = (mask[rows][:, columns] >= 128).astype(np.uint8)
            reading.pairs[f"val/{name}/{image.stem}", names.index(name)] = picture, found
    return reading


def folder(root: Path) -> Reading:
    names = sorted({path.name for split in ("train", "val") for path in (root / split).iterdir()})
    reading = Reading({names.index(path.name): path.name for path in (root / "val").iterdir()})
    for image in (root / "val").glob("*/images/*"):
        name, values = image.parts[-3], grey(image.parents[1] / "masks" / f"{image.stem}.png")
        if not values.any():
            continue  # left out, and counted
        need(values.max() == 1 or values.max() >= 128, values)
        picture, mask = rgb(image), (values >= min(values.max(), 128)).astype(np.uint8)
        need(picture.shape[:2] == mask.shape, image)
        reading.pairs[f"val/{name}/{image.name}", names.index(name)] = picture, mask
    return reading


def deepglobe(root: Path) -> Reading:
    reading = Reading()
    for mask in (root / "filter_mask").glob("*/*.png"):
        image = root / "image" / f"{mask.stem.replace('_mask_', '_sat_')}.jpg"
        key = f"val/{mask.stem.replace('_mask_', '_')}"
        reading.pairs[key, int(mask.parent.name) - 1] = _grey_pair(image, mask)
    return reading


def isic(root: Path) -> Reading:
    reading = Reading()
    for image in (root / "ISIC2018_Task1-2_Training_Input").glob("*/*.jpg"):
        mask = root / "ISIC2018_Task1_Training_GroundTruth" / f"{image.stem}_segmentation.png"
        key = f"val/{image.parent.name}/{image.stem}"
        reading.pairs[key, int(image.parent.name) - 1] = _grey_pair(image, mask)
    return reading


def lung(root: Path) -> Reading:
    reading = Reading()
    for mask in (root / "masks").glob("*.png"):
        image = root / "CXR_png" / f"{mask.stem.removesuffix('_mask')}.png"
        reading.pairs[f"val/{mask.stem}", 0] = _grey_pair(image, mask)
    return reading
