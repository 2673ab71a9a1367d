from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from launches import TESTS, checkpoint, result, wait_for, write_yaml
from sansa_lightning.ablate.options import ablate as main
from sansa_lightning.cli import main as command_line

FROZEN = {"name": "Frozen", "config": "frozen.yaml"}
ADAPTER = {"name": "Adapter", "config": "adapter.yaml"}
FAILS = {"name": "Precise", "config": "precise.yaml"}


def ablate(*args: object) -> int:
    return main([str(arg) for arg in args])


@pytest.fixture
def runs(tmp_path) -> Path:
    return tmp_path / "runs"


def folder(runs: Path, row: str) -> Path:
    (found,) = runs.glob(f"{row}_*")
    return found


@pytest.mark.slow
def test_rows_run_once_and_a_failed_one_stops_no_other(write_table, commands, runs, capsys):
    path = write_table([FAILS, FROZEN, ADAPTER], in_domain=True)
    assert ablate(path, "--runs", runs) == 1
    out = capsys.readouterr().out
    # fit fails; test twice; fit, then test on the training classes
    assert [command[0] for command in commands] == ["fit", "test", "test", "fit", "test"]
    assert out.startswith(
        "3 runs, 0 of them finished already\n[1/3] Precise, fold 0, seed 0: failed: trainer.precision:"
    )
    assert f"(see {folder(runs, 'Precise')})" in out
    assert "[2/3] Frozen, fold 0, seed 0: mIoU " in out
    assert "- failed: Precise, fold 0, seed 0: trainer.precision: expected one of 32-true" in out
    content = json.loads((runs / "table.json").read_text())
    scores = {row["name"]: row["mean"] for row in content["rows"]}
    assert scores["Precise"]["miou"] is None
    for name, stage in (("Frozen", "test"), ("Adapter", "")):
        whole = result(folder(runs, name), stage)
        inside = result(folder(runs, name) / "in_domain", "test")
        assert scores[name]["miou"] == whole["metrics"]["test"]["miou"]
        assert scores[name]["in_domain"] == inside["metrics"]["test"]["miou"]
        assert scores[name]["margin"] == whole["metrics"]["test"]["controls"]["margin"]
        assert scores[name]["probe"] == whole["metrics"]["test"]["probe"]["cells"]
        assert scores[name]["trained_parameters"] == whole["trained_parameters"]
        tested = {score["class_id"] for score in inside["metrics"]["test"]["classes"]}
        assert tested == {1, 2, 3, 5, 6}  # of fold 0, the classes 0 and 4 are unseen, and 7 has one image
        assert {score["class_id"] for score in whole["metrics"]["test"]["classes"]} == {0, 4}

    # Again: what is finished is not run, what failed is.
    before = len(commands)
    assert ablate(path, "--runs", runs) == 1
    assert "3 runs, 2 of them finished already" in capsys.readouterr().out
    assert [command[0] for command in commands[before:]] == ["fit"]
    again = json.loads((runs / "table.json").read_text())
    assert [row["mean"] for row in again["rows"]] == [row["mean"] for row in content["rows"]]


def test_tables_of_what_is_finished(write_table, commands, runs, capsys):
    path = write_table([FROZEN, ADAPTER])
    assert ablate(write_table([ADAPTER], "other.yaml"), "--runs", runs) == 0
    before, _ = len(commands), capsys.readouterr()
    assert ablate(path, "--runs", runs, "--seeds", "0,1", "--launcher", "none") == 0
    assert len(commands) == before
    assert "4 runs, 1 of them finished already\n" in capsys.readouterr().out
    rows = json.loads((runs / "table.json").read_text())["rows"]
    assert [[(run["fold"], run["seed"]) for run in row["runs"]] for row in rows] == [[], [(0, 0)]]
    assert "| Frozen | 0/2 | n/a |" in (runs / "table.md").read_text()
    assert "| Adapter | 1/2 | " in (runs / "table.md").read_text()


@pytest.mark.slow
def test_the_trained_model_is_the_one_that_is_scored_in_domain(write_table, commands, runs):
    assert ablate(write_table([ADAPTER], in_domain=True), "--runs", runs) == 0
    fit, test = commands
    where = folder(runs, "Adapter")
    assert fit == ["fit", "--config", str(where / "row.yaml"), "--run_dir", str(where)]
    inside = where / "in_domain"
    assert test[1:] == [
        *("--config", str(inside / "row.yaml"), "--run_dir", str(inside)),
        *("--ckpt_path", str(where / "checkpoints" / "last.ckpt")),
    ]
    one, other = (yaml.safe_load((each / "row.yaml").read_text()) for each in (where, inside))
    assert one["data"]["protocol"].pop("class_path").endswith(".Strict")
    assert other["data"]["protocol"].pop("class_path").endswith(".InDomain")
    # The controls are those of the unseen classes.
    assert [each["class_path"].rpartition(".")[2] for each in one["trainer"].pop("callbacks")] == ["LinearProbe"]
    assert other["trainer"].pop("callbacks") is None
    assert (one["data"].pop("controls"), other["data"].pop("controls")) == (True, False)
    assert one == other


@pytest.mark.slow
def test_a_probe_that_the_experiment_asks_for_is_the_one(write_table, commands, runs, tmp_path):
    path = write_table([FROZEN])
    experiment = yaml.safe_load((tmp_path / "experiment.yaml").read_text())
    ours = {"class_path": "LinearProbe", "init_args": {"images": 3, "stage": 1}}
    experiment["trainer"]["callbacks"] = [{"class_path": "ModelSummary"}, ours]
    write_yaml(tmp_path / "experiment.yaml", experiment)
    assert ablate(path, "--runs", runs) == 0
    _, probe = yaml.safe_load((folder(runs, "Frozen") / "row.yaml").read_text())["trainer"]["callbacks"]
    assert probe["init_args"] == ours["init_args"]
    assert result(folder(runs, "Frozen"), "test")["metrics"]["test"]["probe"]["stage"] == 1


@pytest.mark.slow
def test_a_row_that_was_interrupted_goes_on_from_its_checkpoint(write_table, commands, runs):
    path = write_table([ADAPTER])
    assert ablate(path, "--runs", runs) == 0
    where = folder(runs, "Adapter")
    whole = result(where)
    (where / "result.json").write_text(json.dumps(whole | {"status": "running", "metrics": {}}))
    assert ablate(path, "--runs", runs) == 0
    assert commands[-1][-2:] == ["--ckpt_path", "last"]
    assert result(where)["metrics"]["test"] == whole["metrics"]["test"]  # it was at its end: no validation again
    assert result(where)["steps"] == whole["steps"] == 2
    assert len(commands) == 2


@pytest.mark.slow
def test_the_same_row_in_two_tables_runs_once(write_table, commands, runs, capsys):
    plain = {"name": "plain"}
    one, other = write_table([ADAPTER]), write_table([plain, FROZEN], "other.yaml")
    assert ablate(one, other, "--runs", runs) == 0
    assert capsys.readouterr().out.startswith("2 runs, 0 of them")
    assert len(commands) == 2
    scores = [json.loads((runs / name).read_text())["rows"][0]["mean"] for name in ("table.json", "other.json")]
    assert scores[0] == scores[1]
    assert ablate(other, "--runs", runs) == 0  # found again although its folder has the other row's name
    assert len(commands) == 2


@pytest.mark.slow
def test_recorded_runs_are_not_run_again(write_table, commands, runs, tmp_path, capsys):
    path = write_table([FROZEN, ADAPTER], in_domain=True)
    assert ablate(path, "--runs", runs) == 0
    record = tmp_path / "record"
    record.mkdir()
    (runs / "table.json").rename(record / "table.json")
    content = json.loads((record / "table.json").read_text())
    del content["rows"][0]["runs"][0]  # as if the frozen row had never run
    (record / "table.json").write_text(json.dumps(content))
    before, elsewhere = len(commands), tmp_path / "elsewhere"
    capsys.readouterr()
    assert ablate(path, "--runs", elsewhere, "--recorded", record) == 0
    assert capsys.readouterr().out.startswith("2 runs, 1 of them finished already\n[1/1] Frozen, fold 0, seed 0")
    assert [command[0] for command in commands[before:]] == ["test", "test"]
    again = json.loads((elsewhere / "table.json").read_text())
    assert again["rows"][1] == content["rows"][1]
    assert again["rows"][0]["mean"] == pytest.approx(content["rows"][0]["mean"] | {"seconds": pytest.approx(0, abs=99)})


@pytest.mark.slow
def test_a_record_without_the_score_in_domain_is_not_enough_for_a_table_with_it(write_table, commands, runs, tmp_path):
    assert ablate(write_table([FROZEN]), "--runs", runs) == 0
    path = write_table([FROZEN], in_domain=True)
    assert ablate(path, "--runs", tmp_path / "elsewhere", "--recorded", runs) == 0
    assert [command[0] for command in commands] == ["test", "test", "test"]


def test_what_is_no_record_is_refused(write_table, commands, runs, tmp_path, capsys):
    path = write_table([FROZEN])
    with pytest.raises(SystemExit, match="2"):
        command_line(["ablate", str(path), "--runs", str(runs), "--recorded", str(tmp_path / "nowhere")])
    assert "--recorded: expected a folder with tables that ablate wrote (*.json)" in capsys.readouterr().err
    (tmp_path / "odd.json").write_text('{"rows": [{"runs": [{"identity": "abc"}]}]}')
    with pytest.raises(SystemExit, match="2"):
        command_line(["ablate", str(path), "--runs", str(runs), "--recorded", str(tmp_path)])
    assert "odd.json is not a table that ablate wrote (KeyError: 'miou')" in capsys.readouterr().err
    assert commands == []


@pytest.mark.slow
def test_options_change_a_rows_identity_only_if_they_change_its_result(write_table, commands, runs, tmp_path):
    experiment = yaml.safe_load((tmp_path / "experiment.yaml").read_text())
    watched = write_yaml(tmp_path / "watched.yaml", experiment | {"checkpoint_every": 1})
    experiment["model"]["optimizer"]["init_args"]["lr"] = 0.02
    changed = write_yaml(tmp_path / "changed.yaml", experiment)
    path = write_table([ADAPTER])
    for config, known in ((tmp_path / "experiment.yaml", 1), (watched, 1), (changed, 2)):
        assert ablate(path, "--config", config, "--runs", runs) == 0
        assert len(commands) == known


def test_everything_that_is_wrong_is_said_before_the_first_run(write_table, commands, runs, capsys):
    wrong = [row | {"set": {"data.source.init_args.root": "nowhere"}} for row in (ADAPTER, FROZEN)]
    path = write_table([*wrong, {"name": "fine"}, {"name": "odd", "set": {"model.strategy": "LoRAA"}}])
    other = write_table([FROZEN, FROZEN], "other.yaml")
    assert ablate(path, other, "nowhere.yaml", "--runs", runs) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("error: ") for line in lines)
    for words in ("row 'Adapter': Coco.root: nowhere", "row 'Frozen': Coco.root: nowhere", "did you mean LoRA?"):
        assert sum(words in line for line in lines) == 1
    assert f"error: {other}: 2 rows are named 'Frozen'" in lines
    assert "error: table nowhere.yaml is not there" in lines
    assert commands == []
    assert not runs.exists()


def test_a_file_that_is_not_there_hides_no_fault_of_another_row(write_table, commands, runs, capsys):
    absent = {"name": "absent", "config": "nowhere.yaml"}
    strategy = {"name": "strategy", "set": {"model.strategy": "Lora"}}
    argument = {"name": "argument", "set": {"model.strategy.init_args.placment": "late"}}
    data = {"name": "data", "set": {"data.source.init_args.root": "nowhere"}}
    path = write_table([absent, strategy, argument, data, FROZEN], folds=3)
    assert ablate(path, "--runs", runs) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    words = ("folds: expected a list", "nowhere.yaml is not there", "did you mean LoRA?", "did you mean placement?")
    for each in (*words, "row 'data': Coco.root: nowhere is not a folder"):
        assert sum(each in line for line in lines) == 1
    assert commands == []


@pytest.mark.parametrize("option", [("--folds", "0,0"), ("--seeds", "a"), ("--folds", "-1"), ("--launcher", "x")])
def test_wrong_options_are_refused(option, write_table, capsys):
    with pytest.raises(SystemExit, match="2"):
        ablate(write_table([FROZEN]), *option)
    assert option[0] in capsys.readouterr().err


def test_the_command_line_has_the_command(write_table, capsys):
    with pytest.raises(SystemExit, match="2"):
        command_line(["ablate", str(write_table([FROZEN])), "--jobs", "0"])
    assert capsys.readouterr().err == "error: --jobs: expected at least 1, but got 0\n"


@pytest.mark.slow
def test_an_interrupt_leaves_what_is_finished_and_the_same_command_goes_on(write_table, runs):
    """Real processes: two rows, of which one would take for ever."""
    path = write_table([FROZEN, {"name": "Long", "set": {"trainer.max_epochs": 100000}}])
    process = begun(path, runs)
    assert process.stdout.readline() == "2 runs, 0 of them finished already\n"
    assert process.stdout.readline().startswith("[1/2] Frozen, fold 0, seed 0: mIoU ")
    wait_for(lambda: list(runs.glob("Long_*/checkpoints/last.ckpt")))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert err.endswith("interrupted by SIGINT: 1 of 2 runs finished; run the same command again\n")
    where = folder(runs, "Long")
    assert result(where)["status"] == "interrupted"
    assert result(where)["steps"] >= 2
    saved = checkpoint(where)["global_step"]

    process = begun(path, runs)
    assert process.stdout.readline() == "2 runs, 1 of them finished already\n"
    wait_for(lambda: any(file.read_text().count("\n") > 3 for file in where.glob("metrics/fit-2/metrics.csv")))
    process.terminate()
    process.communicate(timeout=120)
    assert process.returncode == 143
    assert result(where)["steps"] > saved


def begun(path: Path, runs: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    command = [sys.executable, "-m", "sansa_lightning", "ablate", str(path), "--runs", str(runs), "--jobs", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # Shells start what runs in the background with interrupts ignored, and children inherit that.
    return subprocess.Popen(command, env=environment, preexec_fn=hear_interrupts, **pipes)


def hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
