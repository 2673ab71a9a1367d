"""The augmentations of FS-SAM2 and FSSAM against NumPy, and their chances."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sansa_lightning.data.frames.augmentation import frame_randomness
from sansa_lightning.data.frames.fs_sam2 import FsSam2Augmentation
from sansa_lightning.data.frames.fssam import FssamAugmentation
from sansa_lightning.data.frames.resizing import BicubicSquash

MEAN = (124, 116, 104)


class Scripted:
    """A generator whose numbers are given."""

    def __init__(self, uniform=(), random=(), integers=()):
        self.numbers = {"uniform": list(uniform), "random": list(random), "integers": list(integers)}

    def uniform(self, low, high):
        value = self.numbers["uniform"].pop(0)
        assert low <= value <= high
        return value

    def random(self, size=None):
        return np.array([self.numbers["random"].pop(0) for _ in range(size)]) if size else self.numbers["random"].pop(0)

    def integers(self, number):
        value = self.numbers["integers"].pop(0)
        assert 0 <= value < number
        return value


def picture(height=60, width=80, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
    image = coarse.repeat(height // 6 + 1, 0).repeat(width // 8 + 1, 1)[:height, :width].copy()
    mask = np.zeros((height, width), np.uint8)
    mask[15:40, 20:60] = 1
    mask[40:44, 20:60] = 255
    return image, mask


def turned(mask, angle, fill):
    """Counter-clockwise about the centre, the nearest pixel."""
    height, width = mask.shape
    y, x = np.mgrid[:height, :width]
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    u, v = cos * x - sin * y + (width - 1) / 2, sin * x + cos * y + (height - 1) / 2
    row, column = np.rint(v).astype(int), np.rint(u).astype(int)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return np.where(inside, mask[row.clip(0, height - 1), column.clip(0, width - 1)], fill)


def blurred(image, sigma):
    """5 x 5, reflected at the edges, [3, H, W]."""
    kernel = np.exp(-0.5 * (np.arange(-2, 3) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(image.astype(float), ((0, 0), (2, 2), (2, 2)), mode="reflect")
    rows = sum(kernel[k] * padded[:, k : k + image.shape[1]] for k in range(5))
    return sum(kernel[k] * rows[:, :, k : k + image.shape[2]] for k in range(5))


class TestFsSam2:
    @pytest.mark.parametrize("flip", [0.2, 0.7])
    def test_blur_and_flip(self, flip):
        image, mask = picture()
        frame, truth = FsSam2Augmentation()(image, mask, (48, 64), Scripted([0.0, 1.3], [flip]))
        whole, small = BicubicSquash().frame(image, (48, 64)).numpy(), BicubicSquash().mask(mask, (48, 64)).numpy()
        step = -1 if flip < 0.5 else 1
        assert np.abs(frame.numpy() - blurred(whole, 1.3)[:, :, ::step]).max() <= 0.51
        np.testing.assert_array_equal(truth.numpy(), small[:, ::step])
        assert type(frame) is type(truth) is torch.Tensor
        assert frame.dtype == truth.dtype == torch.uint8

    @pytest.mark.parametrize("angle", [10.0, -7.5])
    def test_turning_fills_with_zero(self, angle):
        image, mask = picture(64, 64)
        image[:], mask[0, :8] = 200, 1
        frame, truth = FsSam2Augmentation()(image, mask, (64, 64), Scripted([angle, 0.1], [0.9]))
        assert (truth.numpy() != turned(mask, angle, 0)).mean() < 0.01
        assert (frame[0].numpy() != turned(image[..., 0], angle, 0)).mean() < 0.03
        assert {0, 1, 255} == set(truth.unique().tolist())

    def test_the_range_of_its_numbers(self):
        angles, sigmas, flips = [], [], 0

        class Recorded(Scripted):
            def uniform(self, low, high):
                (angles if low < 0 else sigmas).append((low, high))
                return (low + high) / 2

        image, mask = picture(20, 20)
        for chance in (0.0, 0.49, 0.5, 0.99):
            frame, _ = FsSam2Augmentation()(image, mask, (20, 20), Recorded(random=[chance]))
            straight, _ = FsSam2Augmentation()(image, mask, (20, 20), Recorded(random=[0.9]))
            flips += torch.equal(frame, straight.flip(2)) and not torch.equal(frame, straight)
        assert set(angles) == {(-10.0, 10.0)}
        assert set(sigmas) == {(0.1, 2.0)}
        assert flips == 2


class TestFssam:
    @pytest.mark.parametrize("flip", [0.2, 0.7])
    def test_a_crop_of_the_image_at_its_own_size(self, flip):
        image, mask = picture(100, 120)
        numbers = Scripted([1.0, 5.0], [0.9, 0.9, flip], [10, 15])
        frame, truth = FssamAugmentation()(image, mask, (64, 80), numbers)
        step = -1 if flip < 0.5 else 1
        np.testing.assert_array_equal(truth.numpy(), mask[:, ::step][10:74, 15:95])
        np.testing.assert_array_equal(frame.permute(1, 2, 0).numpy(), image[:, ::step][10:74, 15:95])

    def test_what_is_added_has_the_mean_colour_and_counts_nowhere(self):
        image, mask = picture(41, 50)
        frame, truth = FssamAugmentation()(image, mask[:41, :50], (64, 64), Scripted([1.0, 0.0], [0.9] * 3, [0, 0]))
        np.testing.assert_array_equal(truth[11:52, 7:57].numpy(), mask)
        around = torch.ones(64, 64, dtype=torch.bool)
        around[11:52, 7:57] = False
        assert truth[around].unique().tolist() == [255]
        assert [plane[around].unique().tolist() for plane in frame] == [[value] for value in MEAN]

    def test_scale(self):
        image, mask = picture(60, 80)
        frame, truth = FssamAugmentation((0.8, 1.25))(image, mask, (75, 100), Scripted([1.25, 0.0], [0.9] * 3, [0, 0]))
        rows, columns = (np.floor(np.arange(n) * m / n).astype(int) for n, m in ((75, 60), (100, 80)))
        np.testing.assert_array_equal(truth.numpy(), mask[rows][:, columns])
        y = (np.arange(75) + 0.5) * 0.8 - 0.5
        low, share = np.floor(y).astype(int), y - np.floor(y)
        column = image[:, 0, 0].astype(float)
        expected = column[low.clip(0)] * (1 - share) + column[(low + 1).clip(0, 59)] * share
        x = 0  # the first column lies before the first pixel's centre
        assert np.abs(frame[0, :, x].numpy() - expected).max() <= 0.51

    def test_turning(self):
        image, mask = picture(64, 64)
        _, truth = FssamAugmentation()(image, mask, (64, 64), Scripted([1.0, -8.0], [0.1, 0.9, 0.9], [0] * 64))
        assert (truth.numpy() != turned(mask, -8.0, 255)).mean() < 0.01
        frame, _ = FssamAugmentation()(image, mask, (64, 64), Scripted([1.0, -8.0], [0.1, 0.9, 0.9], [0] * 64))
        assert np.abs(frame[:, 0, 63].numpy().astype(int) - MEAN).max() <= 1

    def test_blur_has_opencv_s_sigma(self):
        image, mask = picture(40, 48)
        frame, _ = FssamAugmentation()(image, mask, (40, 48), Scripted([1.0, 0.0], [0.9, 0.1, 0.9], [0, 0]))
        assert np.abs(frame.numpy() - blurred(image.transpose(2, 0, 1), 1.1)).max() <= 0.51

    def test_a_crop_is_drawn_again_until_enough_of_the_object_is_in_it(self):
        image, mask = np.zeros((40, 100, 3), np.uint8), np.zeros((40, 100), np.uint8)
        mask[:, :20] = 1
        numbers = Scripted([1.0, 0.0], [0.9] * 3, [0, 60, 0, 4, 0, 3])  # 16 of 20 columns are 80 %, 17 are 85 %
        _, truth = FssamAugmentation()(image, mask, (40, 40), numbers)
        assert int((truth == 1).sum()) == 17 * 40

    def test_after_31_redraws_the_last_crop_is_taken(self):
        image, mask = np.zeros((40, 100, 3), np.uint8), np.zeros((40, 100), np.uint8)
        mask[:, :20] = 1
        places = [(0, 60)] * 31 + [(0, 10)]
        numbers = Scripted([1.0, 0.0], [0.9] * 3, [n for place in places for n in place])
        _, truth = FssamAugmentation()(image, mask, (40, 40), numbers)
        assert int((truth == 1).sum()) == 10 * 40
        assert numbers.numbers["integers"] == []

    def test_an_image_without_the_object(self):
        image, mask = np.zeros((40, 100, 3), np.uint8), np.zeros((40, 100), np.uint8)
        frame, truth = FssamAugmentation()(image, mask, (40, 40), np.random.default_rng(0))
        assert frame.shape == (3, 40, 40)
        assert not (truth == 1).any()

    @pytest.mark.parametrize("scale", [(1.1, 0.9), (0.0, 1.0), (1, 50)])
    def test_mistakes(self, scale):
        with pytest.raises(
            ValueError, match=r"FssamAugmentation.scale: expected two factors from 0.1 to 10, ascending"
        ):
            FssamAugmentation(scale)


@pytest.mark.parametrize("augmentation", [FsSam2Augmentation(), FssamAugmentation()])
def test_chances_depend_on_seed_index_and_frame_alone(augmentation):
    image, mask = picture()
    first = augmentation(image, mask, (48, 48), frame_randomness(3, 100, 1))
    torch.manual_seed(5)  # the global state plays no part, and is left alone
    state = torch.get_rng_state()
    again = augmentation(image, mask, (48, 48), frame_randomness(3, 100, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    for other in ((4, 100, 1), (3, 101, 1), (3, 100, 0)):
        assert not torch.equal(first[0], augmentation(image, mask, (48, 48), frame_randomness(*other))[0])
