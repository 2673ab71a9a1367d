from __future__ import annotations

import hashlib
import os
from importlib.metadata import version

import pytest
import torch
import yaml

from launches import call, checkpoint, result, tiny, trained, write_yaml
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.runs.record import commit
from sansa_lightning.trackers.weights import fingerprint
from sansa_lightning.trackers.zoo import Base


def test_folder_holds_what_the_run_used_and_gave(fitted):
    files = {str(path.relative_to(fitted)) for path in fitted.rglob("*") if path.is_file()}
    written = {"config.yaml", "result.json", "checkpoints/last.ckpt", "metrics/fit-1/metrics.csv", "episodes.png"}
    assert files == written | {"episodes.csv"}


def test_result_says_what_decides_about_the_numbers(fitted, coco):
    found = result(fitted)
    assert found["status"] == "finished"
    assert found["steps"] == 8
    assert found["processes"] == 1
    assert found["seed"] == 0
    assert found["versions"]["torch"] == version("torch")
    assert found["base"] == {"name": "nano", "fingerprint": fingerprint(Base("nano", None).build())}
    assert found["strategy"]["class"] == "AdaptFormer"
    assert found["strategy"]["settings"]["placement"] == [1, 2]
    assert found["trained_parameters"] == sum(value.numel() for value in trained(fitted).values())
    assert found["config"] == yaml.safe_load((fitted / "config.yaml").read_text())
    assert found["commit"] == commit()


def test_result_counts_what_was_left_out_and_turned(fitted):
    """The crowds of two images, an image with an orientation, and in training the class that has one image."""
    notes = result(fitted)["notes"]
    crowds = "crowd regions (iscrowd) ignored (crowds: objects would use them as objects)"
    turned = "pictures with an EXIF orientation left as stored, since the annotations have that size"
    assert notes["coco/val"] == {crowds: 2, turned: 1}
    assert notes["coco/train"] == {crowds: 2, turned: 1, "classes left out, with too few images": 1}


def test_result_identifies_the_episodes(fitted, coco):
    data = EpisodeDataModule(Coco(coco.root), Strict(fold=0), train_targets=2, train_length=8, val_episodes=3)
    data.lengths["test"] = 5
    data.setup("fit")
    data.setup("test")
    for part in ("train", "val", "test"):
        text = "".join(f"{episode.to_json()}\n" for episode in data.episodes(part))
        assert result(fitted)["episodes"][part] == hashlib.sha256(text.encode()).hexdigest()


def test_scores_are_per_class_and_add_up(fitted):
    for stage, targets in (("val", 3), ("frozen", 5), ("test", 5)):
        scores = result(fitted)["metrics"][stage]
        assert [(score["class_id"], score["name"]) for score in scores["classes"]] == [(0, "ant"), (4, "eel")]
        assert sum(score["targets"] for score in scores["classes"]) == targets
        assert scores["miou"] == pytest.approx(sum(score["iou"] for score in scores["classes"]) / 2)
        assert 0 < scores["miou"] < scores["fb_iou"] < 1


def test_metrics_file_has_each_step(fitted):
    head, *rows = [line.split(",") for line in (fitted / "metrics" / "fit-1" / "metrics.csv").read_text().splitlines()]
    assert {"train/loss", "train/bce", "train/dice", "val/miou", "val/fb_iou", "test/miou", "lr-AdamW"} < set(head)
    assert {"test/wrong_miou", "test/margin", "frozen/miou", "frozen/choice"} < set(head)
    losses = [float(row[head.index("train/loss")]) for row in rows if row[head.index("train/loss")]]
    assert len(losses) == 8
    assert losses[-1] < losses[0]
    last = [row[head.index("val/miou")] for row in rows if row[head.index("val/miou")]][-1]
    assert float(last) == pytest.approx(result(fitted)["metrics"]["val"]["miou"])


def test_checkpoint_holds_trained_tensors_only(fitted):
    content = checkpoint(fitted)
    size = sum(value.numel() * value.element_size() for value in content["state_dict"].values())
    assert all(".adapter." in name for name in content["state_dict"])
    assert (fitted / "checkpoints" / "last.ckpt").stat().st_size <= 3 * size + 2**20
    assert content["sansa_lightning"] == {key: result(fitted)[key] for key in ("strategy", "method", "base")}
    moments = content["optimizer_states"][0]["state"]
    assert len(moments) == len(content["state_dict"])


def test_a_failed_run_says_why_and_what_its_parts_say(coco, tmp_path):
    config = tiny(coco.root)
    config["trainer"]["callbacks"] = [{"class_path": "fakes.contributor.Says", "init_args": {"word": "hello"}}]
    config["model"]["strategy"] = {"class_path": "Frozen"}
    with pytest.raises(SystemExit, match="2"):
        call("fit", "--config", write_yaml(tmp_path / "frozen.yaml", config), "--run_dir", tmp_path / "run")
    found = result(tmp_path / "run")
    assert found["status"] == "failed"
    assert found["error"] == "ValueError: fit: Frozen trains nothing; use validate or test, or another strategy"
    assert found["words"] == {"said": "hello"}
    assert found["trained_parameters"] == 0
    assert found["strategy"] == {"class": "Frozen", "settings": {}}
    assert set(found["episodes"]) == {"train", "val", "test"}


@pytest.mark.slow
def test_weights_do_not_depend_on_what_torch_drew_before(fitted, tiny_yaml, tmp_path):
    torch.rand(7)
    os.environ.pop("PL_GLOBAL_SEED", None)
    call("fit", "--config", tiny_yaml, "--run_dir", tmp_path / "again")
    assert all(torch.equal(value, trained(fitted)[name]) for name, value in trained(tmp_path / "again").items())
