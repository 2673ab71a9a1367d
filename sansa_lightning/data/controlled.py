"""Test clips with what the controls need: the objects of the targets, and the same targets after wrong references."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.utils.data import Dataset

from sansa_lightning.clip import Clip
from sansa_lightning.data.dataset import ClipDataset
from sansa_lightning.data.protocols import Pool
from sansa_lightning.data.sources.abilities import objects_of
from sansa_lightning.data.wrong_reference import WrongReferences
from sansa_lightning.objects import Objects


class ControlledClips(Dataset[Clip]):
    """The clips of a dataset, each with its ``objects`` and its ``wrong`` clip, both None where there can be none.

    Args:
        clips: the clips of the right episodes.
        pool: where these were drawn from.
        seed: of the wrong references, see :class:`WrongReferences`.
    """

    def __init__(self, clips: ClipDataset, pool: Pool, seed: int = 0) -> None:
        self.clips = clips
        self.wrong = WrongReferences(clips.episodes, pool, seed)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Clip:
        clip = self.clips[index]
        return replace(clip, objects=self._objects(clip), wrong=self._wrong(clip, index))

    def _objects(self, clip: Clip) -> tuple[Objects | None, ...]:
        """At the sizes that the targets are scored at."""
        source = self.clips.sources[clip.episode.source]
        found: list[Objects | None] = []
        for target in clip.episode.targets:
            shown = objects_of(source, target)
            objects = None if shown is None else Objects.from_map(*shown)
            found.append(objects if objects is None or clip.originals else objects.resized(self.clips.size))
        return tuple(found)

    def _wrong(self, right: Clip, index: int) -> Clip | None:
        """The references of the wrong episode before the right one's targets, whose own class is the one to score."""
        episode = self.wrong[index]
        if episode is None:
            return None
        # The references alone: not every source can be asked for the wrong class in the target.
        wrong, shots = self.clips.clip(replace(episode, targets=episode.references)), len(right.prompts)
        return replace(
            right,
            episode=replace(right.episode, references=episode.references),
            images=torch.cat([wrong.images[:shots], right.images[shots:]]),
            masks=torch.cat([wrong.masks[:shots], right.masks[shots:]]),
            prompts=wrong.prompts,
            # As with the right references, but none that says not to segment the reference's class.
            negatives=tuple(one for one in right.negatives if one.episode.class_id != episode.class_id),
        )
