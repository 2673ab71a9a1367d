"""The command ``analyze``, whole."""

from __future__ import annotations

import pytest

from launches import call, refusal
from sansa_lightning.analysis.contract import Findings
from sansa_lightning.analysis.kinds.names import KINDS
from sansa_lightning.cli.analyze.command import read_analysis


@pytest.mark.parametrize("name", KINDS)
def test_every_analysis_has_a_question_and_defaults(name):
    assert read_analysis(name, {}).question.endswith("?")


def test_an_analysis_gets_its_options():
    assert read_analysis("pca", {"images": "5", "place": "stage 1"}).images == 5
    for wrong in ({"imges": "5"}, {"images": "many"}, {"images": "1"}):
        with pytest.raises(ValueError, match=r"images|imges"):
            read_analysis("pca", wrong)


def test_refusals_are_one_line_and_come_before_the_work(tiny_yaml, tmp_path, capsys):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    start = ("analyze", "pca", "--config", tiny_yaml)
    assert "holds something else" in refusal(capsys, *start, "--out", tmp_path / "taken")
    assert "imges" in refusal(capsys, *start, "--out", tmp_path / "new", "--analysis.imges", 3)
    assert "nowhere is not there" in refusal(capsys, *start, "--out", tmp_path / "new", "--ckpt", tmp_path / "nowhere")
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_run_is_analysed_frozen_and_adapted(fitted, tiny_yaml, tmp_path, capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        call("analyze", "pca", "--config", tiny_yaml, "--ckpt", fitted, "--out", tmp_path / "out")
    found = Findings.read(tmp_path / "out")
    assert found.numbers["frozen"] != found.numbers["adapted"]
    assert found.about["model"]["strategy"]["class"] == "AdaptFormer"
    assert len(found.about["checkpoint"]["sha256"]) == 64
    assert sorted(found.figures) == ["classes", "maps"]
    said = capsys.readouterr().out
    assert f"  frozen.silhouette{' ' * 19}{found.numbers['frozen']['silhouette']:.4g}\n" in said
    assert f"all numbers and 2 figures: {tmp_path / 'out'}" in said
