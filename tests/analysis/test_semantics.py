"""The scores of a nano, from the command line."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from builders import nano
from sansa_lightning.analysis import semantics
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.pretraining.export import write_weights


@pytest.mark.slow
def test_probes_are_of_all_and_of_the_unseen_classes():
    with torch.no_grad():
        found = semantics.probes(nano(), Patterns(), fold=1, images=2)
    assert found["all_classes"]["chance"] == 1 / 32
    assert found["unseen_classes"]["chance"] == 1 / 8
    assert found["unseen_classes"]["counts"][1] < found["all_classes"]["counts"][1]


def test_prints_one_json_object(tmp_path, monkeypatch, capsys):
    write_weights(nano(), tmp_path / "w.safetensors")
    asked = ["--weights", str(tmp_path / "w.safetensors"), "--fold", "2", "--episodes", "6"]
    monkeypatch.setattr(sys, "argv", ["semantics", *asked])
    semantics.main()
    found = json.loads(capsys.readouterr().out)
    assert (found["fold"], found["episodes"], found["seed"]) == (2, 6, 0)
    controls = found["controls"]
    assert abs(controls["right"] - controls["wrong_miou"] - controls["margin"]) <= 0.11
    assert controls.keys() == {"right", "wrong_miou", "margin", "everything_miou", "choice", "choice_chance"}
    assert "probe" not in found
