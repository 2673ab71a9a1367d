"""Episodes, prompts, clips and batches: what they accept, what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from builders import mask_prompt
from sansa_lightning import Clip, ClipBatch, Episode, Prompt

EPISODE = Episode("coco", 7, ("a.jpg", 12), ("b.jpg",))


# --- episodes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "episode", [EPISODE, Episode("lvis", 0, (1,), (2, 3, 4)), Episode("Grüße", 3, ('quote"d', "new\nline"), ("ü",))]
)
def test_an_episode_survives_its_line(episode: Episode) -> None:
    line = episode.to_json()
    assert "\n" not in line
    assert Episode.from_json(line) == episode
    assert hash(Episode.from_json(line)) == hash(episode)


def test_the_line_of_an_episode() -> None:
    assert EPISODE.to_json() == '{"class_id":7,"references":["a.jpg",12],"source":"coco","targets":["b.jpg"]}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", r"expected one JSON object per line, but got ''"),
        ("{'source': 1}", r"expected one JSON object per line, but got \"\{'source': 1\}\""),
        (
            "[1]",
            r"expected a JSON object with the keys \['class_id', 'references', 'source', 'targets'\], but got '\[1\]'",
        ),
        ('{"source":"a","class_id":1,"references":[1]}', r"expected a JSON object with the keys"),
        (
            '{"source":"a","class_id":1,"references":[1],"targets":[2],"fold":0}',
            r"expected a JSON object with the keys",
        ),
        ('{"source":5,"class_id":1,"references":[1],"targets":[2]}', r"expected source: text"),
        ('{"source":"a","class_id":"1","references":[1],"targets":[2]}', r"class_id: integer"),
        ('{"source":"a","class_id":true,"references":[1],"targets":[2]}', r"class_id: integer"),
        ('{"source":"a","class_id":1.0,"references":[1],"targets":[2]}', r"class_id: integer"),
        ('{"source":"a","class_id":1,"references":"ab","targets":[2]}', r"references and targets: lists"),
        ('{"source":"a","class_id":1,"references":[1],"targets":[[2]]}', r"references and targets: lists"),
        ('{"source":"a","class_id":1,"references":[1],"targets":[null]}', r"references and targets: lists"),
        (
            '{"source":"a","class_id":1,"references":[],"targets":[2]}',
            r"expected at least one reference and one target",
        ),
    ],
)
def test_lines_that_are_no_episode(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Episode.from_json(line)


def test_an_episode_needs_both_sides() -> None:
    with pytest.raises(ValueError, match="Episode of class 3: expected at least one reference and one target"):
        Episode("a", 3, (1,), ())


# --- prompts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mask",
    [
        np.array([[0, 1, 255], [7, 0, 1]], dtype=np.uint8),
        torch.tensor([[0, 1, 255], [7, 0, 1]]),
        [[0, 1, 255], [7, 0, 1]],
        torch.tensor([[0.0, 0.5, 255.0], [1.0, 0.0, 1.0]]),
    ],
)
def test_a_mask_is_what_is_neither_zero_nor_ignored(mask: Any) -> None:
    prompt = Prompt.mask(mask)
    assert prompt.dense.tolist() == [[0, 1, 0], [1, 0, 1]]
    assert prompt.dense.dtype == torch.float32
    assert (prompt.kind, prompt.coords, prompt.labels) == ("mask", None, None)


def test_points_and_boxes_are_copied_as_floats_with_labels() -> None:
    points = Prompt.points(np.array([[1, 2], [3, 4]]), [True, False])
    assert (points.coords.dtype, points.labels.dtype) == (torch.float32, torch.int32)
    assert points.labels.tolist() == [1, 0]
    assert Prompt.points([[1, 2]]).labels.tolist() == [1]
    box = Prompt.box((1, 2, 3, 4))
    assert (box.coords.tolist(), box.labels.tolist()) == ([[1, 2], [3, 4]], [2, 3])
    assert torch.equal(Prompt.box([[1, 2], [3, 4]]).coords, box.coords)


@pytest.mark.parametrize(
    ("prompt", "group"),
    [
        (mask_prompt(), ("dense", 0)),
        (Prompt.points([[1, 1]]), ("sparse", 1)),
        (Prompt.box([1, 1, 2, 2]), ("sparse", 2)),
    ],
)
def test_groups_that_share_a_decoder_call(prompt: Prompt, group: tuple[str, int]) -> None:
    assert prompt.group == group


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: Prompt.mask(torch.ones(1, 4, 4)),
            r"Prompt\.mask: expected a mask of shape \[H, W\], but got \[1, 4, 4\]",
        ),
        (lambda: Prompt.points([1, 2]), r"Prompt\.points: expected points of shape \[P, 2\] .*, but got \[2\]"),
        (lambda: Prompt.points([[1, 2, 3]]), r"Prompt\.points: .* but got \[1, 3\]"),
        (lambda: Prompt.points(torch.zeros(0, 2)), r"Prompt\.points: .* P >= 1, but got \[0, 2\]"),
        (lambda: Prompt.points([[1, 2]], [1, 0]), r"expected 1 labels, each 0 or 1, but got \[1, 0\]"),
        (lambda: Prompt.points([[1, 2]], [2]), r"expected 1 labels, each 0 or 1, but got \[2\]"),
        (lambda: Prompt.points([[1, 2]], [-1]), r"expected 1 labels, each 0 or 1, but got \[-1\]"),
        (lambda: Prompt.points([[1, float("nan")]]), r"Prompt\.points: expected finite coordinates"),
        (lambda: Prompt.box([1, 2, 3]), r"Prompt\.box: expected four numbers x0, y0, x1, y1, but got shape \[3\]"),
        (lambda: Prompt.box([1, 2, float("inf"), 4]), r"Prompt\.box: expected finite coordinates"),
        (
            lambda: Prompt.box([5, 2, 3, 4]),
            r"Prompt\.box: expected x0 <= x1 and y0 <= y1, but got \[5\.0, 2\.0, 3\.0, 4\.0\]",
        ),
        (lambda: Prompt.box([1, 6, 3, 4]), r"Prompt\.box: expected x0 <= x1 and y0 <= y1"),
    ],
)
def test_what_is_no_prompt(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


# --- clips and batches ------------------------------------------------------------------------------------------------


def a_clip(class_id: int = 7, length: int = 3, size: tuple[int, int] = (8, 6), shots: int = 2, **fields: Any) -> Clip:
    episode = Episode("coco", class_id, tuple(range(shots)), ("t",))
    images = torch.full((length, 3, *size), float(class_id))
    masks = torch.ones(length, *size, dtype=torch.uint8)
    prompts = (Prompt.mask(torch.ones(size)), Prompt.box([1, 1, 2, 2]))[:shots]
    return Clip(episode, images, masks, prompts, **fields)


def test_collate_stacks() -> None:
    originals = (torch.zeros(5, 4, dtype=torch.uint8),)
    batch = ClipBatch.collate([a_clip(3), a_clip(9, originals=originals, scored=False)])
    assert batch.images.shape == (2, 3, 3, 8, 6)
    assert batch.masks.shape == (2, 3, 8, 6)
    assert batch.class_ids.tolist() == [3, 9]
    assert batch.images[:, 0, 0, 0, 0].tolist() == [3, 9]
    assert batch.shots == 2
    assert batch.scored.tolist() == [True, False]
    assert batch.originals == ((), originals)
    assert [episode.class_id for episode in batch.episodes] == [3, 9]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (a_clip(length=4), r"expected clips of images \[3, 3, 8, 6\].* but got images \[4, 3, 8, 6\]"),
        (a_clip(size=(8, 8)), r"but got images \[3, 3, 8, 8\]"),
        (a_clip(shots=1), r"and 2 prompts, but got .* and 1 prompts in Episode\(source='coco', class_id=7"),
        (
            Clip(EPISODE, torch.zeros(3, 3, 8, 6), torch.zeros(3, 6, 8, dtype=torch.uint8), a_clip().prompts),
            r"masks \[3, 6, 8\]",
        ),
    ],
)
def test_clips_that_do_not_stack(other: Clip, message: str) -> None:
    with pytest.raises(ValueError, match=rf"ClipBatch: .*{message}"):
        ClipBatch.collate([a_clip(), other])


def test_everything_moves() -> None:
    clips = [a_clip(originals=(torch.ones(4, 4, dtype=torch.uint8),))]
    batch = ClipBatch.collate(clips)
    moved = batch.to("meta", non_blocking=True)
    tensors = [moved.images, moved.masks, moved.scored, moved.originals[0][0], moved.class_ids]
    tensors += [moved.prompts[0][0].dense, moved.prompts[0][1].coords, moved.prompts[0][1].labels]
    assert all(tensor.device.type == "meta" for tensor in tensors)
    assert moved.episodes == batch.episodes
    assert batch.images.device.type == "cpu"
    assert torch.equal(batch.to("cpu").images, batch.images)
