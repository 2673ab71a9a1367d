"""What a run is, as plain facts by dotted keys, and conditions on them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sansa_lightning.files.messages import brief
from sansa_lightning.runs.result import RunResult

OWN = re.compile(r"sansa_lightning(?:\.\w+)+")
"""A path of a class of this package; only the class's name is a fact."""

Conditions = Mapping[str, Any]
"""Facts by their keys with the value that they must have, or a list of values that are all right."""

INCIDENTAL = (
    "run_dir",
    "ckpt_path",
    "weights_only",
    "verbose",
    "checkpoint_every",
    "compare_frozen",
    "trainer.default_root_dir",
    "trainer.logger",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
    "trainer.log_every_n_steps",
    "data.num_workers",
    "model.encoder_cache",
)
"""Keys that affect how a run is executed and watched, but not its result; with all keys below them."""


def below(key: str, keys: Iterable[str]) -> bool:
    """Whether a dotted key is one of the keys, or below one of them."""
    return any(key == each or key.startswith(f"{each}.") for each in keys)


def fact(result: RunResult, key: str) -> Any:
    """One fact of a run; None if it is not said.

    Args:
        result: of the run.
        key: ``strategy``, ``method`` and ``base`` with their settings below them; ``batch``, the clips of a step over
            all processes; ``losses``, the names of the terms; ``sources`` of a mix; ``score_size``; else a key of the
            configuration, without ``init_args``. Classes are their names.
    """
    first, _, rest = key.partition(".")
    own = {"strategy": result.strategy, "method": result.more.get("method")}
    if first in own:
        said = own[first] or {}
        return _step(said.get("settings"), rest) if rest else said.get("class")
    if key == "base":
        return (result.base or {}).get("name")
    if key == "score_size":
        return result.score_size
    if key == "batch":
        return _batch(result)
    if key == "losses":
        terms = _step(result.config, "model.losses.terms")
        return sorted(map(_short, terms.values())) if isinstance(terms, Mapping) else None
    found = _step(result.config, "data.protocol.sources" if key == "sources" else key)
    return sorted(found or ()) if key == "sources" else _short(found)


def meets(result: RunResult, conditions: Conditions) -> bool:
    """Whether all conditions hold."""
    return all(_right(fact(result, key), wanted) for key, wanted in conditions.items())


def differences(result: RunResult, conditions: Conditions) -> list[str]:
    """The conditions that do not hold: each with the value of the run and that of the paper."""
    found = {key: fact(result, key) for key in conditions}
    return [
        f"{key} {brief(found[key])}, the paper's {brief(_first(wanted))}"
        for key, wanted in conditions.items()
        if not _right(found[key], wanted)
    ]


def _right(value: Any, wanted: Any) -> bool:
    return any(_same(value, each) for each in wanted) if isinstance(wanted, list) else _same(value, wanted)


def _same(value: Any, wanted: Any) -> bool:
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def _first(wanted: Any) -> Any:
    return next((each for each in wanted if each is not None), None) if isinstance(wanted, list) else wanted


def _batch(result: RunResult) -> int | None:
    clips, accumulated = (
        _step(result.config, "data.batch_size"),
        _step(result.config, "trainer.accumulate_grad_batches"),
    )
    return clips * (accumulated or 1) * (result.processes or 1) if isinstance(clips, int) else None


def _step(values: Any, key: str) -> Any:
    for part in key.split("."):
        if isinstance(values, Mapping) and "class_path" in values:
            values = values.get("init_args") or {}
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def _short(value: Any) -> Any:
    """A class by its name; any other value as it is."""
    if isinstance(value, Mapping) and isinstance(path := value.get("class_path"), str):
        return path.rpartition(".")[2]
    return value.rpartition(".")[2] if isinstance(value, str) and OWN.fullmatch(value) else value
