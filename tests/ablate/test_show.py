"""Numbers of a table against the same computed here from its result files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
import yaml

from sansa_lightning.ablate.command import write_table
from sansa_lightning.ablate.expand import Planned
from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.papers_experiment import EXPERIMENT, difference
from sansa_lightning.ablate.recorded import Recorded
from sansa_lightning.ablate.scores import run_scores
from sansa_lightning.ablate.table import Row, Table
from sansa_lightning.cli.resolve import as_plain, resolve

FOLDS, SEEDS = (0, 1, 2), (0, 1)
PAPER = {"Full": 91.6, "QKV": 95.3, "SANSA": 97.2}
"""Out of the range of ours, so that they can be told from them in a text."""
ROOT = Path(__file__).parents[2]


def resolved(*files: str) -> dict[str, Any]:
    return as_plain(resolve([ROOT / file for file in files], {}))


NANO, COCO = resolved("experiments/nano/ablate.yaml"), resolved("experiments/coco20i.yaml")


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
    """Writes result files of three rows and then their table; gives the Markdown, the JSON and the jobs."""

    def write(config=NANO, paper=None, params=None, **more):
        paper, params = PAPER if paper is None else paper, params or {}
        jobs, rows = {}, []
        for number, name in enumerate(PAPER):
            runs = {}
            for fold in FOLDS:
                for seed in SEEDS:
                    key = f"{name}{fold}{seed}"
                    jobs[key] = Job(key, key, tmp_path / key, "", trains=True, in_domain=True)
                    value = miou(number, fold, seed)
                    content = result(value, controls=name != "QKV")
                    jobs[key].result_file.parent.mkdir(exist_ok=True)
                    jobs[key].in_domain_file.parent.mkdir(exist_ok=True)
                    jobs[key].result_file.write_text(json.dumps(content))
                    jobs[key].in_domain_file.write_text(json.dumps(result(value + 0.05)))
                    runs[fold, seed] = key
            rows.append(
                Planned(Row(name, paper={"miou": paper.get(name), "params_m": params.get(name)}), config, {}, runs)
            )
        rows[0] = replace(rows[0], row=replace(rows[0].row, settings={"data.shots": 1}))
        rows[2] = replace(rows[2], adjusted={"model.strategy.init_args.scale": 0.3})
        table = Table(tmp_path / "t.yaml", "A title", tmp_path, None, FOLDS, SEEDS, True, "sam2_hiera_large", ())
        text = write_table(replace(table, **more), rows, jobs, {"QKV00": "it broke"}, tmp_path, Recorded())
        assert text == (tmp_path / "t.md").read_text()
        return text, json.loads((tmp_path / "t.json").read_text()), jobs

    return write


def cells(text: str) -> dict[str, dict[str, str]]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {line[0]: dict(zip(lines[0], line, strict=True)) for line in lines[2:]}


def test_means_and_spreads_are_those_of_the_runs(written):
    text, content, _ = written()
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
    text, content, _ = written()
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
    text, content, _ = written(COCO)
    assert {name: row["paper"] for name, row in cells(text).items()} == {n: f"{v:.1f}" for n, v in PAPER.items()}
    assert "order only" not in text
    assert "paper: COCO-20i, one reference, mean of folds 0 to 3" in text
    assert "here only folds 0, 1, 2" in text
    assert content["papers_experiment"] == [True] * 3


def test_a_disagreement_is_named(written):
    text, _, _ = written(paper={"Full": 97.2, "QKV": 95.3, "SANSA": 91.6})
    assert "order: agrees with the paper in 0 of 3 pairs, disagrees in 3, undecided 0" in text
    assert "disagrees: the paper has Full above QKV; here it is 9.5 +- " in text


def test_where_the_paper_prints_nothing_no_order_is_claimed(written):
    text, content, _ = written(paper={})
    assert "paper" not in cells(text)["Full"]
    assert "the paper's values of these rows are not known to us" in text
    assert "order:" not in text
    assert content["order"]["miou"] == []


def test_a_table_says_how_its_rows_were_trained_and_what_failed(written):
    text, content, _ = written()
    assert (
        "- training: nano, 800 clips an epoch, 1 epoch(s), batch 4 a process, 320 test episodes, 1 reference(s)" in text
    )
    assert "- folds 0, 1, 2; seeds 0, 1; the test episodes are the same for every row and seed" in text
    assert "- row Full: data.shots = 1" in text
    assert "- failed: QKV00: it broke" in text
    assert content["errors"] == {"QKV00": "it broke"}


def test_a_run_that_is_not_finished_has_no_scores(tmp_path):
    job = Job("a", "a", tmp_path / "a", "", trains=True, in_domain=True)
    assert run_scores(job, in_domain=True) is None
    job.folder.mkdir()
    job.result_file.write_text(json.dumps(result(0.5) | {"status": "running"}))
    assert run_scores(job, in_domain=True) is None
    assert not job.finished()
    job.result_file.write_text(json.dumps(result(0.5)))
    assert run_scores(job, in_domain=True).in_domain is None
    assert not job.finished()
    job.result_file.write_text("{")
    assert run_scores(job, in_domain=True) is None


def changed(config: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """A configuration with one dotted key of another value."""
    first, _, rest = key.partition(".")
    return {**config, first: changed(config[first], rest, value) if rest else value}


POINT = {"class_path": "x.PointPrompt", "init_args": {"least": 1}}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("data.shots", 5, "5 references"),
        ("data.size", 96, "96 pixels"),
        ("data.source", {"class_path": "x.Lvis"}, "source Lvis"),
        ("data.protocol", {"class_path": "x.InDomain", "init_args": {"folds": 4}}, "protocol InDomain"),
        ("data.memorise", True, "memorised test clips"),
        ("model.base.name", "sam2_hiera_tiny", "base sam2_hiera_tiny"),
        ("model.base.weights", None, "random weights"),
        ("model.base.weights", "a.pt", "model.base.weights 'a.pt'"),
        ("model.method", {"class_path": "x.NegativeClicks", "init_args": {}}, "model.method NegativeClicks"),
        ("model.method.init_args.kshot_memory", "other", "model.method.kshot_memory 'other'"),
        ("model.strategy.init_args.scale", 0.3, "model.strategy.scale 0.3"),
        ("model.optimizer.init_args.lr", 0.01, "model.optimizer.lr 0.01"),
        ("data.prompt", POINT, "data.prompt PointPrompt"),
        ("data.train_prompt", POINT, "data.train_prompt PointPrompt"),
        ("data.score_at", "original", "data.score_at 'original'"),
        ("data.manifest", "episodes.txt", "data.manifest 'episodes.txt'"),
        ("data.source.init_args.min_area", 5000.0, "data.source.min_area 5000.0"),
        ("data.source.init_args.train", "train2017", "data.source.train 'train2017'"),
        ("data.test_episodes", 5, "data.test_episodes 5"),
        ("data.train_length", 4, "data.train_length 4"),
        ("data.train_targets", 1, "data.train_targets 1"),
        ("data.train_shots", 2, "data.train_shots 2"),
        ("trainer.max_steps", 3, "trainer.max_steps 3"),
        ("trainer.max_epochs", 1, "trainer.max_epochs 1"),
        ("trainer.limit_test_batches", 1, "trainer.limit_test_batches 1"),
        ("trainer.callbacks", [{"class_path": "EarlyStopping"}], "trainer.callbacks [{'class_path': 'EarlyStopping'}]"),
        ("data.batch_size", 5, "batch 5 a process"),
        ("data.batch_size", 64, "batch 64 a process"),
        ("trainer.devices", 2, "batch 8"),
        ("trainer.devices", [0, 1, 2], "batch 12"),
    ],
)
def test_what_tells_an_experiment_from_the_papers_is_named(key, value, words):
    assert difference(changed(COCO, key, value)) == words


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.source.init_args.root", "/elsewhere"),
        ("data.protocol.init_args.fold", 3),
        ("data.seed", 5),
        ("data.prompt", {"class_path": "x.MaskPrompt", "init_args": {}}),  # what null means
        ("data.batch_size", 32),
        ("trainer.devices", 8),
        ("trainer.logger", {"class_path": "WandbLogger"}),
    ],
)
def test_what_is_drawn_watched_and_where_it_is_tells_nothing(key, value):
    assert difference(changed(COCO, key, value)) == ""


def test_the_papers_experiment_is_the_one_that_is_shipped():
    assert yaml.safe_load(EXPERIMENT.read_text()) == yaml.safe_load((ROOT / "experiments/coco20i.yaml").read_text())
    assert difference(COCO) == difference(resolved("experiments/coco20i_released.yaml")) == ""
    lists = changed(resolved("experiments/coco20i_released.yaml"), "data.source.init_args.fold", 1)
    assert difference(lists) == "data.source Coco20iReleased"


def test_few_pictures_in_the_papers_format_are_not_its_experiment():
    small = changed(resolved("experiments/coco_mini.yaml"), "data.size", 640)
    small = changed(small, "model.base", {"name": "sam2_hiera_large", "weights": "official", "seed": 0})
    small = changed(changed(small, "data.test_episodes", 5), "data.train_length", 4)
    assert difference(small) == (
        "trainer.max_epochs 2, data.source.train 'train2017', data.source.val 'val2017', data.train_length 4, "
        "data.test_episodes 5"
    )


def test_rows_may_change_what_the_paper_compares_by_their_files_and_nothing_else(tmp_path):
    files = ("ablations/lora.yaml", "ablations/j_length/5.yaml", "ablations/prompts/point.yaml")
    row = resolved("experiments/coco20i.yaml", *files)
    assert difference(row, files=[ROOT / file for file in files]) == ""
    assert difference(row) == (
        "model.strategy LoRA, data.train_targets 5, data.prompt PointPrompt, data.train_prompt PointPrompt"
    )
    (tmp_path / "row.yaml").write_text("data: {train_targets: 5, test_episodes: 7}\n")
    few = resolved("experiments/coco20i.yaml", tmp_path / "row.yaml")
    assert difference(few, files=[tmp_path / "row.yaml"]) == "data.test_episodes 7"


def test_files_that_do_not_fit_the_papers_experiment_are_named(tmp_path):
    (tmp_path / "row.yaml").write_text("data: {source: {init_args: {ruot: x}}}\n")
    assert difference(COCO, files=[tmp_path / "row.yaml"]).startswith("files that do not fit the paper's experiment: ")


def test_rows_with_bases_of_their_own_may_have_any_published_one():
    assert difference(changed(COCO, "model.base.name", "sam2_hiera_tiny"), None) == ""
    assert difference(NANO, None) == "source Patterns, 96 pixels, base nano"


def test_the_papers_count_of_parameters_stands_beside_ours_on_its_experiment_alone(written):
    text, _, _ = written(COCO, params={"Full": 224.0, "SANSA": 3.3})
    assert [row["paper, trained"] for row in cells(text).values()] == ["224 M", "n/a", "3.3 M"]
    assert cells(text)["Full"]["trained"] == "1,234,567"
    assert "paper, trained" not in cells(written(COCO)[0])["Full"]
    text, content, _ = written(NANO, params={"Full": 224.0, "SANSA": 3.3})
    assert "paper, trained" not in cells(text)["Full"]
    assert set(content["order"]) == {"miou", "in_domain"}
