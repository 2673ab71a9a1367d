"""From a base's name to a SAM2 with its weights: architecture, weight lookup, strict loading, fingerprint."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sansa_lightning.files import sha256_of
from sansa_lightning.messages import brief
from sansa_lightning.sam2.configurations import composed
from sansa_lightning.sam2.nano import build_nano
from sansa_lightning.sam2.packaged import packaged_weights
from sansa_lightning.sam2.types import SAM2Base
from sansa_lightning.tensor_files import read_tensors
from sansa_lightning.tensors import compare, summary

log = logging.getLogger(__name__)

OFFICIAL = "official"
"""Value of ``weights`` that asks for the published file of the base."""

WEIGHTS_VARIABLE = "SANSA_WEIGHTS"
"""Environment variable: a folder with the published files."""

SIZES = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}
NANO = "nano"
BASES = (NANO, *(f"{family}_hiera_{size}" for family in ("sam2", "sam2.1") for size in SIZES))
"""Names of the bases: ours, and the published ones."""

OVERRIDES = (
    # Object scores are off in SANSA: one token fewer, no gating of masks, no `no_obj_ptr` (spec 1.1).
    "++model.pred_obj_scores=false",
    "++model.pred_obj_scores_mlp=false",
    "++model.fixed_no_obj_ptr=false",
    # Added to memories of frames without the object only, which object scores would have to tell (SAM 2.1).
    "++model.no_obj_embed_spatial=false",
)

LEFT_OVER = frozenset(
    {"no_obj_ptr", "sam_mask_decoder.obj_score_token.weight"}
    | {f"sam_mask_decoder.pred_obj_score_head.layers.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")}
)
"""Keys of a published SAM 2.0 file that have no home once object scores are off (spec 1.1)."""

LEFT_OVER_2_1 = LEFT_OVER | {"no_obj_embed_spatial"}


@dataclass(frozen=True)
class Base:
    """Which SAM2 to build, and from which weights.

    Attributes:
        name: one of ``BASES``.
        weights: a file (official layout ``{"model": ...}`` or a bare state dict, .pt or .safetensors), "official"
            for the published one (from the folder ``SANSA_WEIGHTS``, else from the Hugging Face hub; for nano the
            packaged one), or None for random weights.
        seed: of the random weights.
    """

    name: str = "sam2_hiera_tiny"
    weights: str | Path | None = OFFICIAL
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a name that does not exist.

        Raises:
            ValueError: the name is unknown.
        """
        if self.name not in BASES:
            msg = f"Base.name: expected one of {', '.join(BASES)}, but got {self.name!r}"
            raise ValueError(msg)

    def build(self) -> SAM2Base:
        """The SAM2, in eval mode, float32, on the CPU, with its weights.

        Raises:
            FileNotFoundError: the weights are not where they should be; says where to put them.
            ValueError: the file does not fit the base.
        """
        path = None if self.weights is None else find_weights(self.name, self.weights)
        sam = self.random()
        if path is None:
            log.warning(
                "%s has RANDOM weights (weights: null, seed %d): it has learnt nothing and its masks mean nothing",
                self.name,
                self.seed,
            )
        else:
            load_weights(sam, path, left_over=LEFT_OVER_2_1 if self.name.startswith("sam2.1") else LEFT_OVER)
        sam.recipe = self
        return sam.eval()

    def random(self) -> SAM2Base:
        """The SAM2 with the random weights of ``seed``, whatever ``weights`` says."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return build_architecture(self.name)


def recipe_of(sam: SAM2Base) -> Base:
    """What a base was built from, and so whether it holds weights.

    Raises:
        ValueError: it was not built by :meth:`Base.build`.
    """
    if not hasattr(sam, "recipe"):
        msg = "this base does not say what it was built from; build it with sansa_lightning.sam2.zoo.Base(...).build()"
        raise ValueError(msg)
    recipe: Base = sam.recipe
    return recipe


def build_architecture(name: str) -> SAM2Base:
    """A base with random weights; a published one from the configuration inside the sam2 package (spec 1.1)."""
    if name == NANO:
        return build_nano()
    from hydra.utils import instantiate

    family, size = name.split("_hiera_")
    config = composed(f"configs/{family}/{family}_hiera_{SIZES[size]}.yaml", OVERRIDES)
    sam: SAM2Base = instantiate(config.model, _recursive_=True)
    return sam


def find_weights(name: str, weights: str | Path) -> Path:
    """The file that ``weights`` asks for.

    Raises:
        FileNotFoundError: there is none; the message names the file and where to put it.
    """
    if str(weights) != OFFICIAL:
        path = Path(weights).expanduser()
        if not path.is_file():
            msg = f"weights of {name}: {path} is not a file; give a path, {OFFICIAL!r}, or null for random weights"
            raise FileNotFoundError(msg)
        return path
    if name == NANO:
        return packaged_weights(name)
    folder = os.environ.get(WEIGHTS_VARIABLE)
    if folder and (Path(folder) / f"{name}.pt").is_file():
        return Path(folder) / f"{name}.pt"
    return download_weights(name)


def download_weights(name: str) -> Path:
    """The published file in the local Hugging Face cache, fetched (resumed if broken off) when it is not there.

    Raises:
        FileNotFoundError: the hub cannot be reached, or refuses.
        ValueError: the file in the cache is not the one the hub announced (SHA-256).
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    # A connection that breaks raises an error of the hub's HTTP library, which its own errors derive from.
    parents: tuple[type, ...] = HfHubHTTPError.__mro__
    broken: list[type[Exception]] = [base for base in parents if base.__name__ in ("HTTPError", "OSError")]
    repository = "facebook/" + name.replace("_", "-")
    try:
        path = Path(hf_hub_download(repo_id=repository, filename=f"{name}.pt"))
    except tuple(broken) as error:
        msg = (
            f"weights of {name}: {name}.pt is not in the local cache and cannot be fetched from the Hugging Face hub "
            f"({repository}); put the file into a folder and set {WEIGHTS_VARIABLE} to it, or set weights to its path"
        )
        raise FileNotFoundError(msg) from error
    announced = path.resolve().name  # the hub names the blobs of large files by their SHA-256
    if re.fullmatch("[0-9a-f]{64}", announced) and sha256_of(path) != announced:
        msg = (
            f"weights of {name}: {path.resolve()} is corrupt (SHA-256 differs from the hub's); delete it and run again"
        )
        raise ValueError(msg)
    return path


def load_weights(sam: SAM2Base, path: Path, left_over: frozenset[str] = LEFT_OVER) -> None:
    """Copy the tensors of a file into ``sam``, strictly.

    Args:
        sam: what receives them.
        path: .pt with ``{"model": state dict}`` or a bare state dict, or .safetensors.
        left_over: keys that the file may have beyond those of ``sam``: all of them or none.

    Raises:
        ValueError: keys, shapes or number formats differ in any other way, or a number is not finite; nothing was
            copied then.
    """
    state = published_layout(read_tensors(path), path)
    own = sam.state_dict()
    problems = compare(state, own)
    extra = state.keys() - own.keys()
    if unexpected := extra - left_over:
        problems.append(f"unexpected {summary(unexpected)}")
    elif extra and (absent := left_over - extra):
        problems.append(f"missing {summary(absent)}")
    if problems:
        msg = f"weights: {path} does not fit this base: {'; '.join(problems)}"
        raise ValueError(msg)
    sam.load_state_dict({key: state[key] for key in own})


def published_layout(content: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The state dict of a file: under "model", as published, or the file itself.

    Raises:
        ValueError: something else is under "model", or its keys are no names.
    """
    state = content.get("model", content)
    if not isinstance(state, Mapping):
        msg = f"{path}: expected a state dict under 'model', but got {type(state).__name__}"
        raise ValueError(msg)
    if odd := [key for key in state if not isinstance(key, str)]:
        msg = f"{path}: expected tensors by their names, but got one under the key {brief(odd[0])}"
        raise ValueError(msg)
    return state


def fingerprint(sam: SAM2Base) -> str:
    """SHA-256 over names, shapes and float32 bytes of all tensors: what a checkpoint says it belongs to.

    Call it before a strategy is attached: a strategy may add or rename tensors.
    """
    digest = hashlib.sha256()
    for key, tensor in sorted(sam.state_dict().items()):
        digest.update(f"{key}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
