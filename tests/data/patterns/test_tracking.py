from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.data.patterns import motion, tracking
from sansa_lightning.data.patterns.draws import Draws
from sansa_lightning.data.patterns.motion import film
from sansa_lightning.data.patterns.tracking import TrackingBatch, TrackingClip, TrackingClips
from sansa_lightning.data.prompts import Prompter


class CentrePrompt(Prompter):
    def __call__(self, mask: Tensor, generator: torch.Generator) -> Prompt:
        return Prompt.points(mask.nonzero().float().mean(0, keepdim=True).flip(1))


def same(one: TrackingClip, other: TrackingClip) -> bool:
    tensors = zip((one.images, one.masks, one.tokens), (other.images, other.masks, other.tokens), strict=True)
    return one.episode == other.episode and all(torch.equal(a, b) for a, b in tensors)


def test_a_tracking_clip_is_a_clip() -> None:
    clip = TrackingClips(10, frames=4)[3]
    assert isinstance(clip, Clip)
    assert clip.images.shape == (4, 3, 96, 96)
    assert (clip.masks.shape, clip.masks.dtype) == ((4, 96, 96), torch.uint8)
    assert (clip.tokens.shape, clip.tokens.dtype) == ((4, 12, 12), torch.int64)
    assert clip.episode.references == ("train-3@0",)
    assert clip.episode.targets == ("train-3@1", "train-3@2", "train-3@3")
    assert clip.prompts[0].dense is not None
    assert torch.equal(clip.prompts[0].dense, clip.masks[0].float())


def test_batches_keep_tokens_on_the_way() -> None:
    clips = TrackingClips(10)
    batch = next(iter(DataLoader(clips, batch_size=3, collate_fn=TrackingBatch.collate)))
    assert isinstance(batch, ClipBatch)
    assert torch.equal(batch.tokens, torch.stack([clips[index].tokens for index in range(3)]))
    moved = batch.to("meta")
    assert isinstance(moved, TrackingBatch)
    assert (moved.tokens.device.type, moved.images.device.type) == ("meta", "meta")
    assert moved.episodes == batch.episodes


def test_clips_depend_on_seed_split_and_index_alone() -> None:
    clips = TrackingClips(10)
    drawn = clips[7]
    clips[2]
    assert same(clips[7], drawn)
    assert same(TrackingClips(1)[7], drawn)
    others = (TrackingClips(10)[6], TrackingClips(10, seed=1)[7], TrackingClips(10, split="val")[7])
    assert not any(torch.equal(other.images, drawn.images) for other in others)


def test_the_tracked_object_stays_visible_and_moves() -> None:
    clips = TrackingClips(40, frames=4, jump=0.0)
    for index in range(40):
        masks = clips[index].masks.bool()
        assert masks.flatten(1).float().mean(1).min() >= motion.SEEN
        steps = [(a & b).sum() / (a | b).sum() for a, b in pairwise(masks)]
        assert max(steps) < 1
        assert min(steps) > 0.2


def test_jumps_lie_elsewhere() -> None:
    def overlap(jump: float) -> float:
        clips = TrackingClips(60, frames=2, jump=jump)
        pairs = [clips[index].masks.bool() for index in range(60)]
        return float(np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs]))

    assert overlap(0.0) > 0.6
    assert overlap(1.0) < 0.4


def test_tokens_are_the_cells_that_one_object_fills() -> None:
    """Against the mask: cells of the tracked object bear one number, and every other number lies outside it."""
    clips = TrackingClips(30, same_pattern=0.0)
    for index in range(30):
        clip = clips[index]
        cells = clip.masks.float().unflatten(1, (12, 8)).unflatten(3, (12, 8)).mean((2, 4))
        inside = set(clip.tokens[cells >= tracking.PURE].tolist())
        assert len(inside) <= 1
        assert -1 not in inside
        assert not inside & set(clip.tokens[cells < tracking.PURE].tolist())
        assert {-1} <= set(clip.tokens.unique().tolist()) <= {-1, *range(120)}
        assert 1 <= len(set(clip.tokens.unique().tolist()) - {-1}) <= 3


def test_held_out_clips_show_tiles_of_their_own() -> None:
    train, val = (
        {int(number) for index in range(60) for number in TrackingClips(60, split=split)[index].tokens.unique()} - {-1}
        for split in ("train", "val")
    )
    assert max(train) < 120 <= min(val)
    assert max(val) < 160


def test_twins_in_pattern_and_in_palette_are_as_frequent_as_said() -> None:
    clips = TrackingClips(1, same_palette=0.15, same_pattern=0.4)
    patterns, colours = 0, 0
    for address in range(1500):
        draws = Draws(5, 50, address)
        numbers, worn = clips._cast(draws, 3, 1)
        twins = [k for k in (0, 2) if numbers[k] == numbers[1]]
        alike = [k for k in (0, 2) if (worn[k] == worn[1]).all()]
        patterns += len(twins) > 0
        colours += len(alike) > 0
        assert len(twins) <= 1
        assert not set(twins) & set(alike)
    assert patterns == pytest.approx(600, abs=4 * np.sqrt(1500 * 0.24))
    assert colours == pytest.approx(225, abs=4 * np.sqrt(1500 * 0.1275))


def test_prompters_are_drawn_for_each_clip() -> None:
    clips = TrackingClips(40, prompters=[CentrePrompt(), tracking.MaskPrompt()])
    kinds = [clips[index].prompts[0].kind for index in range(40)]
    assert 8 <= kinds.count("point") <= 32
    assert kinds.count("mask") + kinds.count("point") == 40
    assert torch.equal(clips[0].images, TrackingClips(40)[0].images)


def test_bodies_move_by_no_more_than_stated() -> None:
    for address in range(20):
        shots = film(Draws(1, 51, address), 96, 3, 5, 0, jump=False)
        for before, after in pairwise(shots):
            for one, other in zip(before.bodies, after.bodies, strict=True):
                most = (motion.SPEED + motion.JITTER) * 96 + 1e-6
                inside = 0.15 * 96 <= one.x <= 0.85 * 96 and 0.15 * 96 <= one.y <= 0.85 * 96
                assert not inside or max(abs(one.x - other.x), abs(one.y - other.y)) <= most
                assert abs(other.turn - one.turn) <= motion.TURN
                assert abs(other.radius / one.radius - 1) <= motion.ZOOM + 1e-9


def test_impossible_films_are_an_error() -> None:
    with pytest.raises(ValueError, match="expected a number of frames for which an object stays visible, but got 90"):
        film(Draws(1, 51, 0), 96, 6, 90, 0, jump=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 0}, "TrackingClips.length: expected at least 1, but got 0"),
        ({"split": "test"}, "TrackingClips.split: expected 'train' or 'val', but got 'test'"),
        ({"frames": 1}, "TrackingClips.frames: expected at least 2, but got 1"),
        ({"grid": 7}, "TrackingClips.grid: expected a divisor of 96, but got 7"),
        ({"tiles": 1}, "TrackingClips.tiles: expected at least 2 per split, but got (1, 40)"),
        ({"jump": 2.0}, "same_palette, same_pattern, jump: expected probabilities, but got (0.15, 0.4, 2.0)"),
        ({"prompters": []}, "TrackingClips.prompters: expected at least one, but got ()"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        TrackingClips(**{"length": 1, **arguments})


def test_negative_indices_are_refused() -> None:
    with pytest.raises(IndexError, match="expected an index >= 0, but got -1"):
        TrackingClips(3)[-1]
