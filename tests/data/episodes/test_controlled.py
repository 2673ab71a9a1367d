"""Test clips with what the controls need."""

from __future__ import annotations

import pytest
import torch

from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes.controlled import ControlledClips
from sansa_lightning.data.episodes.dataset import ClipDataset, FilledDataset
from sansa_lightning.data.episodes.negative_choices import OtherClasses
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.episodes.wrong_reference import WrongReferences
from sansa_lightning.data.prompts import MaskPrompt
from sansa_lightning.data.protocols.base import Chosen, Pool, Strict
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.patterns import Patterns

SOURCE = Patterns()
(POOL,) = Strict(fold=1).pools(SOURCE, "test")


def clips(length: int = 3, pool: Pool = POOL, shots: int = 2) -> ClipDataset:
    return ClipDataset(RandomEpisodes([pool], shots, 1, 0, length), {"patterns": SOURCE}, 96, MaskPrompt())


def test_wrong_clips_are_scored_by_the_class_of_the_target():
    right = clips()
    both = ControlledClips(right, POOL)
    assert len(both) == 3
    for index in range(3):
        good, bad, other = right[index], both[index].controls.wrong, both.wrong[index]
        assert bad.episode.class_id == good.episode.class_id
        assert torch.equal(bad.images[2:], good.images[2:])
        assert torch.equal(bad.masks[2:], good.masks[2:])
        for reference, key in enumerate(other.references):
            expected = torch.from_numpy(SOURCE.load(key, other.class_id)[1])
            assert torch.equal(bad.masks[reference], expected)
            assert torch.equal(bad.prompts[reference].dense, expected.float())
            assert expected.any()


def test_the_right_clip_is_as_it_was_and_brings_its_objects():
    right = clips()
    for index in range(3):
        plain, found = right[index], ControlledClips(right, POOL)[index]
        clip = found.clip
        assert torch.equal(clip.images, plain.images)
        assert clip.episode == plain.episode
        (shown,) = found.controls.objects
        numbers, classes = SOURCE.objects(plain.episode.targets[0])
        assert shown.classes == classes
        assert torch.equal(shown.instances, torch.from_numpy(numbers).short())


def test_a_pool_of_one_class_has_no_wrong_clips():
    one = Pool(SOURCE, "val", (5,))
    batch = EvaluationBatch.collate([ControlledClips(clips(pool=one), one)[index] for index in range(3)])
    assert batch.controls.wrong is None
    assert batch.controls.paired.tolist() == [False] * 3
    assert all(shown[0] is not None for shown in batch.controls.objects)


def test_a_clip_that_fills_up_counts_nowhere():
    filled = FilledDataset(ControlledClips(clips(), POOL), 2)
    batch = EvaluationBatch.collate([filled[2], filled[3]])
    assert batch.scored.tolist() == batch.controls.wrong.scored.tolist() == [True, False]


@pytest.mark.parametrize("score_at", ["clip", "original"])
def test_objects_have_the_size_of_the_score(score_at, fake):
    data = EpisodeDataModule(
        Coco(fake.root), Strict(0), size=16, test_episodes=2, num_workers=0, eval_batch_size=2, score_at=score_at
    )
    data.setup("test")
    batch = next(iter(data.test_dataloader()))
    for clip, (shown,) in enumerate(batch.controls.objects):
        truth = batch.originals[clip][0] if score_at == "original" else batch.clips.masks[clip, -1]
        assert shown.instances.shape == truth.shape
        mine = [k + 1 for k, class_id in enumerate(shown.classes) if class_id == batch.clips.episodes[clip].class_id]
        own = torch.isin(shown.instances, torch.tensor(mine, dtype=torch.int16))
        assert own.any() or score_at == "clip"
        assert bool((truth[own] == 1).all())


def test_only_tests_have_controls_and_only_if_asked(fake):
    options = {"size": 16, "test_episodes": 2, "val_episodes": 2, "num_workers": 0}
    data = EpisodeDataModule(Coco(fake.root), Strict(0), **options)
    for stage in ("validate", "test"):
        data.setup(stage)
    plain = [next(iter(loader)) for loader in (data.val_dataloader(), data.predict_dataloader())]
    off = EpisodeDataModule(Coco(fake.root), Strict(0), controls=False, **options)
    off.setup("test")
    for batch in (*plain, next(iter(off.test_dataloader()))):
        assert batch.controls is None
    assert next(iter(data.test_dataloader())).controls.wrong is not None


def test_the_seed_of_the_test_decides_the_wrong_references():
    def drawn(test_seed: int) -> list[tuple[object, ...]]:
        data = EpisodeDataModule(test_episodes=6, num_workers=0, eval_batch_size=6, test_seed=test_seed, size=96)
        data.setup("test")
        return [episode.references for episode in next(iter(data.test_dataloader())).controls.wrong.clips.episodes]

    assert drawn(0) == drawn(0) != drawn(1)


def test_negatives_are_those_of_the_right_clip_but_for_the_wrong_class():
    data = EpisodeDataModule(test_episodes=12, num_workers=0, eval_batch_size=12, negatives=OtherClasses(7))
    data.setup("test")
    batch = next(iter(data.test_dataloader()))
    wrong = WrongReferences(data.episodes("test"), data.pools("test")[0], data.test_seed)
    for right, left, other in zip(batch.clips.negatives, batch.controls.wrong.clips.negatives, wrong, strict=True):
        assert len(right) == 7
        assert [one.episode for one in left] == [one.episode for one in right if one.episode.class_id != other.class_id]
        assert len(left) == 6


def test_a_chosen_class_alone_can_be_tested(fake):
    data = EpisodeDataModule(Coco(fake.root), Chosen([0], "val"), size=16, test_episodes=2, num_workers=0)
    data.setup("test")
    assert next(iter(data.test_dataloader())).controls.wrong is None
