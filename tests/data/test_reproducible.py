"""The same clips everywhere: whatever the workers, the processes, the order, the model and what was trained before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader

from builders import largest_difference, nano
from fakes.coco import write_coco
from fakes.recorder import Recorder
from sansa_lightning import Clip, ClipBatch, Episode
from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes.dataset import FilledDataset
from sansa_lightning.data.loading.loader import ClipLoader, EvalBatches, TrainBatches
from sansa_lightning.data.prompts import BoxPrompt, MaskPrompt, MultiPrompt, PointPrompt, ScribblePrompt
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.trackers.nano import build_nano

TRAIN, TEST = 12, 9


def build(root: Path, **changes) -> EpisodeDataModule:
    """Prompts of all kinds, so that their randomness would show."""
    kwargs = {"size": 16, "shots": 2, "train_length": TRAIN, "val_episodes": 3, "test_episodes": TEST, "batch_size": 3}
    kwargs |= {"eval_batch_size": 2, "num_workers": 0, "seed": 4, "test_seed": 5, "prompt": MultiPrompt()} | changes
    data = EpisodeDataModule(Coco(root), Strict(0), **kwargs)
    data.setup("fit")
    data.setup("test")
    return data


def digest(episode: Episode, *tensors: torch.Tensor | None) -> str:
    """All of a clip: its names, and each byte of its images, masks and prompts."""
    content = hashlib.sha256(episode.to_json().encode())
    for tensor in tensors:
        content.update(b"-" if tensor is None else tensor.contiguous().numpy().tobytes())
    return content.hexdigest()


def of_clip(clip: Clip) -> str:
    prompts = [part for prompt in clip.prompts for part in (prompt.dense, prompt.coords, prompt.labels)]
    return digest(clip.episode, clip.images, clip.masks, *prompts)


def of_batches(batches: Iterable[ClipBatch | EvaluationBatch]) -> list[str]:
    """Of each clip that counts, in the order of its batches."""
    found = []
    for batch in batches:
        clips = batch.clips if isinstance(batch, EvaluationBatch) else batch
        counted = batch.scored.tolist() if isinstance(batch, EvaluationBatch) else [True] * len(clips.episodes)
        rows = zip(clips.episodes, clips.images, clips.masks, clips.prompts, counted, strict=True)
        found += [of_clip(Clip(*row[:4])) for row in rows if row[4]]
    return found


def lists(data: EpisodeDataModule) -> tuple[list[str], list[str]]:
    """Digests of an epoch of training and of the test."""
    found = of_batches(data.train_dataloader()), of_batches(data.test_dataloader())
    data.teardown("")
    assert (len(found[0]), len(found[1])) == (TRAIN, TEST)
    return found


@pytest.fixture(scope="module")
def expected(fake) -> tuple[list[str], list[str]]:
    return lists(build(fake.root))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1, 4])
def test_any_number_of_workers(fake, expected, workers):
    torch.manual_seed(workers)
    assert lists(build(fake.root, num_workers=workers)) == expected


@pytest.mark.parametrize("processes", [1, 2])
def test_any_number_of_processes(fake, expected, processes):
    """Their shares, dealt back, are the whole list: none is missing, none is there twice."""
    data = build(fake.root)
    train, test = data._clips["train"], FilledDataset(data._clips["test"], processes)
    loaders = [ClipLoader(train, TrainBatches(TRAIN, 6 // processes, rank, processes)) for rank in range(processes)]
    assert [clip for step in zip(*loaders, strict=True) for clip in of_batches(step)] == expected[0]
    shares = [
        of_batches(ClipLoader(test, EvalBatches(len(test), 2, r, processes), collate=EvaluationBatch.collate))
        for r in range(processes)
    ]
    assert [share[place] for place in range(-(-TEST // processes)) for share in shares if place < len(share)] == (
        expected[1]
    )


def test_shuffled(fake, expected):
    clips = build(fake.root)._clips["test"]
    order = torch.Generator().manual_seed(1)
    shuffled = DataLoader(clips, batch_size=2, shuffle=True, generator=order, collate_fn=ClipBatch.collate)
    found = of_batches(shuffled)
    assert found != expected[1]
    assert sorted(found) == sorted(expected[1])


def test_backwards_and_one_alone(fake, expected):
    clips = build(fake.root)._clips["test"]
    assert [of_clip(clips[index]) for index in reversed(range(TEST))] == expected[1][::-1]
    assert of_clip(build(fake.root)._clips["test"][5]) == expected[1][5]


def test_before_and_after_a_model_was_built_and_trained(fake, expected, tmp_path):
    data = build(fake.root)
    build_nano()  # takes numbers from the global generator
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(Recorder(tmp_path), datamodule=data)
    assert of_batches(data.test_dataloader()) == expected[1]
    assert of_batches(ClipLoader(data._clips["train"], TrainBatches(TRAIN, 3))) == expected[0]


@pytest.mark.slow
def test_a_batch_of_mixed_prompts_is_segmented_as_its_clips_one_by_one(fake):
    """Masks, boxes, and clicks in numbers from one to those of a scribble; unequal numbers are never padded."""
    prompt = MultiPrompt([MaskPrompt(), BoxPrompt(), PointPrompt(1, 5), ScribblePrompt(1, 3)])
    data = build(fake.root, size=48, prompt=prompt, eval_batch_size=TEST)
    batch = next(iter(data.predict_dataloader())).clips
    assert len({prompt.group for own in batch.prompts for prompt in own}) >= 5
    sam, method = nano(), Sansa()
    with torch.inference_mode():
        together = method(sam, batch, propagate_targets=False).logits
        for place in range(TEST):
            clip = ClipBatch.collate([data._clips["test"][place]])
            alone = method(sam, clip, propagate_targets=False).logits
            assert largest_difference(alone[0], together[place]) <= 1e-5


class TestManifests:
    def test_written_today_replays_byte_for_byte(self, fake, expected, tmp_path):
        drawn = build(fake.root)
        drawn.write_manifest(tmp_path / "one.jsonl")
        listed = build(fake.root, manifest=tmp_path / "one.jsonl", seed=9, test_seed=9, num_workers=2)
        listed.write_manifest(tmp_path / "two.jsonl")
        assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
        assert lists(listed)[1] == expected[1]
        assert listed.manifest_hash("test") == drawn.manifest_hash("test")

    def test_of_another_machine(self, fake, expected, tmp_path):
        """The same dataset in another place, and lines whose JSON is spaced and ordered otherwise."""
        build(fake.root).write_manifest(tmp_path / "one.jsonl")
        entries = [json.loads(line) for line in (tmp_path / "one.jsonl").read_text().splitlines()]
        foreign = [json.dumps(dict(reversed(entry.items())), indent=None, separators=(", ", ": ")) for entry in entries]
        (tmp_path / "foreign.jsonl").write_text("\n".join(foreign))
        elsewhere = write_coco(tmp_path / "elsewhere")
        listed = build(elsewhere.root, manifest=tmp_path / "foreign.jsonl")
        assert lists(listed)[1] == expected[1]
        listed.write_manifest(tmp_path / "again.jsonl")
        assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()

    def test_scores_are_taken_on_its_episodes_alone(self, fake, tmp_path):
        (tmp_path / "few.jsonl").write_text(
            "\n".join(episode.to_json() for episode in [build(fake.root).episodes("test")[i] for i in (7, 2, 2)])
        )
        listed = build(fake.root, manifest=tmp_path / "few.jsonl")
        assert [episode.to_json() for batch in listed.test_dataloader() for episode in batch.clips.episodes] == (
            (tmp_path / "few.jsonl").read_text().splitlines()
        )


class TestTrainPrompt:
    def test_all_kinds_in_training_and_one_in_the_test(self, fake):
        data = build(fake.root, prompt=PointPrompt(20, 20), train_prompt=MultiPrompt(), train_length=60)
        trained = [prompt for batch in data.train_dataloader() for own in batch.prompts for prompt in own]
        assert {prompt.kind for prompt in trained} == {"mask", "point", "box"}
        for loader in (data.val_dataloader(), data.test_dataloader(), data.predict_dataloader()):
            tested = [prompt for batch in loader for own in batch.clips.prompts for prompt in own]
            assert {prompt.kind for prompt in tested} == {"point"}

    def test_without_it_training_is_prompted_as_the_test(self, fake):
        data = build(fake.root, prompt=ScribblePrompt(9, 9, ["wide"]))
        trained = [prompt for batch in data.train_dataloader() for own in batch.prompts for prompt in own]
        assert {prompt.kind for prompt in trained} == {"point"}
        assert data.train_prompt is data.prompt

    def test_it_changes_no_list_and_no_test_clip(self, fake, expected):
        plain, other = build(fake.root), build(fake.root, train_prompt=PointPrompt())
        assert plain.manifest_hashes == other.manifest_hashes
        train, test = lists(other)
        assert test == expected[1]
        assert train != expected[0]
