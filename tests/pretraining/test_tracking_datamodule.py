"""Which clips pretraining sees, and which it is scored on."""

from __future__ import annotations

import pytest
import torch

from sansa_lightning.data.patterns.tracking import TrackingBatch, TrackingClips
from sansa_lightning.data.prompts import BoxPrompt, MaskPrompt
from sansa_lightning.pretraining.datamodule import TrackingDataModule

SMALL = {"frames": 2, "eval_frames": 3, "train_length": 4, "val_clips": 2, "test_clips": 5, "batch_size": 2}


def test_training_batches_are_the_clips_in_their_order():
    data = TrackingDataModule(**SMALL, seed=3, prompters=[MaskPrompt(), BoxPrompt()])
    batches = list(data.train_dataloader())
    clips = TrackingClips(4, frames=2, seed=3, prompters=[MaskPrompt(), BoxPrompt()])
    assert [type(batch) for batch in batches] == [TrackingBatch, TrackingBatch]
    assert torch.equal(torch.cat([batch.tokens for batch in batches]), torch.stack([clips[i].tokens for i in range(4)]))
    kinds = {prompt.kind for batch in batches for prompts in batch.prompts for prompt in prompts}
    assert kinds == {"mask", "box"}


def test_held_out_clips_show_other_tiles_and_are_prompted_by_masks():
    data = TrackingDataModule(**SMALL, prompters=[BoxPrompt()])
    seen = torch.cat([batch.tokens.flatten() for batch in data.train_dataloader()])
    batches = [batch.clips for batch in data.test_dataloader()]
    held_out = torch.cat([batch.tokens.flatten() for batch in batches])
    assert int(seen.max()) < data.tiles <= int(held_out[held_out >= 0].min())
    assert {prompt.kind for batch in batches for prompts in batch.prompts for prompt in prompts} == {"mask"}
    assert {batch.images.shape[1] for batch in batches} == {3}


@pytest.mark.parametrize(
    ("key", "least"),
    [("batch_size", 1), ("eval_batch_size", 1), ("test_clips", 1), ("frames", 2), ("num_workers", 0)],
)
def test_numbers_that_are_too_small(key, least):
    with pytest.raises(ValueError, match=f"^data.{key}: expected at least {least}, but got {least - 1}$"):
        TrackingDataModule(**SMALL | {key: least - 1})


def test_validation_is_the_beginning_of_the_test():
    data = TrackingDataModule(**SMALL)
    val, test = next(iter(data.val_dataloader())).clips, next(iter(data.test_dataloader())).clips
    assert (len(val.episodes), len(test.episodes)) == (2, 5)
    assert torch.equal(val.images, test.images[:2])
