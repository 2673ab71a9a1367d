"""Modules that are run by themselves say in one line what is wrong."""

from __future__ import annotations

import sys

import pytest

from sansa_lightning.analysis import semantics
from sansa_lightning.pretraining import package
from sansa_lightning.scripts import run_script


@pytest.mark.parametrize(
    ("module", "given", "message"),
    [
        (semantics, ["--fold", "7"], "--fold: expected 0 to 3, but got 7"),
        (semantics, ["--episodes", "0"], "length >= 1"),
        (semantics, ["--weights", "nowhere.pt"], "nowhere.pt"),
        (semantics, ["--probe_images", "1", "--episodes", "1"], "--probe_images: expected 0, or at least 2, but got 1"),
        (package, ["nowhere"], "is not there; expected the folder of a finished run"),
    ],
)
def test_bad_input_is_one_line(module, given, message, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["module", *given])
    with pytest.raises(SystemExit, match="2"):
        run_script(module.main)
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert message in said
