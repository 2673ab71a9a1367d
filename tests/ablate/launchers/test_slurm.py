from __future__ import annotations

import sys

import pytest

from sansa_lightning.ablate.command import run_missing
from sansa_lightning.ablate.execute import execute
from sansa_lightning.ablate.expand import Asked, Expander
from sansa_lightning.ablate.launchers import slurm
from sansa_lightning.ablate.launchers.slurm import SlurmLauncher, parse_settings
from sansa_lightning.ablate.options import ablate as main
from sansa_lightning.ablate.table import read_table
from sansa_lightning.report.recorded import Recorded

FROZEN = {"name": "Frozen", "config": "frozen.yaml"}
FAILS = {"name": "Precise", "config": "precise.yaml"}


def jobs_of(path):
    table, _ = read_table(path)
    expander = Expander(Asked(runs=path.parent / "runs"))
    expander.expand(table)
    return list(expander.jobs.values())


@pytest.mark.slow
def test_runs_are_jobs_of_submitit(write_table, commands, tmp_path, capsys):
    jobs = jobs_of(write_table([FROZEN, FAILS]))
    errors = run_missing(jobs, SlurmLauncher(tmp_path / "runs", cluster="debug"), Recorded())
    assert sorted(command[0] for command in commands) == ["fit", "test"]
    assert [job.finished() for job in jobs] == [True, False]
    assert list(errors) == [jobs[1].identity]
    assert errors[jobs[1].identity].startswith("trainer.precision: expected one of")
    assert "Frozen, fold 0, seed 0: mIoU " in capsys.readouterr().out


@pytest.mark.slow
def test_jobs_run_in_processes_of_submitit_and_one_that_breaks_is_an_error_of_its_run_alone(
    write_table, monkeypatch, tmp_path
):
    jobs = jobs_of(write_table([FROZEN, FAILS]))
    lost = jobs[1].identity

    def breaks(job, threads):
        if job.identity == lost:
            raise RuntimeError("the node went away")
        return execute(job, threads)

    monkeypatch.setattr(slurm, "execute", breaks)
    launcher = SlurmLauncher(tmp_path / "runs", {"timeout_min": 10}, cluster="local")
    outcomes = {each.identity: each for each in launcher.run(jobs)}
    assert outcomes[jobs[0].identity].error == ""
    assert outcomes[lost].error.startswith("job ")
    assert "the node went away" in outcomes[lost].error
    assert [job.finished() for job in jobs] == [True, False]
    assert (tmp_path / "runs" / "slurm").is_dir()


def test_settings_are_numbers_where_they_look_like_it():
    assert parse_settings(["timeout_min=240", "slurm_partition=gpu", "gpus_per_node=1"]) == {
        "timeout_min": 240,
        "slurm_partition": "gpu",
        "gpus_per_node": 1,
    }
    with pytest.raises(ValueError, match="--slurm: expected KEY=VALUE, but got 'gpu'"):
        parse_settings(["gpu"])


def test_without_submitit_or_slurm_a_line_says_so(write_table, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="--launcher slurm: "):
        SlurmLauncher(tmp_path, {"no_such_setting": 1}, cluster="debug")
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ValueError, match=r"pip install 'sansa_lightning\[slurm\]'"):
        main([str(write_table([FROZEN])), "--launcher", "slurm"])
