"""The command ``analyze``, whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from launches import call, refusal
from sansa_lightning.analysis.contract import Analysis, Findings
from sansa_lightning.analysis.kinds.names import KINDS, Kind
from sansa_lightning.cli.analyze.command import read_analysis


@pytest.mark.parametrize("name", KINDS)
def test_every_analysis_asks_its_own_question_and_has_defaults(name):
    found = read_analysis(name, {})
    assert isinstance(found, Analysis)
    assert "question" in vars(type(found))
    assert [other for other in KINDS if read_analysis(other, {}).question == found.question] == [name]


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


@dataclass(frozen=True)
class Filmed(Analysis):
    """Needs no model."""

    question: ClassVar[str] = "Where are the films?"
    davis: Path | None = None

    def run(self, model, data):
        return Findings({"there": self.davis.is_dir()})


def test_a_path_among_the_options_is_written(tiny_yaml, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(KINDS, "filmed", Kind(f"{__name__}:Filmed", "for this test"))
    with pytest.raises(SystemExit, match=r"^0$"):
        call("analyze", "filmed", "-c", tiny_yaml, "--analysis.davis", tmp_path, "--out", tmp_path / "out")
    found = Findings.read(tmp_path / "out")
    assert (found.about["options"], found.numbers) == ({"davis": str(tmp_path)}, {"there": True})
    assert "filmed: Where are the films?" in capsys.readouterr().out


def test_a_device_of_another_machine_is_one_line(tiny_yaml, tmp_path, capsys):
    said = refusal(capsys, "analyze", "pca", "--config", tiny_yaml, "--out", tmp_path / "new", "--device", "abacus")
    assert said.startswith("device: expected one of this machine, such as 'cpu' or 'cuda', but got 'abacus': ")


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
