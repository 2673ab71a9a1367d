"""The files of `predict`: masks as PNG and as COCO RLE, and a picture of each episode."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sansa_lightning.clips.episode import Episode
from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.data.sources.abilities import HasFileIds
from sansa_lightning.figures.overlays import episode_picture
from sansa_lightning.files.whole import replacing, write_text

ANNOTATIONS = "annotations.json"


class PredictionWriter(BasePredictionWriter):
    """Writes masks and pictures, for episode number i of the test list and its target t.

    ``masks/<i>_<t>.png`` (0 background, 255 foreground), ``overlays/<i>.png`` (references with their masks in blue,
    targets with the prediction in red and the truth outlined in green), and ``annotations.json``: a list of
    ``{"episode", "source", "image", "class_id", "references", "segmentation": {"size": [H, W], "counts"}}`` with
    COCO's compressed RLE. With a source in COCO's format there are also ``"image_id"``, ``"category_id"`` and
    ``"score"`` (always 1), so that pycocotools' ``COCO.loadRes`` reads it; its evaluation needs masks of original size.
    Masks have the size of the clip, or with ``score_at: original`` that of their images, turned by EXIF as in reading
    (see ``orientation.Exif``).

    Args:
        folder: for the files; those of an earlier call are replaced.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(write_interval="batch")
        self.folder = folder
        self._annotations: list[dict[str, Any]] = []

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: list[list[Tensor]],
        batch_indices: Sequence[int] | None,
        batch: EvaluationBatch,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write the files of a batch."""
        clips = batch.clips
        for number, masks in enumerate(prediction):
            if batch.scored[number]:
                index = trainer.datamodule.episode_index(batch_idx, number)  # type: ignore[attr-defined]
                arrays = [mask.cpu().numpy() for mask in masks]
                self._write_masks(index, arrays)
                self._annotations += entries_of(index, clips.episodes[number], arrays)
                name = trainer.datamodule.class_names[clips.episodes[number].class_id]  # type: ignore[attr-defined]
                picture = episode_picture(clips.images[number], clips.masks[number], masks, name)
                _save(picture, self.folder / "overlays" / f"{index:05d}.png")

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the annotations of all processes into one file."""
        everything: list[Any] = [None] * trainer.world_size
        if trainer.world_size > 1:
            torch.distributed.all_gather_object(everything, self._annotations)
        else:
            everything = [self._annotations]
        if trainer.is_global_zero:
            merged = sorted((entry for part in everything for entry in part), key=lambda entry: entry["episode"])
            source = trainer.datamodule.pools("test")[0].source  # type: ignore[attr-defined]
            if isinstance(source, HasFileIds):
                merged = with_coco_ids(merged, source)
            write_text(self.folder / ANNOTATIONS, json.dumps(merged, indent=1) + "\n")

    def _write_masks(self, index: int, masks: Sequence[NDArray[np.bool_]]) -> None:
        for target, mask in enumerate(masks):
            picture = Image.fromarray(mask.astype(np.uint8) * 255)
            _save(picture, self.folder / "masks" / f"{index:05d}_{target}.png")


def entries_of(index: int, episode: Episode, masks: Sequence[NDArray[np.bool_]]) -> list[dict[str, Any]]:
    """One entry for each target, as in :class:`PredictionWriter`.

    Args:
        index: number of the episode.
        episode: its names.
        masks: one [H, W] for each target.
    """
    from pycocotools.mask import encode

    entries = []
    for target, mask in zip(episode.targets, masks, strict=True):
        code = encode(np.asfortranarray(mask.astype(np.uint8)))
        entries.append(
            {
                "episode": index,
                "source": episode.source,
                "image": target,
                "class_id": episode.class_id,
                "references": list(episode.references),
                "segmentation": {"size": code["size"], "counts": code["counts"].decode("ascii")},
            }
        )
    return entries


def with_coco_ids(entries: Sequence[dict[str, Any]], source: HasFileIds) -> list[dict[str, Any]]:
    """Entries with the additions that COCO's own tools need: the ids of the annotation file, and a score.

    Args:
        entries: results of :func:`entries_of` for images of ``source``.
        source: of the keys and class ids.
    """
    ids = [source.ids_in_file(entry["image"], entry["class_id"]) for entry in entries]
    return [
        {**entry, "image_id": image, "category_id": category, "score": 1.0}
        for entry, (image, category) in zip(entries, ids, strict=True)
    ]


def _save(picture: Image.Image, path: Path) -> None:
    with replacing(path) as partial:
        picture.save(partial, format="PNG")
