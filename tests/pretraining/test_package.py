"""From a run folder to the weights and the card of the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builders import nano
from sansa_lightning.pretraining import package as module
from sansa_lightning.pretraining.export import write_weights
from sansa_lightning.pretraining.package import package
from sansa_lightning.trackers.packaged import card, packaged_weights


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    write_weights(nano(), folder / "nano.safetensors")
    said = {
        "status": "finished",
        "metrics": {"test": {"j": 0.5, "frames": 6}},
        "config": {
            "recipe": "tracker",
            "seed_everything": 0,
            "model": {"content_steps": 3},
            "data": {"seed": 4},
            "trainer": {"gradient_clip_val": 3.0, "max_steps": 7},
        },
        **{
            "seed": 4,
            "steps": 7,
            "seconds": 1.5,
            "time": "now",
            "machine": {},
            "versions": {"torch": "2"},
            "commit": "",
        },
    }
    (folder / "result.json").write_text(json.dumps(said))
    return folder


def test_weights_and_card_fit_together(run, tmp_path):
    package(run, {"probe": 0.25}, "by hand", tmp_path / "assets", start={"steps": 5})
    assert packaged_weights("nano", tmp_path / "assets").read_bytes() == (run / "nano.safetensors").read_bytes()
    said = card("nano", tmp_path / "assets")
    assert said["scores"] == {"tracking": {"j": 0.5, "frames": 6}, "probe": 0.25}
    assert (said["seed"], said["steps"], said["recipe"]["model"]) == (4, 7, {"content_steps": 3})
    assert (said["recipe"]["gradient_clip_val"], said["note"], said["start"]) == (3.0, "by hand", {"steps": 5})


def test_an_unfinished_run_is_refused(run, tmp_path):
    said = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(said | {"status": "failed"}))
    with pytest.raises(
        ValueError, match=r"package: expected a finished run and at most 8000000 bytes, but .* is failed"
    ):
        package(run, {}, folder=tmp_path / "assets")
    assert not (tmp_path / "assets").exists()


def test_a_file_that_is_too_large_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1000)
    with pytest.raises(ValueError, match=r"at most 1000 bytes, but .* is finished and nano\.safetensors has [0-9]+$"):
        package(run, {}, folder=tmp_path / "assets")


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"package: .*nano\.safetensors is not there; expected the folder of"):
        package(tmp_path, {}, folder=tmp_path / "assets")
