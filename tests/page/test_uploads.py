from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sansa_lightning.page.uploads import read_mask, read_upload

COLOURS = np.zeros((20, 30, 3), np.uint8)
COLOURS[:10, :15] = (200, 30, 60)


def saved(path, image, **options):
    image.save(path, **options)
    return path


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_a_turned_photo_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image, remark = read_upload(saved(tmp_path / "a.png", Image.fromarray(COLOURS), exif=exif))
    assert (image.mode, image.size, remark) == ("RGB", (20, 30), "")
    assert np.array_equal(np.asarray(image), np.rot90(COLOURS, -1))


def test_cmyk_grey_and_transparent_pictures_become_rgb(tmp_path):
    for number, mode in enumerate(("CMYK", "L", "RGBA", "P")):
        ending = "jpg" if mode == "CMYK" else "png"
        given = Image.fromarray(COLOURS).convert(mode)
        image, _ = read_upload(saved(tmp_path / f"{number}.{ending}", given))
        assert (image.mode, image.size) == ("RGB", (30, 20))
        assert np.abs(np.asarray(image)[2, 2].astype(int) - np.asarray(given.convert("RGB"))[2, 2]).max() < 8


def test_of_an_animation_the_first_picture_is_used(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    path = saved(tmp_path / "a.png", frames[0], save_all=True, append_images=frames[1:])
    image, remark = read_upload(path)
    assert image.getpixel((0, 0)) == (255, 0, 0)
    assert remark == "a.png: only the first of its 3 pictures is used"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.png", b"", "a.png: expected a picture of up to 100 MB, but it has 0 bytes"),
        ("a.jpg", b"hello there", "a.jpg cannot be decoded as an image"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg cannot be decoded as an image"),
        ("a.py", b"import os", "a.py cannot be decoded"),
    ],
)
def test_what_is_no_picture_is_said_in_one_line(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=says) as caught:
        read_upload(path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_sixteen_bits_are_refused(tmp_path):
    path = saved(tmp_path / "deep.png", Image.fromarray(np.zeros((4, 4), np.uint16)))
    with pytest.raises(ValueError, match=r"^deep\.png: expected a picture of 8 bits a channel"):
        read_upload(path)


@pytest.mark.parametrize("side", [10_000, 30_000])
def test_a_huge_picture_is_refused_by_its_header(tmp_path, side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(ValueError, match=r"huge\.png") as caught:
        read_upload(path)
    assert ("at most 40 megapixels, but it has 10000x10000" in str(caught.value)) == (side == 10_000)


def test_a_mask_file_is_read_by_the_one_rule(tmp_path):
    mask = COLOURS[..., 0] > 0
    path = saved(tmp_path / "m.png", Image.fromarray(mask.astype(np.uint8) * 255))
    assert np.array_equal(read_mask(path, (20, 30)), mask)
    with pytest.raises(ValueError, match=r"^m\.png: expected 31x20 pixels"):
        read_mask(path, (20, 31))
    steps = saved(tmp_path / "s.png", Image.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10)))
    with pytest.raises(ValueError, match=r"^s\.png: "):
        read_mask(steps, (10, 10))
