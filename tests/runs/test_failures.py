"""A command that cannot go on says so in one line, and keeps a report of what nobody expected."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch.utils.data import DataLoader, Dataset

from launches import call, refusal
from sansa_lightning.ablate import row
from sansa_lightning.analysis import semantics
from sansa_lightning.describe import pattern_sheet as sheet
from sansa_lightning.pretraining import package
from sansa_lightning.runs.failures import DEBUG_VARIABLE, LONGEST, one_line_errors, run_main
from sansa_lightning.runs.folder import RUN_VARIABLE


def said(error: Exception, status: int, capsys: pytest.CaptureFixture[str]) -> str:
    """The line that an error becomes."""
    with pytest.raises(SystemExit, match=f"^{status}$"), one_line_errors():
        raise error
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err.removeprefix("error: ").rstrip("\n")


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
def test_bad_input_of_a_module_is_one_line(module, given, message, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["module", *given])
    with pytest.raises(SystemExit, match="2"), one_line_errors():
        module.main()
    line = capsys.readouterr().err
    assert line.startswith("error: ")
    assert line.count("\n") == 1
    assert message in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_module_that_is_a_command_is_interrupted_in_one_line(number, capsys):
    def waits() -> None:
        os.kill(os.getpid(), number)
        time.sleep(10)

    with pytest.raises(SystemExit, match=f"^{128 + number}$"):
        run_main(waits)
    assert capsys.readouterr().err == f"interrupted by {number.name}: run the same command again\n"


def test_a_module_that_is_a_command_says_errors_in_one_line(capsys):
    def fails() -> None:
        raise ValueError("a\nb")

    with pytest.raises(SystemExit, match=r"^2$"):
        run_main(fails)
    assert capsys.readouterr().err == "error: a b\n"
    run_main(lambda: None)


def test_every_module_that_is_a_command_ends_so():
    blocks = {
        path.stem: path.read_text().partition('if __name__ == "__main__":\n')[2]
        for path in (Path(module.__file__) for module in (row, semantics, package, sheet))
    }
    assert {name for name, block in blocks.items() if "\n    run_main(" in f"\n{block}"} == blocks.keys()


@pytest.mark.parametrize(
    "error", [ValueError("a\nb"), FileNotFoundError("a b"), MisconfigurationException("a b"), OSError("a b")]
)
def test_bad_input_has_status_2_and_no_report(error, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv(RUN_VARIABLE, str(tmp_path))
    assert said(error, 2, capsys) == "a b"
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_expected_is_reported_in_the_run_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv(RUN_VARIABLE, str(tmp_path))
    line = said(KeyError("a\nkey"), 1, capsys)
    assert line == f"KeyError: 'a\\nkey' (unexpected; please report it with {tmp_path / 'error.log'})"
    report = (tmp_path / "error.log").read_text()
    assert "Traceback (most recent call last)" in report
    assert f'File "{__file__}"' in report
    assert f"command: {sys.argv}" in report


def test_else_in_a_temporary_file(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv(RUN_VARIABLE, str(tmp_path / "nowhere"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    line = said(ZeroDivisionError("x" * 5000), 1, capsys)
    assert len(line) <= LONGEST
    found = re.search(r"report it with (\S+)\)", line)
    assert found is not None
    assert Path(found[1]).parent == tmp_path
    assert "ZeroDivisionError" in Path(found[1]).read_text()


def test_a_report_that_cannot_be_written_is_no_second_error(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv(RUN_VARIABLE, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert "no report, since it cannot be written" in said(KeyError("a"), 1, capsys)


def test_what_cannot_be_printed_is_not(capsys):
    assert said(ValueError("a\0b.pt is not \x1b[1mthere"), 2, capsys) == "a?b.pt is not ?[1mthere"


def test_with_debug_it_is_a_traceback(monkeypatch):
    monkeypatch.setenv(DEBUG_VARIABLE, "1")
    with pytest.raises(KeyError), one_line_errors():
        raise KeyError("a")


def test_want_of_memory_says_what_to_lower(capsys):
    with pytest.raises(SystemExit, match=r"^1$"), one_line_errors():
        torch.empty(1 << 60)
    line = capsys.readouterr().err
    assert line.startswith("error: out of memory: ")
    assert "lower data.batch_size" in line
    for error in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")):
        assert "lower data.batch_size" in said(error, 1, capsys)


def test_so_does_a_process_that_cannot_be_started(capsys):
    line = said(OSError(errno.ENOMEM, "Cannot allocate memory"), 2, capsys)
    assert line.startswith("out of memory: [Errno 12] Cannot allocate memory; lower data.batch_size")


class Killed(Dataset[int]):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return index


def test_a_loading_process_that_was_killed_is_one_line(capsys):
    with pytest.raises(SystemExit, match=r"^1$"), one_line_errors():
        next(iter(DataLoader(Killed(), num_workers=1, generator=torch.Generator())))
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(r"error: loading process \d+ (killed by signal: Killed|exited unexpectedly): it was .*", line)
    assert "lower data.num_workers" in line


ON_CPU = "`devices` selected with `CPUAccelerator` should be an int > 0; -1 is for all GPUs, of which there is none"


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--trainer.accumulate_grad_batches", 0, "trainer.accumulate_grad_batches: expected at least 1, but got 0"),
        ("--trainer.devices", -1, f"trainer: {ON_CPU}"),
        ("--data.size", 10**20, f"size: expected one or two positive integers (H, W) up to 65535, but got {10**20}"),
        ("--data.shots", 10**9, "data.shots: expected at most 1000, but got 1000000000"),
        ("--data.test_episodes", 10**13, f"data.test_episodes: expected at most 10000000, but got {10**13}"),
        ("--data.train_length", 10**20, f"data.train_length: expected at most 1000000000, but got {10**20}"),
    ],
)
def test_absurd_numbers_are_refused(option, value, message, capsys, tmp_path):
    given = ("--run_dir", tmp_path / "run", "--trainer.accelerator", "cpu", option, value)
    assert refusal(capsys, "fit", *given) == message


def test_a_size_beyond_memory_is_one_line(capsys, tmp_path):
    given = ("--data.num_workers", 0, "--data.val_episodes", 2, "--run_dir", tmp_path / "run")
    with pytest.raises(SystemExit, match=r"^1$"):
        call("validate", "--data.size", 65_000, *given, "--data.shots", 300)
    assert "out of memory" in capsys.readouterr().err.splitlines()[-1]


def test_a_cluster_that_starts_other_processes_is_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "2")
    line = refusal(capsys, "validate", "--run_dir", tmp_path / "run", "--trainer.accelerator", "cpu")
    assert line.startswith("trainer: You set `--ntasks=2`")
