"""Output of libraries that does not concern our runs: exactly these lines are hidden, each for a stated reason."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

WARNINGS = (
    # Lightning's copy of a torch function, with a newer torch:
    # https://github.com/Lightning-AI/pytorch-lightning/issues/21326
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    # Frozen modules are in eval mode on purpose, see Strategy.train.
    r"Found \d+ module\(s\) in eval mode at the start of training",
    # A control that the data do not allow is not counted, on purpose: "n/a".
    r"The ``compute`` method of metric \w+ was called before the ``update`` method",
    # PredictionWriter asks the datamodule, which knows the indices even with several processes.
    r"Couldn't infer the batch indices fetched from your dataloader",
)
"""Beginnings of warnings, as regular expressions."""

HINTS = (
    # Advertisements of services.
    "💡 Tip: For seamless cloud",
    # The command line prints its own line.
    "\nDetected KeyboardInterrupt",
)
"""Beginnings of log lines."""

TALKER = "lightning.pytorch.utilities.rank_zero"
"""The logger of these lines."""


def _worth_reading(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(HINTS)


@contextmanager
def without_noise() -> Iterator[None]:
    """Hide ``WARNINGS`` and ``HINTS`` while the block runs, and nothing else."""
    log = logging.getLogger(TALKER)
    with warnings.catch_warnings():
        for beginning in WARNINGS:
            warnings.filterwarnings("ignore", message=beginning)
        log.addFilter(_worth_reading)
        try:
            yield
        finally:
            log.removeFilter(_worth_reading)


@contextmanager
def quiet() -> Iterator[None]:
    """Hide all log lines and warnings while the block runs: classes left out, placements, random weights."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(previous)
