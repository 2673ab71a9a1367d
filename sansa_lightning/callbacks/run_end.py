"""The end of a run: on request, and its report at the regular end."""

from __future__ import annotations

from typing import Any

from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch import Callback, LightningModule, Trainer

from sansa_lightning.callbacks.comparison import FrozenComparison
from sansa_lightning.metrics.tables import score_table
from sansa_lightning.runs.interrupts import check, end_further_processes, heard, renew
from sansa_lightning.runs.record import RunRecord

PHASES = {"fit": "test", "validate": "val", "test": "test"}
"""The scores that a subcommand is meant to give."""

HEADINGS = {"val": "validation", "test": "test"}

LIMITS = {"fit": "limit_test_batches", "validate": "limit_val_batches", "test": "limit_test_batches"}


class EndWhenAsked(Callback):
    """Lets a request to end take effect at once, and checks at each batch whether one was lost.

    Lightning replaces SIGTERM's handler with its own, which waits for the end of a step and then exits with status 0
    (https://github.com/Lightning-AI/pytorch-lightning/issues/19916); with several processes it can wait for ever. On a
    Slurm cluster whose jobs are requeued, Lightning's handler stays, and calls ours.
    """

    def take_back(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore our handlers of the signals that Lightning may have replaced."""
        # No public attribute gives the cluster. Lightning's own handlers find it in this way, see
        # https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.0/src/lightning/pytorch/trainer/connectors/signal_connector.py
        environment = trainer._accelerator_connector.cluster_environment
        if not (isinstance(environment, SLURMEnvironment) and environment.auto_requeue):
            renew()

    on_sanity_check_start = on_train_start = on_validation_start = on_test_start = on_predict_start = take_back

    def ask(self, *_: Any, **_named: Any) -> None:
        """Check whether a request was lost.

        Raises:
            KeyboardInterrupt: one was lost.
        """
        check()

    on_train_batch_start = on_validation_batch_start = on_test_batch_start = on_predict_batch_start = ask

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """End the further processes first."""
        if heard() is not None:
            end_further_processes()


def not_done(trainer: Trainer, module: LightningModule, subcommand: str) -> list[str]:
    """Lines about things that a run did not do because there were no steps or batches."""
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


def conclude(trainer: Trainer, module: LightningModule, subcommand: str, folder: str) -> None:
    """Mark a run at its end as finished; print its scores, things that it did not do, and its folder.

    Args:
        trainer: of the run.
        module: with its scores.
        subcommand: fit, validate, test or predict.
        folder: of the run.
    """
    lacking = not_done(trainer, module, subcommand)
    more: dict[str, Any] = {"trained": trainer.global_step > 0} if subcommand == "fit" else {}
    more |= {"lacking": lacking} if lacking else {}
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set by a connector
    for callback in callbacks:
        if isinstance(callback, RunRecord):
            callback.write(trainer, "finished", **more)
    if trainer.is_global_zero:
        pictures = [each.picture for each in callbacks if isinstance(each, FrozenComparison)]
        episodes = [f"episodes: {picture}" for picture in pictures if picture is not None and picture.is_file()]
        for line in [*scores_of(module, subcommand), *lacking, *episodes, f"run folder: {folder}"]:
            print(line)


def scores_of(module: LightningModule, subcommand: str) -> list[str]:
    """The last scores of a run as a table, under a heading with their phase."""
    scores, controls = getattr(module, "scores", {}), getattr(module, "controls", {})
    table = score_table(scores, controls) if subcommand in PHASES else ""
    if "\n" not in table:  # a single line, which names the phase itself
        return [table] if table else []
    phase = list(scores)[-1]
    return [HEADINGS.get(phase, phase), table]


def _because(zero: list[str]) -> str:
    return f": trainer.{zero[0]} is 0" if zero else ""
