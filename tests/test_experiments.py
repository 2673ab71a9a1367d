"""Every YAML that is shipped is read, and trains a step; data that is not here is replaced by a fake of its format."""

from __future__ import annotations

import contextlib
import functools
import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml

from fakes.coco import FakeCoco
from fakes.pictures import rectangle, write_grey_mask, write_image
from launches import call, result, tiny, write_yaml
from sansa_lightning.cli.recipes import FEW_SHOT

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted((ROOT / "experiments").glob("**/*.yaml"))
NOT_ROWS = ("sweeps", "tables")
"""Folders of ``ablations`` that hold other files than configurations of one row."""

ABLATIONS = sorted(path for path in (ROOT / "ablations").glob("**/*.yaml") if not {*NOT_ROWS} & {*path.parts})
SHORT = (
    *("--trainer.max_steps", 1, "--trainer.limit_val_batches", 1, "--trainer.limit_test_batches", 1),
    *("--trainer.accelerator", "cpu", "--trainer.devices", 1, "--trainer.precision", "32-true"),
    *("--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"),
    *("--data.size", 96, "--data.batch_size", 1, "--data.eval_batch_size", 1, "--data.num_workers", 0),
    *("--model.base", '{"name": "nano", "weights": null, "image_size": null, "object_scores": false}'),
)


@functools.cache
def printed(*args: object) -> dict:
    """What the command line resolves its arguments to, once for all tests."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit, match="0"):
        call("fit", *args, "--print_config")
    content: dict = yaml.safe_load(said.getvalue())
    return content


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_some():
    assert ROOT / "experiments" / "coco_mini.yaml" in EXPERIMENTS
    assert ROOT / "ablations" / "released_recipe.yaml" in ABLATIONS


def test_defaults_train_a_step(tmp_path):
    call("fit", "--run_dir", tmp_path, *SHORT)
    assert result(tmp_path)["steps"] == 1


def test_the_miniature_spelt_out_is_the_default():
    assert printed("--config", ROOT / "experiments" / "nano" / "adapt.yaml") == printed()


REAL = [path for path in EXPERIMENTS if path.parent.name == "experiments" and "memorise" not in path.name]


@pytest.mark.slow
@pytest.mark.parametrize("path", REAL, ids=name_of)
def test_an_experiment_on_real_data_says_the_papers_values_itself(path):
    config = printed("--config", path)
    model = config["model"]
    assert model["strategy"]["init_args"]["scale"] == 0.1
    if "optimizer" in yaml.safe_load(path.read_text())["model"]:  # not where it is tested only
        arguments = model["optimizer"]["init_args"]
        assert (arguments["lr"], arguments["weight_decay"]) == (1e-4, 0.0)
        assert config["trainer"]["max_epochs"] == yaml.safe_load(path.read_text())["trainer"]["max_epochs"] > 1


@pytest.mark.parametrize("path", EXPERIMENTS, ids=name_of)
def test_an_experiment_is_read_and_trains_a_step_where_its_data_are(path, coco, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)  # the paths in it are relative to the checkout
    config = printed("--config", path)
    if config["recipe"] != FEW_SHOT:
        pytest.skip(f"read; the tests of {config['recipe']} train it")
    encoder = (config["model"]["method"].get("init_args") or {}).get("encoder")
    stand_in = () if encoder is None else ("--model.method.init_args.encoder", "TrackerFeatures")
    root = config["data"]["source"]["init_args"].get("root")
    options = () if root is None or Path(root).exists() else fake_of(config["data"], coco)
    if root and not Path(root).exists() and not options:
        pytest.skip(f"read; to train, it needs {root}")
    call("fit", "--config", path, "--run_dir", tmp_path, *SHORT, *options, *stand_in)
    assert result(tmp_path)["steps"] == 1


def fake_of(data: dict, coco: FakeCoco) -> tuple[object, ...]:
    """Options that put a fake in the place of a dataset in COCO's own layout, with folds."""
    source, protocol = data["source"], data["protocol"]
    if not source["class_path"].endswith(".Coco") or not protocol["class_path"].endswith(".Strict"):
        return ()
    place = "--data.source.init_args"
    return (f"{place}.root", coco.root, f"{place}.train", "train2017", f"{place}.val", "val2017")


@pytest.mark.slow
@pytest.mark.parametrize("path", ABLATIONS, ids=name_of)
def test_an_ablation_changes_what_it_says_and_nothing_else(path, tiny_yaml):
    plain = printed("--config", tiny_yaml)
    changed = printed("--config", tiny_yaml, "--config", path)
    mentioned = yaml.safe_load(path.read_text())
    for group, values in plain.items():
        if isinstance(values, dict):
            kept = [key for key in values if key not in mentioned.get(group, {})]
            assert {key: values[key] for key in kept} == {key: changed[group][key] for key in kept}
    for group, values in mentioned.items():
        for key, value in values.items():
            assert holds(changed[group][key], value), f"{group}.{key}"


def holds(resolved: object, said: object) -> bool:
    """Whether a resolved value is what a file says: all of its keys, classes by their short names."""
    if isinstance(said, dict) and isinstance(resolved, dict):
        return all(key in resolved and holds(resolved[key], value) for key, value in said.items())
    return resolved == said or str(resolved).endswith(f".{said}")


@pytest.mark.slow
@pytest.mark.parametrize("path", ABLATIONS, ids=name_of)
def test_an_ablation_gives_the_same_on_top_of_each_experiment(path):
    # One experiment of each kind of strategy that experiments have, in whose arguments it could get caught.
    contents = {file: yaml.safe_load(file.read_text()) for file in EXPERIMENTS}
    contents = {file: content for file, content in contents.items() if content.get("recipe", FEW_SHOT) == FEW_SHOT}
    kinds = {str(content.get("model", {}).get("strategy")): file for file, content in contents.items()}
    assert len(kinds) > 2
    strategies = [printed("--config", file, "--config", path)["model"]["strategy"] for file in kinds.values()]
    if "strategy" in yaml.safe_load(path.read_text()).get("model", {}):
        assert all(strategy == strategies[0] for strategy in strategies)


@pytest.mark.slow
def test_nine_photographs_of_ones_own(tmp_path, monkeypatch):
    """Three each of three classes: of the one that is tested each picture is the target equally often."""
    monkeypatch.chdir(tmp_path)
    for number in range(9):
        folder, rng = Path("data/my_photos", "abc"[number % 3]), np.random.default_rng(number)
        mask = rectangle((90, 120), rng)
        write_image(folder / "images" / f"{number}.jpg", mask.shape, rng)
        write_grey_mask(folder / "masks" / f"{number}.png", mask, rng)
    config = ROOT / "experiments" / "nano" / "my_photos.yaml"
    with pytest.raises(SystemExit, match="0"):
        call("data", "describe", "--config", config, "--manifest", "episodes.jsonl")
    episodes = [json.loads(line) for line in Path("episodes.jsonl").read_text().splitlines()]
    targets = Counter(name for episode in episodes for name in episode.get("targets", ()))
    assert list(targets.values()) == [4, 4, 4]
    short = ("--trainer.max_steps", 2, "--data.num_workers", 0, "--trainer.accelerator", "cpu")
    call("fit", "--config", config, "--run_dir", "run", *short)
    found = result(Path("run"))["metrics"]
    for which in ("test", "frozen"):
        assert [(score["class_id"], score["targets"]) for score in found[which]["classes"]] == [(0, 12)]


def test_the_released_recipe_is_focal_and_dice_clipped_at_a_tenth(coco, tiny_yaml, tmp_path):
    recipe = ROOT / "ablations" / "released_recipe.yaml"
    shown = printed("--config", tiny_yaml, "--config", recipe)
    terms = shown["model"]["losses"]["init_args"]["terms"]
    assert {name: term["class_path"] for name, term in terms.items()} == {
        "focal": "sansa_lightning.losses.Focal",
        "dice": "sansa_lightning.losses.Dice",
    }
    assert terms["focal"]["init_args"] == {"alpha": 0.25, "gamma": 2.0, "weight": 1.0, "void": "ignored"}
    assert shown["trainer"]["gradient_clip_val"] == 0.1
    assert printed("--config", tiny_yaml)["trainer"]["gradient_clip_val"] == 1.0
    call("fit", "--config", tiny_yaml, "--config", recipe, "--run_dir", tmp_path, *SHORT)
    head = (tmp_path / "metrics" / "fit-1" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train/focal", "train/dice"} < set(head)
    assert "train/bce" not in head


@pytest.mark.slow
def test_coco_mini_runs_on_real_photographs(shared, tmp_path):
    config = tiny(shared / "data" / "coco_mini")
    config["data"] |= {"val_episodes": 4, "test_episodes": 40}
    call("fit", "--config", write_yaml(tmp_path / "real.yaml", config), "--run_dir", tmp_path / "run")
    classes = result(tmp_path / "run")["metrics"]["test"]["classes"]
    assert len(classes) == 19
    assert all(score["class_id"] % 4 == 0 for score in classes)
    assert sum(score["targets"] for score in classes) == 40
