"""The record of a run, written by the command line: its configuration, and its result in every state."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.trainer.states import TrainerFn

from sansa_lightning.files.messages import one_line
from sansa_lightning.files.whole import write_text
from sansa_lightning.runs.interrupts import heard
from sansa_lightning.runs.result import RunResult, contributions
from sansa_lightning.runs.wandb import record_config, record_result, wandb_facts

PACKAGES = (
    "sansa_lightning",
    "torch",
    "torchvision",
    "lightning",
    "sam2",
    "peft",
    "torchmetrics",
    "jsonargparse",
    "numpy",
)


class RunRecord(SaveConfigCallback):
    """Writes ``config.yaml`` when a run starts and ``result.json`` when it starts, fails or ends.

    The folder is the trainer's ``default_root_dir``. A fit writes these two names; validate, test and predict write
    ``config_<subcommand>.yaml`` and ``result_<subcommand>.json``, so that they can share the folder of the run whose
    checkpoint they read. The result says "running" until the run ends, then "finished", "failed" or "interrupted", so
    that a killed run can be told from a finished one. In a fit's result, "trained" says whether there was a step; in
    any result, "lacking" lists things not done because there were no batches. A W&B logger gets the same configuration,
    nested as in the file, and the same facts.
    """

    started = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the configuration once, on the first process, before anything trains."""
        if self.already_saved or not trainer.is_global_zero:
            return
        self.started = time.time()
        self.folder = Path(trainer.default_root_dir)
        self.subcommand = TrainerFn(stage).value
        suffix = "" if stage == "fit" else f"_{self.subcommand}"
        text = self.parser.dump(self.config, skip_unset=False)
        write_text(self.folder / f"config{suffix}.yaml", text)
        self.nested = json.loads(self.parser.dump(self.config, skip_unset=False, format="json"))
        self.already_saved = True  # and later events can be recorded
        record_config(trainer, self.nested)
        if suffix:  # a fit writes it when training is about to start
            self.write(trainer, "running")

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record that the run is running."""
        self.write(trainer, "running")

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Record that the run failed, and why, or that it was asked to end."""
        if not self.already_saved:
            return
        if heard() is not None or isinstance(exception, KeyboardInterrupt):
            self.write(trainer, "interrupted")
        else:
            self.write(trainer, "failed", error=f"{type(exception).__name__}: {one_line(exception)}")

    def write(self, trainer: Trainer, status: str, **more: Any) -> None:
        """Write ``result.json``; called by the CLI with "finished" when everything is over.

        Args:
            trainer: of the run.
            status: see :class:`RunResult`.
            more: further fields of it.
        """
        if not trainer.is_global_zero:
            return
        seconds = {"seconds": round(time.time() - self.started, 1)}
        own = {"status": status, **facts(trainer), **seconds, **more, **wandb_facts(trainer), "config": self.nested}
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set by a connector, like the next
        members = [trainer.lightning_module, trainer.datamodule, *callbacks]  # type: ignore[attr-defined]
        result = RunResult.from_plain(contributions(own, members))
        result.write(self.folder, self.subcommand)
        record_result(trainer, result.as_plain())


def facts(trainer: Trainer) -> dict[str, Any]:
    """Facts about any run."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "versions": versions(),
        "machine": {"python": platform.python_version(), "system": platform.platform(), "device": _device(trainer)},
        "commit": commit(),
        "steps": trainer.global_step,
        "processes": trainer.world_size,
    }


def versions() -> dict[str, str]:
    """Versions of the packages that affect numbers."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def commit() -> str:
    """Git commit of the package's own checkout, with "+changes" if the tree differs; empty outside a checkout."""
    folder = Path(__file__).parent
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+changes", "--exclude=*"],  # noqa: S607
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stdout.strip()


def _device(trainer: Trainer) -> str:
    import torch

    device = trainer.strategy.root_device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
