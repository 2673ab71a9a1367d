"""The loggers of a run: its own file of metrics, and W&B's, which is made to write into the folder of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, WandbLogger

from sansa_lightning.runs.result import RunResult

METRICS = "metrics"


def loggers_of_run(loggers: Any, given: Any, folder: Path, subcommand: str, goes_on: bool) -> list[Any]:
    """The loggers that a configuration has, and a file of metrics if it has none, or W&B's.

    Args:
        loggers: value of ``trainer.logger``, see :func:`placed`.
        given: likewise.
        folder: of the run.
        subcommand: that is run.
        goes_on: whether it goes on with the run of the folder, and so with its W&B run.
    """
    chosen = placed(loggers, given, folder, stored_run_id(folder) if goes_on else None)
    if loggers is None or any(isinstance(logger, WandbLogger) for logger in chosen):
        metrics = attempt_folder(folder / METRICS, subcommand)
        # Each row at once: a run may be killed. Without a version the progress bar shows none.
        chosen.append(CSVLogger(metrics, name="", version="", flush_logs_every_n_steps=1))
    return chosen


def placed(loggers: Any, given: Any, folder: Path, run_id: str | None) -> list[Any]:
    """Loggers in a list; a :class:`WandbLogger` that was told no folder, or no W&B run, is built anew with those.

    They are not written into the configuration itself, so that it can be fed to another run.

    Args:
        loggers: value of ``trainer.logger``: a logger, a list of them, or None or a bool, which give none.
        given: the configuration that they were built from.
        folder: of the run; W&B makes ``wandb/`` in it.
        run_id: of the W&B run to go on with; None starts one.
    """
    if isinstance(loggers, list):
        return [each for pair in zip(loggers, given, strict=True) for each in placed(*pair, folder, run_id)]
    if not isinstance(loggers, WandbLogger):
        return [] if loggers is None or isinstance(loggers, bool) else [loggers]
    named = {**vars(given.init_args), **given.get("dict_kwargs", {})}
    # The parser names each argument of wandb.init, too; a None would put out the logger's own resume="allow".
    arguments = {key: value for key, value in named.items() if value is not None}
    place = arguments.pop("dir", None)  # the same as save_dir, by which it is overruled
    if arguments.get("save_dir", ".") == ".":
        folder.mkdir(parents=True, exist_ok=True)  # W&B would choose another place
        arguments["save_dir"] = str(place or folder)
    if run_id is not None and not {"id", "version"} & set(arguments):
        arguments["id"] = run_id
    return [type(loggers)(**arguments)]


def stored_run_id(folder: Path) -> str | None:
    """Id of the W&B run that the result of a fit names; None if it names none or is not there."""
    result = RunResult.read(folder)
    found: str | None = ((result and result.wandb) or {}).get("id")
    return found


def attempt_folder(folder: Path, subcommand: str) -> Path:
    """The next of ``<folder>/<subcommand>-1``, ``-2``, ...: one for each start of a run.

    Lightning's CSVLogger begins its file anew at each start, and a run that was killed and goes on must not lose its
    first part. Rows of the same step in two attempts are equal, since a resumed run repeats the interrupted one.
    """
    return folder / f"{subcommand}-{1 + len(list(folder.glob(f'{subcommand}-*')))}"
