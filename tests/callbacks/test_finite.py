"""Losses, tensors and predictions that are no numbers end a run, and never reach a checkpoint or a score."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from fakes.poison import poisoned
from launches import checkpoint, refusal, result, trained
from sansa_lightning.callbacks.finite import StopNotFinite
from sansa_lightning.metrics.damaged_clips import DamagedClips, NotFiniteError, damaged_clips

LR = "--model.optimizer.init_args.lr"


def fit(capsys, tiny_yaml, run, *options):
    """The line of a fit that fails, after which the result says why."""
    line = refusal(capsys, "fit", "--config", tiny_yaml, "--run_dir", run, *options)
    found = result(run)
    assert (found["status"], found["error"]) == ("failed", f"NotFiniteError: {line}")
    assert "test" not in found["metrics"]
    return line


@pytest.mark.slow
def test_a_learning_rate_out_of_this_world(tiny_yaml, tmp_path, capsys):
    line = fit(capsys, tiny_yaml, tmp_path, LR, 1e30, "--checkpoint_every", 1)
    assert line.startswith("training: the loss is not finite (nan) in step 2; the last checkpoint stays as it was")
    assert all(value.isfinite().all() for value in trained(tmp_path).values())


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_last_good_checkpoint_stays(schedule, tiny_yaml, tmp_path, capsys):
    options = (*poisoned("images", 5), "--checkpoint_every", 1, "--model.schedule", schedule)
    line = fit(capsys, tiny_yaml, tmp_path, *options)
    assert "the loss is not finite (nan) in step 6;" in line
    assert checkpoint(tmp_path)["global_step"] == result(tmp_path)["steps"] == 5
    assert all(value.isfinite().all() for value in trained(tmp_path).values())


@pytest.mark.slow
def test_a_damaged_tensor_is_not_written(tiny_yaml, tmp_path, capsys):
    line = fit(capsys, tiny_yaml, tmp_path, *poisoned("weights", 6))  # a checkpoint is due at this step
    assert line.startswith("training: 1 of 30 trained tensors are not finite after step 6, such as model.base.")
    assert checkpoint(tmp_path)["global_step"] == 4


@pytest.mark.slow
def test_a_damaged_state_of_the_optimiser_is_not_written(tiny_yaml, tmp_path, capsys):
    line = fit(capsys, tiny_yaml, tmp_path, *poisoned("moment", 6))  # its weights stay finite
    assert line.startswith(
        "training: 1 of 90 tensors of the optimiser are not finite after step 6, such as "
        "optimizer_states[0].state[0].exp_avg_sq; the last checkpoint stays as it was"
    )
    assert checkpoint(tmp_path)["global_step"] == 4


@pytest.mark.slow
def test_a_model_that_was_spoilt_in_the_last_step_gets_no_score(tiny_yaml, tmp_path, capsys):
    line = fit(capsys, tiny_yaml, tmp_path, LR, 1e30, "--trainer.max_steps", 1, "--trainer.val_check_interval", 1)
    assert line.startswith("val: 3 predicted clips with logits that are not finite, so there is no score")
    assert not (tmp_path / "checkpoints").exists()


def trainer(scaler=None, **more):
    strategy = SimpleNamespace(
        reduce=lambda value, reduce_op: value,
        root_device=torch.device("cpu"),
    )
    plugin = SimpleNamespace(scaler=scaler)
    common = {"strategy": strategy, "precision_plugin": plugin, "global_step": 7, "is_global_zero": True}
    return SimpleNamespace(**{**common, **more})


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_loss_is_looked_at_before_its_gradients(value):
    StopNotFinite().on_before_backward(trainer(), None, torch.tensor(1e30))
    with pytest.raises(NotFiniteError, match=rf"the loss is not finite \({value}\) in step 8"):
        StopNotFinite().on_before_backward(trainer(), None, torch.tensor(float(value)))


def later(*losses: float) -> StopNotFinite:
    """Steps on a GPU, which is not waited for."""
    stop = StopNotFinite(at_once=False)
    for step, loss in enumerate(losses):
        stop.on_before_backward(trainer(global_step=step), None, torch.tensor(loss))
    return stop


def test_where_looking_at_once_would_cost_time_a_loss_is_looked_at_in_the_next_step():
    stop = later(1.0, 2.0, float("nan"))
    with pytest.raises(NotFiniteError, match=r"the loss is not finite \(nan\) in step 3;"):
        stop.on_before_backward(trainer(global_step=3), None, torch.tensor(1.0))
    stop.on_train_end(trainer(), None)  # it was told


@pytest.mark.parametrize(
    ("hook", "arguments"), [("on_save_checkpoint", ({},)), ("on_validation_start", ()), ("on_train_end", ())]
)
def test_and_before_anything_is_made_of_the_weights(hook, arguments):
    nothing = torch.nn.Module()
    getattr(later(1.0, 2.0), hook)(trainer(), nothing, *arguments)
    with pytest.raises(NotFiniteError, match=r"the loss is not finite \(inf\) in step 2;"):
        getattr(later(1.0, float("inf")), hook)(trainer(), nothing, *arguments)


def test_a_scaled_loss_may_overflow_but_the_loss_itself_may_not():
    scaled = trainer(scaler=object())
    StopNotFinite().on_before_backward(scaled, None, torch.tensor(float("inf")))
    StopNotFinite().on_train_batch_end(scaled, None, {"loss": torch.tensor(2.0)}, None, 0)
    with pytest.raises(NotFiniteError, match="not finite"):
        StopNotFinite().on_train_batch_end(scaled, None, {"loss": torch.tensor(float("nan"))}, None, 0)


def test_further_processes_end_without_a_word_and_without_a_status():
    further = trainer(is_global_zero=False)
    with pytest.raises(SystemExit, match=r"^0$"):
        StopNotFinite().on_before_backward(further, None, torch.tensor(float("nan")))
    with pytest.raises(SystemExit, match=r"^0$"):
        seen(torch.full((1, 2), float("inf"))).look(further, "test")


def seen(*batches: torch.Tensor) -> DamagedClips:
    damaged = DamagedClips()
    for logits in batches:
        damaged.count(logits)
    return damaged


def test_clips_are_counted_not_pixels():
    logits = torch.zeros(4, 2, 3, 3)
    logits[1, 0, 0], logits[3, 1, 2, 2] = float("nan"), float("inf")
    assert damaged_clips(logits).item() == 2
    DamagedClips().look(trainer(), "test")
    damaged = seen(logits, torch.zeros(3, 2), logits[1:2])
    with pytest.raises(NotFiniteError, match=r"^test: 3 predicted clips with logits"):
        damaged.look(trainer(), "test")
    damaged.look(trainer(), "test")  # those since the last look
