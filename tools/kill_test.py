"""Kills runs at random moments, goes on as they say, and compares what comes of them with runs that nobody disturbed.

``python tools/kill_test.py --kills 50 --seed 0 [--folder FOLDER]``: tiny runs of fit, test, predict and ablate in turn,
each killed up to three times by SIGKILL, SIGTERM or SIGINT and then left to end. A line a kill; exit status 1 if
anything was lost, mixed up, blocked or taken for finished. Half a minute a kill on two cores.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

COMMANDS = ("fit", "test", "predict", "ablate")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
KILLS_A_RUN = 3
PATIENCE = 600
"""Seconds in which any of these runs ends."""

EARLY = 3
"""Seconds in which Python itself may still be starting."""

RUN: dict[str, Any] = {
    "model": {
        "base": {"name": "nano", "weights": None},
        "strategy": {"class_path": "AdaptFormer", "init_args": {"placement": [1, 2]}},
        "optimizer": {"class_path": "AdamW", "init_args": {"lr": 0.01}},
    },
    "data": {
        "size": 96,
        "train_targets": 2,
        "train_length": 8,
        "val_episodes": 4,
        "test_episodes": 6,
        "batch_size": 2,
        "eval_batch_size": 2,
        "num_workers": 1,
    },
    "trainer": {"accelerator": "cpu", "max_epochs": 2, "log_every_n_steps": 1, "enable_progress_bar": False},
    "checkpoint_every": 1,
}
"""2 epochs of 4 steps."""


@dataclass
class Trial:
    """One command in a folder of its own.

    Attributes:
        command: fit, test, predict or ablate.
        folder: of this trial.
        config: file of the run; the table for ablate.
        checkpoint: that is tested or predicted with.
    """

    command: str
    folder: Path
    config: Path
    checkpoint: Path
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def run(self) -> Path:
        """The run folder; of an ablation, that of its only row."""
        if self.command != "ablate":
            return self.folder / "run"
        return next(iter((self.folder / "runs").glob("Row_*")), self.folder / "not there yet")

    @property
    def result(self) -> Path:
        """What the run says of itself."""
        suffix = f"_{self.command}" if self.command in ("test", "predict") else ""
        return self.run / f"result{suffix}.json"

    def arguments(self, *, resume: bool) -> list[str]:
        """After ``python -m sansa_lightning``."""
        if self.command == "ablate":
            return ["ablate", str(self.config), "--runs", str(self.folder / "runs")]
        given = [self.command, "--config", str(self.config), "--run_dir", str(self.run)]
        if self.command == "fit":
            return [*given, "--ckpt_path", "last"] if resume else given
        return [*given, "--ckpt_path", str(self.checkpoint)]

    def start(self, *, resume: bool = False) -> None:
        """Start the process, which hears interrupts also where this one was started in the background."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sansa_lightning", *self.arguments(resume=resume)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def end(self) -> tuple[int, str]:
        """Exit status and stderr, when the process has ended by itself."""
        assert self.process is not None  # noqa: S101
        _, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, err

    def status(self) -> str:
        """What the result says."""
        return str(_read(self.result).get("status", "nothing"))


def main() -> None:
    """Do what the arguments ask for."""
    parser = argparse.ArgumentParser(description="Kill runs at random moments and see that nothing is lost.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=COMMANDS)
    parser.add_argument("--folder", type=Path, help="for the runs; a temporary one if not given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        faults = KillTest(folder, given.seed, given.commands).run(given.kills)
    for fault in faults:
        print(f"FAULT {fault}")
    raise SystemExit(1 if faults else 0)


class KillTest:
    """The undisturbed runs, and those that are killed.

    Args:
        folder: of all of them.
        seed: of commands' moments and signals.
        commands: in turn.
    """

    def __init__(self, folder: Path, seed: int, commands: list[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.draw = random.Random(seed)  # noqa: S311  no secret
        self.commands = commands
        self.faults: list[str] = []
        self.whole: dict[str, Trial] = {}
        self.seconds: dict[str, float] = {}
        self.config, self.table = folder / "run.yaml", folder / "table.yaml"
        self.config.write_text(yaml.safe_dump(RUN))
        rows = [{"name": "Row", "set": {"data.num_workers": 0}}]
        self.table.write_text(
            yaml.safe_dump(
                {"title": "A table", "experiment": "run.yaml", "folds": [0], "in_domain": True, "rows": rows}
            )
        )

    def run(self, kills: int) -> list[str]:
        """Kill so many times; what was wrong."""
        for command in dict.fromkeys(["fit", *self.commands]):
            self._undisturbed(command)
        done = number = 0
        while done < kills:
            trial = self._trial(self.commands[number % len(self.commands)], f"{number:03d}")
            done += self._killed(trial, min(kills - done, self.draw.randint(1, KILLS_A_RUN)), done)
            number += 1
        print(f"{done} kills of {number} runs, {len(self.faults)} faults", flush=True)
        return self.faults

    def _trial(self, command: str, name: str) -> Trial:
        folder = self.folder / f"{name}_{command}"
        folder.mkdir()
        config = self.table if command == "ablate" else self.config
        return Trial(command, folder, config, self.folder / "whole_fit" / "run" / "checkpoints" / "last.ckpt")

    def _undisturbed(self, command: str) -> None:
        trial, started = self._trial(command, "whole"), time.monotonic()
        trial.start()
        status, err = trial.end()
        self.seconds[command], self.whole[command] = time.monotonic() - started, trial
        print(f"whole {command}: exit {status} in {self.seconds[command]:.0f} s", flush=True)
        if status or trial.status() != "finished":
            raise SystemExit(f"the undisturbed {command} failed:\n{err}")

    def _killed(self, trial: Trial, times: int, before: int) -> int:
        """Kill a run so many times or until it is finished, let it end, and compare; how often it was killed."""
        resume, done = False, 0
        for _ in range(times):
            number, share = self.draw.choice(SIGNALS), self.draw.random()
            seconds = share * self.seconds[trial.command]
            trial.start(resume=resume)
            ended = self._kill(trial, number, seconds)
            if ended is None:  # it was faster this time
                self._compare(trial)
                return done
            done += 1
            print(
                f"{before + done}: {trial.folder.name} {number.name} at {share:.3f} of its time: exit {ended[0]}, "
                f"result {trial.status()}",
                flush=True,
            )
            self._check_stopped(trial, number, *ended, early=seconds < EARLY)
            resume = (trial.run / "checkpoints" / "last.ckpt").is_file()
            said = ended[1]
            if number != signal.SIGKILL and "interrupted by" in said and trial.command == "fit":
                self._expect(resume == ("--ckpt_path last" in said), trial, f"it does not say how to go on: {said}")
        trial.start(resume=resume)
        status, err = trial.end()
        self._expect(status == 0, trial, f"it could not be gone on with: exit {status}, {err[-2000:]}")
        self._compare(trial)
        return done

    def _kill(self, trial: Trial, number: signal.Signals, seconds: float) -> tuple[int, str] | None:
        """Exit status and stderr of the killed process; None if it had ended before."""
        assert trial.process is not None  # noqa: S101
        try:
            trial.process.wait(seconds)
        except subprocess.TimeoutExpired:
            trial.process.send_signal(number)
            return trial.end()
        status, err = trial.end()
        self._expect(status == 0, trial, f"exit {status} of a run that nobody killed: {err[-2000:]}")
        return None

    def _check_stopped(self, trial: Trial, number: signal.Signals, status: int, err: str, *, early: bool) -> None:
        """A run that was killed is not finished, unless it was just then; it says so in one line."""
        finished = trial.status() == "finished"
        if number == signal.SIGKILL:
            self._expect(status == -number, trial, f"exit {status} of SIGKILL")
        elif status == -number:  # before its first line of Python
            self._expect(early, trial, f"{number.name} was not heard: {err[-2000:]}")
        else:
            self._expect(status == 128 + number or (finished and not status), trial, f"exit {status} of {number.name}")
            lines = [line for line in err.splitlines() if line.startswith("interrupted")]
            self._expect(len(lines) == 1 or not status, trial, f"expected one line, but got {err[-2000:]}")
            self._expect("Traceback" not in err, trial, f"a traceback: {err[-3000:]}")
        last = trial.run / "checkpoints" / "last.ckpt"
        if last.is_file():
            state = torch.load(last, map_location="cpu", weights_only=True)["state_dict"]
            self._expect(all(value.isfinite().all() for value in state.values()), trial, "a damaged checkpoint")
        if trial.command == "ablate":
            self._check_table(trial)

    def _check_table(self, trial: Trial) -> None:
        """What a table shows of the runs at this moment are the numbers of the undisturbed one, or none."""
        import contextlib
        import io

        from sansa_lightning.ablate.command import main as ablate

        tables = trial.folder / "runs"
        with contextlib.redirect_stdout(io.StringIO()):
            ablate([*trial.arguments(resume=False)[1:], "--launcher", "none"])
        shown, whole = (_runs(folder / "table.json") for folder in (tables, self.whole["ablate"].folder / "runs"))
        for run in shown:
            equal = all(run[key] in (None, whole[0][key]) for key in ("miou", "fb_iou", "in_domain", "margin"))
            self._expect(equal and run["miou"] is not None, trial, f"a table with {run}")

    def _compare(self, trial: Trial) -> None:
        """Weights, metrics and masks are those of the undisturbed run; nothing is left over."""
        whole = self.whole[trial.command]
        self._expect(trial.status() == "finished", trial, f"its result says {trial.status()}")
        for name in (trial.result.name, "in_domain/result_test.json"):
            one, other = (_read(each.run / name).get("metrics") for each in (trial, whole))
            self._expect(one == other, trial, f"metrics of {name}: {one} instead of {other}")
        if trial.command in ("fit", "ablate"):
            one, other = (_trained(each.run) for each in (trial, whole))
            equal = one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
            self._expect(equal, trial, "other weights")
        if trial.command == "predict":
            self._expect(_same_files(trial.run / "predictions", whole.run / "predictions"), trial, "other masks")
        if trial.command == "ablate":
            self._check_table(trial)
            self._expect(len(_runs(trial.folder / "runs" / "table.json")) == 1, trial, "a table without the run")
        left = [str(path) for path in trial.folder.rglob(".*") if path.suffix == ".partial" or _is_lock(path)]
        self._expect(not left, trial, f"left over: {left}")

    def _expect(self, holds: bool, trial: Trial, fault: str) -> None:
        if not holds:
            self.faults.append(f"{trial.folder.name}: {fault}")
            print(f"FAULT {self.faults[-1]}", flush=True)


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return content


def _runs(table: Path) -> list[dict[str, Any]]:
    return [run for row in _read(table).get("rows", []) for run in row["runs"]]


def _trained(run: Path) -> dict[str, torch.Tensor]:
    content = torch.load(run / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    state: dict[str, torch.Tensor] = content["state_dict"]
    return state


def _same_files(one: Path, other: Path) -> bool:
    names = [sorted(str(path.relative_to(each)) for path in each.rglob("*") if path.is_file()) for each in (one, other)]
    return names[0] == names[1] and all(filecmp.cmp(one / name, other / name, shallow=False) for name in names[0])


def _is_lock(path: Path) -> bool:
    return path.suffix == ".lock" and path.name != ".lock"  # ablate's own stays, and is free


if __name__ == "__main__":
    main()
