"""How a run ends: when it is asked to, and what it says of itself when it has come to its end."""

from __future__ import annotations

from typing import Any

from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch import Callback, LightningModule, Trainer

from sansa_lightning.interrupts import check, renew
from sansa_lightning.tables import score_table

PHASES = {"fit": "test", "validate": "val", "test": "test"}
"""The scores that a subcommand is for."""

HEADINGS = {"val": "validation", "test": "test"}

LIMITS = {"fit": "limit_test_batches", "validate": "limit_val_batches", "test": "limit_test_batches"}


class EndWhenAsked(Callback):
    """Lets a request to end come through at once, and asks at each batch whether one was lost.

    Lightning puts a handler of its own in the place of SIGTERM's. That waits for the end of a step, and then leaves
    with exit status 0; between several processes it can wait for ever. On a Slurm cluster whose jobs are requeued it
    stays in its place, and calls ours.
    """

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back."""
        _renew(trainer)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Likewise."""
        _renew(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Likewise."""
        _renew(trainer)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Likewise."""
        _renew(trainer)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Likewise."""
        _renew(trainer)

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """Ask."""
        check()

    def on_validation_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """Ask."""
        check()

    def on_test_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """Ask."""
        check()

    def on_predict_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """Ask."""
        check()


def not_done(trainer: Trainer, module: LightningModule, subcommand: str) -> list[str]:
    """What a run that came to its end did not do, for want of steps or batches: lines to print."""
    lines = []
    if subcommand == "fit" and not trainer.global_step:
        zero = [key for key in ("max_epochs", "max_steps", "limit_train_batches") if getattr(trainer, key) == 0]
        lines.append(f"nothing was trained{_because(zero)}")
    if subcommand == "predict":
        if trainer.limit_predict_batches == 0:
            lines.append(f"nothing was predicted{_because(['limit_predict_batches'])}")
    elif PHASES[subcommand] not in getattr(module, "scores", {}):
        zero = [LIMITS[subcommand]] if getattr(trainer, LIMITS[subcommand]) == 0 else []
        lines.append(f"nothing was {'validated' if subcommand == 'validate' else 'tested'}{_because(zero)}")
    return lines


def end_of_run(module: LightningModule, subcommand: str, lacking: list[str]) -> str:
    """The scores under a heading that says of which phase they are, and :func:`not_done`; each with its line end."""
    scores, controls = getattr(module, "scores", {}), getattr(module, "controls", {})
    phase = list(scores)[-1] if scores else ""
    table = score_table(scores, controls) if subcommand in PHASES else ""
    lines = [table] if table else []
    if "\n" in table:  # else it is one line that says it
        lines.insert(0, HEADINGS.get(phase, phase))
    return "".join(f"{line}\n" for line in [*lines, *lacking])


def _because(zero: list[str]) -> str:
    return f": trainer.{zero[0]} is 0" if zero else ""


def _renew(trainer: Trainer) -> None:
    environment = trainer._accelerator_connector.cluster_environment
    if not (isinstance(environment, SLURMEnvironment) and environment.auto_requeue):
        renew()
