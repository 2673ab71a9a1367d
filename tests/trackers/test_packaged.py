"""Weights that come with the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builders import nano
from sansa_lightning.files.whole import sha256_of
from sansa_lightning.pretraining.export import write_weights
from sansa_lightning.trackers import packaged
from sansa_lightning.trackers.packaged import ASSETS, card, packaged_weights
from sansa_lightning.trackers.zoo import Base


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    write_weights(nano(), tmp_path / "nano.safetensors")
    (tmp_path / "nano.json").write_text(json.dumps({"sha256": sha256_of(tmp_path / "nano.safetensors")}))
    return tmp_path


def test_the_file_that_the_card_describes_is_used(assets):
    assert packaged_weights("nano", assets) == assets / "nano.safetensors"


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"weights of nano: .*nano\.safetensors is not there; train them with 'fit --config exp"
    ):
        packaged_weights("nano", tmp_path)


def test_a_missing_card_is_said(assets):
    (assets / "nano.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"weights of nano: the card .*nano\.json is not there; install"):
        packaged_weights("nano", assets)


def test_another_file_than_the_card_describes_is_refused(assets):
    with (assets / "nano.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=r"weights of nano: .*nano\.safetensors differs from its card \(SHA-256\)"):
        packaged_weights("nano", assets)


def test_official_weights_of_nano_are_the_packaged_ones(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(
        "sansa_lightning.trackers.weights.packaged_weights", lambda name: asked.append(name) or tmp_path / "n"
    )
    with pytest.raises(FileNotFoundError, match=r"weights: .*n is not a file|n is not a file"):
        Base("nano", weights="official").build()
    assert asked == ["nano"]


@pytest.mark.skipif(not (ASSETS / "nano.safetensors").is_file(), reason="no trained nano in this checkout")
def test_the_shipped_nano_is_whole_and_small():
    path = packaged.packaged_weights("nano")
    assert path.stat().st_size <= 8e6
    said = card("nano")
    assert said.keys() >= {"sha256", "recipe", "seed", "steps", "scores", "machine", "versions"}
    Base("nano", weights="official").build()
