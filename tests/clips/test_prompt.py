"""Prompts: what they accept, what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from builders import mask_prompt
from fakes.turned import camera
from sansa_lightning import Prompt
from sansa_lightning.data.prompts import MaskPrompt

# --- masks ------------------------------------------------------------------------------------------------------------

MASK = np.array([[0, 1, 255], [1, 0, 1]], dtype=np.uint8)


@pytest.mark.parametrize(
    "mask",
    [
        MASK,
        MASK.astype(np.uint16),
        MASK.astype(np.float64),
        MASK == 1,
        MASK.tolist(),
        (MASK == 1).tolist(),
        torch.tensor(MASK),
        torch.tensor(MASK).half(),
        torch.tensor(MASK) == 1,
        Image.fromarray(MASK),
        Image.fromarray(MASK, "P"),
        Image.fromarray(MASK == 1),
    ],
    ids=lambda mask: f"{type(mask).__name__} {getattr(mask, 'dtype', getattr(mask, 'mode', ''))}",
)
def test_a_mask_is_where_it_is_one(mask: Any) -> None:
    prompt = Prompt.mask(mask)
    assert prompt.dense.tolist() == [[0, 1, 0], [1, 0, 1]]
    assert prompt.dense.dtype == torch.float32
    assert (prompt.kind, prompt.coords, prompt.labels) == ("mask", None, None)


@pytest.mark.parametrize("mask", [np.zeros((2, 3), np.uint8), np.zeros((2, 3), bool), torch.zeros(2, 3)])
def test_a_mask_may_be_empty(mask: Any) -> None:
    assert Prompt.mask(mask).dense.tolist() == [[0, 0, 0], [0, 0, 0]]


PICTURE = np.array([[0, 255], [255, 0]], dtype=np.uint8)


@pytest.mark.parametrize(
    "mask",
    [
        PICTURE,
        PICTURE.tolist(),
        PICTURE.astype(float),
        torch.tensor(PICTURE),
        torch.tensor(PICTURE).int(),
        torch.tensor(PICTURE).float(),
        np.full((2, 2), 255, np.uint8),
    ],
)
def test_0_and_255_are_background_and_object(mask: Any) -> None:
    """As in a mask file: in a clip, where 255 is ignored, masks are compared with 1 before they become prompts."""
    assert torch.equal(Prompt.mask(mask).dense, torch.as_tensor(np.asarray(mask) == 255).float())


def test_soft_edges_are_cut_at_128() -> None:
    soft = np.zeros((12, 12), np.uint8)
    soft[3:9, 3:9] = 255
    soft[2, 3:9], soft[9, 3:9] = 127, 128
    for mask in (soft, torch.tensor(soft), soft.astype(float)):
        found = Prompt.mask(mask).dense
        assert found.sum() == 7 * 6
        assert torch.equal(found, Prompt.mask(Image.fromarray(soft)).dense)


@pytest.mark.parametrize("form", [str, Path])
def test_a_mask_by_its_path(tmp_path: Path, form: type) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "mask.png")
    assert Prompt.mask(form(tmp_path / "mask.png")).dense.tolist() == [[0, 1], [1, 0]]
    with pytest.raises(FileNotFoundError, match=r"none\.png is not there$"):
        Prompt.mask(form(tmp_path / "none.png"))


def test_a_picture_of_a_mask_is_read_as_mask_files_are() -> None:
    inverse = Image.fromarray(PICTURE // 255, "P")
    inverse.putpalette([255, 255, 255, 0, 0, 0])
    assert Prompt.mask(inverse).dense.tolist() == [[1, 0], [0, 1]]
    assert Prompt.mask(Image.fromarray(PICTURE)).dense.tolist() == [[0, 1], [1, 0]]
    assert Prompt.mask(Image.fromarray(MASK.astype(np.uint16))).dense.tolist() == [[0, 1, 0], [1, 0, 1]]
    assert not Prompt.mask(Image.new("RGB", (4, 3))).dense.any()


def test_a_mask_of_a_clip_may_have_lost_all_but_what_is_ignored() -> None:
    assert MaskPrompt()(torch.tensor(PICTURE), torch.Generator()).dense.tolist() == [[0, 0], [0, 0]]
    assert MaskPrompt()(torch.tensor(MASK), torch.Generator()).dense.sum() == 3


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(1, 4, 4), r"expected a mask of shape \[H, W\], but got \[1, 4, 4\]"),
        (Image.new("HSV", (4, 3)), r"expected a mask of shape \[H, W\], but got \[3, 4, 3\]"),
        (Image.fromarray(PICTURE.astype(np.uint16) * 257), r"but got 65535; for logits"),
        (Image.fromarray(PICTURE // 85), r"0 and 255, but its highest value is 3, of 0, 3; for a map of several"),
        (None, r"expected a mask of shape \[H, W\], but got \[\]"),
        (torch.tensor([[-5.0, 3.0]]), r"expected bool, or whole numbers from 0 to 255, but got -5\.0; for logits or"),
        (np.array([[0.0, np.nan]]), r"but got nan; for logits or probabilities pass mask > threshold"),
        (np.array([[0, 1, 7]], np.uint8), r"but its highest value is 7, of 0, 1, 7; .* pass mask == number"),
        (np.array([[0, 1, 7]]), r"but its highest value is 7"),
        (np.array([[0, 256]]), r"but got 256; for logits"),
        (torch.tensor([[1.0, 0.5]]), r"but got 0\.5; for logits"),
        (np.array([[0, -1]]), r"but got -1; for logits"),
        ([[None, "a"]], r"but got None; for logits"),
    ],
)
def test_what_is_no_mask(mask: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^Prompt\.mask: .*{message}"):
        Prompt.mask(mask)


# --- points and boxes -------------------------------------------------------------------------------------------------


def test_points_and_boxes_are_copied_as_floats_with_labels() -> None:
    points = Prompt.points(np.array([[1, 2], [3, 4]]), [True, False])
    assert (points.coords.dtype, points.labels.dtype) == (torch.float32, torch.int32)
    assert points.labels.tolist() == [1, 0]
    assert Prompt.points([[1, 2]]).labels.tolist() == [1]
    one = Prompt.points((1, 2), 0)
    assert (one.coords.tolist(), one.labels.tolist()) == ([[1, 2]], [0])
    box = Prompt.box((1, 2, 3, 4))
    assert (box.coords.tolist(), box.labels.tolist()) == ([[1, 2], [3, 4]], [2, 3])
    assert torch.equal(Prompt.box([[1, 2], [3, 4]]).coords, box.coords)


def test_a_box_with_clicks_has_its_corners_first() -> None:
    prompt = Prompt.box([1, 2, 30, 40], [[5, 6], [7, 8.5]], [1, 0])
    assert prompt.kind == "box"
    assert prompt.coords.tolist() == [[1, 2], [30, 40], [5, 6], [7, 8.5]]
    assert prompt.labels.tolist() == [2, 3, 1, 0]
    assert (prompt.coords.dtype, prompt.labels.dtype) == (torch.float32, torch.int32)
    assert Prompt.box([1, 2, 30, 40], points=[[5, 6]]).labels.tolist() == [2, 3, 1]


@pytest.mark.parametrize(
    ("prompt", "group"),
    [
        (mask_prompt(), ("dense", 0)),
        (Prompt.points([[1, 1]]), ("sparse", 1)),
        (Prompt.box([1, 1, 2, 2]), ("sparse", 2)),
        (Prompt.box([1, 1, 2, 2], [[1, 1]]), ("sparse", 3)),
    ],
)
def test_groups_that_share_a_decoder_call(prompt: Prompt, group: tuple[str, int]) -> None:
    assert prompt.group == group


MANY = [1] * 5000 + [2, 3]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Prompt.points([1, 2, 3]), r"Prompt\.points: expected points of shape \[P, 2\] .*, but got \[3\]"),
        (lambda: Prompt.points([[1, 2, 3]]), r"Prompt\.points: .* but got \[1, 3\]"),
        (lambda: Prompt.points(torch.zeros(0, 2)), r"Prompt\.points: .* P >= 1, or one \(x, y\), but got \[0, 2\]"),
        (lambda: Prompt.points([[1, 2]], [1, 0]), r"expected 1 label, one per point, but got shape \[2\]"),
        (
            lambda: Prompt.points([[1, 2]], [2]),
            r"^Prompt\.points: expected labels 0 and 1, but got 2 for point 0; "
            r"for a box with clicks use Prompt\.box\(xyxy, points, labels\)$",
        ),
        (lambda: Prompt.points([[1, 2]], [-1]), r"expected labels 0 and 1, but got -1 for point 0;"),
        (lambda: Prompt.points([[1, 2]] * 5002, MANY), r"expected labels 0 and 1, but got 2 for point 5000;"),
        (
            lambda: Prompt.points([[1, float("nan")]]),
            r"Prompt\.points: expected finite coordinates, but got \[1\.0, nan",
        ),
        (lambda: Prompt.box([1, 2, 3]), r"Prompt\.box: expected four numbers x0, y0, x1, y1, but got shape \[3\]"),
        (lambda: Prompt.box([1, 2, float("inf"), 4]), r"Prompt\.box: expected finite coordinates, but got \[inf, 4\.0"),
        (
            lambda: Prompt.box([5, 2, 3, 4]),
            r"Prompt\.box: expected x0 <= x1 and y0 <= y1, but got \[5\.0, 2\.0, 3\.0, 4\.0\]",
        ),
        (lambda: Prompt.box([1, 6, 3, 4]), r"Prompt\.box: expected x0 <= x1 and y0 <= y1"),
        (lambda: Prompt.box([1, 2, 3, 4], labels=[1]), r"Prompt\.box: expected labels together with points, but got"),
        (
            lambda: Prompt.box([1, 2, 3, 4], [[1, 2]], [3]),
            r"^Prompt\.box: expected labels 0 and 1, but got 3 for point",
        ),
        (lambda: Prompt.box([1, 2, 3, 4], [1, 2, 3]), r"^Prompt\.box: expected points of shape \[P, 2\]"),
    ],
)
def test_what_is_no_prompt(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_with_an_orientation_is_upright(tmp_path, orientation):
    mask = np.zeros((9, 14), bool)
    mask[2:5, 1:9] = True
    picture = Image.open(camera(tmp_path / "a.png", mask, orientation))
    assert picture.mode == "1"
    np.testing.assert_array_equal(Prompt.mask(picture).dense.numpy(), mask)
