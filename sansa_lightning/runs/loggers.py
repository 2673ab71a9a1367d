"""The loggers of a run: its own file of metrics, and W&B's, which write into the folder of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, WandbLogger

from sansa_lightning.runs.result import RunResult

METRICS = "metrics"


def loggers_of_run(loggers: Any, given: Any, folder: Path, subcommand: str, goes_on: bool) -> list[Any]:
    """The loggers of a configuration, with a file of metrics added if there is no logger, or only W&B's.

    Args:
        loggers: value of ``trainer.logger``, see :func:`placed`.
        given: likewise.
        folder: of the run.
        subcommand: of the run.
        goes_on: whether it resumes the folder's run, and with it the W&B run.
    """
    chosen = placed(loggers, given, folder, stored_run_id(folder) if goes_on else None)
    if loggers is None or any(isinstance(logger, WandbLogger) for logger in chosen):
        metrics = attempt_folder(folder / METRICS, subcommand)
        # Each row is written at once: a run may be killed. Without a version, the progress bar shows none.
        chosen.append(CSVLogger(metrics, name="", version="", flush_logs_every_n_steps=1))
    return chosen


def placed(loggers: Any, given: Any, folder: Path, run_id: str | None) -> list[Any]:
    """Loggers in a list; a :class:`WandbLogger` without a folder, or without a W&B run, is built again with these.

    The configuration itself does not get them, so that another run can use it.

    Args:
        loggers: value of ``trainer.logger``: a logger, a list of them, or None or a bool, which give none.
        given: their configuration.
        folder: of the run; W&B makes ``wandb/`` in it.
        run_id: of the W&B run to resume; None starts one.
    """
    if isinstance(loggers, list):
        return [each for pair in zip(loggers, given, strict=True) for each in placed(*pair, folder, run_id)]
    if not isinstance(loggers, WandbLogger):
        return [] if loggers is None or isinstance(loggers, bool) else [loggers]
    named = {**vars(given.init_args), **given.get("dict_kwargs", {})}
    # The parser lists every argument of wandb.init; a None would override the logger's own resume="allow".
    arguments = {key: value for key, value in named.items() if value is not None}
    place = arguments.pop("dir", None)  # the same as save_dir, which has priority
    if arguments.get("save_dir", ".") == ".":
        folder.mkdir(parents=True, exist_ok=True)  # otherwise W&B chooses another place
        arguments["save_dir"] = str(place or folder)
    if run_id is not None and not {"id", "version"} & set(arguments):
        arguments["id"] = run_id
    return [type(loggers)(**arguments)]


def stored_run_id(folder: Path) -> str | None:
    """Id of the W&B run in the result of a fit; None if there is no id or no result."""
    result = RunResult.read(folder)
    found: str | None = ((result and result.wandb) or {}).get("id")
    return found


def attempt_folder(folder: Path, subcommand: str) -> Path:
    """The next of ``<folder>/<subcommand>-1``, ``-2``, ...: one for each start of a run.

    Lightning's CSVLogger starts a new file each time, and a killed and resumed run must not lose its first rows. Rows
    of the same step in two attempts are equal, since a resumed run repeats the interrupted one.
    """
    return folder / f"{subcommand}-{1 + len(list(folder.glob(f'{subcommand}-*')))}"
