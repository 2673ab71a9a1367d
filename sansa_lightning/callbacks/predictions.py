"""The files of `predict`: masks as PNG and in COCO's format, and a picture of each episode."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from PIL import Image

from sansa_lightning.clips.episode import ClassId, Episode, ImageKey
from sansa_lightning.clips.evaluation import EvaluationBatch, Predicted
from sansa_lightning.data.sources.abilities import HasFileIds
from sansa_lightning.data.sources.base import Source
from sansa_lightning.data.sources.folder import ENDINGS
from sansa_lightning.figures.overlays import episode_picture
from sansa_lightning.files.names import output_names
from sansa_lightning.files.whole import replacing, write_text

ANNOTATIONS, RESULTS = "annotations.json", "results.json"

Entry = dict[str, Any]


class PredictionWriter(BasePredictionWriter):
    """Writes masks and pictures of the targets of the test list, and what COCO's tools read.

    - ``masks/<class>/<image>.png``: 0 background, 255 foreground, of the image's own size, turned by EXIF as in reading
      (see ``orientation.Exif``). Where several episodes have one class and target, the episode's number is in the name:
      ``<image>.<i>.png``. An image's ending stays where others differ in it alone.
    - ``overlays/<i>.png``: references with their masks in blue, targets with the prediction in red and the truth
      outlined in green.
    - ``annotations.json``: a file in COCO's format, with run lengths. An annotation also has ``score``, the IoU of the
      mask with its own probabilities, ``episode``, ``source`` and ``references``. Ids of a source in COCO's format are
      those of its file.
    - ``results.json``: its annotations as the list that pycocotools' ``COCO.loadRes`` reads.

    Args:
        folder: for the files; those of an earlier call are replaced.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(write_interval="batch")
        self.folder = folder
        self._entries: list[Entry] = []
        self._names: dict[tuple[int, ImageKey], str] = {}

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget an earlier run, and name the masks of all episodes."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        episodes = data.episodes("test")
        self._entries = []
        self._names = mask_names([episodes[index] for index in range(len(episodes))], data.class_names)

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: list[list[Predicted]],
        batch_indices: Sequence[int] | None,
        batch: EvaluationBatch,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write the files of a batch."""
        clips, data = batch.clips, trainer.datamodule  # type: ignore[attr-defined]
        for number, found in enumerate(prediction):
            if not batch.scored[number]:
                continue
            index, episode = data.episode_index(batch_idx, number), clips.episodes[number]
            name = data.class_names[episode.class_id]
            self._entries += entries_of(index, episode, found)
            for target, each in zip(episode.targets, found, strict=True):
                path = self.folder / "masks" / f"{self._names[index, target]}.png"
                _save(Image.fromarray(each.mask.cpu().numpy().astype(np.uint8) * 255), path)
            picture = episode_picture(clips.images[number], clips.masks[number], [each.mask for each in found], name)
            _save(picture, self.folder / "overlays" / f"{index:05d}.png")

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the annotations of all processes into one file."""
        everything: list[Any] = [None] * trainer.world_size
        if trainer.world_size > 1:
            torch.distributed.all_gather_object(everything, self._entries)
        else:
            everything = [self._entries]
        if trainer.is_global_zero:
            merged = sorted((entry for part in everything for entry in part), key=lambda entry: entry["episode"])
            data = trainer.datamodule  # type: ignore[attr-defined]
            content = as_coco(merged, data.pools("test")[0].source, data.class_names)
            write_text(self.folder / ANNOTATIONS, json.dumps(content, indent=1) + "\n")
            write_text(self.folder / RESULTS, json.dumps(as_results(content["annotations"]), indent=1) + "\n")


def mask_names(episodes: Sequence[Episode], class_names: Mapping[ClassId, str]) -> dict[tuple[int, ImageKey], str]:
    """Paths of masks below their folder, without an ending, by the number of the episode and the target.

    They are of the class, of the image, and of the episode if others have the same class and image. No two are equal.

    Args:
        episodes: all of them, in their order.
        class_names: of their class ids.
    """
    classes = list(dict.fromkeys(each.class_id for each in episodes))
    folders = dict(zip(classes, output_names([class_names[each].replace("/", "_") for each in classes]), strict=True))
    images = list(dict.fromkeys(target for each in episodes for target in each.targets))
    bare = dict(zip(images, output_names([str(each) for each in images], ENDINGS), strict=True))
    times = Counter((each.class_id, target) for each in episodes for target in each.targets)
    names = {}
    for index, each in enumerate(episodes):
        for target in each.targets:
            number = f".{index:05d}" if times[each.class_id, target] > 1 else ""
            names[index, target] = f"{folders[each.class_id]}/{bare[target]}{number}"
    # Again: an image may be called what the number makes of another.
    return dict(zip(names, output_names(list(names.values())), strict=True))


def entries_of(index: int, episode: Episode, found: Sequence[Predicted]) -> list[Entry]:
    """What is known of each target's mask, without ids.

    Args:
        index: number of the episode.
        episode: its names.
        found: one for each target.
    """
    from pycocotools import mask as coco_mask

    entries = []
    for target, (mask, score) in zip(episode.targets, found, strict=True):
        code = coco_mask.encode(np.asfortranarray(mask.cpu().numpy().astype(np.uint8)))
        entries.append(
            {
                "episode": index,
                "source": episode.source,
                "image": target,
                "class_id": episode.class_id,
                "references": list(episode.references),
                "score": round(score, 4),
                "segmentation": {"size": code["size"], "counts": code["counts"].decode("ascii")},
                "area": int(coco_mask.area(code)),
                "bbox": coco_mask.toBbox(code).tolist(),
            }
        )
    return entries


def as_coco(entries: Sequence[Entry], source: Source, class_names: Mapping[ClassId, str]) -> dict[str, Any]:
    """A file in COCO's format.

    Args:
        entries: results of :func:`entries_of`.
        source: of the keys and class ids; its own ids are kept, if it has files of COCO's format.
        class_names: of the class ids; categories have these ids where the source has no others.
    """
    keys = list(dict.fromkeys((entry["source"], entry["image"]) for entry in entries))
    own = {key: number for number, key in enumerate(keys, 1)}
    images: dict[Any, Entry] = {}
    categories: dict[Any, Entry] = {}
    annotations = []
    for number, entry in enumerate(entries, 1):
        image, category = own[entry["source"], entry["image"]], entry["class_id"]
        if isinstance(source, HasFileIds):
            image, category = source.ids_in_file(entry["image"], entry["class_id"])
        height, width = entry["segmentation"]["size"]
        images[image] = {"id": image, "file_name": str(entry["image"]), "width": width, "height": height}
        categories[category] = {"id": category, "name": class_names[entry["class_id"]], "supercategory": ""}
        ids = {"id": number, "image_id": image, "category_id": category, "iscrowd": 0}
        annotations.append({**ids, **entry})
    return {"images": list(images.values()), "categories": list(categories.values()), "annotations": annotations}


def as_results(annotations: Sequence[Entry]) -> list[Entry]:
    """Annotations as results: without boxes, whose area pycocotools would take for that of the masks."""
    return [{key: value for key, value in each.items() if key not in ("bbox", "area")} for each in annotations]


def _save(picture: Image.Image, path: Path) -> None:
    with replacing(path) as partial:
        picture.save(partial, format="PNG")
