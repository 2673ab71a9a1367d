"""The datamodule: checks before any run, lists that stay, and processes that share them."""

from __future__ import annotations

import json

import pytest
import torch
from lightning.pytorch import Trainer

from fakes.recorder import Recorder
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes.samplers import RoundRobinEpisodes
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.frames.fs_sam2 import FsSam2Augmentation
from sansa_lightning.data.loading.loader import ClipLoader
from sansa_lightning.data.prompts import MaskPrompt, PointPrompt
from sansa_lightning.data.protocols.base import Chosen, InDomain, Pool, Protocol, Strict
from sansa_lightning.data.sources.coco import Coco


def build(root, **changes):
    kwargs = {"size": 16, "train_length": 8, "val_episodes": 4, "test_episodes": 7, "batch_size": 2}
    kwargs |= {"eval_batch_size": 2, "num_workers": 0} | changes
    protocol = kwargs.pop("protocol", None) or Strict(0)
    return EpisodeDataModule(Coco(root), protocol, **kwargs)


def trainer(**kwargs):
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        **kwargs,
    )


def test_clips_of_training_and_of_tests(fake):
    data = build(fake.root, shots=2, train_shots=1, train_targets=3)
    data.setup("fit")
    data.setup("test")
    train = next(iter(data.train_dataloader()))
    assert train.images.shape == (2, 4, 3, 16, 16)
    assert train.shots == 1
    for loader in (data.val_dataloader(), data.test_dataloader(), data.predict_dataloader()):
        batch = next(iter(loader)).clips
        assert batch.images.shape == (2, 3, 3, 16, 16)
        assert batch.shots == 2
        assert {e.class_id for e in batch.episodes} <= {0, 4}


def test_names_and_classes_for_the_table(fake):
    data = build(fake.root)
    assert data.test_classes == (0, 4)
    assert data.class_names == {0: "ant", 4: "eel"}


def test_dropped_classes_are_reported(fake, caplog):
    with caplog.at_level("INFO"):
        build(fake.root, protocol=Strict(3)).setup("test")
    assert "test: 1 class in the val split of coco in" in caplog.text
    assert "1 left out, with too few images: rare" in caplog.text


class Overlapping(Protocol):
    """Two pools of one split, with a class that both dropped."""

    def pools(self, source, stage):
        classes, dropped = ((1, 2), (0, 7)) if stage == "train" else ((4, 5), (7,))
        return (Pool(source, "val", classes, dropped=dropped),)


class Noted(Coco):
    """Classes 1 and 4 share a name, which either pool alone does not show."""

    def notes(self, split):
        return (Note("pictures turned upright by EXIF", 3, "a.jpg"),)

    def class_name(self, class_id):
        return "ant" if class_id in (1, 4) else super().class_name(class_id)


def test_pools_of_one_split_are_counted_together(fake):
    data = EpisodeDataModule(Noted(fake.root), Overlapping(), size=16)
    data.pools("train")
    data.pools("test")
    assert data.notes == {
        "coco/val": {
            "pictures turned upright by EXIF": 3,
            "classes that share a name with others, compared without capitals and spaces": 2,
            "classes left out, with too few images": 2,
        }
    }


def test_the_test_list_is_apart_from_the_training_seed(fake):
    lists = []
    for seed, test_seed in ((0, 0), (1, 0), (0, 1)):
        data = build(fake.root, seed=seed, test_seed=test_seed)
        data.setup("fit")
        data.setup("test")
        lists.append((data.manifest_hash("train"), data.manifest_hash("test")))
        assert list(data.episodes("val")) == list(data.episodes("test"))[:4]
    (a, x), (b, y), (c, z) = lists
    assert a == c != b
    assert x == y != z


def test_test_order(fake):
    data = build(fake.root, test_order=RoundRobinEpisodes)
    data.setup("test")
    assert [e.class_id for e in data.episodes("test")] == [0, 4, 0, 4, 0, 4, 0]


def test_in_domain_tests_base_classes_in_val_images(fake):
    data = build(fake.root, protocol=InDomain(0))
    data.setup("test")
    assert data.test_classes == (1, 2, 3, 5, 6)
    assert all(key.startswith("val/") for e in data.episodes("test") for key in e.references + e.targets)


def test_originals(fake):
    data = build(fake.root, score_at="original")
    data.setup("test")
    batch = next(iter(data.test_dataloader()))
    keys = [e.targets[0] for e in batch.clips.episodes]
    sizes = [data.source.load(key, 0)[0].shape[:2] for key in keys]
    assert [tuple(masks[0].shape) for masks in batch.originals] == sizes


@pytest.mark.parametrize("controls", [True, False])
def test_the_result_says_at_what_size_it_was_scored(fake, controls):
    for settings, words in (
        ({}, "clip"),
        ({"score_at": "original"}, "original"),
        ({"score_at": "original", "score_align_corners": True}, "original, corners aligned"),
    ):
        data = build(fake.root, controls=controls, **settings)
        data.setup("test")
        assert data.record()["score_size"] == words
        assert {batch.align_corners for batch in data.test_dataloader()} == {settings.get("score_align_corners", False)}


def test_an_epoch_as_long_as_there_are_training_images(fake):
    data = build(fake.root, train_length=None)
    data.setup("fit")
    pool = data.pools("train")[0]
    assert len(data.episodes("train")) == len({key for c in pool.classes for key in pool.source.images(c, "train")})


def test_other_frames_or_prompts_are_other_training_clips(fake):
    """A run does not resume with them."""
    changes = ({}, {"size": 17}, {"train_prompt": PointPrompt()}, {"augmentation": FsSam2Augmentation()}, {"seed": 1})
    data = [build(fake.root, **change) for change in (*changes, {"prompt": MaskPrompt()})]
    for each in data:
        each.setup("fit")
    identities = [each.training_list() for each in data]
    assert len(set(identities)) == len(changes)
    assert identities[-1] == identities[0]


def test_train_order(fake):
    data = build(fake.root, train_order=RoundRobinEpisodes, test_order=RoundRobinEpisodes)
    data.setup("fit")
    assert [e.class_id for e in data.episodes("train")] == [1, 2, 3, 5, 6, 1, 2, 3]


def test_a_written_manifest_gives_the_same_test(fake, tmp_path):
    drawn = build(fake.root, test_episodes=5)
    drawn.setup("test")
    drawn.write_manifest(tmp_path / "a.jsonl")
    listed = build(fake.root, manifest=tmp_path / "a.jsonl", test_seed=9)
    listed.setup("test")
    listed.write_manifest(tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert listed.manifest_hash("test") == drawn.manifest_hash("test")
    for one, two in zip(drawn.test_dataloader(), listed.test_dataloader(), strict=True):
        assert torch.equal(one.clips.images, two.clips.images)


@pytest.mark.parametrize("workers", [0, 2])
def test_prediction_and_validation_through_a_trainer(fake, tmp_path, workers):
    data, model = build(fake.root, num_workers=workers), Recorder(tmp_path)
    trainer().validate(model, datamodule=data, verbose=False)
    trainer().predict(model, datamodule=data)
    assert model.read("val") == [e.to_json() for e in data.episodes("val")]
    assert model.read("predict") == [e.to_json() for e in data.episodes("test")]


@pytest.mark.parametrize("use_distributed_sampler", [True, False])
def test_two_processes_score_each_test_episode_once(fake, tmp_path, use_distributed_sampler):
    """Seven episodes on two processes: four and three, and one fill-up; with Lightning's own sampler asked for too."""
    data, model = build(fake.root), Recorder(tmp_path)
    distributed = {"devices": 2, "strategy": "ddp_fork", "use_distributed_sampler": use_distributed_sampler}
    (result,) = trainer(**distributed).test(model, datamodule=data, verbose=False)
    data.setup("test")
    lines = [line for rank in range(2) for line in model.read("test", rank)]
    assert len(lines) == 8
    scored = sorted(line for line in lines if not line.startswith("*"))
    assert scored == sorted(e.to_json() for e in data.episodes("test"))
    assert result["scored"] == 7


def test_two_processes_train_on_what_one_would(fake, tmp_path):
    (tmp_path / "one").mkdir()
    one = Recorder(tmp_path / "one")
    trainer(max_epochs=2, limit_val_batches=0).fit(one, datamodule=build(fake.root, batch_size=4))
    two = Recorder(tmp_path)
    trainer(max_epochs=2, limit_val_batches=0, devices=2, strategy="ddp_fork").fit(
        two, datamodule=build(fake.root, batch_size=2, num_workers=1)
    )
    steps = [two.read("train", rank) for rank in range(2)]
    assert [len(lines) for lines in steps] == [8, 8]
    together = [line for s in range(0, 8, 2) for lines in steps for line in lines[s : s + 2]]
    assert together == one.read("train")


class TestMistakes:
    """All before any training: from the constructor, or from ``setup``."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"shots": 0}, "data.shots: expected at least 1, but got 0"),
            ({"train_targets": 0}, "data.train_targets: expected at least 1, but got 0"),
            ({"test_episodes": 0}, "data.test_episodes: expected at least 1"),
            ({"batch_size": -1}, "data.batch_size: expected at least 1"),
            ({"num_workers": -1}, "data.num_workers: expected at least 0"),
            ({"seed": -1}, "data.seed: expected at least 0"),
            ({"size": 0}, "size: expected one or two positive integers"),
            ({"score_at": "there"}, "data.score_at: expected 'clip' or 'original', but got 'there'"),
            ({"score_align_corners": True}, "data.score_align_corners: expected data.score_at: original with it"),
            ({"train_length": 0}, "data.train_length: expected at least 1, but got 0"),
        ],
    )
    def test_arguments(self, fake, change, message):
        with pytest.raises(ValueError, match=message):
            build(fake.root, **change)

    def test_root(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"Coco.root: .*nowhere is not a folder"):
            build(tmp_path / "nowhere").setup("fit")

    @pytest.mark.parametrize("stage", ["fit", "validate", "test", "predict"])
    def test_broken_image(self, broken, stage):
        path = broken.root / "val2017" / "000000000004.jpg"
        path.write_bytes(path.read_bytes()[:300])
        with pytest.raises(ValueError, match=r"000000000004.jpg cannot be decoded"):
            build(broken.root).setup(stage)

    def test_missing_train_image_stops_fit_only(self, broken):
        (broken.root / "train2017" / "000000000004.jpg").unlink()
        build(broken.root).setup("test")
        with pytest.raises(FileNotFoundError, match=r"lists are not there: .*train2017/000000000004.jpg"):
            build(broken.root).setup("fit")

    def test_empty_fold(self, broken):
        broken.edit("val", lambda c: c.update(annotations=[a for a in c["annotations"] if a["category_id"] == 3]))
        with pytest.raises(ValueError, match=r"Strict fold 0, unseen classes: none of its 2 classes has 2 images"):
            build(broken.root).setup("test")

    def test_different_categories(self, broken):
        broken.edit("val", lambda c: c["categories"].pop())
        broken.edit("val", lambda c: c.update(annotations=[a for a in c["annotations"] if a["category_id"] != 90]))
        with pytest.raises(ValueError, match="expected equal categories in"):
            build(broken.root).setup("fit")

    def test_manifest(self, fake, tmp_path):
        line = {"class_id": 77, "references": ["val/a"], "source": "coco", "targets": ["val/b"]}
        (tmp_path / "a.jsonl").write_text(json.dumps(line))
        with pytest.raises(ValueError, match=r"a.jsonl, line 1: class 77 is not among the 2 test classes"):
            build(fake.root, manifest=tmp_path / "a.jsonl").setup("test")

    def test_manifest_of_other_shots(self, fake, tmp_path):
        data = build(fake.root)
        data.setup("test")
        data.write_manifest(tmp_path / "a.jsonl")
        with pytest.raises(ValueError, match=r"expected data.shots = 2 references, but line 1 is Episode"):
            build(fake.root, manifest=tmp_path / "a.jsonl", shots=2).setup("test")

    def test_before_setup(self, fake):
        with pytest.raises(ValueError, match=r"the test episodes are not there yet: call setup\('test'\) first"):
            build(fake.root).test_dataloader()

    def test_protocol_of_several_test_pools(self, fake):
        class Two(Protocol):
            def pools(self, source, stage):
                return (Pool(source, "val", (0,)), Pool(Coco(fake.root), "val", (1,)))

        for stage in ("fit", "test"):
            with pytest.raises(ValueError, match=r"Two: expected sources of different names, and one pool to test"):
                build(fake.root, protocol=Two()).setup(stage)


def test_real_photographs(shared):
    data = EpisodeDataModule(Coco(shared / "data" / "coco_mini"), Strict(0), size=64, num_workers=0, test_episodes=40)
    data.setup("fit")
    data.setup("test")
    assert (len(data.pools("train")[0].classes), len(data.test_classes)) == (54, 19)
    assert data.class_names[0] == "person"
    loader = data.test_dataloader()
    assert isinstance(loader, ClipLoader)
    for each in loader:
        batch = each.clips
        assert batch.masks.eq(1).any(dim=(2, 3)).float().mean() > 0.5
        assert {e.class_id % 4 for e in batch.episodes} == {0}


def test_memorising_trains_on_the_test_episodes_over_and_over(fake):
    data = build(fake.root, protocol=Chosen([1, 2]), memorise=True, test_episodes=3, batch_size=3)
    data.setup("fit")
    data.setup("test")
    test = list(data.episodes("test"))
    assert [data.episodes("train")[i] for i in range(6)] == test * 2
    assert [e for batch in data.train_dataloader() for e in batch.episodes] == test
