"""Two processes train like one on twice the batch, and score the same episodes to the same numbers."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from fakes.asker import asking
from fakes.coco import write_coco
from fakes.poison import poisoned
from launches import assert_equal_weights, call, checkpoint, finish, refusal, result, start, tiny, write_yaml
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.runs.episode_scores import read_scores

pytestmark = pytest.mark.slow


class Launch(NamedTuple):
    config: Path
    folder: Path
    out: str
    err: str


@pytest.fixture(scope="module")
def two(coco, tmp_path_factory) -> Launch:
    """`fit` on two processes; plain SGD, since AdamW turns the rounding of a small gradient into a whole step."""
    folder = tmp_path_factory.mktemp("two")
    config = tiny(coco.root)
    config["model"]["optimizer"] = {"class_path": "SGD", "init_args": {"lr": 1.0}}
    config["data"]["batch_size"] = 1
    plain = write_yaml(folder / "plain.yaml", config)
    ddp = ("--trainer.devices", 2, "--trainer.strategy", "ddp")
    status, out, err = finish(start("fit", "--config", plain, "--run_dir", folder / "run", *ddp))
    assert status == 0, err
    return Launch(plain, folder / "run", out, err)


def test_weights_are_those_of_one_process_with_twice_the_batch(two, tmp_path):
    call("fit", "--config", two.config, "--data.batch_size", 2, "--run_dir", tmp_path / "one")
    assert_equal_weights(two.folder, tmp_path / "one", tolerance=1e-5)
    assert checkpoint(two.folder)["global_step"] == 8
    call("fit", "--config", two.config, "--trainer.max_steps", 1, "--run_dir", tmp_path / "short")
    with pytest.raises(AssertionError, match=r"base\."):  # they did move
        assert_equal_weights(two.folder, tmp_path / "short", tolerance=1e-4)


def test_scores_are_exactly_those_of_one_process(two, tmp_path):
    # 5 test and 3 validation episodes: both odd, so that one process gets a clip that must not count.
    last = two.folder / "checkpoints" / "last.ckpt"
    for stage, subcommand in (("test", "test"), ("val", "validate")):
        call(subcommand, "--config", two.config, "--run_dir", tmp_path, "--ckpt_path", last)
        one = result(tmp_path, subcommand)["metrics"][stage]
        assert sum(score["targets"] for score in one["classes"]) == {"test": 5, "val": 3}[stage]
        assert json.dumps(one) == json.dumps(result(two.folder)["metrics"][stage])
    assert None not in result(two.folder)["metrics"]["test"]["controls"].values()
    call("test", "--config", two.config, "--run_dir", tmp_path / "frozen", "--model.strategy", "Frozen")
    frozen = result(tmp_path / "frozen", "test")["metrics"]["test"]
    assert json.dumps(frozen) == json.dumps(result(two.folder)["metrics"]["frozen"])


def test_one_folder_one_table_and_no_warning_about_processes(two):
    assert [path.name for path in two.folder.parent.iterdir() if path.is_dir()] == ["run"]
    assert sorted(path.name for path in two.folder.iterdir()) == [
        "checkpoints",
        "config.yaml",
        "episodes.csv",
        "episodes.png",
        "metrics",
        "result.json",
    ]
    assert result(two.folder)["processes"] == 2
    assert [score.episode for score in read_scores(two.folder / "episodes.csv")] == [0, 1, 2, 3, 4]
    assert two.out.count("run folder:") == two.out.count("FB-IoU") == 1
    for words in ("find_unused_parameters", "sync_dist", "DistributedSampler", "devices=1"):
        assert words not in two.err


def test_predict_collects_from_both(two):
    out = two.folder.parent / "predicted"
    last = two.folder / "checkpoints" / "last.ckpt"
    ddp = ("--trainer.devices", 2, "--trainer.strategy", "ddp")
    status, _, err = finish(start("predict", "--config", two.config, "--run_dir", out, "--ckpt_path", last, *ddp))
    assert status == 0, err
    entries = json.loads((out / "predictions" / "annotations.json").read_text())
    assert [entry["episode"] for entry in entries["annotations"]] == [0, 1, 2, 3, 4]
    assert len(list((out / "predictions" / "masks").rglob("*.png"))) == 5


def test_a_file_that_one_process_cannot_read_ends_both(two, tmp_path):
    fake = write_coco(tmp_path / "coco")
    config = tiny(fake.root)
    config["data"]["source"]["init_args"]["check_files"] = False
    config["data"]["test_episodes"] = 2  # one each
    data = EpisodeDataModule(Coco(fake.root), Strict(fold=0), test_episodes=2)
    data.setup("test")
    first, second = data.episodes("test")
    broken = next(key for key in second.references + second.targets if key not in first.references + first.targets)
    path = fake.root / str(broken).replace("val/", "val2017/")
    path.write_bytes(path.read_bytes()[:300])
    plain = write_yaml(tmp_path / "plain.yaml", config)
    ddp = ("--trainer.devices", 2, "--trainer.strategy", "ddp")
    status, _, err = finish(start("test", "--config", plain, "--run_dir", tmp_path / "run", *ddp))
    assert status != 0
    assert f"error: {path} cannot be decoded as an image" in err
    assert "[rank1]: Traceback" not in err  # the first process says that it has lost the second


def test_a_run_of_two_processes_does_not_go_on_with_one(two, tmp_path, capsys):
    last = two.folder / "checkpoints" / "last.ckpt"
    for batch, said in ((1, "processes 2 (now 1)"), (2, "batch_size 1 (now 2), processes 2 (now 1)")):
        args = ("--run_dir", tmp_path, "--ckpt_path", last, "--trainer.max_epochs", 3, "--data.batch_size", batch)
        assert f"trained with {said}; give the same values" in refusal(capsys, "fit", "--config", two.config, *args)


def test_a_loss_that_is_not_finite_on_one_process_ends_both(two, tmp_path):
    ddp = ("--trainer.devices", 2, "--trainer.strategy", "ddp")
    args = ("--run_dir", tmp_path / "run", "--checkpoint_every", 1, *poisoned("images", 2, rank=1))
    status, _, err = finish(start("fit", "--config", two.config, *args, *ddp))
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: training: the loss is not finite (on another process) in step 3;")
    assert status == 2, err
    assert result(tmp_path / "run")["status"] == "failed"
    assert checkpoint(tmp_path / "run")["global_step"] == 2


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_both_end_when_the_first_is_asked_to(name, two, tmp_path):
    ddp = ("--trainer.devices", 2, "--trainer.strategy", "ddp")
    args = ("--run_dir", tmp_path / "run", "--checkpoint_every", 1, *asking("step", name, step=3))
    status, _, err = finish(start("fit", "--config", two.config, *args, *ddp))
    assert status == 128 + signal.Signals[name], err
    assert len([line for line in err.splitlines() if line.startswith("interrupted by ")]) == 1
    assert "Traceback" not in err
    assert result(tmp_path / "run")["status"] == "interrupted"


@pytest.mark.parametrize("rank", [0, 1])
def test_both_end_when_one_is_killed_and_the_run_can_be_gone_on_with(rank, two, tmp_path):
    ddp = ("--trainer.devices", 2, "--trainer.strategy", "ddp")
    args = ("fit", "--config", two.config, "--run_dir", tmp_path / "run", "--checkpoint_every", 1, *ddp)
    arguments = f'{{"moment": "step", "step": 3, "rank": {rank}}}'
    killer = f'{{"class_path": "fakes.killer.KillAt", "init_args": {arguments}}}'
    status, _, err = finish(start(*args, "--trainer.callbacks", killer))  # waits for the pipes of both
    assert time.time() - (tmp_path / "run" / "checkpoints" / "last.ckpt").stat().st_mtime < 60
    assert status != 0
    assert "Traceback" not in err
    assert checkpoint(tmp_path / "run")["global_step"] in (2, 3)
    status, _, err = finish(start(*args, "--ckpt_path", "last"))
    assert status == 0, err
    assert result(tmp_path / "run")["status"] == "finished"
    assert_equal_weights(tmp_path / "run", two.folder)


def test_fssam_needs_no_search_for_unused_parameters(coco, tmp_path):
    """The tensors that the release optimises without a gradient get zeros, on both processes."""
    content = tiny(coco.root)
    content["trainer"] |= {"max_epochs": 1}
    plain = write_yaml(tmp_path / "plain.yaml", content)
    row = Path(__file__).parents[1] / "ablations" / "fssam.yaml"
    ddp = ("--trainer.devices", 2, "--trainer.strategy", "ddp", "--data.batch_size", 1)
    args = ("fit", "--config", plain, "--config", row, "--run_dir", tmp_path / "run")
    status, _, err = finish(start(*args, *ddp))
    assert status == 0, err
    assert "find_unused_parameters" not in err
    assert checkpoint(tmp_path / "run")["global_step"] == 4
    names = checkpoint(tmp_path / "run")["state_dict"]
    assert "base.sam_mask_decoder.iou_prediction_head.layers.0.weight" in names
