from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from fakes.coco import write_coco
from launches import assert_equal_weights, call, refusal, result, tiny, write_yaml
from sansa_lightning.files.tensor_files import read_tensors


def printed(capsys: pytest.CaptureFixture[str], *args: object) -> dict:
    """The configuration that ``--print_config`` shows."""
    capsys.readouterr()
    with pytest.raises(SystemExit, match="0"):
        call(*args, "--print_config")
    content: dict = yaml.safe_load(capsys.readouterr().out)
    return content


@pytest.mark.slow
def test_config_of_a_run_gives_the_run_again(fitted, tmp_path):
    call("fit", "--config", fitted / "config.yaml", "--run_dir", tmp_path / "again")
    first, again = (yaml.safe_load((folder / "config.yaml").read_text()) for folder in (fitted, tmp_path / "again"))
    for config, folder in ((first, fitted), (again, tmp_path / "again")):
        assert config.pop("run_dir") == config["trainer"].pop("default_root_dir") == str(folder)
    assert first == again
    assert_equal_weights(fitted, tmp_path / "again")
    assert result(fitted)["metrics"] == result(tmp_path / "again")["metrics"]


def test_print_config_is_accepted_back(capsys, tiny_yaml, tmp_path):
    shown = printed(capsys, "fit", "--config", tiny_yaml)
    assert shown["data"]["train_length"] == 8
    again = printed(capsys, "fit", "--config", write_yaml(tmp_path / "shown.yaml", shown))
    assert again == shown


@pytest.mark.slow
def test_a_callback_whose_text_is_an_enumeration(capsys, tiny_yaml, tmp_path):
    """Lightning's Timer says ``interval: str = Interval.step``."""
    callbacks = [{"class_path": "Timer", "init_args": {"duration": "00:00:10:00"}}]
    timer = write_yaml(tmp_path / "timer.yaml", {"trainer": {"callbacks": callbacks}})
    args = ("fit", "--config", tiny_yaml, "--config", timer)
    (shown,) = printed(capsys, *args)["trainer"]["callbacks"]
    assert shown["init_args"] == {"duration": "00:00:10:00", "interval": "step", "verbose": True}
    call(*args, "--run_dir", tmp_path / "run", "--trainer.max_steps", 1, "--trainer.limit_test_batches", 0)
    assert result(tmp_path / "run")["config"]["trainer"]["callbacks"] == [shown]


def test_later_files_and_options_win(capsys, tiny_yaml, tmp_path):
    frozen = write_yaml(tmp_path / "frozen.yaml", {"model": {"strategy": {"class_path": "Frozen"}}})
    both = printed(capsys, "fit", "--config", tiny_yaml, "--config", frozen, "--data.protocol.init_args.fold", 1)
    assert both["model"]["strategy"] == {
        "class_path": "sansa_lightning.strategies.frozen.Frozen",
        "init_args": {},
    }
    assert both["data"]["protocol"]["init_args"]["fold"] == 1
    assert both["data"]["protocol"]["init_args"]["folds"] == 4
    other = printed(capsys, "fit", "--config", frozen, "--config", tiny_yaml)
    assert other["model"]["strategy"]["class_path"].endswith("AdaptFormer")
    assert other["model"]["strategy"]["init_args"]["placement"] == [1, 2]
    before = printed(capsys, "fit", "--data.shots", 5, "--config", tiny_yaml)
    assert before["data"]["shots"] == 5  # the file does not mention it
    assert printed(capsys, "fit", "--data.batch_size", 5, "--config", tiny_yaml)["data"]["batch_size"] == 2


def test_one_argument_of_a_nested_class_can_be_changed(capsys, tiny_yaml):
    shown = printed(
        capsys,
        *("fit", "--config", tiny_yaml),
        *("--model.losses.init_args.terms.bce.init_args.weight", 2),
        *("--model.strategy.factor", 0.5),
        *("--model.optimizer.lr", 0.5),
    )
    terms = shown["model"]["losses"]["init_args"]["terms"]
    assert (terms["bce"]["init_args"]["weight"], terms["dice"]["init_args"]["weight"]) == (2, 1)
    assert (
        shown["model"]["strategy"]["init_args"] | {"factor": 0.5, "placement": [1, 2]}
        == (shown["model"]["strategy"]["init_args"])
    )
    assert shown["model"]["optimizer"]["init_args"]["lr"] == 0.5


@pytest.mark.parametrize(("subcommand", "stage"), [("validate", "val"), ("test", "test")])
def test_a_checkpoint_scores_as_its_run_did(subcommand, stage, fitted, tiny_yaml, tmp_path, capsys):
    last = fitted / "checkpoints" / "last.ckpt"
    call(subcommand, "--config", tiny_yaml, "--run_dir", tmp_path, "--ckpt_path", last)
    found = result(tmp_path, subcommand)
    assert found["metrics"] == {stage: result(fitted)["metrics"][stage]}
    assert found["status"] == "finished"
    assert (tmp_path / f"config_{subcommand}.yaml").is_file()
    out = capsys.readouterr().out
    assert f"run folder: {tmp_path}" in out
    assert out.count("mIoU") == 1


def test_a_checkpoint_is_read_twice(fitted, tiny_yaml, tmp_path, monkeypatch):
    """By us, who check it, and by Lightning."""
    last, load, read = fitted / "checkpoints" / "last.ckpt", torch.load, []

    def counted(file, **options):
        read.append(file)
        return load(file, **options)

    monkeypatch.setattr(torch, "load", counted)
    call("predict", "--config", tiny_yaml, "--run_dir", tmp_path, "--ckpt_path", last)
    assert [Path(file).name for file in read].count("last.ckpt") == 2


@pytest.mark.slow
def test_testing_shares_the_folder_of_the_run(fitted, tmp_path):
    folder = shutil.copytree(fitted, tmp_path / "run")
    call("test", "--config", folder / "config.yaml", "--run_dir", folder, "--ckpt_path", "last")
    assert result(folder, "test")["metrics"]["test"] == result(folder)["metrics"]["test"]
    assert (folder / "result.json").read_text() == (fitted / "result.json").read_text()
    assert (folder / "config.yaml").read_text() == (fitted / "config.yaml").read_text()


@pytest.mark.slow
def test_without_a_checkpoint_the_base_is_tested(tiny_yaml, fitted, tmp_path):
    call("test", "--config", tiny_yaml, "--run_dir", tmp_path / "adapter")
    call("test", "--config", tiny_yaml, "--run_dir", tmp_path / "frozen", "--model.strategy", "Frozen")
    adapter, frozen = (result(tmp_path / name, "test")["metrics"] for name in ("adapter", "frozen"))
    assert adapter == frozen  # zero-initialised
    assert frozen["test"] != result(fitted)["metrics"]["test"]


def test_protocol_side_values_may_differ_from_the_checkpoint(fitted, tiny_yaml, tmp_path):
    options = ("--data.shots", 2, "--data.protocol.init_args.fold", 1, "--data.score_at", "original")
    last = fitted / "checkpoints" / "last.ckpt"
    call("test", "--config", tiny_yaml, "--run_dir", tmp_path, "--ckpt_path", last, *options)
    assert [score["name"] for score in result(tmp_path, "test")["metrics"]["test"]["classes"]] == ["bee", "fox"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model.strategy.init_args.factor", 0.5), ("strategy settings", "'factor': 0.3", "'factor': 0.5")),
        (("--model.strategy", "Frozen"), ("strategy class is 'AdaptFormer', but here it is 'Frozen'",)),
        (("--model.base.seed", 1), ("base fingerprint", "use the base that it was trained with")),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(options, words, fitted, tiny_yaml, tmp_path, capsys):
    last = fitted / "checkpoints" / "last.ckpt"
    line = refusal(capsys, "test", "--config", tiny_yaml, "--run_dir", tmp_path, "--ckpt_path", last, *options)
    assert all(word in line for word in words)


SCALE = ("--model.strategy.init_args.scale", 0.1)
"""Of every published adapter; such a file does not say it."""


@pytest.fixture(scope="module")
def published(fitted, tmp_path_factory):
    """The tensors of a run as a published file, and as a checkpoint of a run at the published scale."""
    folder = tmp_path_factory.mktemp("published")
    content = torch.load(fitted / "checkpoints" / "last.ckpt", weights_only=True)
    state = {name.replace("base.", "sam."): value for name, value in content["state_dict"].items()}
    groups = [{"lr": 1e-4, "betas": (0.9, 0.999), "params": list(range(len(state)))}]
    args = argparse.Namespace(lr=1e-4, output_dir=Path("out"), device=torch.device("cuda"), adaptformer_stages=[2, 3])
    torch.save(
        {
            "model": state,
            "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": groups},
            "lr_scheduler": {"T_max": 9, "last_epoch": 4},
            "epoch": 4,
            "args": args,
        },
        folder / "adapter.pth",
    )
    content["sansa_lightning"]["strategy"]["settings"]["scale"] = 0.1
    torch.save(content, folder / "own.ckpt")
    return folder / "adapter.pth"


@pytest.mark.slow
@pytest.mark.parametrize(("subcommand", "stage"), [("validate", "val"), ("test", "test")])
def test_a_published_adapter_scores_as_a_checkpoint_does(subcommand, stage, published, tiny_yaml, tmp_path):
    found = []
    for path, options in ((published, ()), (published.with_name("own.ckpt"), SCALE)):
        folder = tmp_path / path.stem
        call(subcommand, "--config", tiny_yaml, "--run_dir", folder, "--ckpt_path", path, *options)
        found.append(result(folder, subcommand))
    assert found[0]["metrics"] == found[1]["metrics"]
    assert found[0]["metrics"].keys() == {stage}
    settings = found[0]["strategy"]["settings"]
    assert (settings["placement"], settings["scale"]) == ([1, 2], 0.1)
    assert settings["hidden"] == {"1": 9, "2": 19, "3": 38, "4": 38, "5": 38}
    config = tmp_path / published.stem / f"config_{subcommand}.yaml"
    assert yaml.safe_load(config.read_text())["ckpt_path"] == str(published)


@pytest.mark.slow
def test_masks_of_a_published_adapter(published, tiny_yaml, tmp_path):
    texts = set()
    for path, options in ((published, ()), (published.with_name("own.ckpt"), SCALE)):
        args = ("--run_dir", tmp_path / path.stem, "--ckpt_path", path, "--model.threshold", 0.48)
        call("predict", "--config", tiny_yaml, *args, *options)
        texts.add((tmp_path / path.stem / "predictions" / "annotations.json").read_text())
    assert len(texts) == 1


@pytest.mark.slow
def test_a_published_adapter_is_refused_where_it_does_not_fit(published, tiny_yaml, tmp_path, capsys):
    def refused(subcommand, *options):
        args = ("--config", tiny_yaml, "--run_dir", tmp_path / "run", "--ckpt_path", published)
        return refusal(capsys, subcommand, *args, *options)

    line = refused("fit")
    assert line.startswith(f"ckpt_path: {published} is a published adapter, which holds no state of a run to resume")
    assert "it holds AdaptFormer's tensors, but model.strategy is Frozen" in refused(
        "test", "--model.strategy", "Frozen"
    )
    content = read_tensors(published)
    name = next(name for name in content["model"] if name.endswith("down_proj.weight"))
    content["model"][name] = torch.zeros(9, 7)
    torch.save(content, tmp_path / "shape.pth")
    assert f"{name.removeprefix('sam.')} is [9, 7], but block" in refused("test", "--ckpt_path", tmp_path / "shape.pth")


def with_settings(content: dict, mark: Path) -> dict:
    """A file of weights that also says how it wants to be run, as Lightning's own checkpoints do."""
    code = {"class_path": "os.system", "init_args": {"command": f"touch '{mark}'"}}
    settings = {"optimizer": code, "threshold": 0.999, "schedule": "constant"}
    return {
        **content,
        "hyper_parameters": settings,
        "hparams_name": "kwargs",
        "datamodule_hyper_parameters": {"batch_size": 1, "source": code},
    }


@pytest.mark.slow
@pytest.mark.parametrize("subcommand", ["fit", "validate", "test", "predict"])
def test_nothing_of_a_checkpoints_own_settings_is_taken(subcommand, fitted, tiny_yaml, tmp_path):
    evil, mark = tmp_path / "evil.ckpt", tmp_path / "was run"
    torch.save(with_settings(read_tensors(fitted / "checkpoints" / "last.ckpt"), mark), evil)
    args = ("--config", tiny_yaml, "--run_dir", tmp_path / "run", "--ckpt_path", evil, "--model.threshold", 0.48)
    call(subcommand, *args)
    assert not mark.exists()
    suffix = "" if subcommand == "fit" else f"_{subcommand}"
    config = yaml.safe_load((tmp_path / "run" / f"config{suffix}.yaml").read_text())
    assert (config["model"]["threshold"], config["model"]["schedule"]) == (0.48, "cosine")
    assert config["model"]["optimizer"]["class_path"] == "torch.optim.AdamW"
    assert config["data"]["batch_size"] == 2
    assert config["ckpt_path"] == str(evil)


def test_nothing_of_a_published_files_own_settings_is_taken(published, tiny_yaml, tmp_path):
    evil, mark = tmp_path / "evil.pth", tmp_path / "was run"
    torch.save(with_settings(read_tensors(published), mark), evil)
    call("test", "--config", tiny_yaml, "--run_dir", tmp_path / "run", "--ckpt_path", evil)
    assert not mark.exists()
    config = yaml.safe_load((tmp_path / "run" / "config_test.yaml").read_text())
    assert config["model"]["threshold"] == 0.5


@pytest.mark.slow
def test_a_checkpoint_is_a_file_whatever_its_name(fitted, tiny_yaml, tmp_path, monkeypatch, capsys):
    """Lightning has meanings of its own for some names, and addresses."""
    monkeypatch.chdir(tmp_path)
    for name in ("best", "hpc", "registry", "hf://someone/something", "https://localhost/a.ckpt"):
        line = refusal(capsys, "test", "--config", tiny_yaml, "--run_dir", "run", "--ckpt_path", name)
        assert (
            line == f"ckpt_path: {Path(name)} is not there; give a checkpoint file, or leave it out to start a new run"
        )
    shutil.copy(fitted / "checkpoints" / "last.ckpt", "best")
    call("test", "--config", tiny_yaml, "--run_dir", "run", "--ckpt_path", "best")
    assert result(tmp_path / "run", "test")["metrics"]["test"] == result(fitted)["metrics"]["test"]


def test_a_folder_that_holds_a_run_is_refused(fitted, tiny_yaml, capsys, tmp_path):
    assert "holds a run; add --ckpt_path last" in refusal(capsys, "fit", "--config", tiny_yaml, "--run_dir", fitted)
    elsewhere = shutil.copytree(fitted / "checkpoints", tmp_path / "checkpoints") / "last.ckpt"
    line = refusal(capsys, "fit", "--config", tiny_yaml, "--run_dir", fitted, "--ckpt_path", elsewhere)
    assert "holds a run" in line


@pytest.mark.slow
def test_a_folder_whose_run_failed_at_its_start_can_be_used_again(tiny_yaml, tmp_path, capsys):
    args = ("fit", "--config", tiny_yaml, "--run_dir", tmp_path, "--trainer.max_steps", 1)
    refusal(capsys, *args, "--model.base.weights", "nowhere.pt")
    assert result(tmp_path)["status"] == "failed"
    call(*args)
    assert result(tmp_path)["status"] == "finished"


def test_frozen_can_be_tested_but_not_fitted(tiny_yaml, tmp_path, capsys):
    line = refusal(capsys, "fit", "--config", tiny_yaml, "--run_dir", tmp_path, "--model.strategy", "Frozen")
    assert line == "fit: Frozen trains nothing; use validate or test, or another strategy"


MISSPELT = {
    "run_dr": ({"run_dr": "x"}, ("--run_dr", "x"), "run_dir"),
    "trainer": ({"trainer": {"max_epoch": 1}}, ("--trainer.max_epoch", 1), "trainer.max_epochs"),
    "group": ({"modle": {"threshold": 0.4}}, ("--modle.threshold", 0.4), "model.threshold"),
    "base": ({"model": {"base": {"nam": "nano"}}}, ("--model.base.nam", "nano"), "model.base.name"),
    "data": ({"data": {"batchsize": 1}}, ("--data.batchsize", 1), "data.batch_size"),
    "class": ({"model": {"strategy": {"class_path": "AdaptFormr"}}}, ("--model.strategy", "AdaptFormr"), "AdaptFormer"),
    "loss": (
        {"model": {"losses": {"class_path": "WeightedSum", "init_args": {"terms": {"pixel": {"class_path": "Focl"}}}}}},
        ("--model.losses.init_args.terms", '{"pixel": {"class_path": "Focl"}}'),
        "Focal",
    ),
    "optimizer": ({"model": {"optimizer": {"class_path": "AdmW"}}}, ("--model.optimizer", "AdmW"), "AdamW"),
    "strategy key": (
        {"model": {"strategy": {"class_path": "AdaptFormer", "init_args": {"placment": [1]}}}},
        ("--model.strategy.init_args.placment", "[1]"),
        "placement",
    ),
    "source key": (
        {"data": {"source": {"class_path": "Coco", "init_args": {"rot": "x"}}}},
        ("--data.source.init_args.rot", "x"),
        "root",
    ),
    "loss key": (
        {"model": {"losses": {"init_args": {"terms": {"bce": {"class_path": "BCE", "init_args": {"wieght": 2}}}}}}},
        ("--model.losses.init_args.terms.bce.init_args.wieght", 2),
        "weight",
    ),
}
"""What is wrong in a file, the same as options, and the nearest right word."""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["file", "options"])
@pytest.mark.parametrize("case", MISSPELT)
def test_a_misspelt_key_is_answered_with_the_nearest(case, where, tiny_yaml, tmp_path, capsys):
    content, options, nearest = MISSPELT[case]
    added = ("--config", write_yaml(tmp_path / "wrong.yaml", content)) if where == "file" else options
    line = refusal(capsys, "fit", "--config", tiny_yaml, "--run_dir", tmp_path / "run", *added)
    assert line.endswith(f"did you mean {nearest}?")
    assert len(line) < 160
    assert not (tmp_path / "run").exists()


REFUSED = {
    "type": (("--data.batch_size", "two"), "data.batch_size: expected int, but got two"),
    "union": (("--trainer.max_epochs", "many"), "trainer.max_epochs: expected int or null, but got many"),
    "choice": (
        ("--model.schedule", "linear"),
        "model.schedule: expected one of 'cosine', 'constant', 'poly', but got linear",
    ),
    "fold": (("--data.protocol.init_args.fold", 4), "Strict.fold: expected 0 to 3, since folds is 4, but got 4"),
    "placement": (("--model.strategy.init_args.placement", "[4]"), "expected different stages out of [0, 1, 2, 3]"),
    "threshold": (("--model.threshold", 1), "FewShotModule.threshold: expected a probability in (0, 1), but got 1.0"),
    "every": (("--checkpoint_every", 0), "checkpoint_every: expected at least 1 step, but got 0"),
    "base": (("--model.base.name", "sam2_hiera_huge"), "Base.name: expected one of nano, sam2_hiera_tiny"),
    "weights": (("--model.base.weights", "nowhere.pt"), "weights of nano: nowhere.pt is not a file"),
    "root": (("--data.source.init_args.root", "nowhere"), "Coco.root: nowhere is not a folder"),
    "empty": (("--data.source.init_args.min_area", 1e6), "none of its 2 classes has 2 images in the val split"),
    "config": (("--config", "nowhere.yaml"), "config: File does not exist"),
    "last": (("--ckpt_path", "last"), "checkpoints/last.ckpt is not there; give a checkpoint file"),
    "devices": (("--trainer.devices", 0), "`Trainer(devices='0')` value is not a valid input using cpu accelerator."),
    "no GPU": (("--trainer.devices", -1), "should be an int > 0; -1 is for all GPUs, of which there is none"),
    "list": (
        ("--model.strategy", "[]"),
        "model.strategy: expected a Strategy, by class_path and init_args, but got []",
    ),
    "made by": (
        ("--model.optimizer", "[]"),
        "model.optimizer: expected a Optimizer, by class_path and init_args, but got []",
    ),
    "manifest": (("--data.manifest", "nowhere.jsonl"), "nowhere.jsonl is not there; expected a manifest of episodes"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_line_before_any_training(case, tiny_yaml, tmp_path, capsys):
    options, words = REFUSED[case]
    assert words in refusal(capsys, "fit", "--config", tiny_yaml, "--run_dir", tmp_path / "run", *options)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_broken_dataset_is_one_line_that_names_the_file(tiny_yaml, tmp_path, capsys):
    args = ("fit", "--config", tiny_yaml, "--run_dir", tmp_path / "run", "--data.source.init_args.root")
    fake = write_coco(tmp_path / "coco")
    images = sorted((fake.root / "val2017").iterdir())
    whole = images[3].read_bytes()
    images[3].write_bytes(whole[:300])
    assert refusal(capsys, *args, fake.root).startswith(f"{images[3]} cannot be decoded as an image")
    images[3].unlink()
    line = refusal(capsys, *args, fake.root)
    assert f"1 of the 14 files that {fake.annotations('val')} lists are not there: {images[3]}" in line
    images[3].write_bytes(whole)
    text = fake.annotations("val").read_text()
    fake.annotations("val").write_text(text[:500])
    assert f"{fake.annotations('val')} is not valid JSON (truncated?)" in refusal(capsys, *args, fake.root)
    fake.annotations("val").unlink()
    assert refusal(capsys, *args, fake.root).startswith(f"{fake.annotations('val')} is not there")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_breaks_under_way_is_one_line(workers, tiny_yaml, tmp_path, capsys):
    fake = write_coco(tmp_path / "coco")
    for path in (fake.root / "train2017").iterdir():
        path.write_bytes(path.read_bytes()[:300])
    options = ("--data.source.init_args.root", fake.root, "--data.source.init_args.check_files", "false")
    args = ("fit", "--config", tiny_yaml, "--run_dir", tmp_path / "run", *options, "--data.num_workers", workers)
    line = refusal(capsys, *args)
    assert line.startswith(str(fake.root / "train2017"))
    assert "cannot be decoded as an image" in line
    assert result(tmp_path / "run")["status"] == "failed"
    assert result(tmp_path / "run")["error"] == f"ValueError: {line}"


def test_an_episode_that_cannot_be_is_found_before_training(tiny_yaml, tmp_path, capsys):
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text('{"class_id":99,"references":["val/a.jpg"],"source":"coco","targets":["val/b.jpg"]}\n')
    args = ("fit", "--config", tiny_yaml, "--run_dir", tmp_path / "run", "--data.manifest", manifest)
    line = refusal(capsys, *args)
    assert line.startswith(f"manifest {manifest}, line 1: class 99 is not among the 2 test classes")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_files_that_are_no_checkpoints_are_refused(tiny_yaml, fitted, tmp_path, capsys):
    def refused(name: str) -> str:
        return refusal(capsys, "test", "--config", tiny_yaml, "--run_dir", tmp_path, "--ckpt_path", tmp_path / name)

    (tmp_path / "text.ckpt").write_bytes(b"hello")
    assert "text.ckpt cannot be read as a file of tensors" in refused("text.ckpt")
    whole = (fitted / "checkpoints" / "last.ckpt").read_bytes()
    (tmp_path / "half.ckpt").write_bytes(whole[: len(whole) // 2])
    assert "half.ckpt cannot be read as a file of tensors" in refused("half.ckpt")
    torch.save({"model": {"weight": torch.zeros(2)}}, tmp_path / "other.ckpt")
    assert "other.ckpt is not a checkpoint of a run" in refused("other.ckpt")
    content = torch.load(fitted / "checkpoints" / "last.ckpt", weights_only=True)
    name = next(iter(content["state_dict"]))
    content["state_dict"][name] = torch.zeros(3)
    torch.save(content, tmp_path / "shape.ckpt")
    assert "1 tensor of another size" in refused("shape.ckpt")
    assert name.removeprefix("base.") in refused("shape.ckpt")
    assert "nowhere.ckpt is not there" in refused("nowhere.ckpt")


def test_weights_of_another_size_are_refused(tiny_yaml, tmp_path, capsys):
    torch.save({"model": {"image_encoder.trunk.pos_embed": torch.zeros(1, 2, 3)}}, tmp_path / "other.pt")
    args = ("fit", "--config", tiny_yaml, "--run_dir", tmp_path / "run")
    line = refusal(capsys, *args, "--model.base.weights", tmp_path / "other.pt")
    assert line.startswith(f"weights: {tmp_path / 'other.pt'} does not fit this base: missing")


def test_debug_variable_gives_the_traceback(tiny_yaml, tmp_path, monkeypatch):
    monkeypatch.setenv("SANSA_DEBUG", "1")
    with pytest.raises(ValueError, match=r"Strict\.fold: expected 0 to 3"):
        call("fit", "--config", tiny_yaml, "--run_dir", tmp_path, "--data.protocol.init_args.fold", 4)
    with pytest.raises(TypeError, match="Expected a <class 'int'>"):
        call("fit", "--config", tiny_yaml, "--run_dir", tmp_path, "--data.batch_size", "two")


def test_fast_dev_run_builds_everything_and_leaves_nothing(coco, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = write_yaml(tmp_path / "tiny.yaml", tiny(coco.root))
    call("fit", "--config", config, "--trainer.fast_dev_run", "true")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


def test_a_run_without_a_name_gets_a_folder_of_its_own(tiny_yaml, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call("test", "--config", tiny_yaml, "--trainer.limit_test_batches", 1)
    (folder,) = (tmp_path / "runs").iterdir()
    assert result(folder, "test")["status"] == "finished"
