"""The result of a run: ``result.json`` as a type, and the contributions to it. Imports no torch."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from sansa_lightning.files.whole import write_text

NO_STEP = ("max_epochs", "max_steps", "limit_train_batches")
"""Keys of a trainer; a value of 0 asks for no step."""


@runtime_checkable
class Contributor(Protocol):
    """A module, datamodule or callback that contributes to the result of its run."""

    def record(self) -> dict[str, Any]:
        """Plain values for the result, nested as in the file; empty if there are none yet."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The result of a run. Fields missing from the file, as in one of an earlier version, are None.

    Attributes:
        status: "running", "finished", "failed" or "interrupted".
        time: of writing the file, ISO 8601.
        command: arguments of the process.
        versions: of the packages that affect numbers.
        machine: Python, system and device.
        commit: of the package's checkout.
        steps: of the optimiser.
        processes: of the run.
        strategy: its class and settings.
        base: its name and fingerprint.
        trained_parameters: number of trained values.
        metrics: scores in [0, 1] by phase: val, test, frozen.
        seed: of the data.
        episodes: hash of each list of episodes.
        notes: things that the sources left out or mended: source and split -> kind -> number.
        score_size: at which targets are scored: "clip", "original", or "original, corners aligned".
        seconds: of this attempt.
        trained: whether a fit took a step.
        lacking: things not done because there were no batches.
        error: the reason of a failure.
        wandb: id and project of the W&B run.
        more: contributions under other keys.
        config: the whole configuration, nested.
    """

    status: str | None = None
    time: str | None = None
    command: Sequence[str] | None = None
    versions: Mapping[str, str] | None = None
    machine: Mapping[str, str] | None = None
    commit: str | None = None
    steps: int | None = None
    processes: int | None = None
    strategy: Mapping[str, Any] | None = None
    base: Mapping[str, Any] | None = None
    trained_parameters: int | None = None
    metrics: Mapping[str, Mapping[str, Any]] | None = None
    seed: int | None = None
    episodes: Mapping[str, str] | None = None
    notes: Mapping[str, Mapping[str, int]] | None = None
    score_size: str | None = None
    seconds: float | None = None
    trained: bool | None = None
    lacking: Sequence[str] | None = None
    error: str | None = None
    wandb: Mapping[str, Any] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, folder: Path, subcommand: str = "fit") -> Self | None:
        """The result in a run folder; None if there is none, or it is not a complete JSON object.

        Args:
            folder: of the run.
            subcommand: of the result; subcommands that share a folder have separate files.
        """
        try:
            content = json.loads((folder / result_name(subcommand)).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return cls.from_plain(content) if isinstance(content, dict) else None

    def write(self, folder: Path, subcommand: str = "fit") -> None:
        """Write the file into a run folder, whole or not at all; values that JSON does not have become text.

        Raises:
            OSError: it cannot be written.
        """
        text = json.dumps(self.as_plain(), indent=2, default=str)
        write_text(folder / result_name(subcommand), f"{text}\n")

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> Self:
        """The result that gave these plain values, of this or an earlier version."""
        known = {name: value for name, value in content.items() if name in NAMES}
        return cls(**known, more={name: value for name, value in content.items() if name not in NAMES})

    def as_plain(self) -> dict[str, Any]:
        """All fields with a value, as in the file."""
        said = {name: value for name in NAMES if (value := getattr(self, name)) is not None}
        config = {"config": said.pop("config")} if "config" in said else {}
        return {**said, **self.more, **config}

    @property
    def finished(self) -> bool:
        """Whether the run reached its end, and trained unless it was asked not to."""
        trainer = (self.config or {}).get("trainer") or {}
        as_asked = self.trained is not False or any(trainer.get(key) == 0 for key in NO_STEP)
        return self.status == "finished" and as_asked

    def scores(self, phase: str) -> Mapping[str, Any]:
        """The scores of a phase; empty if it was not scored."""
        return (self.metrics or {}).get(phase) or {}


NAMES = tuple(each.name for each in fields(RunResult) if each.name != "more")
"""Keys of the file that every reader can rely on."""


def result_name(subcommand: str) -> str:
    """Name of the result file of a subcommand."""
    return f"result{'' if subcommand == 'fit' else f'_{subcommand}'}.json"


def contributions(own: Mapping[str, Any], members: Iterable[object]) -> dict[str, Any]:
    """The facts of a run merged with the records of its members, group by group.

    Only a :class:`Contributor` has a record. If two give different values under one key, the first one counts, with a
    warning: a run that has reached its end must not fail here.

    Args:
        own: facts of the run, which come first.
        members: module, datamodule and callbacks.
    """
    found = dict(own)
    for member in members:
        if isinstance(member, Contributor):
            for key in _merge(found, member.record()):
                warnings.warn(f"{type(member).__name__}.record: {key} is in the result already; left out", stacklevel=2)
    return found


def _merge(found: dict[str, Any], added: Mapping[str, Any], group: str = "") -> list[str]:
    """Merge nested values into others; returns the keys that already had another value."""
    taken = []
    for key, value in added.items():
        if isinstance(value, Mapping) and isinstance(found.get(key, {}), Mapping):
            found[key] = dict(found.get(key, {}))
            taken += _merge(found[key], value, f"{group}{key}.")
        elif key not in found:
            found[key] = value
        elif found[key] != value:
            taken.append(f"{group}{key}")
    return taken
