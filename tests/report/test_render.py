"""Numbers of a table against the same computed here from its result files."""

from __future__ import annotations

import json
from statistics import fmean, stdev

import pytest

from sansa_lightning.report.render import Report
from sansa_lightning.report.rows import PlannedRow, RowScores
from sansa_lightning.report.scores import IN_DOMAIN, run_scores

FOLDS, SEEDS = (0, 1, 2), (0, 1)
PAPER = {"Full": 91.6, "QKV": 95.3, "SANSA": 97.2}
"""Out of the range of ours, so that they can be told from them in a text."""

CONFIG = {
    "model": {"base": {"name": "nano"}, "strategy": {"class_path": "sansa_lightning.strategies.finetune.FineTune"}},
    "data": {"train_length": 800, "batch_size": 4, "test_episodes": 320, "shots": 1},
    "trainer": {"max_steps": -1, "max_epochs": 1},
}
OTHER = "source Patterns, 96 pixels, base nano"
"""What tells the rows from the paper's experiment."""


def miou(row: int, fold: int, seed: int) -> float:
    return 0.4 + 0.1 * row + 0.07 * fold**2 - 0.01 * seed * (1 + row + fold)


def result(value: float, *, controls: bool = True) -> dict:
    test = {"miou": value, "fb_iou": value + 0.1, "classes": []}
    if controls:
        test["controls"] = {"wrong_miou": 0.2, "margin": value - 0.2, "everything_miou": 0.45, "choice": None}
        test["probe"] = {"stage": 2, "cells": 0.625, "objects": 0.75, "chance": 0.125, "counts": [9, 8]}
    return {"status": "finished", "metrics": {"test": test}, "trained_parameters": 1234567, "seconds": 90.0}


@pytest.fixture
def written(tmp_path):
    """Writes result files of three rows; gives the Markdown and the JSON of their table."""

    def write(difference=OTHER, paper=PAPER, params=None):
        rows = []
        for number, name in enumerate(PAPER):
            runs = {(fold, seed): f"{name}{fold}{seed}" for fold in FOLDS for seed in SEEDS}
            for place, key in runs.items():
                value = miou(number, *place)
                (tmp_path / key / IN_DOMAIN).mkdir(parents=True, exist_ok=True)
                (tmp_path / key / "result.json").write_text(json.dumps(result(value, controls=name != "QKV")))
                (tmp_path / key / IN_DOMAIN / "result_test.json").write_text(json.dumps(result(value + 0.05)))
            planned = PlannedRow(
                name=name,
                config=CONFIG,
                runs=runs,
                settings={"data.shots": 1} if name == "Full" else {},
                adjusted={"model.strategy.init_args.scale": 0.3} if name == "SANSA" else {},
                paper={"miou": paper.get(name), "params_m": (params or {}).get(name)},
            )
            scores = {place: run_scores(tmp_path / key, "fit", in_domain=True) for place, key in runs.items()}
            rows.append(RowScores(planned, scores, difference))
        report = Report(
            name="t", title="A title", rows=rows, paper_base="sam2_hiera_large", errors={"QKV00": "it broke"}
        )
        return report.markdown(), json.loads(json.dumps(report.plain()))

    return write


def cells(text: str) -> dict[str, dict[str, str]]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {line[0]: dict(zip(lines[0], line, strict=True)) for line in lines[2:]}


def test_means_and_spreads_are_those_of_the_runs(written):
    text, content = written()
    shown = cells(text)
    for number, name in enumerate(PAPER):
        folds = [fmean(miou(number, fold, seed) for seed in SEEDS) for fold in FOLDS]
        seeds = fmean(stdev(miou(number, fold, seed) for seed in SEEDS) for fold in FOLDS)
        row = content["rows"][number]
        assert row["mean"]["miou"] == pytest.approx(fmean(folds))
        assert row["spread_over_folds"]["miou"] == pytest.approx(stdev(folds))
        assert row["spread_over_seeds"]["miou"] == pytest.approx(seeds)
        assert shown[name]["mIoU"] == f"{100 * fmean(folds):.1f} +- {100 * stdev(folds):.1f} ({100 * seeds:.1f})"
        assert shown[name]["in-domain"].startswith(f"{100 * fmean(folds) + 5:.1f} +- ")
        assert shown[name]["trained"] == "1,234,567"
        assert shown[name]["minutes"] == "1.5"
        assert shown[name]["runs"] == "6/6"
    assert shown["SANSA"]["margin"].startswith(f"{100 * content['rows'][2]['mean']['miou'] - 20:.1f}")
    assert shown["SANSA"]["wrong"] == "20.0"
    assert shown["SANSA"]["everything"] == "45.0"
    assert shown["SANSA"]["choice (chance)"] == "n/a"  # null in the result
    assert shown["SANSA"]["probe (chance)"] == "62.5 (12.5)"
    assert shown["QKV"]["margin"] == shown["QKV"]["wrong"] == shown["QKV"]["probe (chance)"] == "n/a"  # not there
    assert len(content["rows"][0]["runs"]) == 6
    assert content["rows"][0]["runs"][1]["miou"] == miou(0, 0, 1)


def test_elsewhere_the_paper_is_an_order_and_never_a_number(written):
    text, content = written()
    assert {name: row["paper"] for name, row in cells(text).items()} == {
        "Full": "3. of 3",
        "QKV": "2. of 3",
        "SANSA": "1. of 3",
    }
    assert not any(str(value) in text for value in PAPER.values())
    assert "paper: order only, since this is not its experiment (source Patterns, 96 pixels, base nano; " in text
    assert content["papers_experiment"] == [False] * 3
    # Rows rise by 0.1, seeds take off less than that: every pair agrees.
    assert "\n- order: agrees with the paper in 3 of 3 pairs, disagrees in 0, undecided 0" in text
    assert [pair["verdict"] for pair in content["order"]["miou"]] == ["agrees"] * 3


def test_on_the_papers_experiment_its_numbers_stand_beside_ours(written):
    text, content = written(difference="")
    assert {name: row["paper"] for name, row in cells(text).items()} == {n: f"{v:.1f}" for n, v in PAPER.items()}
    assert "order only" not in text
    assert "paper: COCO-20i, one reference, mean of folds 0 to 3" in text
    assert "here only folds 0, 1, 2" in text
    assert content["papers_experiment"] == [True] * 3


def test_a_disagreement_is_named(written):
    text, _ = written(paper={"Full": 97.2, "QKV": 95.3, "SANSA": 91.6})
    assert "order: agrees with the paper in 0 of 3 pairs, disagrees in 3, undecided 0" in text
    assert "disagrees: the paper has Full above QKV; here it is 9.5 +- " in text


def test_where_the_paper_prints_nothing_no_order_is_claimed(written):
    text, content = written(paper={})
    assert "paper" not in cells(text)["Full"]
    assert "the paper's values of these rows are not known to us" in text
    assert "order:" not in text
    assert content["order"]["miou"] == []


def test_a_table_says_how_its_rows_were_trained_and_what_failed(written):
    text, content = written()
    assert "- training: nano, 800 clips per epoch, 1 epoch, batch 4 per process, 320 test episodes, 1 reference" in text
    assert "- folds 0, 1, 2; seeds 0, 1; the test episodes are the same for every row and seed" in text
    assert "- row Full: data.shots = 1" in text
    assert "- failed: QKV00: it broke" in text
    assert content["errors"] == {"QKV00": "it broke"}


def test_the_papers_count_of_parameters_stands_beside_ours_on_its_experiment_alone(written):
    text, _ = written(difference="", params={"Full": 224.0, "SANSA": 3.3})
    assert [row["paper, trained"] for row in cells(text).values()] == ["224 M", "n/a", "3.3 M"]
    assert cells(text)["Full"]["trained"] == "1,234,567"
    assert "paper, trained" not in cells(written(difference="")[0])["Full"]
    text, content = written(params={"Full": 224.0, "SANSA": 3.3})
    assert "paper, trained" not in cells(text)["Full"]
    assert set(content["order"]) == {"miou", "in_domain"}
