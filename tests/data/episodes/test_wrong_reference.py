"""The wrong-reference control: other references, the very same targets."""

from __future__ import annotations

from fakes.fss1000 import write_fss1000
from sansa_lightning.clips.episode import Episode
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.episodes.wrong_reference import WrongReferences
from sansa_lightning.data.protocols.base import Pool, Strict
from sansa_lightning.data.protocols.class_lists import ClassSplits
from sansa_lightning.data.sources.fss1000 import Fss1000
from sansa_lightning.data.sources.patterns import Patterns

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


def test_one_class_has_no_wrong_one():
    one = Pool(SOURCE, "val", (3,))
    assert WrongReferences(RandomEpisodes([one], 1, 1, 0, 2), one)[1] is None


def test_a_target_that_shows_every_class_has_none():
    _, shown = SOURCE.objects("val-3-0")
    others = tuple(sorted({*shown, 3, 30}))
    assert 30 not in shown

    class OneEpisode(RandomEpisodes):
        def __getitem__(self, index):
            return Episode("patterns", 3, ("val-3-1",), ("val-3-0",))

    def wrong(classes):
        pool = Pool(SOURCE, "val", classes)
        return WrongReferences(OneEpisode([pool], 1, 1, 0, 1), pool)[0]

    assert wrong(tuple(sorted(set(shown)))) is None
    assert wrong(others).class_id == 30


def test_a_source_with_masks_of_one_class_each_is_not_asked_for_others(tmp_path):
    root = write_fss1000(tmp_path).root
    source = Fss1000(root, val="test")
    (pool,) = ClassSplits().pools(source, "test")
    right = RandomEpisodes([pool], 1, 1, 0, 6)
    for good, bad in zip(right, WrongReferences(right, pool), strict=True):
        assert bad.class_id != good.class_id
