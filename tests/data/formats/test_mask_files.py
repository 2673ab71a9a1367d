"""Finding mask files, and pairs of an image and its mask."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from fakes.turned import TO_STORED, camera, with_orientation
from sansa_lightning.data.formats.mask_files import (
    Endings,
    check_pair,
    missing_files,
    read_labels,
    read_object_mask,
    stems,
)
from sansa_lightning.images.pictures import read_image

UPRIGHT = np.zeros((20, 30, 3), np.uint8)
UPRIGHT[2:9, 3:20] = 200
MASK = (UPRIGHT[..., 0] > 0).astype(np.uint8)


def fits(image, mask):
    """Whether the mask is on the bright pixels, by the size rule."""
    drawn = read_object_mask(mask).mask
    return np.array_equal(read_image(image, drawn.shape)[..., 0] > 100, drawn == 1)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
class TestTurnedPairs:
    def test_a_mask_of_the_upright_picture(self, tmp_path, orientation, ending):
        image = camera(tmp_path / f"a.{ending}", UPRIGHT, orientation)
        mask = with_orientation(tmp_path / "b.png", MASK, 1)
        seen = check_pair(image, mask)
        assert seen.image.upright
        assert seen.mask is None
        assert fits(image, mask)

    def test_a_mask_of_the_stored_pixels(self, tmp_path, orientation, ending):
        orientation = max(orientation, 5)  # of the others sizes do not tell
        image = camera(tmp_path / f"a.{ending}", UPRIGHT, orientation)
        mask = with_orientation(tmp_path / "b.png", TO_STORED[orientation](MASK), 1)
        assert not check_pair(image, mask).image.upright
        assert fits(image, mask)

    def test_a_mask_with_an_orientation_of_its_own(self, tmp_path, orientation, ending):
        image = camera(tmp_path / f"a.{ending}", UPRIGHT, orientation)
        mask = camera(tmp_path / f"b.{ending}", MASK, orientation)
        seen = check_pair(image, mask)
        assert seen.image.upright
        assert seen.mask.upright
        assert fits(image, mask)
        np.testing.assert_array_equal(read_object_mask(mask).mask, MASK)
        np.testing.assert_array_equal(read_object_mask(mask, "stored").mask, TO_STORED[orientation](MASK))
        if ending != "webp":
            np.testing.assert_array_equal(read_labels(mask), MASK)


def test_orientations_that_contradict_each_other(tmp_path):
    """The mask was turned and kept its tag: turned again it would have the size of the stored picture."""
    image = camera(tmp_path / "a.png", UPRIGHT, 6)
    mask = with_orientation(tmp_path / "b.png", MASK, 6)
    with pytest.raises(
        ValueError, match=r"a.png has the size of its mask only if one of the two is turned by its EXIF"
    ):
        check_pair(image, mask)


def test_label_maps(tmp_path):
    labels = np.arange(30, dtype=np.uint8).reshape(5, 6)
    Image.fromarray(labels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), labels)
    Image.fromarray(UPRIGHT).save(tmp_path / "b.png")
    with pytest.raises(
        ValueError, match=r"b.png: expected a label map of 8 bits a pixel, but it is a picture of mode RGB"
    ):
        read_labels(tmp_path / "b.png")


def test_16_bits_are_refused(tmp_path):
    for highest in (1, 255, 65535):
        Image.fromarray(MASK.astype(np.uint16) * np.uint16(highest)).save(tmp_path / "a.png")
        with pytest.raises(ValueError, match=r"a.png: expected a picture of 8 bits a channel, .* save it again"):
            read_object_mask(tmp_path / "a.png")


def test_endings_in_any_case(tmp_path):
    for name in ("a.PNG", "b.png", "c.Png", "c.txt", "D.png", ".e.png"):
        (tmp_path / name).touch()
    assert stems(tmp_path, [".png"]) == ["D", "a", "b", "c"]
    endings = Endings()
    for asked, found in (("a", "a.PNG"), ("b", "b.png"), ("c", "c.Png"), ("d", "d.png"), ("D", "D.png")):
        assert endings.file(tmp_path / f"{asked}.png") == tmp_path / found
    assert endings.file(tmp_path / "none" / "a.png") == tmp_path / "none" / "a.png"
    assert missing_files([tmp_path / "a.PNG", tmp_path / "d.png"]) == [tmp_path / "d.png"]


def test_two_files_but_for_the_case_of_their_endings(tmp_path):
    for name in ("a.PNG", "a.png", "a.jpg"):
        (tmp_path / name).touch()
    assert Endings().file(tmp_path / "a.png") == tmp_path / "a.png"
    message = re.escape(
        f"{tmp_path / 'a.PNG'} and a.png differ only in the case of their endings; expected one of them"
    )
    with pytest.raises(ValueError, match=message):
        stems(tmp_path, [".jpg", ".png"])
