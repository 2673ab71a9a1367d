"""The Python interface: torch only. Propagate tensors, segment pictures, or annotate many of several classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sansa_lightning.annotate.application import Application
from sansa_lightning.annotate.found import Found, Overlap, check_overlap, found_in
from sansa_lightning.annotate.inputs import (
    as_picture,
    batched,
    fit_prompt,
    prompted,
    several_pictures,
    several_references,
    targets_among,
)
from sansa_lightning.annotate.memories import Memories, check_maker, maker, read_memories
from sansa_lightning.annotate.remembering import fitted, named_references, remembered
from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.images.orientation import Exif, check_exif
from sansa_lightning.images.pictures import resize_logits, to_frame
from sansa_lightning.methods.base import Masks
from sansa_lightning.methods.propagation import check_clips

if TYPE_CHECKING:
    from sansa_lightning.model import FewShotModel

TARGETS_PER_STEP = 4
PAIRS_PER_STEP = 16


class Segmenter(nn.Module):
    """A model, used on pictures.

    Attributes:
        model: tracker, strategy and method.
        targets_per_step: see :func:`loading.load`.
        pairs_per_step: see :func:`loading.load`.
        maker: base, adapter and method as they are given, by which :class:`Memories` know their model.
    """

    def __init__(
        self, model: FewShotModel, targets_per_step: int = TARGETS_PER_STEP, pairs_per_step: int = PAIRS_PER_STEP
    ) -> None:
        super().__init__()
        check_step(targets_per_step)
        check_step(pairs_per_step, "pairs_per_step")
        self.targets_per_step = targets_per_step
        self.pairs_per_step = pairs_per_step
        self.model = model
        self.maker = maker(model)  # now, while its numbers are those of the files

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
    def remember(
        self,
        references: Mapping[str, Sequence[tuple[Any, Prompt]] | tuple[Any, Prompt]],
        size: int | None = None,
        exif: Exif = "upright",
    ) -> Memories:
        """Read the references of several classes, once for any number of targets.

        Args:
            references: by the name of their class, (picture, prompt) pairs or one, as for :meth:`segment`.
            size: see :meth:`segment`.
            exif: likewise.

        Returns:
            Memories for :meth:`annotate`; ``memories.save(path)`` writes a file that :meth:`load_memories` reads.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: no class, a class without references, or what :meth:`segment` refuses.
        """
        check_exif("remember", exif)
        side = self.model.method.clip_size(self.model.base) if size is None else size
        given = ((name, fitted(pairs, side, exif)) for name, pairs in named_references(references).items())
        return remembered(self.model, given, self.maker)

    def load_memories(self, path: str | Path) -> Memories:
        """The memories that ``memories.save`` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is another kind of file, or they were made by another base, adapter or method.
        """
        found = read_memories(Path(path).expanduser())
        check_maker(found, self.maker)
        return found

    @torch.inference_mode()
    def annotate(
        self,
        memories: Memories,
        images: Iterable[Any],
        overlap: Overlap = "keep",
        presence: bool = False,
        min_score: float = 0.0,
        exif: Exif = "upright",
    ) -> Iterator[Found]:
        """Masks of all classes in each picture, in the order of the pictures.

        A picture is encoded once for all classes. Pictures are taken ``targets_per_step`` at a time and forgotten, so
        any number of them needs the same memory, and a generator will do.

        Args:
            memories: what :meth:`remember` gave, on any device and of any precision.
            images: pictures as for :meth:`segment`, or one.
            overlap: see ``found.Overlap``.
            presence: whether to look back at the references, see ``found.Found``; takes about twice the time after
                the encoder.
            min_score: a mask whose presence, or predicted IoU without ``presence``, is lower than this is empty, and
                competes with none.
            exif: see :meth:`segment`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: memories of another model, an option out of its range, or something that is not a picture.
        """
        check_exif("annotate", exif)
        check_overlap(overlap)
        check_maker(memories, self.maker)
        apply = Application(self.model, memories, self.pairs_per_step, presence)
        for group in batched(targets_among(images), self.targets_per_step):
            pictures = [as_picture(picture, exif=exif) for picture in group]
            frames = torch.stack([to_frame(picture, memories.size) for picture in pictures])
            for picture, answered in zip(pictures, apply(frames), strict=True):
                yield found_in(picture.size[::-1], memories.names, answered, overlap, min_score)

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


def check_step(number: int, name: str = "targets_per_step") -> None:
    """Check a number of targets, or of pairs of a class and a target.

    Raises:
        ValueError: it is less than 1, or not an integer.
    """
    if type(number) is not int or number < 1:
        msg = f"{name}: expected at least 1 {name.split('_')[0][:-1]}, a whole number, but got {number!r}"
        raise ValueError(msg)
