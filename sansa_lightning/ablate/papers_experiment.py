"""Is a configuration the paper's own experiment? Only then do its numbers stand beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SOURCES = ("Coco", "Coco20iReleased")
FOLDS = 4
BASE = "sam2_hiera_large"


def difference(config: Mapping[str, Any], base: str | None = BASE) -> str:
    """What tells a resolved configuration from COCO-20i, strict, one reference, 640 pixels (paper Tables 3, 4, 8, 9).

    Args:
        config: nested.
        base: that the numbers are of; None for any that is published.

    Returns:
        A phrase; empty if there is no difference.
    """
    data, model = config["data"], config["model"]
    source, protocol = (_class(data[key]) for key in ("source", "protocol"))
    folds = data["protocol"].get("init_args", {}).get("folds")
    name = model["base"]["name"]
    facts = (
        (source in SOURCES, f"source {source}"),
        (protocol == "Strict" and folds == FOLDS, f"protocol {protocol}"),
        (data["shots"] == 1, f"{data['shots']} references"),
        (data["size"] == 640, f"{data['size']} pixels"),
        (name == base if base else name.startswith("sam2_hiera_"), f"base {name}"),
        (model["base"]["weights"] is not None, "random weights"),
        (not data["memorise"], "memorised test clips"),
    )
    return ", ".join(phrase for holds, phrase in facts if not holds)


def _class(config: Mapping[str, Any]) -> str:
    return str(config["class_path"]).rpartition(".")[2]
