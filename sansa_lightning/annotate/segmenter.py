"""The Python interface: torch only. Load a segmenter, propagate tensors, or segment pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.images.orientation import Exif, check_exif, turned
from sansa_lightning.images.pictures import EIGHT_BITS, resize_logits, resize_mask, to_frame
from sansa_lightning.methods.base import Masks
from sansa_lightning.methods.memory import KShotMemory
from sansa_lightning.methods.propagation import check_clips

if TYPE_CHECKING:
    from sansa_lightning.model import FewShotModel

TARGETS_PER_STEP = 4
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
"""Pillow's modes with colours multiplied by their transparency, and the same modes with plain colours."""


def load(
    name: str,
    weights: str | Path | None = None,
    adapter: str | Path | None = None,
    kshot_memory: KShotMemory = "released",
    mask_threshold: float = 0.0,
    encode_chunk: int | None = None,
    targets_per_step: int = TARGETS_PER_STEP,
) -> Segmenter:
    """A few-shot segmenter, on the CPU, in eval mode; move it with ``.to(device)``.

    Args:
        name: a base, for instance "sam2_hiera_tiny".
        weights: a file, "official" for the published one, or None for random weights.
        adapter: a checkpoint of this project or a published SANSA adapter; None for the frozen base.
        kshot_memory: "released", or "invariant" for results that do not depend on the order of references.
        mask_threshold: a mask prompt, resized to the base's input, is foreground above it: 0 as published, 0.5 for
            tight masks.
        encode_chunk: number of frames that the image encoder takes at a time; all of a call if None.
        targets_per_step: number of targets that :meth:`Segmenter.segment` takes at a time. It and ``encode_chunk``
            limit the use of memory.

    Raises:
        ValueError: unknown base, an option out of its range, or a file that does not fit.
        FileNotFoundError: a file is missing.
    """
    from sansa_lightning.checkpoints.adapters import model_from, read_adapter
    from sansa_lightning.methods.sansa import Sansa
    from sansa_lightning.model import FewShotModel
    from sansa_lightning.strategies.frozen import Frozen
    from sansa_lightning.trackers.zoo import Base

    check_step(targets_per_step)
    method = Sansa(kshot_memory, mask_threshold, encode_chunk)
    tracker = Base(name, weights).build()
    if adapter is None:
        return Segmenter(FewShotModel(tracker, Frozen(), method, name), targets_per_step).eval()
    found = read_adapter(Path(adapter), tracker)
    own = found.build_method()
    return Segmenter(model_from(found, tracker, method if type(own) is Sansa else own, name), targets_per_step).eval()


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
        references: Sequence[tuple[Any, Prompt]],
        targets: Sequence[Any],
        size: int = 640,
        exif: Exif = "upright",
    ) -> list[NDArray[np.bool_]]:
        """Masks of pictures, each target from the references alone, ``targets_per_step`` of them at a time.

        PIL images with an EXIF orientation are turned like pictures in files: upright, unless the size of a mask prompt
        shows that it was drawn on the stored pixels. Prompts and results are in pixels of the turned picture.
        Transparency is dropped, as in reading files.

        Args:
            references: (picture, prompt) pairs; the prompt is in pixels of its own picture.
            targets: pictures: PIL images of 8 bits a channel, or uint8 arrays, [H, W, 3] RGB or [H, W] grey.
            size: side of the square that every picture is resized to, as in evaluation (spec 1.2, step 1).
            exif: "stored" leaves pictures as stored if sizes do not settle it; see ``orientation.Exif``.

        Returns:
            One boolean mask per target, at the target's own size.

        Raises:
            ValueError: there is nothing to segment, something is not a picture or not a pair of picture and prompt, one
                picture is given instead of a list, or a mask prompt has another size.
        """
        check_exif("segment", exif)
        references, targets = _several(references, "references"), _several(targets, "targets")
        if not references or not targets:
            msg = f"segment: expected at least one reference and one target, but got {len(references)}, {len(targets)}"
            raise ValueError(msg)
        prompted = [_prompted(pair, number, exif) for number, pair in enumerate(references)]
        pictures = [as_picture(picture, exif=exif) for picture in targets]
        device = self.model.device
        frames = torch.stack([to_frame(picture, size) for picture, _ in prompted]).to(device)
        prompts = [fit_prompt(prompt, picture, size).to(device) for picture, prompt in prompted]
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


def _several(given: Any, what: str) -> list[Any]:
    """The items of a sequence.

    Raises:
        ValueError: it is not a sequence, or a picture itself: the rows of an array would pass as pictures of one line.
    """
    wanted = "(picture, Prompt) pairs" if what == "references" else "pictures"
    shape = tuple(getattr(given, "shape", ()))
    one = isinstance(given, Image.Image | Prompt | str | Path) or len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)
    if one or not isinstance(given, Iterable):
        kind = f"{type(given).__name__} of shape {list(shape)}" if shape else type(given).__name__
        msg = f"segment: expected a list of {what}, {wanted}, but got one {kind}; put it into a list: [...]"
        raise ValueError(msg)
    return list(given)


def _prompted(pair: Any, number: int, exif: Exif) -> tuple[Image.Image, Prompt]:
    parts = pair if isinstance(pair, tuple | list) else [pair]
    if len(parts) != 2 or not isinstance(parts[1], Prompt):
        got = ", ".join(type(part).__name__ for part in parts)
        msg = f"segment: expected references as (picture, Prompt) pairs, but number {number} is of {got}"
        raise ValueError(msg)
    dense = pair[1].dense
    return as_picture(pair[0], None if dense is None else (dense.shape[0], dense.shape[1]), exif), pair[1]


def as_picture(picture: Any, size: tuple[int, int] | None = None, exif: Exif = "upright") -> Image.Image:
    """A PIL image in RGB, the right way up.

    Args:
        picture: a PIL image, or uint8 [H, W, 3] RGB or [H, W] grey.
        size: (H, W) of its mask, if it has one.
        exif: see :meth:`Segmenter.segment`.

    Raises:
        ValueError: anything else.
    """
    if isinstance(picture, Image.Image):
        return _rgb(turned(picture, size, exif))
    array = np.asarray(picture)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3):
        hint = "; open a file with Image.open" if isinstance(picture, str | Path) else ""
        got = f"{array.dtype} {list(array.shape)}{hint}"
        msg = f"segment: expected a PIL image or uint8 [H, W, 3] or [H, W], but got {got}"
        raise ValueError(msg)
    return Image.fromarray(array).convert("RGB")


def _rgb(picture: Image.Image) -> Image.Image:
    """A PIL image in RGB.

    Raises:
        ValueError: its values are wider than 8 bits: Pillow would cut them at 255.
    """
    if picture.mode in _PREMULTIPLIED:
        picture = picture.convert(_PREMULTIPLIED[picture.mode])
    if picture.mode not in (*EIGHT_BITS, "HSV"):
        msg = (
            f"segment: expected a picture of 8 bits a channel, but got a PIL image of mode {picture.mode}; scale its "
            f"values to 0 to 255 first, as Image.fromarray((np.asarray(picture) / highest * 255).astype(np.uint8)), "
            f"where highest is 65535 or 1.0 for white"
        )
        raise ValueError(msg)
    if "transparency" in picture.info:  # of a palette: Pillow warns of dropping it at once
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def fit_prompt(prompt: Prompt, picture: Image.Image, size: int) -> Prompt:
    """A prompt, converted from pixels of its picture to pixels of a clip of side ``size``.

    Raises:
        ValueError: a mask prompt has another size than the picture.
    """
    if prompt.dense is None:
        scale = torch.tensor([size / picture.width, size / picture.height])
        coords = None if prompt.coords is None else prompt.coords.cpu() * scale
        return Prompt(prompt.kind, coords=coords, labels=prompt.labels)
    if prompt.dense.shape != (picture.height, picture.width):
        msg = f"segment: expected a mask of {[picture.height, picture.width]}, but got {list(prompt.dense.shape)}"
        raise ValueError(msg)
    return Prompt.mask(resize_mask(prompt.dense.byte().cpu(), size))
