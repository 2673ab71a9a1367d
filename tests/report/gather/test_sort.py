"""What may stand in tables, and the reasons of what may not."""

from __future__ import annotations

import pytest

from fakes.run_folders import write_run
from sansa_lightning.report.gather.runs import read_run
from sansa_lightning.report.gather.sort import latest, of_one_list, unfit


@pytest.fixture
def run(tmp_path):
    """Writes a run and reads it again."""

    def write(folder="run", *args, subcommand="fit", **named):
        name = "result.json" if subcommand == "fit" else "result_test.json"
        return read_run(write_run(tmp_path / folder, *args, name=name, **named), subcommand)

    return write


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"commit": ""}, ""),  # installed, not a checkout
        ({"status": "running"}, "it is not finished, but running"),
        ({"status": "failed", "error": "ValueError: it broke"}, "it is not finished, but failed: ValueError: it broke"),
        ({"status": None}, "it is not finished, but of unknown status"),
        ({"trained": False}, "nothing was trained, although it was asked to"),
        ({"commit": "abc+changes"}, "its code had changes that are in no commit (abc+changes)"),
        ({"miou": None}, "it has no score of a test"),
    ],
)
def test_a_run_is_unfit_for_a_reason(change, reason, run):
    assert unfit(run(**change)) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"status": "running"}, "it tests a checkpoint of a run that is not finished, but running"),
        (
            {"commit": "abc+changes"},
            "it tests a checkpoint whose training had code with changes that are in no commit (abc+changes)",
        ),
    ],
)
def test_a_test_is_as_good_as_the_fit_of_its_checkpoint(change, reason, run, tmp_path):
    run("trained", **change)
    checkpoint = {"ckpt_path": str(tmp_path / "trained" / "checkpoints" / "last.ckpt")}
    assert unfit(run("tested", subcommand="test", trained=None, changes=checkpoint)) == reason


def test_runs_beside_each_other_were_scored_on_one_list_on_each_fold(run):
    runs = [
        run("a", fold=0),
        run("b", fold=0, seed=1, episodes={"test": "9" * 64}),
        run("c", fold=0, seed=2),
        run("d", fold=1, episodes={"test": "8" * 64}),
    ]
    apart = {}
    assert of_one_list(runs, apart) == [runs[0], runs[2], runs[3]]
    said = "it was scored on another list of test episodes (999999999999) than the runs that it would stand beside"
    assert apart == {runs[1].name: f"{said} (000000000000)"}


def test_of_two_runs_of_a_row_fold_and_seed_the_later_one_counts(run):
    runs = [run("a"), run("b", time="2026-01-01T00:00:01+00:00"), run("c", seed=1)]
    apart = {}
    assert latest(runs, lambda _: "row", apart) == [runs[1], runs[2]]
    assert apart == {runs[0].name: f"{runs[1].name} is a later run of the same row, fold and seed"}


def test_of_two_runs_of_one_time_the_first_by_name_counts(run):
    time = "2026-01-01T00:00:05+00:00"
    runs = [run("old", 0.1), run("b", 0.2, time=time), run("a", 0.3, time=time)]
    apart = {}
    ordered = of_one_list(runs, {})
    assert latest(ordered, lambda _: "row", apart) == [runs[2]]
    assert apart == {
        runs[0].name: f"{runs[2].name} is a later run of the same row, fold and seed",
        runs[1].name: (
            f"{runs[2].name}, of the same row, fold and seed, has the same time, {time}, as a copy has; "
            "the first by name counts"
        ),
    }


def test_of_two_runs_without_a_time_none_is_later(run):
    runs = [run("a", time=None), run("b", time=None)]
    apart = {}
    assert latest(runs, lambda _: "row", apart) == [runs[0]]
    assert apart[runs[1].name].endswith("has no time either; the first by name counts")
