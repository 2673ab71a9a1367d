"""The controls, on models whose behaviour is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sansa_lightning.analysis.controls import most_covered, pattern_controls
from sansa_lightning.clip import ClipBatch
from sansa_lightning.data.dataset import ClipDataset
from sansa_lightning.data.prompts import MaskPrompt
from sansa_lightning.data.protocols import Strict
from sansa_lightning.data.samplers import RandomEpisodes
from sansa_lightning.data.sources.base import Source
from sansa_lightning.data.sources.patterns import Patterns

SOURCE = Patterns()
(POOL,) = Strict(fold=0).pools(SOURCE, "test")
CLIPS = ClipDataset(RandomEpisodes([POOL], 1, 1, 0, 30), {"patterns": SOURCE}, 96, MaskPrompt())


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
    found = pattern_controls(follow, CLIPS, POOL)
    assert (found.right.miou, found.wrong.miou, found.margin, found.choice) == (1.0, 0.0, 1.0, 1.0)
    assert 0.3 < found.chance < 0.6
    assert sum(score.targets for score in found.wrong.classes) == 30


def test_who_segments_everything_has_no_margin():
    found = pattern_controls(everything, CLIPS, POOL, chunk=7)
    assert found.margin == 0
    assert found.right == found.wrong == found.everything
    assert 0.2 < found.everything.miou < 0.7


def test_the_choice_is_the_object_with_the_highest_mean():
    instances = torch.tensor([[1, 1, 2, 2, 0]], dtype=torch.uint8)
    assert most_covered(torch.tensor([[1.0, 0.0, 0.6, 0.6, 0.9]]), instances, 2) == 1
    assert most_covered(torch.tensor([[0.5, 0.5, 0.5, 0.5, 0.9]]), instances, 2) == 0


class Plain(Source):
    """The same pictures from a source that knows only classes."""

    name = "patterns"
    classes = SOURCE.classes
    class_name = SOURCE.class_name
    images = SOURCE.images
    load = SOURCE.load


def test_only_patterns_know_their_objects():
    clips = ClipDataset(CLIPS.episodes, {"patterns": Plain()}, 96, MaskPrompt())
    with pytest.raises(TypeError, match="pattern_controls: expected clips of Patterns, but got clips of patterns"):
        pattern_controls(follow, clips, POOL)
