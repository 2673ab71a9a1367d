"""Which clips a process gets: slices, fill-ups, and a run that is killed and resumed."""

from __future__ import annotations

import multiprocessing

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from fakes.coco import write_coco
from fakes.recorder import KilledError, Recorder
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.loading.loader import EvalBatches, TrainBatches, TrainLoader
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.coco import Coco

STEPS = 4
"""Of an epoch, in the runs below."""


class TestTrainBatches:
    @pytest.mark.parametrize(("length", "batch_size", "processes"), [(24, 2, 1), (25, 2, 3), (7, 3, 2), (8, 1, 8)])
    def test_slices_are_disjoint_equal_and_new_in_each_epoch(self, length, batch_size, processes):
        seen: list[int] = []
        for epoch in range(3):
            for rank in range(processes):
                batches = TrainBatches(length, batch_size, rank, processes)
                batches.start = epoch * len(batches)
                steps = list(batches)
                assert len(batches) == len(steps) == length // (batch_size * processes)
                assert {len(step) for step in steps} == {batch_size}
                seen += [index for step in steps for index in step]
            assert sorted(seen) == list(range(len(seen)))

    def test_a_step_covers_the_same_episodes_on_any_number_of_processes(self):
        one = list(TrainBatches(12, 4))
        two = zip(TrainBatches(12, 2, 0, 2), TrainBatches(12, 2, 1, 2), strict=True)
        assert [a + b for a, b in two] == one

    def test_an_epoch_without_a_step(self):
        with pytest.raises(ValueError, match="train_length: expected at least batch_size x processes = 4 x 2 episodes"):
            TrainBatches(7, 4, 0, 2)


@pytest.mark.parametrize(("length", "batch_size", "processes"), [(10, 4, 1), (12, 4, 3), (4, 8, 2)])
def test_evaluation_covers_each_index_once_in_as_many_batches(length, batch_size, processes):
    ranks = [EvalBatches(length, batch_size, rank, processes) for rank in range(processes)]
    assert sorted(i for rank in ranks for batch in rank for i in batch) == list(range(length))
    assert len({len(rank) for rank in ranks}) == 1
    assert all(len(list(rank)) == len(rank) for rank in ranks)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Enough images for each episode of the runs below to be another one."""
    return write_coco(tmp_path_factory.mktemp("many") / "coco", images=42)


@pytest.fixture
def data(many):
    """Builds the datamodule of the runs below."""

    def build(workers=0, batch_size=2, **changes):
        kwargs = {"size": 16, "train_length": STEPS * 2 + 1, "val_episodes": 3, "seed": 1} | changes
        return EpisodeDataModule(
            Coco(many.root), Strict(0), num_workers=workers, batch_size=batch_size, eval_batch_size=2, **kwargs
        )

    return build


def trainer(tmp_path, *callbacks, max_epochs=3, **kwargs):
    return Trainer(
        max_epochs=max_epochs,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks) or [ModelCheckpoint(tmp_path, filename="last", every_n_train_steps=1)],
        enable_checkpointing=True,
        **kwargs,
    )


@pytest.fixture
def whole(tmp_path, data):
    """The lines of an uninterrupted run of three epochs."""
    folder = tmp_path / "whole"
    folder.mkdir()
    model = Recorder(folder)
    trainer(tmp_path, ModelCheckpoint(tmp_path / "none", every_n_train_steps=1000)).fit(model, datamodule=data())
    lines = model.read("train")
    assert len(lines) == len(set(lines)) == 3 * STEPS * 2
    return lines


@pytest.mark.slow
@pytest.mark.parametrize(
    "limit", [{"max_epochs": 3}, {"max_epochs": -1, "max_steps": 3 * STEPS}], ids=["epochs", "steps"]
)
@pytest.mark.parametrize(("steps", "workers"), [(1, 0), (3, 2), (4, 0), (4, 2), (5, 0), (8, 0), (10, 2)])
def test_resuming_yields_exactly_the_remaining_episodes(tmp_path, data, whole, workers, steps, limit):
    """Killed within step ``steps`` + 1; the checkpoint was written after step ``steps``, before the loop counted it."""
    killed = Recorder(tmp_path, kill_at=steps + 1)
    with pytest.raises(KilledError):
        trainer(tmp_path, **limit).fit(killed, datamodule=data(workers))
    assert killed.read("train") == whole[: steps * 2]
    resumed = trainer(tmp_path / "again", **limit)
    resumed.fit(Recorder(tmp_path), datamodule=data(workers), ckpt_path=tmp_path / "last.ckpt")
    assert killed.read("train") == whole
    assert resumed.global_step == 3 * STEPS


@pytest.mark.parametrize(
    "callback",
    [
        # written in the middle of the step that fails, when its batch has been fetched but not trained on
        {"save_on_exception": True, "every_n_train_steps": 1000},
        {"save_on_train_epoch_end": True, "every_n_epochs": 1},
    ],
    ids=["exception", "epoch end"],
)
@pytest.mark.parametrize("limit", [{}, {"max_steps": 3 * STEPS}], ids=["epochs", "steps"])
def test_other_moments_to_save(tmp_path, data, whole, callback, limit):
    killed = Recorder(tmp_path, kill_at=STEPS + 3)
    with pytest.raises(KilledError):
        trainer(tmp_path, ModelCheckpoint(tmp_path / "ckpt", **callback), **limit).fit(killed, datamodule=data())
    (path,) = (tmp_path / "ckpt").iterdir()
    trained = torch.load(path, weights_only=True)["global_step"]
    assert trained == (STEPS + 2 if "save_on_exception" in callback else STEPS)
    again = tmp_path / "again"
    again.mkdir()
    resumed = Recorder(again)
    never = ModelCheckpoint(tmp_path / "none", every_n_train_steps=1000)
    trainer(tmp_path, never, **(limit | {"max_epochs": -1 if limit else 3})).fit(
        resumed, datamodule=data(), ckpt_path=path
    )
    assert resumed.read("train") == whole[trained * 2 :]


@pytest.mark.slow
def test_validation_within_an_epoch_changes_nothing(tmp_path, data, whole):
    killed = Recorder(tmp_path, kill_at=STEPS + 4)
    with pytest.raises(KilledError):
        trainer(tmp_path, val_check_interval=2).fit(killed, datamodule=data(2))
    trainer(tmp_path / "again", val_check_interval=2).fit(
        Recorder(tmp_path), datamodule=data(2), ckpt_path=tmp_path / "last.ckpt"
    )
    assert killed.read("train") == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 1}, r"batch_size 2 \(now 1\)"),
        ({"train_length": 12}, r"train_length 9 \(now 12\)"),
        ({"seed": 2}, r"clips \w+ \(now \w+\)"),
        ({"train_targets": 1}, r"clips \w+ \(now \w+\)"),
    ],
)
def test_resuming_with_another_list_is_an_error(tmp_path, data, change, message):
    with pytest.raises(KilledError):
        trainer(tmp_path).fit(Recorder(tmp_path, kill_at=3), datamodule=data())
    with pytest.raises(ValueError, match=f"resuming in mid-epoch: the checkpoint was trained with {message}; give the"):
        trainer(tmp_path).fit(Recorder(tmp_path), datamodule=data(**change), ckpt_path=tmp_path / "last.ckpt")


def test_a_loader_works_without_a_trainer(data):
    module = data()
    module.setup("fit")
    loader = module.train_dataloader()
    assert isinstance(loader, TrainLoader)
    lines = [episode for batch in loader for episode in batch.episodes]
    assert lines == list(module.episodes("train"))[: STEPS * 2]
    assert [episode for batch in loader for episode in batch.episodes] == lines


def test_a_loader_can_be_read_after_training(tmp_path, data):
    module = data()
    trainer(tmp_path, max_epochs=1).fit(Recorder(tmp_path), datamodule=module)
    assert len(list(module.train_dataloader())) == STEPS


@pytest.mark.parametrize("workers", [0, 2])
def test_the_global_random_stream_is_left_alone(data, workers):
    module = data(workers)
    module.setup("fit")
    loader = module.train_dataloader()
    torch.manual_seed(0)
    expected = torch.rand(())
    torch.manual_seed(0)
    assert len(list(loader)) == STEPS
    assert torch.rand(()) == expected
    module.teardown("fit")


def test_closing_ends_the_workers(data):
    module = data(2)
    module.setup("fit")
    loader = module.train_dataloader()
    before = set(multiprocessing.active_children())
    next(iter(loader))
    assert len(set(multiprocessing.active_children()) - before) == 2
    module.teardown("fit")
    assert not set(multiprocessing.active_children()) - before
    assert len(list(loader)) == STEPS
    loader.close()
