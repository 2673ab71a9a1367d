"""Load a segmenter: a base with its weights, and perhaps an adapter."""

from __future__ import annotations

from pathlib import Path

import torch

from sansa_lightning.annotate.segmenter import PAIRS_PER_STEP, TARGETS_PER_STEP, Segmenter, check_step
from sansa_lightning.files.messages import one_line
from sansa_lightning.methods.base import Method
from sansa_lightning.methods.memory import KShotMemory
from sansa_lightning.runs.folder import CHECKPOINTS, LAST
from sansa_lightning.trackers.weights import OFFICIAL


def load(
    name: str,
    weights: str | Path | None = OFFICIAL,
    adapter: str | Path | None = None,
    kshot_memory: KShotMemory = "released",
    mask_threshold: float = 0.0,
    encode_chunk: int | None = None,
    targets_per_step: int = TARGETS_PER_STEP,
    device: str | torch.device = "cpu",
    object_scores: bool = False,
    pairs_per_step: int = PAIRS_PER_STEP,
) -> Segmenter:
    """A few-shot segmenter in eval mode and float32; ``.bfloat16()`` or ``.half()`` makes it half as large.

    Args:
        name: a base, for instance "sam2_hiera_tiny".
        weights: "official" for the published ones, which nano brings along and others fetch or find in the folder
            ``SANSA_WEIGHTS``; a file; or None for random weights.
        adapter: a run folder, of which the last checkpoint is taken; a folder that ``publish`` wrote; a checkpoint of
            this project, or a published one of SANSA or FS-SAM2; ``hub:OWNER/NAME``, a repository of the Hugging Face
            hub that ``publish`` filled; None for the frozen base.
        kshot_memory: "released", or "invariant" for results that do not depend on the order of references.
        mask_threshold: a mask prompt, resized to the base's input, is foreground above it: 0 as published, 0.5 for
            tight masks.
        encode_chunk: frames that go through the image encoder at a time; as many as suit the device if None.
        targets_per_step: targets that :meth:`Segmenter.segment` works on at a time. It and ``encode_chunk`` bound
            the memory that is needed.
        device: that it works on, such as "cuda".
        object_scores: whether the base has SAM 2's object scores: true for what was trained so, as FS-SAM2 is.
        pairs_per_step: pairs of a class and a target that :meth:`Segmenter.annotate` decodes at a time.

    Raises:
        ValueError: unknown base, an option out of its range, a device that is not here, or a file that does not fit.
        FileNotFoundError: a file is missing.
    """
    from sansa_lightning.checkpoints.adapters import model_from, read_adapter
    from sansa_lightning.methods.sansa import Sansa
    from sansa_lightning.model import FewShotModel
    from sansa_lightning.strategies.frozen import Frozen
    from sansa_lightning.trackers.zoo import Base

    check_step(targets_per_step)
    check_step(pairs_per_step, "pairs_per_step")
    place = device_of(device)
    method: Method = Sansa(kshot_memory, mask_threshold, encode_chunk)
    file = None if adapter is None else adapter_file(adapter)
    tracker = Base(name, weights, object_scores=object_scores).build()
    if file is None:
        model = FewShotModel(tracker, Frozen(), method, name)
    else:
        found = read_adapter(file, tracker)
        own = found.build_method()
        model = model_from(found, tracker, method if type(own) is Sansa else own, name)
    return Segmenter(model, targets_per_step, pairs_per_step).eval().to(place)


def adapter_file(given: str | Path) -> Path:
    """The file of an adapter: itself, of a run folder the last checkpoint, of a repository of the hub its download.

    Args:
        given: see :func:`load`.

    Raises:
        FileNotFoundError: there is none; says which was looked for.
        ValueError: a repository's name is none, or its file is damaged.
    """
    from sansa_lightning.checkpoints.portable import ADAPTER, HUB, downloaded

    if str(given).startswith(HUB):
        return downloaded(str(given))
    path = Path(given).expanduser()
    inside = (path / ADAPTER, path / CHECKPOINTS / LAST)
    found = next((file for file in inside if file.is_file()), inside[-1]) if path.is_dir() else path
    if not found.is_file():
        got = f"the folder {path} has no {CHECKPOINTS}/{LAST}" if path.is_dir() else f"{path} is not there"
        msg = f"adapter: expected a checkpoint, a published adapter or the run folder of a fit, but {got}"
        raise FileNotFoundError(msg)
    return found


def device_of(name: str | torch.device) -> torch.device:
    """A device of this machine.

    Raises:
        ValueError: there is no such device, here or at all.
    """
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter of a torch that was built without it
        msg = f"device: expected one of this machine, such as 'cpu' or 'cuda', but got {str(name)!r}: {one_line(error)}"
        raise ValueError(msg) from error
    return device
