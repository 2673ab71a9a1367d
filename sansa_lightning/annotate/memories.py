"""Remembered references of several classes: what is kept of them, and its file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sansa_lightning.files.messages import brief
from sansa_lightning.files.tensor_files import read_tensors
from sansa_lightning.files.tensors import is_dense
from sansa_lightning.files.whole import replacing
from sansa_lightning.methods.kept import COORDS
from sansa_lightning.strategies.base import trained_parameters

if TYPE_CHECKING:
    from sansa_lightning.model import FewShotModel

HEADER = "sansa_lightning.memories"
"""Key of the file's metadata: names of the classes and what made the memories, as JSON."""

PASSING = ("encode_chunk",)
"""Settings of methods and encoders on which memories do not depend."""


@dataclass(frozen=True)
class Memories:
    """What a model keeps of the references of M classes.

    Attributes:
        names: of the classes, M.
        kept: the memory of each class, as the method packs it.
        frames: the first reference of each class, uint8 [M, 3, S, S].
        masks: its mask, bool [M, S, S]: the one that was given, or for points and boxes the model's own.
        made_by: what :func:`maker` says of the model.
    """

    names: tuple[str, ...]
    kept: tuple[dict[str, Tensor], ...]
    frames: Tensor
    masks: Tensor
    made_by: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Side of the clips that they were made of, in pixels; targets are resized to it, too."""
        return self.frames.shape[-1]

    def save(self, path: str | Path) -> None:
        """Write a safetensors file, whole or not at all."""
        from safetensors.torch import save_file

        named = {f"kept.{number}.{name}": each for number, own in enumerate(self.kept) for name, each in own.items()}
        everything = {**named, "frames": self.frames, "masks": self.masks}
        header = {HEADER: json.dumps({"names": self.names, "made_by": self.made_by}, sort_keys=True)}
        with replacing(Path(path).expanduser()) as partial:
            # Copies: a file holds no views, and some of a method's tensors may be views of one another.
            save_file(
                {name: each.detach().cpu().clone().contiguous() for name, each in everything.items()}, partial, header
            )


def read_memories(path: Path) -> Memories:
    """The memories in a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no file of :meth:`Memories.save`.
    """
    tensors = read_tensors(path) if path.suffix == ".safetensors" or not path.is_file() else {}
    header = _header(path) if tensors else None
    try:
        names, made_by = tuple(header["names"]), dict(header["made_by"])  # type: ignore[index]
        frames, masks = tensors.pop("frames"), tensors.pop("masks")
        kept: list[dict[str, Tensor]] = [{} for _ in names]
        for name, tensor in tensors.items():
            _, number, own = name.split(".", 2)
            kept[int(number)][own] = tensor
        whole = all(kept) and all(isinstance(name, str) for name in names)
        whole &= len(names) == len(frames) == len(masks) and all(
            is_dense(each) for own in kept for each in own.values()
        )
    except (KeyError, IndexError, TypeError, ValueError):
        whole = False
    if not whole:
        msg = f"{path}: expected a file that Memories.save wrote (.safetensors), but it has no such header or tensors"
        raise ValueError(msg)
    return Memories(names, tuple(kept), frames, masks, made_by)


def _header(path: Path) -> Any:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        found = (file.metadata() or {}).get(HEADER, "null")
    try:
        return json.loads(found)
    except ValueError:
        return None


def maker(model: FewShotModel) -> dict[str, Any]:
    """What memories depend on: base, method, strategy and the trained tensors, in plain values."""
    return {**_lasting(json.loads(json.dumps(model.header()))), "adapter": _digest(model)}


def _lasting(settings: Any) -> Any:
    """Settings, however deep, without those that change no memory."""
    if isinstance(settings, Mapping):
        return {key: _lasting(value) for key, value in settings.items() if key not in PASSING}
    return settings


def check_maker(memories: Memories, own: Mapping[str, Any]) -> None:
    """Refuse memories of another model.

    Args:
        memories: from a file, or from another segmenter.
        own: :func:`maker` of the model here.

    Raises:
        ValueError: says what differs.
    """
    for part, says in (("base", "name"), ("method", "class"), ("strategy", "class"), ("adapter", "")):
        made, here = _lasting(memories.made_by.get(part)), _lasting(own[part])
        if made != here:
            one, other = ((each[says] if says and isinstance(each, Mapping) else each) for each in (made, here))
            more = "" if one != other else " with other weights" if part == "base" else " with other settings"
            msg = (
                f"memories: expected those of this model, but they were made with the {part} {brief(one)}{more}, "
                f"and here is {brief(other)}; remember the references again"
            )
            raise ValueError(msg)


def _digest(model: FewShotModel) -> str:
    """SHA-256 of the trained tensors, "none" without any."""
    digest, trained = hashlib.sha256(), trained_parameters(model)
    for name, tensor in sorted(trained.items()):
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest() if trained else "none"


def moved(kept: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """A packed memory on a device, its floating-point tensors as the model's, but for coordinates.

    These are pixels, and half precision knows whole ones only up to 256 or 2048.
    """
    return {
        name: each.to(device, dtype if each.is_floating_point() and not name.endswith(COORDS) else each.dtype)
        for name, each in kept.items()
    }
