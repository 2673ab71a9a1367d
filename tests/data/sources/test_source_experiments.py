"""The experiments of the sources of image files with mask files, on fakes of them: they train a step, or are tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.ade20k import write_ade20k
from fakes.coco import write_coco
from fakes.deepglobe import write_deepglobe
from fakes.fold_lists import write_coco_lists, write_pascal_lists
from fakes.folder import write_folder
from fakes.fss1000 import write_fss1000
from fakes.isic import write_isic
from fakes.lung import write_lung
from fakes.pascal5i import write_pascal5i
from launches import call, refusal, result

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
SHORT = (
    *("--trainer.limit_test_batches", 2, "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
    *("--data.size", 96, "--data.eval_batch_size", 1, "--data.num_workers", 0),
    *("--model.base", '{"name": "nano", "weights": null, "object_scores": false, "image_size": null}'),
    *("--trainer.enable_model_summary", "false"),
)
STEP = ("--trainer.max_steps", 1, "--trainer.limit_val_batches", 1, "--data.batch_size", 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stem", "write", "classes"),
    [
        ("fss1000", write_fss1000, 3),
        ("pascal5i", write_pascal5i, 5),
        ("ade20k", write_ade20k, 3),
        ("folder", write_folder, 2),
        ("fs_sam2/pascal5i", write_pascal_lists, 5),
        ("fs_sam2/coco20i", write_coco_lists, 20),
        ("fs_sam2/fss1000", write_fss1000, 3),
        ("fssam/pascal5i", write_pascal_lists, 5),
        ("fssam/coco20i", write_coco_lists, 20),
    ],
)
def test_training(stem, write, classes, tmp_path):
    root = write(tmp_path / "data").root
    options = ("--data.source.init_args.root", root, "--run_dir", tmp_path / "run")
    if stem.startswith("fssam"):  # no weights of DINOv2 are here
        options += ("--model.method.init_args.encoder", "TrackerFeatures")
    call("fit", "--config", EXPERIMENTS / f"{stem}.yaml", *options, *SHORT, *STEP)
    content = result(tmp_path / "run")
    assert content["steps"] == 1
    assert len(content["metrics"]["test"]["classes"]) == classes


@pytest.mark.slow
def test_training_on_one_annotation_file(tmp_path):
    root = write_coco(tmp_path / "data").root
    place = "--data.source.init_args"
    options = (f"{place}.root", root / "val2017", f"{place}.annotations", root / "annotations/instances_val2017.json")
    call("fit", "--config", EXPERIMENTS / "coco_file.yaml", *options, "--run_dir", tmp_path / "run", *SHORT, *STEP)
    tested = result(tmp_path / "run")["metrics"]["test"]["classes"]
    assert [row["name"] for row in tested] == ["ant", "eel"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stem", "write", "classes"), [("deepglobe", write_deepglobe, 6), ("isic", write_isic, 3), ("lung", write_lung, 1)]
)
def test_testing(stem, write, classes, tmp_path, capsys):
    root = write(tmp_path / "data").root
    options = ("--config", EXPERIMENTS / f"{stem}.yaml", "--data.source.init_args.root", root)
    call("test", *options, "--run_dir", tmp_path / "run", *SHORT)
    assert len(result(tmp_path / "run", "test")["metrics"]["test"]["classes"]) == classes
    message = refusal(capsys, "fit", *options, "--run_dir", tmp_path / "fit", *SHORT)
    assert message == f"AllClasses: {stem} in {root} has no classes in its train split; expected one to train on"
