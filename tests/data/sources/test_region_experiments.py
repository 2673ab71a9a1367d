"""The experiments of COCO-20i as released, LVIS, the parts datasets and the generalists, on fakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.ade20k import write_ade20k
from fakes.coco20i_released import write_coco20i
from fakes.lvis import write_lvis
from fakes.paco_part import write_paco
from fakes.pascal_part import write_pascal_part
from launches import call, result
from sansa_lightning.data.protocols.lists import StrictByPosition

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
SHORT = (
    *("--trainer.limit_test_batches", 2, "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
    *("--data.size", 96, "--data.eval_batch_size", 1, "--data.num_workers", 0),
    *("--model.base", '{"name": "nano", "weights": null}', "--trainer.enable_model_summary", "false"),
)
STEP = ("--trainer.max_steps", 1, "--trainer.limit_val_batches", 1, "--data.batch_size", 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stem", "write", "options", "classes"),
    [
        ("coco20i_released", write_coco20i, (), 20),
        ("lvis92i", write_lvis, (), 2),
        ("lvis92i", write_lvis, ("--data.source.class_path", "LvisReleased"), 2),
        ("paco_part", write_paco, (), 1),
        ("paco_part", write_paco, ("--data.source.class_path", "PacoPartReleased"), 1),
    ],
)
def test_training(stem, write, options, classes, tmp_path, monkeypatch):
    monkeypatch.setattr(StrictByPosition, "FOLDS", 2)  # there are four classes in the fake
    root = write(tmp_path / "data").root
    options = (*options, "--data.source.init_args.root", root, "--run_dir", tmp_path / "run")
    call("fit", "--config", EXPERIMENTS / f"{stem}.yaml", *options, *SHORT, *STEP)
    content = result(tmp_path / "run")
    assert content["steps"] == 1
    assert len(content["metrics"]["test"]["classes"]) == classes


@pytest.mark.slow
@pytest.mark.parametrize(("group", "classes"), [("animals", 3), ("person", 2)])
def test_testing(group, classes, tmp_path):
    root = write_pascal_part(tmp_path / "data").root
    place = "--data.source.init_args"
    options = (f"{place}.root", root, f"{place}.group", group, "--run_dir", tmp_path / "run")
    call("test", "--config", EXPERIMENTS / "pascal_part.yaml", *options, *SHORT)
    assert len(result(tmp_path / "run", "test")["metrics"]["test"]["classes"]) == classes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stem", "keys"),
    [
        ("generalist_coco_ade", ("ade20k",)),
        ("generalist_lvis", ("ade20k", "lvis")),
        ("generalist_lvis_paco", ("ade20k", "lvis", "paco")),
    ],
)
def test_mixes(stem, keys, tmp_path):
    writers = {"ade20k": write_ade20k, "lvis": write_lvis, "paco": write_paco}
    coco = write_coco20i(tmp_path / "coco").root
    options = ["--data.source.init_args.root", coco, "--data.protocol.init_args.sources.coco.init_args.root", coco]
    for key in keys:
        root = writers[key](tmp_path / key).root
        options += [f"--data.protocol.init_args.sources.{key}.init_args.root", root]
    call("fit", "--config", EXPERIMENTS / f"{stem}.yaml", *options, "--run_dir", tmp_path / "run", *SHORT, *STEP)
    assert len(result(tmp_path / "run")["metrics"]["test"]["classes"]) == 80
