"""The controls, on models whose behaviour is known."""

from __future__ import annotations

import torch
from torch import Tensor

from sansa_lightning.analysis.controls import controlled_scores
from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.data.episodes.controlled import ControlledClips
from sansa_lightning.data.episodes.dataset import ClipDataset
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.prompts import MaskPrompt
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.patterns import Patterns

SOURCE = Patterns()
(POOL,) = Strict(fold=0).pools(SOURCE, "test")
CLIPS = ControlledClips(ClipDataset(RandomEpisodes([POOL], 1, 1, 0, 30), {"patterns": SOURCE}, 96, MaskPrompt()), POOL)


def follow(batch: ClipBatch) -> Tensor:
    """The perfect model: segments what is of the class that the reference's mask shows."""
    rows = []
    for episode, masks in zip(batch.episodes, batch.masks, strict=True):
        (reference,), (target,) = episode.references, episode.targets
        classes = {c for c in POOL.classes if torch.equal(torch.from_numpy(SOURCE.load(reference, c)[1]), masks[0])}
        assert len(classes) == 1
        rows.append(torch.from_numpy(SOURCE.load(target, classes.pop())[1]))
    return torch.stack(rows)[:, None].float() * 20 - 10


def everything(batch: ClipBatch) -> Tensor:
    """Salience: segments all objects."""
    shown = torch.stack([torch.from_numpy(SOURCE.objects(episode.targets[0])[0]) for episode in batch.episodes])
    return (shown > 0)[:, None].float() * 20 - 10


def test_who_follows_the_reference_has_all_the_margin():
    scores, controls = controlled_scores(follow, CLIPS)
    assert (scores.miou, controls.wrong_miou, controls.margin, controls.choice) == (1.0, 0.0, 1.0, 1.0)
    assert 0.3 < controls.choice_chance < 0.6
    assert sum(score.targets for score in scores.classes) == 30


def test_who_segments_everything_has_no_margin():
    scores, controls = controlled_scores(everything, CLIPS, chunk=7)
    assert controls.margin == 0
    assert scores.miou == controls.wrong_miou == controls.everything_miou
    assert 0.2 < controls.everything_miou < 0.7
