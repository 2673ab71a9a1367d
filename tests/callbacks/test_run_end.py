"""What a run says when it has come to its end: the scores of a phase under its name, and what was not done."""

from __future__ import annotations

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.trainer.call import _call_callback_hooks

from launches import call, result
from sansa_lightning.callbacks import run_end


@pytest.mark.slow
@pytest.mark.parametrize("key", ["max_epochs", "max_steps", "limit_train_batches"])
def test_a_fit_that_trained_nothing_says_so(key, tiny_yaml, fitted, tmp_path, capsys):
    call("fit", "--config", tiny_yaml, "--run_dir", tmp_path, f"--trainer.{key}", 0)
    found, line = result(tmp_path), f"nothing was trained: trainer.{key} is 0"
    assert (found["status"], found["trained"], found["lacking"], found["steps"]) == ("finished", False, [line], 0)
    assert line in capsys.readouterr().out.splitlines()
    whole = result(fitted)
    assert whole["trained"] is True
    assert "lacking" not in whole


@pytest.mark.slow
def test_a_test_of_no_batch_prints_no_table_of_something_else(tiny_yaml, tmp_path, capsys):
    call(
        "fit", "--config", tiny_yaml, "--run_dir", tmp_path, "--trainer.max_steps", 4, "--trainer.limit_test_batches", 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert "nothing was tested: trainer.limit_test_batches is 0" in lines
    heading = lines.index("validation")
    assert lines[heading + 1].split() == ["class", "targets", "val"]
    assert "test" not in lines
    assert result(tmp_path)["metrics"].keys() == {"val"}
    assert result(tmp_path)["trained"] is True


@pytest.mark.slow
@pytest.mark.parametrize(
    ("subcommand", "limit", "line"),
    [
        ("test", "limit_test_batches", "nothing was tested: trainer.limit_test_batches is 0"),
        ("validate", "limit_val_batches", "nothing was validated: trainer.limit_val_batches is 0"),
        ("predict", "limit_predict_batches", "nothing was predicted: trainer.limit_predict_batches is 0"),
    ],
)
def test_a_run_of_no_batch_says_so(subcommand, limit, line, tiny_yaml, tmp_path, capsys):
    call(subcommand, "--config", tiny_yaml, "--run_dir", tmp_path, f"--trainer.{limit}", 0)
    lines = capsys.readouterr().out.splitlines()
    assert line in lines
    assert not any("IoU" in each for each in lines)
    assert result(tmp_path, subcommand)["lacking"] == [line]


@pytest.mark.slow
@pytest.mark.parametrize(("subcommand", "heading"), [("test", "test"), ("validate", "validation")])
def test_a_table_says_of_which_phase_it_is(subcommand, heading, tiny_yaml, tmp_path, capsys):
    call(subcommand, "--config", tiny_yaml, "--run_dir", tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index(heading) + 1].startswith("class")


@pytest.mark.parametrize("phase", ["train", "validation", "test", "predict"])
def test_the_signals_are_taken_back_at_the_start_of_each_phase_and_asked_for_at_each_batch(phase, monkeypatch):
    done = []
    monkeypatch.setattr(run_end, "renew", lambda: done.append("renew"))
    monkeypatch.setattr(run_end, "check", lambda: done.append("check"))
    trainer = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, callbacks=[run_end.EndWhenAsked()])
    for hook, rest in ((f"on_{phase}_start", ()), (f"on_{phase}_batch_start", ({}, 0))):
        _call_callback_hooks(trainer, hook, *rest)
    assert done == ["renew", "check"]
