"""The run folder: everything that a run used, and what came of it, as files that are whole or not there."""

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

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.trainer.states import TrainerFn

from sansa_lightning.analysis.linear_probe import LinearProbe
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.files import write_text
from sansa_lightning.interrupts import heard
from sansa_lightning.messages import one_line
from sansa_lightning.metrics import ClassScore, FewShotScores
from sansa_lightning.module import FewShotModule
from sansa_lightning.pretraining.datamodule import TrackingDataModule
from sansa_lightning.pretraining.jaccard import TrackingScore
from sansa_lightning.pretraining.tracker import TrackerModule
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.wandb_record import record_config, record_result, wandb_facts

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

    The folder is the trainer's ``default_root_dir``. A run that trains writes those two names; validate, test and
    predict write ``config_<stage>.yaml`` and ``result_<stage>.json``, so that they can share the folder of the run
    whose checkpoint they read. The result says "running" until the run has ended, so one that was killed can be
    told from one that is finished; "failed" or "interrupted" if it ended otherwise. That of a fit says in "trained"
    whether there was a step, and any in "lacking" what was not done for want of batches. A W&B logger gets the same
    configuration, nested as in the file, and the same facts.
    """

    started = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the configuration once, on the first process, before anything trains."""
        if self.already_saved or not trainer.is_global_zero:
            return
        self.started = time.time()
        self.folder = Path(trainer.default_root_dir)
        self.suffix = "" if stage == "fit" else f"_{TrainerFn(stage).value}"
        text = self.parser.dump(self.config, skip_unset=False)
        write_text(self.folder / f"config{self.suffix}.yaml", text)
        self.nested = json.loads(self.parser.dump(self.config, skip_unset=False, format="json"))
        self.already_saved = True  # and what comes can be recorded
        record_config(trainer, self.nested)
        if self.suffix:  # else when it is about to train
            self.write(trainer, "running")

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say that it runs."""
        self.write(trainer, "running")

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say that it failed, and why, or that it was asked to end."""
        if not self.already_saved:
            return
        if heard() is not None or isinstance(exception, KeyboardInterrupt):
            self.write(trainer, "interrupted")
        else:
            self.write(trainer, "failed", error=f"{type(exception).__name__}: {one_line(exception)}")

    def write(self, trainer: Trainer, status: str, **more: Any) -> None:
        """Write ``result.json``; called by the CLI with "finished" when everything is over."""
        if not trainer.is_global_zero:
            return
        result = {"status": status, **facts(trainer), "seconds": round(time.time() - self.started, 1), **more}
        result |= wandb_facts(trainer)
        result["config"] = self.nested
        write_text(self.folder / f"result{self.suffix}.json", json.dumps(result, indent=2) + "\n")
        record_result(trainer, result)


def attempt_folder(folder: Path, subcommand: str) -> Path:
    """The next of ``<folder>/<subcommand>-1``, ``-2``, ...: one for each start of a run.

    Lightning's CSVLogger begins its file anew at each start, and a run that was killed and goes on must not lose its
    first part. Rows of the same step in two attempts are equal, since a resumed run repeats the interrupted one.
    """
    return folder / f"{subcommand}-{1 + len(list(folder.glob(f'{subcommand}-*')))}"


def facts(trainer: Trainer) -> dict[str, Any]:
    """What a run is, from its module and datamodule: plain values."""
    module, data = trainer.lightning_module, trainer.datamodule  # type: ignore[attr-defined]
    found: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "versions": versions(),
        "machine": {"python": platform.python_version(), "system": platform.platform(), "device": _device(trainer)},
        "commit": commit(),
        "steps": trainer.global_step,
        "processes": trainer.world_size,
    }
    if isinstance(module, FewShotModule | TrackerModule) and module.base is not None:
        found |= module.header()
        found["trained_parameters"] = sum(parameter.numel() for parameter in trained_parameters(module).values())
        found["metrics"] = {stage: scores_as_plain(scores) for stage, scores in module.scores.items()}
        for stage, controls in module.controls.items() if isinstance(module, FewShotModule) else ():
            found["metrics"][stage]["controls"] = controls._asdict()
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, LinearProbe) and callback.score is not None and "test" in found["metrics"]:
                found["metrics"]["test"]["probe"] = {"stage": callback.stage, **callback.score._asdict()}
    if isinstance(data, EpisodeDataModule):
        found["seed"] = data.seed
        found["episodes"] = data.manifest_hashes
        found["notes"] = data.notes
    if isinstance(data, TrackingDataModule):
        found["seed"] = data.seed
    return found


def scores_as_plain(scores: FewShotScores | TrackingScore) -> dict[str, Any]:
    """Scores in [0, 1] as JSON writes them."""
    if isinstance(scores, TrackingScore):
        return scores._asdict()
    return {
        "miou": scores.miou,
        "fb_iou": scores.fb_iou,
        "classes": [score._asdict() for score in scores.classes],
    }


def scores_from_plain(plain: dict[str, Any]) -> FewShotScores | TrackingScore:
    """What :func:`scores_as_plain` was given.

    Raises:
        KeyError: it is something else; or TypeError.
    """
    if "j" in plain:
        return TrackingScore(**plain)
    classes = tuple(ClassScore(**score) for score in plain["classes"])
    return FewShotScores(plain["miou"], plain["fb_iou"], classes)


def versions() -> dict[str, str]:
    """Versions of the packages that decide about numbers."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def commit() -> str:
    """Git commit of the package's own checkout, "+changes" behind it if the tree differs; empty if it is none."""
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
