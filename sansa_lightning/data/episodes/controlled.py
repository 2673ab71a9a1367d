"""Test clips with what the controls need: the objects of the targets, and the same targets after wrong references."""

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
    """The clips of a dataset as they are scored, each with its :class:`Controls`.

    Args:
        clips: the clips of the right episodes.
        pool: where these were drawn from.
        seed: of the wrong references, see :class:`WrongReferences`.
        score_at: see :class:`EvaluationClips`.
    """

    def __init__(self, clips: ClipDataset, pool: Pool, seed: int = 0, score_at: ScoreAt = "clip") -> None:
        super().__init__(clips, score_at)
        self.wrong = WrongReferences(clips.episodes, pool, seed)

    def __getitem__(self, index: int) -> EvaluationClip:
        right = super().__getitem__(index)
        return replace(right, controls=Controls(self._objects(right), self._wrong(right.clip, index)))

    def _objects(self, right: EvaluationClip) -> tuple[Objects | None, ...]:
        """At the sizes that the targets are scored at."""
        source = self.clips.sources[right.clip.episode.source]
        found: list[Objects | None] = []
        for target in right.clip.episode.targets:
            shown = objects_of(source, target)
            objects = None if shown is None else Objects.from_map(*shown)
            found.append(objects if objects is None or right.originals else objects.resized(self.clips.size))
        return tuple(found)

    def _wrong(self, right: Clip, index: int) -> Clip | None:
        """The references of the wrong episode before the right one's targets, whose own class is the one to score."""
        episode = self.wrong[index]
        if episode is None:
            return None
        # The references alone: not every source can be asked for the wrong class in the target.
        return right.after(self.clips.clip(replace(episode, targets=episode.references)))
