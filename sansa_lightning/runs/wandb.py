"""The W&B runs of a trainer, and the contents of the run folder that they also get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger

if TYPE_CHECKING:
    from wandb import Run


def wandb_loggers(trainer: Trainer) -> list[WandbLogger]:
    """The W&B loggers of a trainer; their ``experiment`` is a run on the first process only."""
    return [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]


def wandb_runs(trainer: Trainer) -> list[Run]:
    """The W&B runs of a trainer, started if need be; for the first process."""
    return [logger.experiment for logger in wandb_loggers(trainer)]


def wandb_facts(trainer: Trainer) -> dict[str, Any]:
    """The W&B run as ``{"wandb": {"id", "project"}}``; empty without one. For the first process."""
    runs = wandb_runs(trainer)
    return {"wandb": {"id": runs[0].id, "project": runs[0].project}} if runs else {}


def record_config(trainer: Trainer, nested: Mapping[str, Any]) -> None:
    """Give a trainer's W&B runs the configuration, nested as in the file; for the first process."""
    for run in wandb_runs(trainer):
        run.config.update(dict(nested), allow_val_change=True)  # type: ignore[no-untyped-call]


def record_result(trainer: Trainer, result: Mapping[str, Any]) -> None:
    """Put the facts of ``result.json`` into the summary of a trainer's W&B runs, and end them if the run is over.

    Scores and configuration are left out, which W&B has already. For the first process.
    """
    for run in wandb_runs(trainer):
        found = {key: value for key, value in result.items() if key not in ("metrics", "config")}
        run.summary.update(found)
        if result["status"] != "running":
            # Otherwise the next run of this process would continue it.
            run.finish(exit_code=int(result["status"] != "finished"))
