"""The wrong-reference control: other references, the very same targets."""

from __future__ import annotations

import pytest
import torch

from sansa_lightning.data.dataset import ClipDataset
from sansa_lightning.data.prompts import MaskPrompt
from sansa_lightning.data.protocols import Pool, Strict
from sansa_lightning.data.samplers import RandomEpisodes
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.data.wrong_reference import WrongReferenceClips, WrongReferences

SOURCE = Patterns()
(POOL,) = Strict(fold=1).pools(SOURCE, "test")


def episodes(length: int = 40, shots: int = 2) -> RandomEpisodes:
    return RandomEpisodes([POOL], shots, 1, seed=0, length=length)


def test_references_are_of_a_class_that_the_target_does_not_show():
    right = episodes()
    wrong = WrongReferences(right, POOL)
    assert len(wrong) == 40
    for good, bad in zip(right, wrong, strict=True):
        assert bad.targets == good.targets
        assert bad.class_id in POOL.classes
        _, shown = SOURCE.objects(bad.targets[0])
        assert good.class_id in shown
        assert bad.class_id not in shown
        assert len(set(bad.references)) == len(good.references) == 2
        assert set(bad.references) <= set(SOURCE.images(bad.class_id, "val"))


def test_all_other_classes_take_part_and_the_seed_decides():
    right = episodes(80)
    drawn = [episode.class_id for episode in WrongReferences(right, POOL)]
    assert set(drawn) == set(POOL.classes)
    assert drawn == [episode.class_id for episode in WrongReferences(right, POOL)]
    assert drawn != [episode.class_id for episode in WrongReferences(right, POOL, seed=1)]


def test_clips_are_scored_by_the_class_of_the_target():
    right = ClipDataset(episodes(3), {"patterns": SOURCE}, 96, MaskPrompt())
    wrong = WrongReferenceClips(right, POOL)
    assert len(wrong) == 3
    for index in range(3):
        good, bad = right[index], wrong[index]
        other = wrong.wrong.episodes[index]
        assert bad.episode.class_id == good.episode.class_id
        assert torch.equal(bad.images[2:], good.images[2:])
        assert torch.equal(bad.masks[2:], good.masks[2:])
        for reference, key in enumerate(other.references):
            expected = torch.from_numpy(SOURCE.load(key, other.class_id)[1])
            assert torch.equal(bad.masks[reference], expected)
            assert torch.equal(bad.prompts[reference].dense, expected.float())
            assert expected.any()


def test_needs_two_classes():
    one = Pool(SOURCE, "val", (3,))
    with pytest.raises(ValueError, match=r"WrongReferences: expected a pool of at least two classes, but got \(3,\)"):
        WrongReferences(RandomEpisodes([one], 1, 1, 0, 2), one)


def test_says_when_a_target_shows_every_class():
    _, shown = SOURCE.objects("val-3-0")
    pool = Pool(SOURCE, "val", tuple(sorted(set(shown))))

    class OneEpisode(RandomEpisodes):
        def __getitem__(self, index):
            from sansa_lightning.clip import Episode

            return Episode("patterns", 3, ("val-3-1",), ("val-3-0",))

    with pytest.raises(ValueError, match=r"WrongReferences: the targets of .* show all classes of the pool"):
        WrongReferences(OneEpisode([pool], 1, 1, 0, 1), pool)[0]
