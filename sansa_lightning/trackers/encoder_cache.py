"""What an image encoder computes of images that come again, kept in memory and in a folder."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from sansa_lightning.files.tensor_folder import TensorFolder

GIGABYTE = 2**30

Compute = Callable[[Tensor], tuple[Tensor, ...]]
"""From the numbers of G frames, int64 [G], to tensors [G, ...] of them."""


@dataclass(frozen=True)
class EncoderCache:
    """What is kept of images that come again.

    In every phase it is the result of the frozen blocks below the first trained one, and within an evaluation that of
    the whole encoder, in memory. Images are known by their bytes, weights by theirs.

    Attributes:
        memory_gb: GiB kept in memory, on the device that computed it; the longest unused goes first.
        folder: where results of the frozen blocks are kept for later runs and other processes; None for nowhere.
        folder_gb: GiB kept there; the longest unread goes first.
    """

    memory_gb: float = 1.0
    folder: Path | None = None
    folder_gb: float = 20.0

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: one is not above 0.
        """
        for name in ("memory_gb", "folder_gb"):
            if not 0 < getattr(self, name) < float("inf"):
                msg = f"encoder_cache.{name}: expected GiB, a number above 0, but got {getattr(self, name)}"
                raise ValueError(msg)


class KeptResults:
    """Results by key, in memory and perhaps in a folder.

    Attributes:
        counts: frames by where they were found: "memory", "folder", or "computed"; "bypassed" never asked, "damaged"
            were found so in the folder and computed.
    """

    def __init__(self, settings: EncoderCache) -> None:
        self.settings = settings
        folder = settings.folder
        most = int(settings.folder_gb * GIGABYTE)
        self.folder = None if folder is None else TensorFolder(folder.expanduser(), most)
        self.counts: Counter[str] = Counter()
        self._memory: OrderedDict[str, tuple[Tensor, ...]] = OrderedDict()
        self._bytes = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> KeptResults:
        """Of a copied tracker: the same settings, and nothing kept."""
        return KeptResults(copy(self.settings))

    def gather(self, keys: Sequence[str], compute: Compute, device: torch.device, lasting: bool) -> tuple[Tensor, ...]:
        """Tensors [F, ...] of F frames, computed only for those that are not kept; equal frames once.

        Args:
            keys: of the frames.
            compute: called at most once, with the numbers of the frames to compute.
            device: of the results.
            lasting: whether the folder keeps them.
        """
        unique = list(dict.fromkeys(keys))
        with torch.inference_mode(mode=False):  # training cannot use tensors made in that mode
            rows = [self._find(key, device, lasting) for key in unique]
        found = {key: row for key, row in zip(unique, rows, strict=True) if row is not None}
        missing = [key for key in unique if key not in found]
        if missing:
            parts = compute(torch.tensor([keys.index(key) for key in missing], device=device))
            with torch.inference_mode(mode=False), torch.no_grad():
                for number, key in enumerate(missing):
                    # A copy: a part of the batch would keep all of it in memory.
                    found[key] = tuple(part[number].clone() for part in parts)
                    self._keep(key, found[key], lasting)
        if lasting:  # whole results are computed from others, which count
            self.counts["computed"] += len(missing)
        self.counts["memory"] += len(keys) - len(unique)
        return tuple(map(torch.stack, zip(*(found[key] for key in keys), strict=True)))

    def forget_all(self, beginning: str) -> None:
        """Drop from memory the entries whose keys begin so."""
        for key in [key for key in self._memory if key.startswith(beginning)]:
            self._bytes -= _size(self._memory.pop(key))

    def _find(self, key: str, device: torch.device, lasting: bool) -> tuple[Tensor, ...] | None:
        kept = self._memory.get(key)
        if kept is not None:
            self._memory.move_to_end(key)
            self.counts["memory"] += 1
            return kept
        if not lasting or self.folder is None:
            return None
        read = self.folder.get(key)
        self.counts["damaged"] = self.folder.damaged
        if read is None:
            return None
        self.counts["folder"] += 1
        moved = tuple(tensor.to(device) for tensor in read)
        self._remember(key, moved)
        return moved

    def _keep(self, key: str, row: tuple[Tensor, ...], lasting: bool) -> None:
        self._remember(key, row)
        if lasting and self.folder is not None:
            self.folder.put(key, row)

    def _remember(self, key: str, row: tuple[Tensor, ...]) -> None:
        most = int(self.settings.memory_gb * GIGABYTE)
        if _size(row) > most:
            return
        self._memory[key] = row
        self._bytes += _size(row)
        while self._bytes > most:
            self._bytes -= _size(self._memory.popitem(last=False)[1])


def _size(row: Sequence[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in row)


class KeptEncoder(Protocol):
    """The cache of a tracker's image encoder, as those see it who run the tracker.

    Attributes:
        active: whether it is asked at all; frames that pass it by are counted.
        counts: see :class:`KeptResults`.
    """

    active: bool

    @property
    def counts(self) -> Counter[str]:
        """See :class:`KeptResults`."""

    def evaluation(self, begins: bool) -> None:
        """An evaluation begins or ends: in it no weight changes, and the whole encoder's results are kept."""


def image_keys(images: Tensor) -> list[str]:
    """The identity of each of F images [F, 3, H, W]: SHA-256 of its bytes, size and number format."""
    kind = f"{images.dtype}{tuple(images.shape[1:])}".encode()
    raw = images.detach().cpu().contiguous().flatten(1).view(torch.uint8).numpy()
    return [hashlib.sha256(kind + row.tobytes()).hexdigest() for row in raw]


def weights_key(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """SHA-256 of named tensors."""
    digest = hashlib.sha256()
    for name, tensor in tensors:
        digest.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def stamp(tensors: Iterable[tuple[str, Tensor]]) -> tuple[tuple[int, int], ...]:
    """What changes as soon as one of the tensors is written to or replaced."""
    return tuple((tensor.data_ptr(), tensor._version) for _, tensor in tensors)


def number_format(device: torch.device) -> str:
    """The number formats that autocast chooses on a device now, and all else that results depend on."""
    mixed = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    rounding = (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32)
    return f"{name} {mixed} {rounding} torch {torch.__version__}"
