"""The probe at pixels: counts by hand, and features in which the classes are planted."""

from __future__ import annotations

import torch

from builders import nano
from sansa_lightning.analysis.kinds.probe import balanced, confusion, ious, pixel_probe, pure_cells, semantic_map
from sansa_lightning.analysis.probe import LinearClassifier
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.encoders.base import Encoder

SOURCE = Patterns()
POOL = Pool(SOURCE, "val", (3, 9, 20))


class Oracle(Encoder):
    """Features that are the class of each 8 x 8 pixels, in the order in which the probe asks for images."""

    def __init__(self, keys: list[str], classes: tuple[int, ...]) -> None:
        super().__init__()
        self.maps = [semantic_map(SOURCE, key, classes) for key in keys]

    def forward(self, tracker, images):
        found = [torch.nn.functional.one_hot(self.maps.pop(0), 4).movedim(-1, 0).float() for _ in images]
        return torch.nn.functional.adaptive_avg_pool2d(torch.stack(found), 24)


def test_planted_classes_are_read_from_the_features_and_noise_is_not():
    keys = [SOURCE.images(c, "val")[k] for part in (range(4), range(4, 6)) for c in POOL.classes for k in part]
    planted = pixel_probe(Oracle(keys, POOL.classes), nano(), POOL, images=4)
    assert planted > 0.8
    assert pixel_probe(Oracle(keys[::-1], POOL.classes), nano(), POOL, images=4) < 0.35


def test_the_map_of_classes_is_that_of_all_their_masks():
    key = SOURCE.images(9, "val")[3]
    instances, classes = SOURCE.objects(key)
    found = semantic_map(SOURCE, key, (9, classes[-1]))
    for number, class_id in enumerate((9, classes[-1]), 1):
        places = torch.from_numpy(SOURCE.load(key, class_id)[1]) == 1
        assert (found[places] == number).all()
    assert int((found > 0).sum()) <= int((instances > 0).sum())
    absent = next(c for c in range(32) if c not in classes)
    assert not semantic_map(SOURCE, key, (absent,)).any()


def test_pure_cells_and_ignored_pixels():
    labels = torch.zeros(4, 8, dtype=torch.int64)
    labels[:, :4] = 2
    labels[:2, 6] = -1
    features = torch.arange(16.0).reshape(2, 2, 4)
    found, named = pure_cells(features, labels)
    assert named.tolist() == [2, 2, 0, 2, 2, 0, 0]
    assert found[:, 0].tolist() == [0, 1, 2, 4, 5, 6, 7]


def test_background_is_no_more_than_the_largest_class():
    labels = torch.tensor([0] * 10 + [1, 2, 2])
    features = torch.arange(13.0)[:, None]
    kept, named = balanced(features, labels)
    assert named.tolist() == [0, 0, 1, 2, 2]
    assert kept[:, 0].tolist() == [0, 9, 10, 11, 12]


def test_ious_are_those_of_the_masks():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(-1, 3, (6, 6), generator=generator)
    layer = LinearClassifier(torch.zeros(3), torch.ones(3), torch.cat([torch.eye(3), torch.zeros(1, 3)]))
    features = torch.randn(3, 6, 6, generator=generator)
    found = ious(confusion(layer, features, labels))
    answer, counted = features.argmax(0), labels >= 0
    for number in range(3):
        one, two = (answer == number) & counted, labels == number
        assert float(found[number]) == float((one & two).sum()) / float((one | two).sum())
