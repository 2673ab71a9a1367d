"""The Python interface: torch only. Load a segmenter, propagate tensors, or segment pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sansa_lightning.annotate.inputs import as_picture, fit_prompt, prompted, several_pictures, several_references
from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.files.messages import one_line
from sansa_lightning.images.orientation import Exif, check_exif
from sansa_lightning.images.pictures import resize_logits, to_frame
from sansa_lightning.methods.base import Masks, Method
from sansa_lightning.methods.memory import KShotMemory
from sansa_lightning.methods.propagation import check_clips
from sansa_lightning.runs.folder import CHECKPOINTS, LAST
from sansa_lightning.trackers.weights import OFFICIAL

if TYPE_CHECKING:
    from sansa_lightning.model import FewShotModel

TARGETS_PER_STEP = 4


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
        encode_chunk: frames that go through the image encoder at a time; all of a call if None.
        targets_per_step: targets that :meth:`Segmenter.segment` works on at a time. It and ``encode_chunk`` bound
            the memory that is needed.
        device: that it works on, such as "cuda".
        object_scores: whether the base has SAM 2's object scores: true for what was trained so, as FS-SAM2 is.

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
    place = _device(device)
    method: Method = Sansa(kshot_memory, mask_threshold, encode_chunk)
    file = None if adapter is None else adapter_file(adapter)
    tracker = Base(name, weights, object_scores=object_scores).build()
    if file is None:
        model = FewShotModel(tracker, Frozen(), method, name)
    else:
        found = read_adapter(file, tracker)
        own = found.build_method()
        model = model_from(found, tracker, method if type(own) is Sansa else own, name)
    return Segmenter(model, targets_per_step).eval().to(place)


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


def _device(name: str | torch.device) -> torch.device:
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


class Segmenter(nn.Module):
    """A model, used on pictures.

    Attributes:
        model: tracker, strategy and method.
        targets_per_step: see :func:`load`.
    """

    def __init__(self, model: FewShotModel, targets_per_step: int = TARGETS_PER_STEP) -> None:
        super().__init__()
        check_step(targets_per_step)
        self.targets_per_step = targets_per_step
        self.model = model

    def propagate(self, images: Tensor, prompts: Sequence[Sequence[Prompt]], propagate_targets: bool = True) -> Tensor:
        """Logits of every frame; differentiable, so wrap it in ``torch.inference_mode()`` if nothing trains.

        Args:
            images: uint8 [B, T, 3, H, W], RGB, or float32, ImageNet-normalised; the K references first.
            prompts: ``prompts[b][k]`` annotates reference k of clip b, in pixels of the clip.
            propagate_targets: True: predictions of targets become memory for later ones; False: each target is
                segmented from the references alone.

        Returns:
            float32 [B, T, H, W]; above 0 is foreground. For references, the decoder's own answer to the prompt.

        Raises:
            ValueError: shapes of images and prompts do not fit together.
        """
        check_clips(images, prompts)
        truth = torch.zeros(images.shape[:2] + images.shape[3:], dtype=torch.uint8)  # not known here
        batch = ClipBatch((), images, truth, tuple(map(tuple, prompts)))
        masks: Masks = self.model(batch.to(self.model.device), propagate_targets)
        return masks.logits

    @torch.inference_mode()
    def segment(
        self,
        references: Sequence[tuple[Any, Prompt]] | tuple[Any, Prompt],
        targets: Any,
        size: int | None = None,
        exif: Exif = "upright",
    ) -> list[NDArray[np.bool_]]:
        """Masks of pictures, each target from the references alone, ``targets_per_step`` of them at a time.

        PIL images with an EXIF orientation are turned like pictures in files: upright, unless the size of a mask prompt
        shows that it was drawn on the stored pixels. Prompts and results are in pixels of the turned picture.
        Transparency is dropped, as in reading files.

        Args:
            references: (picture, prompt) pairs, or one; the prompt is in pixels of its own picture.
            targets: pictures, or one: PIL images of 8 bits a channel, paths of files, or uint8 arrays, [H, W, 3] RGB or
                [H, W] grey.
            size: side of the square that every picture is resized to; if None the one that method and base are
                evaluated at: with Sansa 640 for the published bases and 96 for nano, with FsSam2 the base's input.
            exif: "stored" leaves pictures as they are stored where sizes do not tell; see ``orientation.Exif``.

        Returns:
            A list with one boolean mask for each target, at the target's own size.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: nothing to segment, something that is not a picture or not a pair of picture and prompt; a mask
                prompt of another size.
        """
        check_exif("segment", exif)
        pairs, given = several_references(references), several_pictures(targets)
        if not pairs or not given:
            msg = f"segment: expected at least one reference and one target, but got {len(pairs)}, {len(given)}"
            raise ValueError(msg)
        read = [prompted(pair, number, exif) for number, pair in enumerate(pairs)]
        pictures = [as_picture(picture, exif=exif) for picture in given]
        model = self.model
        size, device = model.method.clip_size(model.base) if size is None else size, model.device
        frames = torch.stack([to_frame(picture, size) for picture, _ in read]).to(device)
        prompts = [fit_prompt(prompt, picture, size).to(device) for picture, prompt in read]
        starts = range(0, len(pictures), self.targets_per_step)
        groups = [pictures[start : start + self.targets_per_step] for start in starts]
        tensors = (torch.stack([to_frame(picture, size) for picture in group]).to(device) for group in groups)
        memory = self.model.remember(frames, prompts)
        return [
            (resize_logits(mask, (picture.height, picture.width)) > 0).cpu().numpy()
            for group, images in zip(groups, tensors, strict=True)
            for picture, mask in zip(group, self.model.segment([memory], images).logits[0], strict=True)
        ]


def check_step(targets_per_step: int) -> None:
    """Check a number of targets.

    Raises:
        ValueError: it is less than 1, or not an integer.
    """
    if type(targets_per_step) is not int or targets_per_step < 1:
        msg = f"targets_per_step: expected at least 1 target, a whole number, but got {targets_per_step!r}"
        raise ValueError(msg)
