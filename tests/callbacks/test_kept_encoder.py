"""The encoder's cache in a run: when it is asked, what it says, and that a run with it is the run without."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import pytest
import torch

from builders import nano, pictures
from launches import assert_equal_weights, call, refusal, result, tiny, write_yaml
from sansa_lightning.callbacks.kept_encoder import UseEncoderCache
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.trackers.encoder_cache import EncoderCache


@pytest.fixture
def module() -> SimpleNamespace:
    sam = nano()
    AdaptFormer((2, 3)).attach(sam)
    sam.cache_encoder(EncoderCache(), Strategy.changed(sam))
    return SimpleNamespace(base=sam)


def run(trainer: SimpleNamespace, module: SimpleNamespace) -> None:
    """Two training steps, and an evaluation between and after them."""
    callback, images = UseEncoderCache(), pictures(1, 2)[0]
    callback.on_train_start(trainer, module)
    for _ in range(2):
        callback.on_train_batch_start(trainer, module, None, 0)
        module.base.encode(images)
        callback.on_validation_start(trainer, module)
        with torch.inference_mode():
            module.base.encode(images)
        callback.on_validation_end(trainer, module)
    callback.on_train_end(trainer, module)


@pytest.mark.parametrize(
    ("augmentation", "said"),
    [
        (None, "encoder cache, fit: of all frames 2 computed, 6 from memory"),
        (object(), "encoder cache, fit: of all frames 2 computed, 2 from memory, 4 passed by"),
    ],
)
def test_augmented_frames_pass_it_by(module, caplog, augmentation, said):
    caplog.set_level(logging.INFO)
    run(SimpleNamespace(datamodule=SimpleNamespace(augmentation=augmentation)), module)
    lines = [record.getMessage() for record in caplog.records if "encoder cache" in record.getMessage()]
    assert lines[-1] == said
    assert (len(lines) == 2) == (augmentation is not None)


def test_sizes_and_bases_that_cannot_be_are_refused(capsys, tmp_path):
    config = tiny(tmp_path)
    path = write_yaml(tmp_path / "run.yaml", config)
    said = refusal(capsys, "fit", "--config", path, "--model.encoder_cache.memory_gb", 0, "--run_dir", tmp_path / "run")
    assert "encoder_cache.memory_gb: expected GiB, a number above 0, but got 0" in said


@pytest.mark.slow
def test_a_run_with_it_is_the_run_without_and_the_next_one_reads_the_folder(coco, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    config = tiny(coco.root)
    config["model"]["optimizer"] = {"class_path": "SGD", "init_args": {"lr": 0.1}}  # AdamW makes steps of rounding
    plain = write_yaml(tmp_path / "plain.yaml", config)
    config["model"]["encoder_cache"] = {"folder": str(tmp_path / "kept")}
    kept = write_yaml(tmp_path / "kept.yaml", config)
    for name, path in (("plain", plain), ("kept", kept), ("again", kept)):
        call("fit", "--config", path, "--run_dir", tmp_path / name)
    assert_equal_weights(tmp_path / "plain", tmp_path / "kept", tolerance=1e-5)
    assert_equal_weights(tmp_path / "kept", tmp_path / "again", tolerance=1e-5)
    scores = [json.dumps(result(tmp_path / name)["metrics"]) for name in ("plain", "kept", "again")]
    assert scores[0] == scores[1] == scores[2]
    lines = [record.getMessage() for record in caplog.records if "encoder cache, fit" in record.getMessage()]
    assert " 0 computed" not in lines[0]
    assert " 0 computed" in lines[1]
    assert "from the folder" in lines[1]
