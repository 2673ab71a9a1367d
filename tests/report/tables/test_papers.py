"""Ours beside the paper's, against the same numbers computed here."""

from __future__ import annotations

from statistics import fmean, stdev

import pytest

from fakes.run_folders import NANO, write_run
from sansa_lightning.report.build import sort
from sansa_lightning.report.gather.find import find

FROZEN = {"strategy": {"class": "Frozen", "settings": {}}, "trained_parameters": 0}
MIOU = {(fold, seed): 0.55 + 0.02 * fold + 0.01 * seed for fold in range(4) for seed in range(2)}


def sorted_runs(folder):
    return sort(find([folder]))


def rows_of(own, name: str) -> dict:
    (table,) = [table for table in own.papers if table.name == name]
    return {row["row"]: row for row in table.rows}


@pytest.fixture
def whole(tmp_path):
    for (fold, seed), miou in MIOU.items():
        write_run(tmp_path / f"{fold}_{seed}", miou, fold=fold, seed=seed)
    return tmp_path


def test_means_spreads_and_differences_are_those_of_the_runs(whole):
    row = rows_of(sorted_runs(whole), "table1")["SANSA"]
    folds = [100 * fmean(MIOU[fold, seed] for seed in range(2)) for fold in range(4)]
    assert row["miou"] == pytest.approx(fmean(folds))
    assert row["folds_sd"] == pytest.approx(stdev(folds))
    assert row["seeds_sd"] == pytest.approx(100 * stdev([0.0, 0.01]))
    assert row["paper"] == 60.2
    assert row["difference"] == pytest.approx(fmean(folds) - 60.2)
    assert (row["folds"], row["runs"], row["trained"]) == ("0, 1, 2, 3", 8, 9_900_000)
    assert row["margin"] == pytest.approx(fmean(folds) / 2)


def test_the_same_run_is_in_each_table_of_its_experiment(whole):
    own = sorted_runs(whole)
    assert [table.name for table in own.papers] == [
        *("table1", "table3_finetune", "table3_adapters", "table3_placement", "table4", "table6", "table8", "table9"),
        *("table11", "figure6"),
    ]
    assert rows_of(own, "table8")["Large"]["paper_trained_m"] == 10
    assert rows_of(own, "table6")["SANSA"]["paper"] == 61.2  # of fold 0 alone
    assert rows_of(own, "table6")["SANSA"]["miou"] == pytest.approx(55.5)
    assert not own.apart


def test_without_all_folds_there_is_no_difference(whole):
    for seed in range(2):
        (whole / f"3_{seed}" / "result.json").unlink()
    row = rows_of(sorted_runs(whole), "table1")["SANSA"]
    assert row["difference"] is None
    assert (row["paper"], row["folds"]) == (60.2, "0, 1, 2")


def test_methods_of_others_stand_beside_ours_without_a_number_of_ours(whole):
    rows = rows_of(sorted_runs(whole), "table1")
    assert rows["Matcher"] == {"row": "Matcher", "data": "COCO-20i, 1 reference", "paper": 52.7}
    assert rows["SAM 2 (frozen)"] == {"row": "SAM 2 (frozen)", "data": "COCO-20i, 1 reference", "paper": 32.2}


def test_a_frozen_base_is_not_asked_how_it_was_trained(tmp_path):
    write_run(tmp_path / "a", 0.3, changes={"trainer.max_epochs": 1}, **FROZEN)
    own = sorted_runs(tmp_path)
    assert rows_of(own, "table1")["SAM 2 (frozen)"]["miou"] == 30.0
    assert not own.apart


def test_a_test_of_a_checkpoint_is_asked_how_that_was_trained(tmp_path):
    trained = write_run(tmp_path / "fit", changes={"trainer.max_epochs": 2})
    checkpoint = {"ckpt_path": str(trained / "checkpoints" / "last.ckpt")}
    write_run(tmp_path / "test", name="result_test.json", changes=checkpoint)
    own = sorted_runs(tmp_path)
    said = "it is not quite the paper's experiment: trainer.max_epochs 2, the paper's 5"
    assert own.apart == {str(tmp_path / "fit"): said, f"{tmp_path / 'test'} (test)": said}
    assert not own.papers


def test_the_miniature_never_stands_beside_a_paper(tmp_path):
    for fold in range(4):
        write_run(tmp_path / f"{fold}", fold=fold, changes=NANO)
    own = sorted_runs(tmp_path)
    assert not own.papers
    ((table, _),) = own.groups["miniature"]
    assert not {"paper", "difference"} & {column.key for column in table.columns}
    assert table.rows[0]["miou"] == pytest.approx(50)


def test_another_list_of_episodes_keeps_a_run_out_of_every_table(whole):
    write_run(whole / "j1", 0.9, changes={"data.train_targets": 1}, episodes={"test": "9" * 64})
    own = sorted_runs(whole)  # a row of its own in Table 9 alone
    assert rows_of(own, "table9")["J = 1"].get("miou") is None
    assert list(own.apart) == [str(whole / "j1")]


def test_numbers_of_two_protocols_are_never_in_one_column(whole):
    write_run(
        whole / "theirs",
        0.6,
        changes={"data.source.class_path": "sansa_lightning.x.CocoLists", "data.size": 1024},
        score_size="original, corners aligned",
    )
    own = sorted_runs(whole)
    ((table, names),) = own.groups["others"]
    assert [run.folder.name for run in names] == ["theirs"]
    assert table.title == "CocoLists, Strict, 1 reference, 1024 pixels"
    assert rows_of(own, "table1")["SANSA"]["runs"] == 8
