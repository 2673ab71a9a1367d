"""Trees of JSON or of a pickle with one thing changed, and the same trees written another way."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator
JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 65_536, 10**9, 10**30, 2.5, -0.0, 1e308, float("nan"), float("inf")),
    *("", "x", "3", "3\u00b2", "../../x", "/etc/passwd", "a\nb", "\x00", "\ud800", "x" * 5000),
    *([], [[]], {}, [None], [{}], {"a": 1}, [1, 2, 3], [[1, 2, 3, 4, 5]], [["1", "2", "3", "4", "5", "6"]]),
    *([[0, 0, 9, 0, 9, float("nan")]], [[0, 0, 1e7, 0, 1e7, 1e7]], {"size": [2, 2], "counts": [4]}),
    {"size": [65_535, 65_535], "counts": [65_535 * 65_535]},
)


def one_change(tree: Any, rng: Rng) -> Any:
    """A copy of ``tree`` with a value replaced, dropped, repeated, nudged, moved or nested, at any depth."""
    changed = copy.deepcopy(tree)
    holder, key = _place(changed, rng)
    if holder is None:
        return JUNK[rng.integers(len(JUNK))]
    change = _CHANGES[rng.integers(len(_CHANGES))]
    change(holder, key, changed, rng)
    return changed


def _keys(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return list(tree)
    return list(range(len(tree))) if isinstance(tree, list) else []


def _place(tree: Any, rng: Rng) -> tuple[Any, Any]:
    """A container and one of its keys; each depth is as likely as the next, however many entries it has."""
    holder, key = None, None
    while keys := _keys(tree):
        holder, key = tree, keys[rng.integers(len(keys))]
        tree = holder[key]
        if rng.random() < 0.2:
            break
    return holder, key


def _replace(holder: Any, key: Any, tree: Any, rng: Rng) -> None:
    holder[key] = copy.deepcopy(JUNK[rng.integers(len(JUNK))])


def _drop(holder: Any, key: Any, tree: Any, rng: Rng) -> None:
    del holder[key]


def _repeat(holder: Any, key: Any, tree: Any, rng: Rng) -> None:
    if isinstance(holder, list):
        holder.insert(int(rng.integers(len(holder) + 1)), copy.deepcopy(holder[key]))
    else:
        holder[f"{key} again"] = copy.deepcopy(holder[key])


def _nudge(holder: Any, key: Any, tree: Any, rng: Rng) -> None:
    """A near miss: another number, text or type."""
    value = holder[key]
    if type(value) in (int, float):
        holder[key] = [value + 1, -value, value * 1000, str(value), value + 0.5, [value]][rng.integers(6)]
    elif isinstance(value, str):
        middle = len(value) // 2
        others = [value + "x", value[:-1], value[:middle] + "~" + value[middle + 1 :], value.upper(), [value]]
        holder[key] = others[rng.integers(5)]
    elif isinstance(value, np.ndarray):
        holder[key] = [value[:-1], value.astype(float), value.tolist(), value.astype(str), value * 0][rng.integers(5)]
    else:
        holder[key] = [str(value), [value], None][rng.integers(3)]


def _move(holder: Any, key: Any, tree: Any, rng: Rng) -> None:
    """The value of another place of the same kind: an id twice, a reference to another entry."""
    for _ in range(50):
        other, there = _place(tree, rng)
        if isinstance(other, type(holder)) and (there == key or isinstance(holder, list)):
            holder[key] = copy.deepcopy(other[there])


def _rename(holder: Any, key: Any, tree: Any, rng: Rng) -> None:
    if isinstance(holder, dict):
        names = [str(key), f"{key}\u00b2", f"{key}x", -1, "9" * 30, "", None]
        holder[names[rng.integers(len(names))]] = holder.pop(key)
    else:
        holder.reverse()


def _nest(holder: Any, key: Any, tree: Any, rng: Rng) -> None:
    for _ in range(int(rng.choice([1, 70, 400]))):
        holder[key] = [holder[key]]


_CHANGES: tuple[Callable[[Any, Any, Any, Rng], None], ...] = (
    *(_replace, _replace, _replace),
    *(_nudge, _nudge, _nudge),
    *(_drop, _drop, _repeat, _move, _move, _rename, _nest),
)


def json_with_one_change(good: bytes, rng: Rng) -> bytes:
    """Valid JSON with another content, apart from what Python's own parser takes beyond the standard."""
    return json.dumps(one_change(json.loads(good), rng)).encode()


def json_nested_deeply(good: bytes, rng: Rng) -> bytes:
    """Brackets beyond what a recursive reader takes, inside of good JSON or alone."""
    deep = b"[" * int(rng.choice([900, 5_000, 200_000]))
    at = int(rng.integers(len(good)))
    return deep if rng.random() < 0.5 else good[:at] + deep + good[at:]


def json_with_one_key_twice(good: bytes, rng: Rng) -> bytes:
    """The top level has one of its keys again, with a content of another type."""
    tree = json.loads(good)
    if not isinstance(tree, dict):
        return good + good
    key = _keys(tree)[rng.integers(len(tree))]
    return good.rstrip()[:-1] + b", " + json.dumps(key).encode() + b": 5}"


def pickle_with_one_change(good: bytes, rng: Rng) -> bytes:
    """A pickle with another content."""
    return pickle.dumps(one_change(pickle.loads(good), rng), int(rng.integers(2, 6)))  # noqa: S301 - of our fakes


def same_json(good: bytes, rng: Rng) -> bytes:
    """The same JSON with other white space, other order of keys, and keys that nobody asks for."""

    def retold(tree: Any) -> Any:
        if isinstance(tree, dict):
            keys = [*tree]
            rng.shuffle(keys)
            extra = {"licence of nobody": None} if "id" in tree else {}
            return {key: retold(tree[key]) for key in keys} | extra
        return [retold(each) for each in tree] if isinstance(tree, list) else tree

    tree = json.loads(good)
    # Key order is an order of classes where there are no entries with ids.
    told = retold(tree) if b'"id"' in good else tree
    return json.dumps(told, indent=int(rng.integers(0, 3)), ensure_ascii=bool(rng.integers(2))).encode()


def same_pickle(good: bytes, rng: Rng) -> bytes:
    """The same content in another protocol."""
    return pickle.dumps(pickle.loads(good), int(rng.integers(2, 6)))  # noqa: S301 - of our fakes
