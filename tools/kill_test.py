"""Kills runs at random moments, goes on as they say, and compares what comes of them with runs that nobody disturbed.

``python tools/kill_test.py --kills 50 --seed 0 [--warm] [--folder FOLDER]``: tiny runs of fit, test, predict and ablate
in turn, each killed up to three times by SIGKILL, SIGTERM or SIGINT and then left to end. A line a kill; exit status 1
if anything was lost, mixed up, blocked or taken for finished. Half a minute a kill on two idle cores; less
with ``--warm``, which forks from a process that has imported everything, so that no kill meets an import.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from processes import Process
from trials import LAST, RUN, Trial, faults_of_end, faults_of_ending, left_over, runs_of, same_files, trained

COMMANDS = ("fit", "test", "fit", "predict", "fit", "ablate")
"""In turn."""

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
KILLS_A_RUN = 3
EARLY = 10
"""Seconds in which Python itself may still be starting."""


def main() -> None:
    """Do what the arguments ask for."""
    parser = argparse.ArgumentParser(description="Kill runs at random moments and see that nothing is lost.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=COMMANDS)
    parser.add_argument("--warm", action="store_true", help="fork from a process that has imported everything")
    parser.add_argument("--folder", type=Path, help="for the runs; a temporary one if not given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if given.warm:
            import sansa_lightning.cli.run  # noqa: F401  the time that it takes is what this saves
        faults = KillTest(folder, given.seed, given.commands, warm=given.warm).run(given.kills)
    for fault in faults:
        print(f"FAULT {fault}")
    raise SystemExit(1 if faults else 0)


class KillTest:
    """The undisturbed runs, and those that are killed.

    Args:
        folder: of all of them.
        seed: of commands' moments and signals.
        commands: in turn.
        warm: see :class:`Process`.
    """

    def __init__(self, folder: Path, seed: int, commands: Sequence[str], *, warm: bool) -> None:
        self.warm = warm
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
        return Trial(command, folder, config, self.folder / "whole_fit" / "run" / LAST)

    def _undisturbed(self, command: str) -> None:
        trial, started = self._trial(command, "whole"), time.monotonic()
        status, err = trial.start(warm=self.warm).end()
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
            ended = self._kill(trial, trial.start(resume=resume, warm=self.warm), number, seconds)
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
            resume = (trial.run / LAST).is_file()
            said = ended[1]
            if number != signal.SIGKILL and "interrupted by" in said and trial.command == "fit":
                self._expect(resume == ("--ckpt_path last" in said), trial, f"it does not say how to go on: {said}")
        status, err = trial.start(resume=resume, warm=self.warm).end()
        self._expect(status == 0, trial, f"it could not be gone on with: exit {status}, {err[-2000:]}")
        self._compare(trial)
        return done

    def _kill(self, trial: Trial, process: Process, number: signal.Signals, seconds: float) -> tuple[int, str] | None:
        """Exit status and words of the killed process; None if it had ended before."""
        if not process.wait(seconds):
            os.kill(process.pid, number)
            return process.end()
        status, err = process.end()
        self._expect(status == 0, trial, f"exit {status} of a run that nobody killed: {err[-2000:]}")
        return None

    def _check_stopped(self, trial: Trial, number: signal.Signals, status: int, err: str, *, early: bool) -> None:
        """A run that was killed is not finished, unless it was just then; it says so in one line."""
        finished = trial.status() == "finished"
        if number == signal.SIGKILL:
            self._expect(status == -number, trial, f"exit {status} of SIGKILL")
        elif status == -number:  # before its first line of Python
            self._expect(early, trial, f"{number.name} was not heard: {err[-2000:]}")
        elif status or not finished:
            self._faults(faults_of_ending(number, status, err), trial)
        if (trial.run / LAST).is_file():
            whole = all(value.isfinite().all() for value in trained(trial.run).values())
            self._expect(whole, trial, "a damaged checkpoint")
        if trial.command == "ablate":
            self._check_table(trial)

    def _check_table(self, trial: Trial) -> None:
        """What a table shows of the runs at this moment are the numbers of the undisturbed one, or none."""
        from sansa_lightning.ablate.options import ablate

        tables = trial.folder / "runs"
        with contextlib.redirect_stdout(io.StringIO()):
            ablate([*trial.arguments(resume=False)[1:], "--launcher", "none"])
        shown, whole = (runs_of(folder / "table.json") for folder in (tables, self.whole["ablate"].folder / "runs"))
        for run in shown:
            equal = all(run[key] in (None, whole[0][key]) for key in ("miou", "fb_iou", "in_domain", "margin"))
            self._expect(equal and run["miou"] is not None, trial, f"a table with {run}")

    def _compare(self, trial: Trial) -> None:
        """Weights, metrics and masks are those of the undisturbed run; nothing is left over."""
        whole = self.whole[trial.command]
        results = (trial.result.name, "in_domain/result_test.json")
        self._faults(faults_of_end(trial.run, whole.run, results), trial)
        if trial.command == "predict":
            self._expect(same_files(trial.run / "predictions", whole.run / "predictions"), trial, "other masks")
        if trial.command == "ablate":
            self._check_table(trial)
            self._expect(len(runs_of(trial.folder / "runs" / "table.json")) == 1, trial, "a table without the run")
            self._faults(left_over(trial.folder), trial)

    def _faults(self, faults: Sequence[str], trial: Trial) -> None:
        for fault in faults:
            self._expect(False, trial, fault)

    def _expect(self, holds: bool, trial: Trial, fault: str) -> None:
        if not holds:
            self.faults.append(f"{trial.folder.name}: {fault}")
            print(f"FAULT {self.faults[-1]}", flush=True)


if __name__ == "__main__":
    main()
