"""The features of objects: means over their cells."""

from __future__ import annotations

import torch

from builders import nano
from sansa_lightning.analysis.examples import examples, maps_of, object_vector, object_vectors, on_object
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.encoders.tracker_features import TrackerFeatures


def test_an_objects_feature_is_the_mean_of_its_pixels_cells():
    features = torch.randn(5, 4, 6)
    mask = torch.rand(8, 12) > 0.5
    pixels = features.repeat_interleave(2, 1).repeat_interleave(2, 2)
    expected = pixels[:, mask].mean(1)
    torch.testing.assert_close(object_vector(features, mask), expected)


def test_cells_of_an_object_are_half_full_or_the_fullest():
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[:4, :3] = True
    assert on_object(mask, (2, 2)).tolist() == [[True, False], [False, False]]
    tiny = torch.zeros(8, 8, dtype=torch.bool)
    tiny[7, 0] = True
    assert on_object(tiny, (2, 2)).tolist() == [[False, False], [True, False]]


def test_examples_are_the_first_images_of_each_test_class():
    data = EpisodeDataModule(num_workers=0)
    data.setup("test")
    found = examples(data, 2)
    assert [each.class_id for each in found] == [c for c in data.test_classes for _ in range(2)]
    source = data.source
    for each in found:
        image, mask = source.load(each.key, each.class_id)
        assert torch.equal(each.image.permute(1, 2, 0), torch.from_numpy(image))
        assert torch.equal(each.mask, torch.from_numpy(mask) == 1)
    sam, encoder = nano(), TrackerFeatures("stage 2")
    maps = list(maps_of(encoder, sam, [each.image for each in found]))
    vectors = object_vectors(encoder, sam, found)
    assert vectors.shape == (len(found), maps[0].shape[0])
    expected = object_vector(maps[3], found[3].mask).double()
    torch.testing.assert_close(torch.from_numpy(vectors[3]), expected)
