"""Folds by position in a list: the numbers of the literature, no overlap, and lists that no number of shots changes."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import yaml

from fakes.lvis import write_lists as write_lvis_lists
from fakes.paco_part import write_lists as write_paco_lists
from launches import call
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.protocols.lists import StrictByPosition, StrictByTrainPosition
from sansa_lightning.data.sources.abilities import image_count
from sansa_lightning.data.sources.lvis import Lvis, LvisReleased
from sansa_lightning.data.sources.paco_part import PacoPart

EXPERIMENTS = Path(__file__).parents[3] / "experiments"

# LVIS v1 has 1,203 categories, of which 920 have two pictures or more in val: here too, in a mixed order.
LVIS_VAL = {
    1 + 7 * place % 1203: 2 + place % 7 if place * 920 // 1203 < (place + 1) * 920 // 1203 else place % 2
    for place in range(1203)
}
LVIS_TRAIN = {category: 1 + category % 9 for category in range(1, 1204)}

# PACO has 456 part categories, of which 448 have train pictures; 303 of these can be tested.
PACO_TRAIN = {1000 + 3 * place: 2 + place % 2 for place in range(448)}
PACO_VAL = {category: 2 + place % 5 for place, category in enumerate(list(PACO_TRAIN)[::-1][:303])}
PACO_VAL |= {1000 + 3 * place: 1 for place in range(100)} | {9000 + place: 3 for place in range(8)}


def eligible(counts, least=2):
    """Category ids, ascending, with so many pictures."""
    return sorted(category for category, count in counts.items() if count >= least)


@pytest.fixture(scope="module")
def lvis(tmp_path_factory):
    return write_lvis_lists(tmp_path_factory.mktemp("lvis"), {"train": LVIS_TRAIN, "val": LVIS_VAL})


@pytest.fixture(scope="module")
def sources(lvis):
    """Of either format, each read once."""
    return {kind: kind(lvis) for kind in (Lvis, LvisReleased)}


@pytest.fixture(scope="module")
def paco(tmp_path_factory):
    return write_paco_lists(tmp_path_factory.mktemp("paco"), {"train": PACO_TRAIN, "val": PACO_VAL})


def classes(protocol, source):
    """The classes trained and tested."""
    return tuple(protocol.pools(source, stage)[0].classes for stage in ("train", "test"))


class TestLvis:
    @pytest.mark.slow
    def test_ten_folds_of_92_partition_the_920_classes(self, sources):
        assert len(eligible(LVIS_VAL)) == 920
        source = sources[Lvis]
        tested = []
        for fold in range(10):
            train, test = classes(StrictByPosition(fold), source)
            assert list(test) == eligible(LVIS_VAL)[fold::10]
            assert len(test) == 92
            assert list(train) == [c for c in eligible(LVIS_TRAIN) if c not in test]
            assert not set(train) & set(test)
            tested += test
        assert sorted(tested) == eligible(LVIS_VAL)

    @pytest.mark.parametrize("source", [Lvis, LvisReleased])
    @pytest.mark.slow
    @pytest.mark.parametrize("fold", range(StrictByPosition.FOLDS))
    def test_lists_do_not_depend_on_shots(self, sources, source, fold):
        found, protocol = [], StrictByPosition(fold)
        for shots, targets in ((1, 1), (5, 3)):
            data = EpisodeDataModule(sources[source], protocol, shots=shots, train_targets=targets, size=16)
            found.append((data.pools("train")[0].classes, data.test_classes))
        assert found[0] == found[1]
        assert len(found[0][1]) == 92

    def test_pickles_and_json_give_the_same_folds(self, sources):
        from_json, from_pickles = (classes(StrictByPosition(4), source) for source in sources.values())
        assert from_json == from_pickles

    @pytest.mark.parametrize(("shots", "targets"), [(1, 3), (5, 3), (1, 1)])
    def test_released_lists_follow_shots_and_the_file_s_order_and_leak(self, sources, shots, targets):
        protocol = StrictByPosition(3, released_lists=True, shots=shots, targets=targets)
        test_list = [c for c, count in LVIS_VAL.items() if count > shots]
        held_out_list = [c for c, count in LVIS_VAL.items() if count > targets]
        tested = test_list[3::10][: len(test_list) // 10]
        held_out = held_out_list[3::10][: len(held_out_list) // 10]
        trained = [c for c in eligible(LVIS_TRAIN, targets + 1) if c not in held_out]
        leaking = len(set(trained) & set(tested))
        assert (leaking > 0) == (shots != targets)
        message = (
            rf"StrictByPosition.released_lists: {leaking} of the {len(tested)} classes tested are among those trained"
        )
        with pytest.warns(UserWarning, match=message):
            (train,) = protocol.pools(sources[LvisReleased], "train")
        with pytest.warns(UserWarning, match=message):
            (test,) = protocol.pools(sources[LvisReleased], "test")
        assert (list(train.classes), list(test.classes)) == (trained, sorted(tested))

    def test_released_lists_are_of_clips_of_the_same_length(self, sources):
        protocol = StrictByPosition(3, released_lists=True, shots=5, targets=3)
        message = (
            r"^StrictByPosition.shots: released_lists depend on a clip's length; expected 1, as data.shots, but got 5"
        )
        with pytest.raises(ValueError, match=message):
            EpisodeDataModule(sources[LvisReleased], protocol, shots=1, train_targets=3, size=16)
        with pytest.raises(
            ValueError, match=r"StrictByPosition.targets: .* expected 1, as data.train_targets, but got 3"
        ):
            EpisodeDataModule(sources[LvisReleased], protocol, shots=5, train_targets=1, size=16)
        EpisodeDataModule(sources[LvisReleased], protocol, shots=5, train_targets=3, size=16)

    @pytest.mark.slow
    def test_what_is_left_over_is_in_no_fold(self, sources):
        class NineFolds(StrictByPosition):
            FOLDS = 9

        tested = [classes(NineFolds(fold), sources[Lvis])[1] for fold in range(9)]
        assert {len(fold) for fold in tested} == {920 // 9}
        assert {c for fold in tested for c in fold} == set(eligible(LVIS_VAL)[: 920 // 9 * 9])

    @pytest.mark.parametrize(
        ("file", "protocol", "folds"), [("lvis92i", StrictByPosition, 10), ("paco_part", StrictByTrainPosition, 4)]
    )
    def test_a_configuration_has_the_published_number_of_folds(self, capsys, file, protocol, folds):
        """Nothing of the default protocol, which has 4 folds, is taken over."""
        with pytest.raises(SystemExit, match="0"):
            call("fit", "--config", EXPERIMENTS / f"{file}.yaml", "--data.protocol.fold", 3, "--print_config")
        shown = yaml.safe_load(capsys.readouterr().out)["data"]["protocol"]
        assert shown["class_path"].endswith(protocol.__name__)
        assert (protocol(**shown["init_args"]).fold, protocol.FOLDS) == (3, folds)
        assert "folds" not in shown["init_args"]


class TestPaco:
    @pytest.mark.slow
    def test_four_folds_of_112_partition_the_448_classes(self, paco):
        source = PacoPart(paco)
        assert len(PACO_TRAIN) == 448
        tested = []
        for fold in range(4):
            protocol = StrictByTrainPosition(fold)
            dealt = protocol.dealt(source)
            assert dealt == sorted(PACO_TRAIN)[fold::4]
            assert len(dealt) == 112
            train, test = classes(protocol, source)
            assert list(test) == [c for c in dealt if PACO_VAL.get(c, 0) >= 2]
            assert sorted((*train, *test)) == sorted(PACO_TRAIN)
            assert not set(train) & set(test)
            tested += test
        assert len(tested) == len(set(tested)) == 303

    def test_pictures_are_counted_and_not_objects(self, paco):
        """A class with one picture of two objects cannot be tested."""
        source = PacoPart(paco)
        (lonely, *_) = [c for c in PACO_VAL if PACO_VAL[c] == 1]
        assert (len(source.images(lonely, "val")), image_count(source, lonely, "val")) == (2, 1)
        assert all(lonely not in classes(StrictByTrainPosition(fold), source)[1] for fold in range(4))

    @pytest.mark.parametrize("fold", range(4))
    def test_lists_do_not_depend_on_shots(self, paco, fold):
        one, five = (
            EpisodeDataModule(PacoPart(paco), StrictByTrainPosition(fold), shots=shots, size=16) for shots in (1, 5)
        )
        assert one.test_classes == five.test_classes
        assert one.pools("train")[0].classes == five.pools("train")[0].classes

    def test_released_lists(self, paco):
        protocol = StrictByTrainPosition(1, released_lists=True, shots=1, targets=3)
        dealt = sorted(PACO_TRAIN)[1::4]
        leaking = [c for c in dealt if 2 <= PACO_VAL.get(c, 0) <= 3]
        with pytest.warns(UserWarning, match=rf"released_lists: {len(leaking)} of the \d+ classes tested are among"):
            (train,) = protocol.pools(PacoPart(paco), "train")
        assert set(leaking) <= set(train.classes)
        assert leaking


def test_no_warning_without_released_lists(paco):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classes(StrictByTrainPosition(0), PacoPart(paco))


def test_a_class_to_train_of_the_name_of_one_to_test(tmp_path):
    root = write_lvis_lists(tmp_path, {split: dict.fromkeys(range(1, 13), 2) for split in ("train", "val")})
    for split in ("train", "val"):
        path = root / f"lvis_v1_{split}.json"
        path.write_text(path.read_text().replace('"class 5"', '"Class1"'))
    message = r"^StrictByPosition fold 0: 'Class1', class 5 would be trained and 'class 1', class 1 tested as unseen"
    for stage in ("train", "test"):
        with pytest.raises(ValueError, match=message):
            StrictByPosition(0).pools(Lvis(root), stage)
        assert StrictByPosition(2).pools(Lvis(root), stage)


class TestMistakes:
    @pytest.mark.parametrize(("protocol", "folds"), [(StrictByPosition, 10), (StrictByTrainPosition, 4)])
    def test_fold(self, protocol, folds):
        with pytest.raises(ValueError, match=rf"{protocol.__name__}.fold: expected 0 to {folds - 1}, but got {folds}"):
            protocol(folds)

    @pytest.mark.parametrize("values", [{"min_images": 1}, {"shots": 0}, {"targets": 0}])
    def test_counts(self, values):
        with pytest.raises(
            ValueError, match=r"StrictByPosition: expected min_images of at least 2, and shots and targets"
        ):
            StrictByPosition(0, **values)

    def test_nothing_to_test(self, tmp_path):
        root = write_lvis_lists(tmp_path, {"train": {1: 2, 2: 2}, "val": {1: 1, 2: 2}})
        with pytest.raises(
            ValueError, match=r"StrictByPosition fold 0, unseen classes: there are no classes in the val split of lvis"
        ):
            StrictByPosition(0).pools(Lvis(root), "test")
