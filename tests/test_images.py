"""Pictures: resizing and normalising against independent formulas. Broken files are in tests/data/sources."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from sansa_lightning.images import check_image, height_width, read_image, resize_mask, to_frame

MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_frame_is_pil_bilinear_then_imagenet_normalised():
    image = picture(48, 60)
    frame = to_frame(image, (32, 40))
    expected = np.asarray(Image.fromarray(image).resize((40, 32), Image.Resampling.BILINEAR)) / 255
    np.testing.assert_allclose(frame.numpy().transpose(1, 2, 0), (expected - MEAN) / STD, atol=1e-6)
    assert frame.dtype == torch.float32
    assert frame.is_contiguous()


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


def test_no_file(tmp_path):
    for attempt in (lambda: read_image(tmp_path / "a.jpg"), lambda: check_image(tmp_path / "a.jpg", (1, 1))):
        with pytest.raises(FileNotFoundError, match=r"a.jpg is not there"):
            attempt()
