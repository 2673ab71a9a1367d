"""Lines where no bars are seen: when they come, what they say; and the summary of a model."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from sansa_lightning.callbacks.progress import LATEST, ProgressLines, Summary, warn
from sansa_lightning.files.messages import duration

QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}


class Clock:
    """Goes on by the same time at each look at it, and by what is asked for."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Model(BoringModel):
    """Loss 2 in each batch, at a rate of 0.125."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        self.trainer.should_stop = self.global_step >= 30
        return super().training_step(batch, batch_idx)["loss"] * 0 + 2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.125)


def lines_of(seconds: float, **options: Any) -> list[str]:
    said: list[str] = []
    progress = ProgressLines(Clock(seconds), said.append)
    trainer = Trainer(accelerator="cpu", callbacks=[progress], num_sanity_val_steps=0, **{**QUIET, **options})
    trainer.fit(Model())
    trainer.test(trainer.lightning_module, verbose=False)
    return said


def test_what_is_said():
    """4 s a batch: the first line at 8 s, 4 of them before the training, since the next batch would end at 12 s."""
    said = lines_of(4.0, max_steps=6, max_epochs=1, limit_val_batches=0, limit_test_batches=5)
    assert said == [
        "train: step 1 of 6, rate 1.2e-01, loss 2.0000, 4.0 s a step, 20 s left",
        "train: step 3 of 6, rate 1.2e-01, loss 2.0000, 4.0 s a step, 12 s left",
        "train: step 5 of 6, rate 1.2e-01, loss 2.0000, 4.0 s a step, 4 s left",
        "test: batch 1 of 5, 4.0 s a batch, 16 s left",
        "test: batch 3 of 5, 4.0 s a batch, 8 s left",
        "test: batch 5 of 5, 4.0 s a batch, 0 s left",
    ]


def test_steps_of_several_batches_and_no_last_one():
    options = {"max_steps": -1, "max_epochs": -1, "limit_train_batches": 4}
    said = lines_of(0.25, **options, accumulate_grad_batches=2, limit_val_batches=0, limit_test_batches=1)
    assert said[0].startswith("train: step 19, rate 1.2e-01, loss 2.0000, 2.0 steps/s")
    assert not any("left" in line for line in said)


def test_validation_takes_no_time_of_training():
    """Ten batches of validation after each two steps of training."""
    said = lines_of(4.0, max_steps=6, limit_train_batches=2, limit_val_batches=10, limit_test_batches=1)
    assert "validation: batch 9 of 10, 4.0 s a batch, 4 s left" in said
    trained = [line for line in said if line.startswith("train: ")]
    assert len(trained) >= 3
    assert all("4.0 s a step" in line for line in trained)


@pytest.mark.parametrize("batch", [0.5, 7.0, 29.0, 50.0])
def test_never_longer_than_30_s_without_a_line(batch: float):
    """In a run of hours; a batch that takes longer has a line of its own."""
    clock, times = Clock(0.0), []
    progress = ProgressLines(clock, lambda _: times.append(clock.now))
    trainer = SimpleNamespace(is_global_zero=True, num_test_batches=[10_000])
    progress.on_test_start(trainer, None)
    for _ in range(2000):
        clock.now += batch
        progress.on_test_batch_end(trainer, None)
    pauses = [later - earlier for earlier, later in pairwise([0.0, *times])]
    assert max(pauses) <= max(LATEST, batch)
    assert pauses[0] <= max(10, batch)
    assert len(times) <= 30 + clock.now / 20 or batch > 10  # no more of them than somebody reads


def test_further_processes_are_silent():
    clock, said = Clock(60.0), []
    progress = ProgressLines(clock, said.append)
    progress.on_test_batch_end(SimpleNamespace(is_global_zero=False, num_test_batches=[3]), None)
    assert not said


def test_lines_go_to_stderr(capsys):
    warn("a line")
    assert capsys.readouterr() == ("", "a line\n")


def test_durations():
    found = [duration(seconds) for seconds in (-1, 59.4, 60, 3599.6, 90_000)]
    assert found == ["0 s", "59 s", "1 min 0 s", "1 h 0 min", "1 d 1 h"]


def test_a_summary_has_only_what_is_known(capsys):
    model = BoringModel()
    model.frozen = torch.nn.Linear(10, 20).requires_grad_(False)
    trainer = Trainer(accelerator="cpu", callbacks=[Summary()], max_steps=1, limit_val_batches=0, **QUIET)
    trainer.fit(model)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["Name", "Type", "Params", "Mode"],
        ["layer", "Linear", "66", "train"],
        ["frozen", "Linear", "220", "train"],
    ]
    assert lines[3:] == ["66 of 286 parameters train (0.0 MB in all)"]
