"""What a source may be able to do: asked for by functions that say what holds without the ability."""

from __future__ import annotations

import numpy as np
import pytest

from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.formats.picture_checks import PictureFiles, Seen
from sansa_lightning.data.sources import abilities
from sansa_lightning.data.sources.base import Source


class Plain(Source):
    """The four methods of the contract and no more."""

    name = "plain"

    def classes(self, split):
        return (2, 5)

    def class_name(self, class_id):
        return f"class {class_id}"

    def images(self, class_id, split):
        return tuple(f"{split}/{class_id}-{n}" for n in range(3))

    def load(self, key, class_id):
        mask = np.full((2, 2), int(f"/{class_id}-" in key), np.uint8)
        return np.zeros((2, 2, 3), np.uint8), mask


class Able(Plain):
    """All abilities, without a base class that names them."""

    def objects(self, key):
        return np.ones((2, 2), np.uint8), (5,)

    def object_count(self, class_id, split):
        return 7

    def pictures_of(self, class_id, split):
        return (f"{split}/{class_id}-0",)

    def pick(self, picture, class_id, rng, split):
        return f"{picture}, crop"

    def pair(self, reference, target, class_id, rng, split):
        return f"{target} after {reference}"

    def listing(self, split):
        return (5, 2)

    def picture(self, key):
        return f"/data/{key}.jpg"

    def picture_files(self, split):
        return [PictureFiles(self.picture("a"))]

    def check_picture(self, files):
        return Seen()

    def notes(self, split):
        return [Note("things left out", 2, "a.jpg")]

    def ids_in_file(self, key, class_id):
        return key, class_id


PROTOCOLS = (
    abilities.KnowsObjects,
    abilities.CountsObjects,
    abilities.HasCrops,
    abilities.PairsImages,
    abilities.HasListing,
    abilities.HasFiles,
    abilities.TakesNotes,
    abilities.HasFileIds,
)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.__name__)
def test_an_ability_is_to_have_its_methods(protocol):
    assert isinstance(Able(), protocol)
    assert not isinstance(Plain(), protocol)


def test_without():
    source, rng = Plain(), np.random.default_rng(0)
    assert abilities.objects_of(source, "val/2-0") is None
    assert abilities.object_count(source, 2, "val") is None
    assert abilities.pictures_of(source, 2, "val") == source.images(2, "val")
    assert abilities.image_count(source, 2, "val") == 3
    assert abilities.picked(source, "val/2-1", 2, rng, "val") == "val/2-1"
    assert abilities.paired(source, "val/2-1", "val/2-0", 2, rng, "val") == "val/2-0"
    assert abilities.listing(source, "val") == (2, 5)
    assert abilities.picture_of(source, "val/2-0") == "plain val/2-0"
    assert abilities.notes_of(source, "val") == ()
    assert source.shows("val/2-0", 2)
    assert not source.shows("val/2-0", 5)
    assert rng.random() == np.random.default_rng(0).random()  # nothing was drawn


def test_with():
    source, rng = Able(), np.random.default_rng(0)
    assert abilities.objects_of(source, "val/2-0")[1] == (5,)
    assert abilities.object_count(source, 2, "val") == 7
    assert abilities.pictures_of(source, 2, "val") == ("val/2-0",)
    assert abilities.image_count(source, 2, "val") == 1
    assert abilities.picked(source, "val/2-0", 2, rng, "val") == "val/2-0, crop"
    assert abilities.paired(source, "val/2-1", "val/2-0", 2, rng, "val") == "val/2-0 after val/2-1"
    assert abilities.listing(source, "val") == (5, 2)
    assert abilities.picture_of(source, "val/2-0") == "/data/val/2-0.jpg"
    assert abilities.notes_of(source, "val") == (Note("things left out", 2, "a.jpg"),)
