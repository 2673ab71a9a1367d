from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from fakes.cases import write_case
from launches import call, result
from sansa_lightning.callbacks.predictions import PredictionWriter, as_coco, as_results, entries_of, mask_names
from sansa_lightning.clips.episode import Episode
from sansa_lightning.clips.evaluation import Predicted
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.coco_file import CocoFile
from sansa_lightning.data.sources.patterns import Patterns


def decoded(entry: dict) -> np.ndarray:
    from pycocotools.mask import decode

    mask: np.ndarray = decode(entry["segmentation"])
    return mask.astype(bool)


@pytest.fixture(scope="module")
def folder(fitted, tiny_yaml, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("predicted")
    last = fitted / "checkpoints" / "last.ckpt"
    call("predict", "--config", tiny_yaml, "--run_dir", run, "--ckpt_path", last, "--model.threshold", 0.48)
    return run / "predictions"


def entries(folder: Path) -> list[dict]:
    content: list[dict] = json.loads((folder / "annotations.json").read_text())["annotations"]
    return content


@pytest.mark.slow
def test_each_episode_has_its_files(folder, coco):
    data = EpisodeDataModule(Coco(coco.root), Strict(fold=0), test_episodes=5)
    data.setup("test")
    names, targets = [], []
    for index, (episode, entry) in enumerate(zip(data.episodes("test"), entries(folder), strict=True)):
        assert entry["episode"] == index
        assert (entry["source"], entry["class_id"]) == (episode.source, episode.class_id)
        assert ((entry["image"],), tuple(entry["references"])) == (episode.targets, episode.references)
        targets.append((data.class_names[episode.class_id], Path(entry["image"]).with_suffix("")))
    for index, (name, target) in enumerate(targets):
        names.append(f"{name}/{target}{f'.{index:05d}' if targets.count((name, target)) > 1 else ''}.png")
    found = [path.relative_to(folder / "masks").as_posix() for path in (folder / "masks").rglob("*.png")]
    assert sorted(found) == sorted(names)
    assert len(set(names)) == 5
    assert sorted(path.name for path in (folder / "overlays").iterdir()) == [f"{index:05d}.png" for index in range(5)]
    assert result(folder.parent, "predict")["status"] == "finished"


def test_run_lengths_and_pictures_are_the_same_masks_of_original_size(folder, coco):
    masks = {
        path.relative_to(folder / "masks").as_posix(): np.asarray(Image.open(path))
        for path in (folder / "masks").rglob("*.png")
    }
    assert {value for mask in masks.values() for value in np.unique(mask)} == {0, 255}
    for entry in entries(folder):
        name, bare = {0: "ant", 4: "eel"}[entry["class_id"]], Path(entry["image"]).with_suffix("")
        (own,) = (
            mask
            for path, mask in masks.items()
            if path in (f"{name}/{bare}.png", f"{name}/{bare}.{entry['episode']:05d}.png")
        )
        assert np.array_equal(own == 255, decoded(entry))
        assert own.shape == coco.truth[entry["image"], entry["class_id"]].shape
        assert entry["area"] == (own == 255).sum()


@pytest.mark.slow
def test_masks_are_what_is_scored(folder, fitted, tiny_yaml, coco, tmp_path):
    options = ("--data.score_at", "original", "--model.threshold", 0.48)
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


def test_pycocotools_reads_the_results(folder, coco):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, own = COCO(str(coco.annotations("val"))), COCO(str(folder / "annotations.json"))
    results = truth.loadRes(str(folder / "results.json"))
    names = {number: image["file_name"] for number, image in truth.imgs.items()}
    assert len(results.anns) == len(own.anns) == 5
    for found, entry in zip(results.anns.values(), entries(folder), strict=True):
        assert f"val/{names[found['image_id']]}" == entry["image"] == own.imgs[found["image_id"]]["file_name"]
        name = {0: "ant", 4: "eel"}[entry["class_id"]]
        assert truth.cats[found["category_id"]]["name"] == own.cats[found["category_id"]]["name"] == name
        assert found["area"] == decoded(entry).sum() == own.anns[found["id"]]["area"]
        assert 0 < found["score"] < 1
    for annotation in truth.anns.values():  # COCO's own files have it
        annotation["area"] = int(truth.annToMask(annotation).sum())
    scored = COCOeval(truth, results, "segm")
    scored.evaluate()
    scored.accumulate()
    scored.summarize()
    assert scored.stats[0] >= 0  # -1: it found nothing to compare


def predicted(mask: np.ndarray, score: float = 0.5) -> Predicted:
    return Predicted(torch.from_numpy(mask), score)


@pytest.mark.parametrize("kind", ["string_ids", "float_ids", "backslash", "absolute_right", "dup_file", "crowd_half"])
def test_ids_are_those_of_the_file_however_it_is_written(kind, tmp_path, capsys):
    from pycocotools.coco import COCO

    path = write_case(tmp_path / "case", kind)
    source = CocoFile(path.parent / "img", path)
    keys = [(key, class_id) for class_id in source.classes("val") for key in source.images(class_id, "val")]
    names = {class_id: source.class_name(class_id) for class_id in source.classes("val")}
    found = [
        entry
        for number, (key, class_id) in enumerate(keys)
        for entry in entries_of(
            number,
            Episode("coco_file", class_id, (keys[0][0],), (key,)),
            [predicted(source.load(key, class_id)[1] == 1)],
        )
    ]
    content = as_coco(found, source, names)
    (tmp_path / "results.json").write_text(json.dumps(as_results(content["annotations"])))
    truth = COCO(str(path))
    results = truth.loadRes(str(tmp_path / "results.json"))
    assert len(results.anns) == len(keys) > 0
    for annotation, (key, class_id) in zip(results.anns.values(), keys, strict=True):
        assert truth.imgs[annotation["image_id"]]["file_name"].endswith(Path(source.picture(key)).name)
        assert truth.cats[annotation["category_id"]]["name"] == source.class_name(class_id)


def test_other_sources_have_ids_too(tmp_path):
    """One picture with two classes is one image of two annotations."""
    from pycocotools.coco import COCO

    episodes = [(0, "val/a"), (4, "val/a"), (0, "val/b")]
    masks = [np.eye(4, 6, dtype=bool), np.ones((4, 6), bool), np.zeros((5, 2), bool)]
    found = [
        entry
        for number, ((class_id, key), mask) in enumerate(zip(episodes, masks, strict=True))
        for entry in entries_of(number, Episode("patterns", class_id, ("val/c",), (key,)), [predicted(mask, 0.25)])
    ]
    content = as_coco(found, Patterns(), {0: "stripes", 4: "grid"})
    (tmp_path / "a.json").write_text(json.dumps(content))
    own = COCO(str(tmp_path / "a.json"))
    assert {number: (each["file_name"], each["height"], each["width"]) for number, each in own.imgs.items()} == {
        1: ("val/a", 4, 6),
        2: ("val/b", 5, 2),
    }
    assert {number: each["name"] for number, each in own.cats.items()} == {0: "stripes", 4: "grid"}
    for annotation, mask in zip(own.anns.values(), masks, strict=True):
        assert np.array_equal(own.annToMask(annotation), mask)
        assert annotation["score"] == 0.25
    results = own.loadRes(as_results(content["annotations"]))
    assert [each["area"] for each in results.anns.values()] == [4, 24, 0]
    assert [each["image_id"] for each in results.anns.values()] == [1, 1, 2]


def test_entries_have_one_mask_a_target():
    episode = Episode("coco", 3, ("val/a.jpg",), ("val/b.jpg", "val/c.jpg"))
    masks = [np.eye(4, 6, dtype=bool), np.zeros((5, 2), bool)]
    found = entries_of(7, episode, [predicted(mask) for mask in masks])
    assert [entry["image"] for entry in found] == ["val/b.jpg", "val/c.jpg"]
    assert all(np.array_equal(decoded(entry), mask) for entry, mask in zip(found, masks, strict=True))
    assert json.loads(json.dumps(found)) == found
    with pytest.raises(ValueError, match="shorter"):
        entries_of(7, episode, [predicted(masks[0])])


def test_no_mask_replaces_another_or_leaves_its_folder():
    given = [
        (0, ("v/a.jpg", "v/a.png")),
        (0, ("scene.1", "scene.2")),
        (1, ("x.jpg",)),
        (2, ("x.jpg",)),
        (3, ("x.jpg", "../y.jpg", "/y.jpg")),
        (4, ("x.jpg",)),
        (4, ("x.jpg", "x.00005.jpg")),
    ]
    names = {0: "cat", 1: "a/b", 2: "a_b", 3: "..", 4: "dog"}
    episodes = [Episode("s", class_id, ("r",), targets) for class_id, targets in given]
    found = list(mask_names(episodes, names).values())
    assert found == [
        *("cat/v/a.jpg", "cat/v/a.png", "cat/scene.1", "cat/scene.2", "a_b/x", "a_b_2/x"),
        *("_/x", "_/y.jpg", "_/y.jpg_2", "dog/x.00005", "dog/x.00006", "dog/x.00005_2"),
    ]


def test_a_second_run_begins_anew(tmp_path):
    """One writer for two runs of one process: the annotations of the first are not repeated."""
    data = SimpleNamespace(
        episodes=lambda phase: [Episode("patterns", 0, ("r",), ("t",))],
        class_names={0: "stripes"},
        episode_index=lambda batch, number: 0,
        pools=lambda phase: [SimpleNamespace(source=Patterns())],
    )
    trainer = SimpleNamespace(datamodule=data, world_size=1, is_global_zero=True)
    clips = SimpleNamespace(
        episodes=[data.episodes("test")[0]],
        images=torch.zeros(1, 2, 3, 8, 8, dtype=torch.uint8),
        masks=torch.zeros(1, 2, 8, 8, dtype=torch.uint8),
    )
    writer = PredictionWriter(tmp_path)
    for _ in range(2):
        writer.on_predict_start(trainer, None)
        batch = SimpleNamespace(clips=clips, scored=[True])
        writer.write_on_batch_end(trainer, None, [[predicted(np.eye(8, dtype=bool))]], None, batch, 0, 0)
        writer.on_predict_end(trainer, None)
        assert [entry["id"] for entry in entries(tmp_path)] == [1]
    assert [path.name for path in (tmp_path / "masks").rglob("*.png")] == ["t.png"]
