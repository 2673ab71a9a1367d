"""Test clips with the data of the controls: the targets' objects, and the same targets after wrong references."""

from __future__ import annotations

from dataclasses import replace

from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.evaluation import Controls, EvaluationClip
from sansa_lightning.clips.objects import Objects
from sansa_lightning.data.episodes.dataset import ClipDataset, EvaluationClips, ScoreAt
from sansa_lightning.data.episodes.wrong_reference import WrongReferences
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.sources.abilities import objects_of


class ControlledClips(EvaluationClips):
    """The clips of a dataset for scoring, each with its :class:`Controls`.

    Args:
        clips: the clips of the right episodes.
        pool: the pool of these episodes.
        seed: of the wrong references, see :class:`WrongReferences`.
        score_at: see :class:`EvaluationClips`.
        align_corners: see :class:`EvaluationClips`.
    """

    def __init__(
        self, clips: ClipDataset, pool: Pool, seed: int = 0, score_at: ScoreAt = "clip", align_corners: bool = False
    ) -> None:
        super().__init__(clips, score_at, align_corners)
        self.wrong = WrongReferences(clips.episodes, pool, seed)

    def __getitem__(self, index: int) -> EvaluationClip:
        right = super().__getitem__(index)
        return replace(right, controls=Controls(self._objects(right), self._wrong(right.clip, index)))

    def _objects(self, right: EvaluationClip) -> tuple[Objects | None, ...]:
        """The objects of each target, at the size at which it is scored."""
        source = self.clips.sources[right.clip.episode.source]
        found: list[Objects | None] = []
        for target in right.clip.episode.targets:
            shown = objects_of(source, target)
            objects = None if shown is None else Objects.from_map(*shown)
            found.append(objects if objects is None or right.originals else objects.resized(self.clips.size))
        return tuple(found)

    def _wrong(self, right: Clip, index: int) -> Clip | None:
        """The wrong episode's references before the right one's targets; the targets' own class is scored."""
        episode = self.wrong[index]
        if episode is None:
            return None
        # Only the references are loaded: some sources cannot load a target with the mask of the wrong class.
        return right.after(self.clips.clip(replace(episode, targets=episode.references)))
