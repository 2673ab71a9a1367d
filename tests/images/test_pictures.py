"""Pictures: resizing and normalising against independent formulas. Broken files are in tests/data/sources."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
import torch
from PIL import Image

from sansa_lightning.images.pictures import (
    check_image,
    height_width,
    read_image,
    resize_mask,
    to_frame,
)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(7, 11), (64, 48)])
def test_a_frame_is_the_picture_resized_by_pils_bilinear_filter(size):
    image = picture(31, 45)
    expected = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
    frame = to_frame(image, size)
    assert frame.dtype == torch.uint8
    assert frame.is_contiguous()
    np.testing.assert_array_equal(frame.permute(1, 2, 0).numpy(), expected)
    frames = torch.full((3, 3, *size), 7, dtype=torch.uint8)
    assert to_frame(image, size, frames[1]).data_ptr() == frames[1].data_ptr()
    assert torch.equal(frames[1], frame)
    assert bool((frames[::2] == 7).all())


def test_frame_of_array_picture_and_grey_agree():
    grey = picture(20, 30)[..., 0]
    assert to_frame(grey, 16).shape == (3, 16, 16)
    assert torch.equal(to_frame(grey, 16), to_frame(Image.fromarray(grey), 16))
    assert torch.equal(to_frame(grey, 16), to_frame(np.repeat(grey[..., None], 3, 2), 16))


@pytest.mark.parametrize("size", [(7, 11), (64, 48), (31, 97)])
def test_mask_takes_the_pixel_that_the_released_code_takes(size):
    mask = np.random.default_rng(1).choice(np.array([0, 1, 255], np.uint8), (33, 45))
    rows = (np.arange(size[0]) * 33 / size[0]).astype(int)
    columns = (np.arange(size[1]) * 45 / size[1]).astype(int)
    resized = resize_mask(mask, size)
    assert resized.dtype == torch.uint8
    np.testing.assert_array_equal(resized.numpy(), mask[rows][:, columns])


def test_mask_at_its_own_size_is_unchanged():
    mask = torch.tensor([[0, 1, 255], [1, 0, 0]], dtype=torch.uint8)
    assert torch.equal(resize_mask(mask, (2, 3)), mask)


def test_size():
    assert height_width(5) == (5, 5)
    assert height_width((5, 7)) == (5, 7)


@pytest.mark.parametrize("size", [0, -3, (4, 0), (1, 2, 3), (2.5, 3), True])
def test_bad_size(size):
    with pytest.raises(ValueError, match=r"size: expected one or two positive integers \(H, W\)"):
        height_width(size)


@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_other_formats_are_decoded_to_check_them(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(picture(20, 30)).save(path)
    check_image(path, (20, 30))
    np.testing.assert_array_equal(read_image(path), picture(20, 30))
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ValueError, match=rf"a.{suffix} cannot be decoded"):
        check_image(path, (20, 30))


def test_a_jpeg_with_bytes_after_its_end_is_whole(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(picture(20, 30)).save(path)
    path.write_bytes(path.read_bytes() + b"camera notes")
    check_image(path, (20, 30))
    assert read_image(path).shape == (20, 30, 3)


def test_a_changed_bit_of_a_png_is_seen(tmp_path):
    """Pillow alone decodes many of them to other pixels."""
    path, rng = tmp_path / "a.png", np.random.default_rng(0)
    labels = np.zeros((60, 50), np.uint8)
    labels[10:30, 10:30], labels[40:50, 20:40] = 1, 7
    Image.fromarray(labels).save(path)
    whole = path.read_bytes()
    unseen = 0
    for place in rng.integers(whole.index(b"IDAT"), len(whole) - 12, 100):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with suppress(OSError, SyntaxError), Image.open(path) as opened:
            unseen += not np.array_equal(np.asarray(opened), labels)
        for attempt in (read_image, check_image):
            with pytest.raises(ValueError, match=r"a.png cannot be decoded as an image: \S"):
                attempt(path)
    assert unseen > 0


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_more_than_8_bits(tmp_path, dtype):
    """Pillow would cut all values at 255."""
    path = tmp_path / "a.tif"
    Image.fromarray(np.full((4, 5), 300, dtype)).save(path)
    with pytest.raises(ValueError, match=r"a.tif: expected a picture of 8 bits a channel, but it is of Pillow's mode"):
        read_image(path)


def test_formats_that_are_programs(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(picture(20, 30)).save(path, "EPS")
    with pytest.raises(ValueError, match=r"a.jpg cannot be decoded as an image"):
        read_image(path)


def test_a_picture_that_says_it_is_huge(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(picture(20, 30)).save(path)
    whole = path.read_bytes()
    at = whole.index(b"\xff\xc0") + 5
    path.write_bytes(whole[:at] + b"\xff\xdc\xff\xdc" + whole[at + 4 :])
    for attempt in (read_image, check_image):
        with pytest.raises(ValueError, match=r"a.jpg cannot be decoded as an image: Image size .* exceeds limit"):
            attempt(path)


def test_the_expected_size(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(picture(20, 30)).save(path)
    assert check_image(path).size == check_image(path, (20, 30)).size == (20, 30)
    assert read_image(path, (20, 30)).shape == (20, 30, 3)
    for attempt in (read_image, check_image):
        with pytest.raises(ValueError, match=r"a.png: expected 20x30 pixels as its annotations say, but it has 30x20"):
            attempt(path, (30, 20))


def test_no_file(tmp_path):
    for attempt in (lambda: read_image(tmp_path / "a.jpg"), lambda: check_image(tmp_path / "a.jpg", (1, 1))):
        with pytest.raises(FileNotFoundError, match=r"a.jpg is not there"):
            attempt()
