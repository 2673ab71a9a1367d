"""The one rule for EXIF orientations, against Pillow's own turning and painted corners."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from fakes.turned import camera, with_orientation
from sansa_lightning.images.orientation import ORIENTATION, Layout, Turn, check_exif, turned
from sansa_lightning.images.pictures import check_image, layout_of, read_image

FORMATS = ("jpg", "png", "webp", "tif")


def picture(height: int, width: int) -> np.ndarray:
    """Another colour in each corner, of blocks that JPEG keeps."""
    values = np.zeros((height, width, 3), np.uint8)
    values[: height // 2, : width // 2, 0] = values[: height // 2, width // 2 :, 1] = 255
    values[height // 2 :, : width // 2, 2] = 255
    return values


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("size", [(16, 48), (32, 32)])
def test_upright_is_what_pillow_makes_of_it(tmp_path, orientation, ending, size):
    path = with_orientation(tmp_path / f"a.{ending}", picture(*size), orientation)
    with Image.open(path) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    np.testing.assert_array_equal(read_image(path), expected)
    assert check_image(path).size == layout_of(path).upright == expected.shape[:2]
    stored = read_image(path, exif="stored")
    assert stored.shape[:2] == check_image(path, exif="stored").size == size
    assert int(np.abs(stored.astype(int) - picture(*size)).max()) <= (40 if ending == "jpg" else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_held_in_any_way(tmp_path, orientation):
    """Against turns of arrays, without Pillow."""
    path = camera(tmp_path / "a.png", picture(16, 48), orientation)
    np.testing.assert_array_equal(read_image(path, (16, 48)), picture(16, 48))
    np.testing.assert_array_equal(read_image(path), picture(16, 48))


@pytest.mark.parametrize("orientation", range(5, 9))
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("exif", ["upright", "stored"])
def test_the_size_of_annotations_decides_where_it_can(tmp_path, orientation, ending, exif):
    path = with_orientation(tmp_path / f"a.{ending}", picture(16, 48), orientation)
    for size, upright in (((48, 16), True), ((16, 48), False)):
        assert read_image(path, size, exif).shape[:2] == size
        assert check_image(path, size, exif).turn == Turn(upright=upright, told=True)
        np.testing.assert_array_equal(
            read_image(path, size, exif), read_image(path, exif="upright" if upright else "stored")
        )
    with pytest.raises(ValueError, match=r"expected 20x9 pixels as its annotations say, but it has \d+x\d+$"):
        read_image(path, (9, 20), exif)


@pytest.mark.parametrize(("orientation", "size"), [(2, (16, 48)), (3, (16, 48)), (4, (16, 48)), (6, (32, 32))])
def test_the_option_decides_where_sizes_do_not(tmp_path, orientation, size):
    path = with_orientation(tmp_path / "a.png", picture(*size), orientation)
    assert check_image(path, size).turn == Turn(upright=True, told=False)
    assert check_image(path, size, "stored").turn == Turn(upright=False, told=False)
    np.testing.assert_array_equal(read_image(path, size, "stored"), picture(*size))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_tiffs_that_pillow_would_map_into_memory(tmp_path, mode, orientation):
    """In the size that they have after the turn, by which it garbles them."""
    path, exif = tmp_path / "a.tif", Image.Exif()
    exif[ORIENTATION] = orientation
    upright = Image.fromarray(picture(16, 48)).convert(mode)
    upright.transpose({3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}[orientation]).save(path, exif=exif)
    expected = np.asarray(upright.convert("RGB"))
    np.testing.assert_array_equal(read_image(path), expected)
    np.testing.assert_array_equal(np.asarray(turned(Image.open(path)).convert("RGB")), expected)


def test_no_orientation_no_turn(tmp_path):
    for number in (1, 9, 0):
        path = with_orientation(tmp_path / "a.jpg", picture(16, 48), number)
        assert check_image(path).turn is None
    Image.fromarray(picture(16, 48)).save(tmp_path / "b.jpg")
    assert check_image(tmp_path / "b.jpg").turn is None


def test_exif_behind_the_pixels_of_a_png(tmp_path):
    path = with_orientation(tmp_path / "a.png", picture(16, 48), 6)
    expected, content = read_image(path), path.read_bytes()
    start = content.index(b"eXIf") - 4
    end = start + 12 + struct.unpack(">I", content[start : start + 4])[0]
    last = content.index(b"IEND") - 4
    path.write_bytes(content[:start] + content[end:last] + content[start:end] + content[last:])
    assert b"eXIf" in path.read_bytes()[path.read_bytes().index(b"IDAT") :]
    assert check_image(path).size == (48, 16)
    np.testing.assert_array_equal(read_image(path), expected)


def test_a_broken_remark_is_no_broken_picture(tmp_path):
    path = with_orientation(tmp_path / "a.jpg", picture(16, 48), 6)
    content = path.read_bytes()
    place = content.index(b"Exif\0\0") + 6
    path.write_bytes(content[:place] + b"\xff" * 12 + content[place + 12 :])
    assert read_image(path).shape[:2] == check_image(path).size == (16, 48)


def test_looking_decodes_nothing(tmp_path, monkeypatch):
    paths = [with_orientation(tmp_path / f"a.{ending}", picture(16, 48), 6) for ending in FORMATS]

    def load(self):
        raise AssertionError(self)

    for kind in {type(Image.open(path)) for path in paths}:
        monkeypatch.setattr(kind, "load", load)
    assert [layout_of(path) for path in paths] == [Layout((16, 48), 6)] * len(paths)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_pictures_in_memory(tmp_path, ending, orientation):
    path = with_orientation(tmp_path / f"a.{ending}", picture(16, 48), orientation)
    for opened in (Image.open(path), Image.open(io.BytesIO(path.read_bytes())), Image.open(path).convert("RGB")):
        np.testing.assert_array_equal(np.asarray(turned(opened).convert("RGB")), read_image(path))
    if ending != "tif":  # Pillow turns it by itself
        np.testing.assert_array_equal(
            np.asarray(turned(Image.open(path), exif="stored").convert("RGB")), read_image(path, exif="stored")
        )


def test_the_tag():
    assert ORIENTATION == 274
    assert check_exif("Coco", "stored") == "stored"
    with pytest.raises(ValueError, match=r"^Coco.exif: expected 'upright' or 'stored', but got 'no'$"):
        check_exif("Coco", "no")
