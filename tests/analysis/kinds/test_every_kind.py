"""What all analyses keep: both sides, finite numbers, figures, nothing changed in the model."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from builders import model, nano, randomise
from sansa_lightning.analysis.kinds.names import KINDS
from sansa_lightning.cli.analyze.command import read_analysis
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.strategies.adaptformer import AdaptFormer

SMALL = {
    "pca": {"images": "2", "shown": "1"},
    "concentration": {"images": "10"},
    "probe": {"images": "2", "episodes": "8"},
    "vos": {"clips": "1", "frames": "4"},
    "coherence": {"clips": "1", "pairs": "2", "images": "2"},
    "parts": {"images": "3"},
    "errors": {"episodes": "8", "drawn": "2"},
    "matching": {"episodes": "1"},
}


@pytest.fixture(scope="module")
def data() -> EpisodeDataModule:
    found = EpisodeDataModule(num_workers=0)
    found.setup("test")
    return found


@pytest.fixture(scope="module")
def adapted():
    found = model(nano(), AdaptFormer((2, 3)))
    randomise(found)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_each_shows_both_sides(name, data, adapted):
    before = {key: value.clone() for key, value in adapted.state_dict().items()}
    analysis = read_analysis(name, SMALL[name])
    assert {key: str(asdict(analysis)[key]) for key in SMALL[name]} == SMALL[name]
    found = analysis.run(adapted, data)
    json.dumps(found.numbers, allow_nan=False)
    sides = found.numbers if name != "errors" else found.numbers["strayed"]
    assert sides["frozen"] != sides["adapted"]
    assert found.figures
    assert all(min(figure.size) > 80 for figure in found.figures.values())
    assert all(torch.equal(value, before[key]) for key, value in adapted.state_dict().items())
    assert not adapted.training


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pca", "probe", "matching"])
def test_what_trains_nothing_has_one_side(name, data):
    found = read_analysis(name, SMALL[name]).run(model(nano()), data)
    assert "frozen" in found.numbers
    assert not {"adapted", "gain"} & set(found.numbers)
