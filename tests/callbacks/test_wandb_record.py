"""What a W&B run holds, read from the offline log with W&B's own reader, and sent with its own ``wandb sync``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import wandb
import yaml
from PIL import Image
from wandb.sdk.lib.config_util import save_config_file_from_dict

from fakes.wandb_server import wandb_server
from launches import TIMEOUT, call, finish, refusal, result, start
from sansa_lightning.callbacks.wandb_record import EPISODES, SIDE, picture_of
from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.episode import Episode
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.figures.overlays import HEAD
from test_sweeps import ROOT, arguments, each_value, swept
from wandb_runs import apart, files, offline_runs, records, summary

SHORT = (
    *("--trainer.max_epochs=2", "--trainer.log_every_n_steps=1", "--trainer.enable_progress_bar=false"),
    *("--trainer.enable_model_summary=false", "--data.train_length=4", "--data.batch_size=2", "--data.train_targets=1"),
    *("--data.val_episodes=2", "--data.test_episodes=10", "--data.eval_batch_size=4", "--data.num_workers=0"),
)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run of a sweep's first command, with what W&B's agent has in its environment."""
    folder = tmp_path_factory.mktemp("logged")
    sweep = swept(ROOT / "ablations" / "sweeps" / "table3_adapters.yaml")
    chosen = each_value(sweep)[0]
    parameters = folder / "config-run0.yaml"
    save_config_file_from_dict(str(parameters), {key: {"value": value} for key, value in chosen.items()})
    agent = {"WANDB_SWEEP_ID": "sweep0", "WANDB_RUN_ID": "run0", "WANDB_PROJECT": "tests"}
    agent["WANDB_SWEEP_PARAM_PATH"] = str(parameters)
    with apart(folder, **agent), pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)  # files are named from there
        call(*arguments(sweep, chosen, folder), *SHORT, "--run_dir", folder / "run", "--trainer.logger.offline=true")
    return folder / "run"


@pytest.fixture(scope="module")
def run(logged: Path) -> Path:
    """Its offline W&B run."""
    (found,) = offline_runs(logged)
    return found


def table(run: Path, name: str) -> list[list]:
    """The rows of the last table of a name, as mappings."""
    content = json.loads((run / "files" / summary(run)["summary"][name]["path"]).read_text())
    return [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]


@pytest.mark.slow
def test_the_run_folder_holds_the_run_of_the_sweep(logged, run):
    (record,) = [record for record in records(run, "run") if "run_id" in record][:1]
    assert (record["run_id"], record["sweep_id"]) == ("run0", "sweep0")
    assert result(logged)["wandb"] == {"id": "run0", "project": "tests"}
    assert wandb.run is None  # it has ended, so that the next one of this process is another
    assert summary(run)["exit_code"] == 0


@pytest.mark.slow
def test_the_configuration_is_nested_as_in_the_file(logged, run):
    own = yaml.safe_load((logged / "config.yaml").read_text())
    assert own["model"]["strategy"]["init_args"]["targets"] == ["qkv", "proj", "mlp"]
    stored = summary(run)["config"]
    assert {key: stored[key] for key in own} == own
    assert (stored["row"], stored["fold"], stored["seed"]) == ("LoRA", 0, 0)  # what the sweep has chosen


def test_metrics_are_there_for_each_step_and_epoch(logged, run):
    rows = [record["item"] for record in records(run, "history")]
    steps = {row["trainer/global_step"]: row["train/loss"] for row in rows if "train/loss" in row}
    assert set(steps) == {0, 1, 2, 3}
    epochs = {row["trainer/global_step"]: row["val/miou"] for row in rows if "val/miou" in row}
    assert set(epochs) == {1, 3}
    scores = result(logged)["metrics"]
    assert epochs[3] == pytest.approx(scores["val"]["miou"])
    (test,) = [row for row in rows if "test/miou" in row]
    assert test["test/miou"] == pytest.approx(scores["test"]["miou"])
    for name in ("wrong_miou", "margin"):
        assert test[f"test/{name}"] == pytest.approx(scores["test"]["controls"][name])


def test_the_folder_keeps_its_own_metrics_too(logged):
    head, *rows = (logged / "metrics" / "fit-1" / "metrics.csv").read_text().splitlines()
    assert {"train/loss", "val/miou", "test/miou"} < set(head.split(","))
    assert len(rows) >= 4


@pytest.mark.parametrize("stage", ["val", "test", "frozen"])
def test_the_table_of_the_classes_is_that_of_the_result(stage, logged, run):
    rows = table(run, f"{stage}/classes")
    assert rows == result(logged)["metrics"][stage]["classes"]
    times = sum(f"{stage}/classes._type" in record["item"] for record in records(run, "history"))
    assert times == {"val": 2}.get(stage, 1)
    assert summary(run)["summary"][f"{stage}/classes"]["path"] in files(run)


@pytest.mark.slow
def test_pictures_are_those_of_the_first_episodes(logged, run, tmp_path):
    shown = summary(run)["summary"]["test/episodes"]
    assert shown["_type"] == "images/separated"
    assert len(shown["filenames"]) == EPISODES == 8
    assert set(shown["filenames"]) <= files(run)
    assert [caption.split(":")[0] for caption in shown["captions"]] == [f"episode {index}" for index in range(EPISODES)]
    last = logged / "checkpoints" / "last.ckpt"
    call(
        "predict",
        "--config",
        logged / "config.yaml",
        "--ckpt_path",
        last,
        "--run_dir",
        tmp_path,
        "--trainer.logger=null",
    )
    for index, name in enumerate(shown["filenames"]):
        drawn = np.asarray(Image.open(tmp_path / "predictions" / "overlays" / f"{index:05d}.png"))
        assert np.array_equal(np.asarray(Image.open(run / "files" / name).convert("RGB")), drawn)


def test_the_summary_has_the_facts_of_the_result(logged, run):
    facts = {key: value for key, value in result(logged).items() if key not in ("metrics", "config")}
    assert facts["status"] == "finished"
    assert {"trained_parameters", "base", "strategy", "episodes", "seed", "commit", "versions"} < set(facts)
    stored = summary(run)["summary"]
    assert {key: stored[key] for key in facts} == facts


def test_sync_takes_the_run(logged, run):
    with apart(logged.parent), wandb_server() as server:
        environment = {
            **os.environ,
            "WANDB_MODE": "online",
            "WANDB_BASE_URL": server.address,
            "WANDB_API_KEY": "a" * 40,
        }
        command = [sys.executable, "-m", "wandb", "sync", str(run)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    assert not server.unknown
    own = yaml.safe_load((logged / "config.yaml").read_text())
    assert {key: server.config[key] for key in own} == own
    assert [row["val/miou"] for row in server.history if "val/miou" in row] == [
        record["item"]["val/miou"] for record in records(run, "history") if "val/miou" in record["item"]
    ]
    assert server.summary["trained_parameters"] == result(logged)["trained_parameters"]
    media = {name for name in files(run) if name.startswith("media/")}
    assert len(media) == EPISODES + 4  # tables: two of val, test, frozen
    for name in media:
        assert server.uploads[name] == (run / "files" / name).read_bytes()
    assert Path(f"{next(run.glob('*.wandb'))}.synced").is_file()


@pytest.mark.slow
def test_a_run_that_goes_on_keeps_its_id(tiny_yaml, tmp_path):
    to_wandb = (
        "--trainer.logger=WandbLogger",
        "--trainer.logger.offline=true",
        "--compare_frozen=false",
        "--model.schedule=constant",
    )
    args = ("fit", "--config", tiny_yaml, *to_wandb, "--run_dir", tmp_path / "run", "--model.schedule=constant")
    with apart(tmp_path):
        call(*args, "--trainer.max_steps", 2)
        first = result(tmp_path / "run")["wandb"]["id"]
        call(*args, "--trainer.max_steps", 4, "--ckpt_path", "last")
        again = ("--trainer.max_steps", 1, "--run_dir", tmp_path / "again")
        call("fit", "--config", tmp_path / "run" / "config.yaml", "--ckpt_path", "null", *again)
    parts = offline_runs(tmp_path / "run")
    assert [part.name.split("-")[-1] for part in parts] == [first, first]
    steps = [
        [row["item"]["trainer/global_step"] for row in records(part, "history") if "train/loss" in row["item"]]
        for part in parts
    ]
    assert steps == [[0, 1], [2, 3]]
    assert all(records(part, "run")[0]["resume"] for part in parts)
    (new,) = offline_runs(tmp_path / "again")  # not in the folder that the configuration comes from
    assert result(tmp_path / "again")["wandb"]["id"] == new.name.split("-")[-1] != first


def test_a_run_that_fails_is_a_failed_one_there_too(tiny_yaml, tmp_path, capsys):
    to_wandb = ("--trainer.logger=WandbLogger", "--trainer.logger.offline=true")
    args = ("fit", "--config", tiny_yaml, *to_wandb, "--run_dir", tmp_path / "run", "--model.strategy", "Frozen")
    with apart(tmp_path):
        line = refusal(capsys, *args)
    (run,) = offline_runs(tmp_path / "run")
    found = summary(run)
    assert found["exit_code"] == 1
    assert found["summary"]["status"] == "failed"
    assert found["summary"]["error"] == f"ValueError: {line}"
    assert wandb.run is None


@pytest.mark.slow
def test_of_two_processes_the_first_one_logs(tiny_yaml, tmp_path):
    to_wandb = ("--trainer.logger=WandbLogger", "--trainer.logger.offline=true", "--trainer.max_steps=1")
    args = ("fit", "--config", tiny_yaml, *to_wandb, "--run_dir", tmp_path / "run")
    with apart(tmp_path):
        status, _, err = finish(start(*args, "--trainer.devices", 2, "--trainer.strategy", "ddp"))
    assert status == 0, err
    (run,) = offline_runs(tmp_path / "run")
    captions = summary(run)["summary"]["test/episodes"]["captions"]
    # Its share of five; the other process has 1, 3 and a clip that only fills up.
    assert [caption.split(":")[0] for caption in captions] == ["episode 0", "episode 2", "episode 4"]
    assert sum(row["targets"] for row in table(run, "test/classes")) == 5


def test_other_loggers_pay_nothing(fitted):
    assert "wandb" not in result(fitted)
    assert not (fitted / "wandb").exists()


@pytest.mark.parametrize(("side", "shown"), [(96, 96), (2 * SIDE, SIDE)])
def test_large_clips_make_small_pictures(side, shown):
    mask = torch.zeros(side, side, dtype=torch.uint8)
    mask[: side // 2] = 1
    clip = Clip(
        Episode("shapes", 1, ("a",), ("b",)),
        torch.full((2, 3, side, side), 120, dtype=torch.uint8),
        torch.stack([mask, mask]),
        (Prompt.mask(mask),),
    )
    picture = picture_of(ClipBatch.collate([clip]), 0, mask[None] == 1, "square")
    assert picture.height == shown + HEAD
    red = np.asarray(picture)[HEAD:, -shown:, 0] > 130
    assert red[: shown // 2 - 4].all()
    assert not red[shown // 2 + 4 :].any()
