"""Values of a result that this project never writes: other types, and scores that cannot be."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sansa_lightning.files.messages import brief
from sansa_lightning.report.gather.facts import fact
from sansa_lightning.report.scores import NAMES
from sansa_lightning.runs.result import RunResult

ROUNDING = 1e-6
"""By which a mean of scores may leave its range."""

Kind = tuple[str, Callable[[Any], bool]]
"""What is expected, in words, and whether a value is that."""


def _is(kind: type, value: Any) -> bool:
    return isinstance(value, kind)


def _number(low: float, high: float, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


OBJECT: Kind = ("an object", partial(_is, Mapping))
TEXT: Kind = ("a text", partial(_is, str))
SHARE: Kind = ("a number in [0, 1]", partial(_number, -ROUNDING, 1 + ROUNDING))
DIFFERENCE: Kind = ("a number in [-1, 1]", partial(_number, -1 - ROUNDING, 1 + ROUNDING))
AMOUNT: Kind = ("a number, not negative", partial(_number, 0, sys.float_info.max))
COUNT: Kind = ("a whole number, not negative", lambda value: _is(int, value) and AMOUNT[1](value))
LIST: Kind = ("a list", partial(_is, list))

TOP = (
    *("config", "config.trainer", "metrics", "metrics.test", "metrics.test.controls", "metrics.test.probe"),
    *("base", "strategy", "strategy.settings", "method", "method.settings", "episodes", "machine", "versions"),
)
KINDS: dict[str, Kind] = {
    **dict.fromkeys(TOP, OBJECT),
    **dict.fromkeys(("status", "time", "commit", "error", "score_size"), TEXT),
    **dict.fromkeys(("processes", "seed", "steps", "trained_parameters"), COUNT),
    **dict.fromkeys(("seconds", "frames_per_second"), AMOUNT),
    **dict.fromkeys(("metrics.test.miou", "metrics.test.fb_iou"), SHARE),
    **{f"metrics.test.controls.{key}": SHARE for key in ("wrong_miou", "everything_miou", "choice", "choice_chance")},
    "metrics.test.controls.margin": DIFFERENCE,
    **dict.fromkeys(("metrics.test.probe.cells", "metrics.test.probe.chance"), SHARE),
    "metrics.test.classes": LIST,
}
"""Of a result's values by dotted keys; one that is missing or null is never odd."""

OF_CLASS: dict[str, Kind] = {"name": TEXT, "iou": SHARE, "targets": COUNT}
"""Of the values of each class, all of which are there."""

OF_RECORDED: dict[str, Kind] = {
    **dict.fromkeys(NAMES, SHARE),
    "margin": DIFFERENCE,
    "trained_parameters": AMOUNT,
    "seconds": AMOUNT,
    "fold": COUNT,
    "seed": COUNT,
}
"""Of the values of each run in a table of ``ablate``."""

CONDITIONS = ("data.source", "data.protocol")
"""Keys of the configuration without which a score says nothing."""


def odd_values(result: RunResult) -> list[str]:
    """The values that this project never writes, each by its key, with what was expected; empty if there are none."""
    return list(_odd(result.as_plain(), result))


def odd_scores(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The values in the rows of a table that ``ablate`` never writes, each by its key; empty if there are none."""
    return [
        _said(f"rows[{place}].runs[{number}].{key}", kind, run[key])
        for place, row in enumerate(rows)
        for number, run in enumerate(row["runs"])
        for key, kind in OF_RECORDED.items()
        if run.get(key) is not None and not kind[1](run[key])
    ]


def _odd(content: Mapping[str, Any], result: RunResult) -> Iterator[str]:
    whole = True
    for key, kind in KINDS.items():
        value = _at(content, key)
        if value is not None and not kind[1](value):
            whole = False
            yield _said(key, kind, value)
    if not _encodes(json.dumps(content, ensure_ascii=False, default=str)):
        whole = False
        yield "a text in it has half of a character"
    if not whole:
        return
    yield from _odd_classes(_at(content, "metrics.test.classes") or [])
    if _at(content, "metrics.test.miou") is not None:
        missing = [key for key in CONDITIONS if not isinstance(fact(result, key), str)]
        yield from (f"config.{key}: expected a class, but it is not said" for key in missing)


def _odd_classes(classes: Sequence[Any]) -> Iterator[str]:
    for number, each in enumerate(classes):
        key = f"metrics.test.classes[{number}]"
        if not isinstance(each, Mapping):
            yield _said(key, OBJECT, each)
            continue
        for name, kind in OF_CLASS.items():
            if not kind[1](each.get(name)):
                yield _said(f"{key}.{name}", kind, each.get(name))


def _encodes(text: str) -> bool:
    """Whether a text can be written; JSON can hold one half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def _said(key: str, kind: Kind, value: Any) -> str:
    return f"{key}: expected {kind[0]}, but got {brief(value)}"
