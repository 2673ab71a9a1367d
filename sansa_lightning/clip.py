"""What travels through the framework: Episode (names), Clip (tensors of one), ClipBatch (tensors of many).

One alphabet of shapes, used in every docstring of the project: B clips, K references, T frames of a
clip (references first), N = T - K targets, H W pixels of a clip, h w cells of a feature grid, P points,
C channels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.data import default_collate

from sansa_lightning.negatives import Negative
from sansa_lightning.object_masks import IGNORE
from sansa_lightning.objects import Objects
from sansa_lightning.prompt import POINT_LABELS, Prompt

ClassId = int
ImageKey = str | int

__all__ = ["IGNORE", "POINT_LABELS", "ClassId", "Clip", "ClipBatch", "Episode", "ImageKey", "Prompt"]


@dataclass(frozen=True, slots=True)
class Episode:
    """The names of one clip: small, hashable, and writable as one line of JSON.

    Attributes:
        source: name of the source that the keys belong to.
        class_id: the class to segment, an index into the source's classes.
        references: image keys of the K references, K >= 1.
        targets: image keys of the targets, at least one.
    """

    source: str
    class_id: ClassId
    references: tuple[ImageKey, ...]
    targets: tuple[ImageKey, ...]

    def __post_init__(self) -> None:
        """Check that there is something to segment and something to segment it by."""
        if not self.references or not self.targets:
            msg = f"Episode of class {self.class_id}: expected at least one reference and one target, but got {self}"
            raise ValueError(msg)

    def to_json(self) -> str:
        """One line of JSON with sorted keys, so that equal episodes are equal text."""
        fields = {
            "class_id": self.class_id,
            "references": list(self.references),
            "source": self.source,
            "targets": list(self.targets),
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Episode:
        """The episode written by :meth:`to_json`.

        Raises:
            ValueError: the line is not a JSON object with exactly the four fields, of the right types.
        """
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            msg = f"expected one JSON object per line, but got {line[:80]!r}"
            raise ValueError(msg) from error
        names = {"source", "class_id", "references", "targets"}
        if not isinstance(fields, dict) or set(fields) != names:
            msg = f"expected a JSON object with the keys {sorted(names)}, but got {line[:80]!r}"
            raise ValueError(msg)
        keys = [fields["references"], fields["targets"]]
        well_typed = (
            isinstance(fields["source"], str)
            and type(fields["class_id"]) is int
            and all(isinstance(group, list) and all(type(key) in (str, int) for key in group) for group in keys)
        )
        if not well_typed:
            msg = f"expected source: text, class_id: integer, references and targets: lists, but got {line[:80]!r}"
            raise ValueError(msg)
        return cls(fields["source"], fields["class_id"], tuple(fields["references"]), tuple(fields["targets"]))


@dataclass(frozen=True, slots=True)
class Clip:
    """One pseudo-video.

    Attributes:
        episode: what it shows.
        images: float32 [T, 3, H, W], ImageNet-normalised, references first.
        masks: uint8 [T, H, W] in {0, 1, 255 = ignore}.
        prompts: K prompts, one a reference.
        originals: uint8 masks of the N targets at the size of their own images, for scoring there; empty
            when scores are taken at clip size.
        scored: False for a clip that only fills up a rank's share and must not be counted.
        objects: what each of the N targets shows, at the size of its score, None where the source does not know;
            empty where nobody asked.
        wrong: the same targets after references of another class; None where there is none or nobody asked.
        negatives: references of other classes, for methods that compare; empty where nobody asked.
    """

    episode: Episode
    images: Tensor
    masks: Tensor
    prompts: tuple[Prompt, ...]
    originals: tuple[Tensor, ...] = ()
    scored: bool = True
    objects: tuple[Objects | None, ...] = ()
    wrong: Clip | None = None
    negatives: tuple[Negative, ...] = ()


@dataclass(frozen=True, slots=True)
class ClipBatch:
    """Clips of equal T, K, H and W, stacked.

    Attributes:
        episodes: B episodes.
        images: float32 [B, T, 3, H, W].
        masks: uint8 [B, T, H, W] in {0, 1, 255}.
        prompts: B tuples of K prompts.
        originals: B tuples, as in :class:`Clip`.
        scored: bool [B].
        objects: B tuples, as in :class:`Clip`.
        wrong: the clips' ``wrong`` ones, of those that have one; None if none has.
        paired: which of the B clips have one.
        negatives: B tuples, as in :class:`Clip`; their lengths may differ.
    """

    episodes: tuple[Episode, ...]
    images: Tensor
    masks: Tensor
    prompts: tuple[tuple[Prompt, ...], ...]
    originals: tuple[tuple[Tensor, ...], ...]
    scored: Tensor
    objects: tuple[tuple[Objects | None, ...], ...] = ()
    wrong: ClipBatch | None = None
    paired: tuple[bool, ...] = ()
    negatives: tuple[tuple[Negative, ...], ...] = ()

    @classmethod
    def collate(cls, clips: Sequence[Clip]) -> ClipBatch:
        """Stack clips; the dataset's ``collate_fn``.

        Raises:
            ValueError: clips differ in frames, size or number of references.
        """
        for clip in clips:
            same = clip.images.shape == clips[0].images.shape and len(clip.prompts) == len(clips[0].prompts)
            if not same or clip.masks.shape != clip.images.shape[:1] + clip.images.shape[2:]:
                msg = (
                    f"ClipBatch: expected clips of images {list(clips[0].images.shape)} with masks [T, H, W] and "
                    f"{len(clips[0].prompts)} prompts, but got images {list(clip.images.shape)}, masks "
                    f"{list(clip.masks.shape)} and {len(clip.prompts)} prompts in {clip.episode}"
                )
                raise ValueError(msg)
        wrong = [replace(clip.wrong, scored=clip.scored) for clip in clips if clip.wrong is not None]
        return cls(
            episodes=tuple(clip.episode for clip in clips),
            # In a loading process it stacks into memory that is shared, which saves a copy.
            images=default_collate([clip.images for clip in clips]),
            masks=default_collate([clip.masks for clip in clips]),
            prompts=tuple(clip.prompts for clip in clips),
            originals=tuple(clip.originals for clip in clips),
            scored=torch.tensor([clip.scored for clip in clips]),
            objects=tuple(clip.objects for clip in clips),
            wrong=cls.collate(wrong) if wrong else None,
            paired=tuple(clip.wrong is not None for clip in clips),
            negatives=tuple(clip.negatives for clip in clips),
        )

    @property
    def shots(self) -> int:
        """K, the number of references of each clip."""
        return len(self.prompts[0])

    @property
    def class_ids(self) -> Tensor:
        """int64 [B], on the device of the images."""
        return torch.tensor([episode.class_id for episode in self.episodes], device=self.images.device)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> ClipBatch:
        """The same batch with its tensors on ``device``; what Lightning calls to move a batch."""
        return replace(
            self,
            images=self.images.to(device, non_blocking=non_blocking),
            masks=self.masks.to(device, non_blocking=non_blocking),
            prompts=tuple(tuple(prompt.to(device) for prompt in prompts) for prompts in self.prompts),
            originals=tuple(tuple(mask.to(device) for mask in masks) for masks in self.originals),
            scored=self.scored.to(device),
            objects=tuple(tuple(one and one.to(device) for one in shown) for shown in self.objects),
            wrong=self.wrong and self.wrong.to(device, non_blocking),
            negatives=tuple(tuple(one.to(device) for one in negatives) for negatives in self.negatives),
        )

    def pin_memory(self) -> ClipBatch:
        """The same batch with its large tensors in page-locked memory; what DataLoader calls."""
        wrong = self.wrong and self.wrong.pin_memory()
        return replace(self, images=self.images.pin_memory(), masks=self.masks.pin_memory(), wrong=wrong)
