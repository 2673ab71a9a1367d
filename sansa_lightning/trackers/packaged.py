"""The weights inside the package: nano's, a few MB, with a card that states their origin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sansa_lightning.files.whole import sha256_of

ASSETS = Path(__file__).parents[1] / "assets"


def packaged_weights(name: str, folder: Path = ASSETS) -> Path:
    """The packaged file of a base, compared with its card.

    Args:
        name: of the base.
        folder: of ``<name>.safetensors`` and its card ``<name>.json``.

    Raises:
        FileNotFoundError: one of the two is missing.
        ValueError: the file is not the one that the card describes.
    """
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        msg = (
            f"weights of {name}: {path} is not there; train them with 'fit --config experiments/nano/pretrain.yaml' "
            f"and set weights to the file in its run folder, or give null for random weights"
        )
        raise FileNotFoundError(msg)
    if sha256_of(path) != card(name, folder)["sha256"]:
        msg = f"weights of {name}: {path} differs from its card (SHA-256); install the package again"
        raise ValueError(msg)
    return path


def card(name: str, folder: Path = ASSETS) -> dict[str, Any]:
    """The card of a packaged file: checksum, recipe, seed, steps, scores, versions.

    Raises:
        FileNotFoundError: there is no card.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        msg = f"weights of {name}: the card {path} is not there; install the package again"
        raise FileNotFoundError(msg)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
