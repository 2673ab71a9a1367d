"""Episodes, clips and batches: what they accept, what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch

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
