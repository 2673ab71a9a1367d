"""The data of FS-SAM2 and FSSAM as configurations name them, through the command line."""

from __future__ import annotations

import json

import pytest

from fakes.fold_lists import write_coco_lists, write_pascal_lists
from launches import call, refusal, result, tiny, write_yaml

PAPERS = {
    "fs_sam2": (
        write_pascal_lists,
        {
            "source": {"class_path": "PascalLists"},
            "protocol": {"class_path": "Strict", "init_args": {"fold": 1, "layout": "contiguous"}},
            "test_order": "sansa_lightning.data.episodes.listed.FsSam2ListEpisodes",
            "train_order": "sansa_lightning.data.episodes.listed.FsSam2ListEpisodes",
            "resizing": {"class_path": "BicubicSquash"},
            "augmentation": {"class_path": "FsSam2Augmentation"},
            "seed": 42,
        },
    ),
    "fssam": (
        write_coco_lists,
        {
            "source": {"class_path": "CocoLists"},
            "protocol": {"class_path": "Strict", "init_args": {"fold": 1}},
            "test_order": "sansa_lightning.data.episodes.listed.FssamEpisodes",
            "train_order": "sansa_lightning.data.episodes.listed.FssamEpisodes",
            "augmentation": {"class_path": "FssamAugmentation", "init_args": {"scale": [0.8, 1.25]}},
            "seed": 321,
        },
    ),
}


@pytest.fixture(params=PAPERS)
def config(request, tmp_path):
    write, settings = PAPERS[request.param]
    fake = write(tmp_path / "data")
    content = tiny(fake.root)
    content["data"] |= {"train_length": None, "train_targets": 1, "score_at": "original", "score_align_corners": True}
    content["data"] |= json.loads(json.dumps(settings))
    content["data"]["source"]["init_args"] = {"root": str(fake.root)}
    content["trainer"] |= {"max_epochs": 1, "max_steps": 2}
    return fake, write_yaml(tmp_path / "lists.yaml", content)


@pytest.mark.slow
def test_a_run_trains_and_says_how_it_scored(config, tmp_path):
    fake, path = config
    call("fit", "--config", path, "--run_dir", tmp_path / "run")
    found = result(tmp_path / "run")
    assert found["steps"] == 2
    assert found["score_size"] == "original, corners aligned"
    assert {score["class_id"] for score in found["metrics"]["test"]["classes"]} <= fake.unseen(1)
    assert any("label maps counted" in kind for kinds in found["notes"].values() for kind in kinds)


@pytest.mark.slow
def test_describe_and_the_manifest(config, tmp_path, capsys):
    _, path = config
    with pytest.raises(SystemExit, match="0"):
        call("data", "describe", "--config", path, "--out", tmp_path / "sheet.png", "--manifest", tmp_path / "a.jsonl")
    said = capsys.readouterr().out
    assert "label maps counted, since there are no lists of this fold" in said
    assert "(fold 1)" in said
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 5


def test_more_targets_than_the_sampler_has(config, tmp_path, capsys):
    _, path = config
    message = refusal(capsys, "fit", "--config", path, "--run_dir", tmp_path / "run", "--data.train_targets", 3)
    assert "Episodes.targets: expected 1 (data.train_targets in training), as in its paper, but got 3" in message
