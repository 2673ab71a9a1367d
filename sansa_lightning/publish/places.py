"""What of a run nobody else should read: places on its machine and secrets; and the rest of its configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PLACE = re.compile(
    r"(?<![A-Za-z])(?:(?!hf:)\w+://|[A-Za-z]:[\\/]|\\\\)"  # a URL but of a hub, a drive, a share
    r"|(?<!\w)(?:~[\w.-]*(?:[\\/]|$)|(?:home|[Uu]sers)[\\/])"
    r"|\$\{?\w+\}?[\\/]|%\w+%[\\/]"
    r"|(?<![\w.])(?:\.\.?[\\/]|(?<!hf:)(?<!hf:/)/+(?=[^\s/]))"
)
"""The beginning of a path that says where something lies on a machine; ``owner/name`` and ``data/coco`` say nothing."""

HOMES = re.compile(r"[Uu]sers|home")
"""A folder whose folders are people's names."""

SECRET = r"[\w-]*(?:api_?key|token|secret|passw|credential)[\w-]*"  # noqa: S105  the pattern of their names
NAMED_SECRET = re.compile(SECRET, re.IGNORECASE)
SAID_SECRET = re.compile(rf"({SECRET})[\s=:].*", re.IGNORECASE | re.DOTALL)

OF_TRAINER = (
    *("accelerator", "devices", "num_nodes", "strategy", "precision", "max_epochs", "max_steps", "min_epochs"),
    *("limit_train_batches", "limit_val_batches", "limit_test_batches", "accumulate_grad_batches"),
    *("gradient_clip_val", "gradient_clip_algorithm", "deterministic", "benchmark", "sync_batchnorm"),
)
"""Keys of the trainer that are published; loggers, callbacks and folders are not."""


def published_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a configuration is published: seed, model, data and ``OF_TRAINER``, without places and secrets."""
    kept = {key: config[key] for key in ("seed_everything", "model", "data") if key in config}
    trainer = {key: value for key, value in (config.get("trainer") or {}).items() if key in OF_TRAINER}
    found: dict[str, Any] = without_places({**kept, "trainer": trainer})
    return found


def without_places(values: Any) -> Any:
    """Plain values in which a path of a machine, in keys and texts, is cut to its last part, and a secret is None.

    >>> without_places({"weights": "/home/me/dino.pth", "args": ["--root=../../home/me/coco"], "api_key": "abc"})
    {'weights': 'dino.pth', 'args': ['--root=coco'], 'api_key': None}
    """
    if isinstance(values, Mapping):
        return {without_places(key): _without_secret(key, each) for key, each in values.items()}
    if isinstance(values, list | tuple):
        return [without_places(each) for each in values]
    return _text(values) if isinstance(values, str) else values


def _without_secret(key: Any, value: Any) -> Any:
    secret = isinstance(key, str) and NAMED_SECRET.fullmatch(key) and isinstance(value, str)
    return None if secret else without_places(value)


def _text(text: str) -> str:
    """All from the first place on becomes the last part: where a path with spaces ends, nobody can tell."""
    text = SAID_SECRET.sub(r"\1", text)
    if not (place := PLACE.search(text)):
        return text
    parts = [part for part in re.split(r"[\\/]+", text[place.start() :]) if part]
    name = parts[-1] if len(parts) > 1 and not HOMES.fullmatch(parts[-2]) else ""
    name = parts[0] if len(parts) == 1 and parts[0][0] not in "~.$%" and not parts[0].endswith(":") else name
    return text[: place.start()] + name
