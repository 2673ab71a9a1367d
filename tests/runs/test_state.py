"""What a checkpoint says of its run beside the tensors: of the right form, or refused in one line."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule

from launches import refusal, result
from sansa_lightning.data.loading.datamodule_base import LoadingDataModule
from sansa_lightning.files.tensor_files import read_tensors
from sansa_lightning.runs.checkpoint_files import AtomicCheckpointIO, check_checkpoint, read_checkpoint
from sansa_lightning.runs.state import CheckedState, unlike


@pytest.fixture(scope="module")
def whole(fitted):
    """The content of a checkpoint."""
    return read_tensors(fitted / "checkpoints" / "last.ckpt")


def checked(path: Path, goes_on: bool = False) -> None:
    check_checkpoint(read_checkpoint(path), path, goes_on)


def put(*path, value):
    """A change of one entry; Ellipsis takes it away."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        if value is ...:
            del content[path[-1]]
        else:
            content[path[-1]] = value

    return change


AT_ONCE = {
    "no epoch": (put("epoch", value=...), "its 'epoch' is missing"),
    "negative": (put("global_step", value=-1), "its 'global_step' is -1"),
    "true": (put("epoch", value=True), "its 'epoch' is a bool"),
    "huge": (put("global_step", value=2**70), "its 'global_step' is 1180591620717411303424"),
    "version": (put("pytorch-lightning_version", value="0.9.1"), "'0.9.1'; expected 2.0.0 or later"),
    "no version": (put("pytorch-lightning_version", value="x" * 999), "xxx; expected 2.0.0 or later"),
    "loops": (put("loops", value=[]), "its 'loops' is a list"),
    "callbacks": (put("callbacks", value=None), "its 'callbacks' is a NoneType"),
    "optimisers": (put("optimizer_states", value={}), "its 'optimizer_states' is a dict"),
    "weights alone": (put("lr_schedulers", value=...), "its 'lr_schedulers' is missing"),
    "state": (put("state_dict", value=[1]), "its 'state_dict' is a list; expected a mapping"),
    "header": (put("sansa_lightning", value=3), "its 'sansa_lightning' is a int; expected a mapping"),
}


@pytest.mark.parametrize("case", AT_ONCE)
def test_parts_are_looked_at_before_anything_is_built(case, whole, tmp_path):
    change, words = AT_ONCE[case]
    content, path = copy.deepcopy(whole), tmp_path / "last.ckpt"
    change(content)
    torch.save(content, path)
    with pytest.raises(ValueError, match=r"^ckpt_path: .*last\.ckpt is not a whole checkpoint") as caught:
        checked(path, goes_on=True)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_how_many_parts_are_wrong(whole, tmp_path):
    content = {key: whole[key] for key in ("sansa_lightning", "state_dict", "epoch")}
    torch.save(content, tmp_path / "last.ckpt")
    with pytest.raises(ValueError, match=r"its 'global_step' is missing \(and 5 more\)$"):
        checked(tmp_path / "last.ckpt", goes_on=True)
    with pytest.raises(ValueError, match=r"its 'global_step' is missing \(and 1 more\)$"):
        checked(tmp_path / "last.ckpt")


def test_a_run_that_does_not_go_on_takes_the_tensors_alone(whole, tmp_path):
    path = tmp_path / "last.ckpt"
    torch.save({**whole, "loops": 3, "callbacks": 3, "hyper_parameters": {"threshold": 0.9}}, path)
    checked(path)
    kept = {"epoch", "global_step", "pytorch-lightning_version", "state_dict", "sansa_lightning", "scores"}
    kept.add("EpisodeDataModule")  # which looks at its state in fit alone
    assert AtomicCheckpointIO(goes_on=False).load_checkpoint(path).keys() == kept
    assert AtomicCheckpointIO().load_checkpoint(path).keys() == whole.keys()


GROUP = ("optimizer_states", 0, "param_groups", 0)
WHEN_BUILT = {
    "loop": (put("loops", "fit_loop", value=None), "fit_loop is None, not a mapping"),
    "progress": (
        put("loops", "fit_loop", "epoch_progress", "current", "ready", value="2"),
        "fit_loop.epoch_progress.current.ready is '2'; expected one like 0",
    ),
    "attribute": (
        put("loops", "fit_loop", "epoch_progress", "current", "increment_by", value=1),
        "fit_loop.epoch_progress.current has an unknown entry 'increment_by'",
    ),
    "schedule": (put("lr_schedulers", 0, "optimizer", value=1), "lr_schedulers[0] has an unknown entry 'optimizer'"),
    "no schedule": (put("lr_schedulers", value=[]), "lr_schedulers is []; expected 1 entry"),
    "callback": (put("callbacks", "WatchTraining", value=3), "callback WatchTraining is 3, not a mapping"),
    "optimisers": (put("optimizer_states", value=[]), "'optimizer_states' has 0 entries; expected 1"),
    "groups": (put(*GROUP[:3], value=[]), "optimizer_states[0].param_groups is []; expected 1 entry"),
    "moment": (
        put("optimizer_states", 0, "state", 0, "exp_avg", value=torch.zeros(3)),
        "optimizer_states[0].state[0].'exp_avg' is [3]; expected [64]",
    ),
    "nan": (
        put("optimizer_states", 0, "state", 0, "step", value=torch.tensor(torch.nan)),
        "optimizer_states[0].state[0].'step' has 1 NaN or infinite value",
    ),
    "length": (
        put("lr_schedulers", 0, "T_max", value=9),
        "its learning rate is scheduled over 9 steps, but here over 8; resume with the max_epochs, max_steps",
    ),
    "decay": (
        put(*GROUP, "weight_decay", value=0.5),
        "its optimiser has weight_decay 0.5, but here it is 0.0; resume with the settings that it was trained with",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", WHEN_BUILT)
def test_states_are_compared_with_those_of_this_run(case, whole, tiny_yaml, tmp_path, capsys):
    change, words = WHEN_BUILT[case]
    content, path = copy.deepcopy(whole), tmp_path / "last.ckpt"
    change(content)
    torch.save(content, path)
    args = ("--config", tiny_yaml, "--run_dir", tmp_path / "run", "--ckpt_path", path)
    line = refusal(capsys, "fit", *args)
    assert line.startswith(f"checkpoint {path}")
    assert words in line
    assert result(tmp_path / "run")["status"] == "failed"


CLIPS = {
    "none": (put("EpisodeDataModule", value=...), "has no entry on its training clips ('EpisodeDataModule')"),
    "no mapping": (
        put("EpisodeDataModule", value=[3]),
        "its entry on training clips is [3]; expected a mapping",
    ),
}


@pytest.mark.parametrize("case", CLIPS)
def test_a_checkpoint_has_to_say_what_clips_it_was_trained_on(case, whole, tiny_yaml, tmp_path, capsys):
    change, words = CLIPS[case]
    content, path = copy.deepcopy(whole), tmp_path / "last.ckpt"
    change(content)
    torch.save(content, path)
    args = ("--config", tiny_yaml, "--run_dir", tmp_path / "run", "--seed_everything", 5, "--ckpt_path", path)
    line = refusal(capsys, "fit", *args)
    assert line.startswith("checkpoint")
    assert words in line


class Stateless(LoadingDataModule):
    """One of a user's own that keeps no list of its training clips."""

    def __init__(self) -> None:
        super().__init__(1, 1, 0)


@pytest.mark.parametrize("data", [None, LightningDataModule(), Stateless()])
def test_data_without_a_state_need_none(data):
    trainer = SimpleNamespace(datamodule=data, callbacks=[], ckpt_path="last.ckpt")
    CheckedState().on_load_checkpoint(trainer, LightningModule(), {"callbacks": {}})


def test_another_learning_rate_is_not_silently_the_old_one(fitted, tiny_yaml, tmp_path, capsys):
    args = ("--config", tiny_yaml, "--run_dir", tmp_path, "--ckpt_path", fitted / "checkpoints" / "last.ckpt")
    line = refusal(capsys, "fit", *args, "--model.optimizer.init_args.lr", 0.5)
    assert line.endswith(
        "its optimiser has initial_lr 0.01, but here it is 0.5; resume with the settings that it was trained with"
    )


def test_nor_does_a_run_of_another_length_go_on_with_the_old_schedule(fitted, tiny_yaml, tmp_path, capsys):
    """Of a cosine that has come to its end, the next steps would climb up again."""
    last = fitted / "checkpoints" / "last.ckpt"
    args = ("fit", "--config", tiny_yaml, "--ckpt_path", last, "--trainer.max_epochs", 3)
    line = refusal(capsys, *args, "--run_dir", tmp_path / "refused")
    assert f"checkpoint {last}: its learning rate is scheduled over 8 steps, but here over 12; resume with" in line


@pytest.mark.parametrize(
    ("found", "own", "faults"),
    [
        ({"a": 3, "b": 2.5}, {"a": 0, "b": 0.0}, []),
        ({"a": 3}, {"a": None}, []),
        ({"a": [{"x": 1}]}, {"a": None}, []),
        ({"state_dict": {"x": 1}}, {"state_dict": {}}, []),
        ({"a": True}, {"a": 0}, ["s.a is True; expected one like 0"]),
        ({"a": -1}, {"a": 0}, ["s.a is -1; expected one like 0"]),
        ({"a": float("nan")}, {"a": 0.0}, ["s.a is nan; expected one like 0.0"]),
        ({}, {"a": 0}, ["s lacks 'a'"]),
        ({"a": 0, "b": 0}, {"a": 0}, ["s has an unknown entry 'b'"]),
        ([1, 2], [1], ["s is [1, 2]; expected 1 entry"]),
        (["x"], [1], ["s[0] is 'x'; expected one like 1"]),
        (torch.zeros(2), torch.zeros(2), []),
        (torch.zeros(3), torch.zeros(2), ["s is tensor([0., 0., 0.]); expected one like tensor([0., 0.])"]),
    ],
)
def test_unlike(found, own, faults):
    assert list(unlike(found, own, "s")) == faults


def test_a_file_outside_is_not_removed(tmp_path):
    """A checkpoint says which files its run has written, and Lightning removes those that are no longer the best."""
    (tmp_path / "checkpoints").mkdir()
    outside, inside = tmp_path / "thesis.txt", tmp_path / "checkpoints" / "old.ckpt"
    outside.touch()
    inside.touch()
    AtomicCheckpointIO().remove_checkpoint(f"{tmp_path}/checkpoints/../thesis.txt")
    AtomicCheckpointIO().remove_checkpoint(inside)
    assert outside.exists()
    assert not inside.exists()
