from __future__ import annotations

import logging
import re
import signal
import warnings

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from lightning.pytorch.demos.boring_classes import BoringModel
from torchmetrics import MeanMetric

from launches import call, finish, start
from sansa_lightning.cli.noise import HINTS, TALKER, WARNINGS, without_noise


def test_only_the_known_lines_are_left_out(talk):
    log = logging.getLogger(TALKER)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with without_noise():
            for text in ("Found 308 module(s) in eval mode at the start of training.", "Found 3 errors"):
                warnings.warn(text, UserWarning, stacklevel=1)
            log.info("💡 Tip: For seamless cloud logging")
            log.info("GPU available: False")
        log.info("💡 Tip: For seamless cloud logging")
    assert [str(each.message) for each in seen] == ["Found 3 errors"]
    assert talk == ["GPU available: False", "💡 Tip: For seamless cloud logging"]


class Writer(BasePredictionWriter):
    def write_on_batch_end(self, *args: object) -> None:
        pass


class Listener(logging.Handler):
    """Hears a logger itself: whether Lightning's hand on to the root depends on what was imported first."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def talk():
    """What is said from now on."""
    log, listener = logging.getLogger(TALKER), Listener()
    level = log.level
    log.addHandler(listener)
    log.setLevel(logging.INFO)
    yield listener.messages
    log.removeHandler(listener)
    log.setLevel(level)


class Stopped(BoringModel):
    """Somebody presses Ctrl-C."""

    def training_step(self, *args: object) -> None:
        raise KeyboardInterrupt


@pytest.fixture
def ctrl_c():
    """Lightning ignores further ones for good."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_each_filter_is_still_needed(talk, ctrl_c):
    # If Lightning no longer prints one of these, its filter can go.
    model = BoringModel()
    model.frozen = torch.nn.Linear(1, 1).eval()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        trainer = Trainer(max_steps=1, accelerator="cpu", callbacks=[Writer("batch")], **quiet)
        trainer.fit(model)
        trainer.predict(model, [torch.zeros(1, 32)])
        MeanMetric().compute()
        with pytest.raises(SystemExit):
            Trainer(max_steps=1, accelerator="cpu", **quiet).fit(Stopped())
    lines = [str(each.message) for each in seen]
    for beginning in WARNINGS:
        assert any(re.match(beginning, line) for line in lines), beginning
    for beginning in HINTS:
        assert any(line.startswith(beginning) for line in talk), beginning


@pytest.mark.slow
def test_a_run_prints_nothing_that_does_not_concern_it(coco, tiny_yaml, tmp_path):
    options = ("--trainer.max_epochs", 1, "--trainer.enable_model_summary", "false")
    status, out, err = finish(start("fit", "--config", tiny_yaml, "--run_dir", tmp_path / "run", *options))
    assert status == 0, err
    lines = [line for line in err.splitlines() if line]
    expected = (
        f"fit: recipe few_shot, configured by {tiny_yaml}",
        "Seed set to 0",
        "GPU available",
        "TPU available",
        f"test: coco in {coco.root}, val split: 2 crowd regions",
        f"test: coco in {coco.root}, val split: 1 picture with an EXIF orientation",
        f"train: coco in {coco.root}, train split: 1 picture with an EXIF orientation",
        "test: 2 classes in the val split",
        "train: 5 classes in the train split",
        "nano has RANDOM weights",
        "Loading `train_dataloader` to estimate number of stepping batches.",
        "`Trainer.fit` stopped: `max_epochs=1` reached.",
    )
    assert [line for line in lines if not line.startswith(expected)] == []
    assert out.splitlines()[0].strip() == "test"
    assert out.splitlines()[1].split() == ["class", "targets", "frozen", "adapted"]
    assert out.splitlines()[-1] == f"run folder: {tmp_path / 'run'}"

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", UserWarning)
        trained = ("--ckpt_path", tmp_path / "run/checkpoints/last.ckpt")
        call("test", "--config", tiny_yaml, *trained, "--run_dir", tmp_path / "test")
    assert [str(each.message) for each in seen if each.category is UserWarning] == []
