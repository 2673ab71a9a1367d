from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakes.cases import write_case
from launches import call, result
from sansa_lightning.callbacks.predictions import entries_of, with_coco_ids
from sansa_lightning.clips.episode import Episode
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.coco_file import CocoFile


def decoded(entry: dict) -> np.ndarray:
    from pycocotools.mask import decode

    mask: np.ndarray = decode(entry["segmentation"])
    return mask.astype(bool)


@pytest.fixture(scope="module", params=["clip", "original"])
def predicted(request, fitted, tiny_yaml, tmp_path_factory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp(request.param)
    last = fitted / "checkpoints" / "last.ckpt"
    args = ("--run_dir", folder, "--ckpt_path", last, "--data.score_at", request.param, "--model.threshold", 0.48)
    call("predict", "--config", tiny_yaml, *args)
    return request.param, folder / "predictions"


def entries(folder: Path) -> list[dict]:
    content: list[dict] = json.loads((folder / "annotations.json").read_text())
    return content


@pytest.mark.slow
def test_each_episode_has_its_files(predicted, coco):
    _, folder = predicted
    data = EpisodeDataModule(Coco(coco.root), Strict(fold=0), test_episodes=5)
    data.setup("test")
    for index, (episode, entry) in enumerate(zip(data.episodes("test"), entries(folder), strict=True)):
        assert entry["episode"] == index
        assert (entry["source"], entry["class_id"]) == (episode.source, episode.class_id)
        assert ((entry["image"],), tuple(entry["references"])) == (episode.targets, episode.references)
    names = [f"{index:05d}" for index in range(5)]
    assert sorted(path.name for path in (folder / "masks").iterdir()) == [f"{name}_0.png" for name in names]
    assert sorted(path.name for path in (folder / "overlays").iterdir()) == [f"{name}.png" for name in names]
    assert result(folder.parent, "predict")["status"] == "finished"


def test_run_lengths_and_pictures_are_the_same_masks(predicted):
    _, folder = predicted
    masks = [np.asarray(Image.open(path)) for path in sorted((folder / "masks").iterdir())]
    assert {value for mask in masks for value in np.unique(mask)} == {0, 255}
    for mask, entry in zip(masks, entries(folder), strict=True):
        assert np.array_equal(mask == 255, decoded(entry))


def test_masks_have_the_size_asked_for(predicted, coco):
    where, folder = predicted
    for entry in entries(folder):
        size = [96, 96]
        if where == "original":
            size = list(coco.truth[entry["image"], entry["class_id"]].shape)
        assert entry["segmentation"]["size"] == size


def test_masks_are_what_is_scored(predicted, fitted, tiny_yaml, coco, tmp_path):
    where, folder = predicted
    if where == "clip":
        pytest.skip("the truth at clip size is the dataset's business")
    options = ("--data.score_at", where, "--model.threshold", 0.48)
    last = fitted / "checkpoints" / "last.ckpt"
    call("test", "--config", tiny_yaml, "--run_dir", tmp_path, "--ckpt_path", last, *options)
    counts = {0: [0, 0], 4: [0, 0]}
    for entry in entries(folder):
        truth = coco.truth[entry["image"], entry["class_id"]]
        mask = decoded(entry) & (truth != 255)
        counts[entry["class_id"]][0] += int((mask & (truth == 1)).sum())
        counts[entry["class_id"]][1] += int((mask | (truth == 1)).sum())
    scores = result(tmp_path, "test")["metrics"]["test"]["classes"]
    assert [score["iou"] for score in scores] == [inter / union for inter, union in counts.values()]


def test_pycocotools_reads_the_results(predicted, coco):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    where, folder = predicted
    truth = COCO(str(coco.annotations("val")))
    results = truth.loadRes(str(folder / "annotations.json"))
    names = {number: image["file_name"] for number, image in truth.imgs.items()}
    assert len(results.anns) == 5
    for found, entry in zip(results.anns.values(), entries(folder), strict=True):
        assert f"val/{names[found['image_id']]}" == entry["image"]
        assert truth.cats[found["category_id"]]["name"] == {0: "ant", 4: "eel"}[entry["class_id"]]
        assert (found["score"], found["area"]) == (1.0, decoded(entry).sum())
    if where == "original":
        for annotation in truth.anns.values():  # COCO's own files have it
            annotation["area"] = int(truth.annToMask(annotation).sum())
        scored = COCOeval(truth, results, "segm")
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
        assert scored.stats[0] >= 0  # -1: it found nothing to compare


@pytest.mark.parametrize("kind", ["string_ids", "float_ids", "backslash", "absolute_right", "dup_file", "crowd_half"])
def test_ids_are_those_of_the_file_however_it_is_written(kind, tmp_path, capsys):
    from pycocotools.coco import COCO

    path = write_case(tmp_path / "case", kind)
    source = CocoFile(path.parent / "img", path)
    keys = [(key, class_id) for class_id in source.classes("val") for key in source.images(class_id, "val")]
    found = [
        entry
        for number, (key, class_id) in enumerate(keys)
        for entry in entries_of(
            number, Episode("coco_file", class_id, (keys[0][0],), (key,)), [source.load(key, class_id)[1] == 1]
        )
    ]
    (tmp_path / "results.json").write_text(json.dumps(with_coco_ids(found, source)))
    truth = COCO(str(path))
    results = truth.loadRes(str(tmp_path / "results.json"))
    assert len(results.anns) == len(keys) > 0
    for annotation, (key, class_id) in zip(results.anns.values(), keys, strict=True):
        assert truth.imgs[annotation["image_id"]]["file_name"].endswith(Path(source.picture(key)).name)
        assert truth.cats[annotation["category_id"]]["name"] == source.class_name(class_id)


def test_entries_have_one_mask_a_target():
    episode = Episode("coco", 3, ("val/a.jpg",), ("val/b.jpg", "val/c.jpg"))
    masks = [np.eye(4, 6, dtype=bool), np.zeros((5, 2), bool)]
    found = entries_of(7, episode, masks)
    assert [entry["image"] for entry in found] == ["val/b.jpg", "val/c.jpg"]
    assert all(np.array_equal(decoded(entry), mask) for entry, mask in zip(found, masks, strict=True))
    assert json.loads(json.dumps(found)) == found
    with pytest.raises(ValueError, match="shorter"):
        entries_of(7, episode, masks[:1])
