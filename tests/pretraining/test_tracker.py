"""The module: its two phases, its schedule, and a run that is watched, resumed and exported."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from sansa_lightning.analysis.linear_probe import LinearProbe
from sansa_lightning.callbacks.watch import CollapsedError
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.metrics.tracking import TrackingJ
from sansa_lightning.pretraining.datamodule import TrackingDataModule
from sansa_lightning.pretraining.tracker import WATCH, TrackerModule
from sansa_lightning.trackers.zoo import Base

STEPS = 3


def data() -> TrackingDataModule:
    return TrackingDataModule(2, 2, train_length=2 * STEPS, val_clips=2, test_clips=2, batch_size=2, tiles=8)


def trainer(folder: Path, steps: int, **more: Any) -> Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}
    options = {"accelerator": "cpu", "max_steps": steps, "max_epochs": -1, "limit_val_batches": 0, **quiet, **more}
    options.setdefault("enable_checkpointing", False)
    return Trainer(default_root_dir=folder, use_distributed_sampler=False, **options)


def trained(folder: Path, steps: int = STEPS, **settings: Any) -> TrackerModule:
    module = TrackerModule(**{"content_steps": 1, "warmup": 0, **settings})
    trainer(folder, steps).fit(module, data())
    return module


class Silenced(TrackerModule):
    """Its decoder's post-norm transformer gives the same everywhere."""

    def configure_model(self) -> None:
        super().configure_model()
        torch.nn.init.zeros_(self.base.sam_mask_decoder.transformer.layers[-1].norm4.weight)
        self.base.sam_mask_decoder.transformer.layers[-1].norm4.requires_grad_(False)


def test_the_first_phase_trains_the_trunk_alone(tmp_path):
    before = trained(tmp_path, steps=1, content_rate=1e-12, weight_decay=0.0)
    after = trained(tmp_path, steps=1, content_steps=5)
    changed = {
        name.split(".")[0] + "." + name.split(".")[1]
        for name, value in after.base.state_dict().items()
        if (value - before.base.state_dict()[name]).abs().max() > 1e-6
    }
    assert changed == {"image_encoder.trunk"}


def test_the_second_phase_trains_everything_that_a_mask_prompt_uses(tmp_path):
    before = trained(tmp_path, steps=1, content_steps=0, tracker_rate=1e-12, weight_decay=0.0)
    after = trained(tmp_path, steps=1, content_steps=0)
    for part in ("image_encoder.trunk", "image_encoder.neck", "memory_attention", "memory_encoder", "sam_mask_decoder"):
        own = {name: value for name, value in after.base.state_dict().items() if name.startswith(part)}
        assert any((value - before.base.state_dict()[name]).abs().max() > 1e-6 for name, value in own.items()), part


def test_each_phase_warms_up_and_falls():
    module = TrackerModule(content_steps=100, content_rate=2e-3, tracker_rate=4e-4, warmup=9)
    rates = [module.rate(300)(step) for step in range(300)]
    assert rates[0] == pytest.approx(2e-4)
    assert max(rates[:100]) == rates[9] == pytest.approx(2e-3, rel=0.03)
    assert rates[99] < 0.03 * 2e-3
    assert rates[100] == pytest.approx(4e-5)
    assert max(rates[100:]) == rates[109] == pytest.approx(4e-4, rel=0.01)
    assert rates[299] < 0.03 * 4e-4


@pytest.mark.slow
def test_the_end_of_a_run_is_a_file_of_weights(tmp_path):
    module = trained(tmp_path)
    built = Base("nano", weights=tmp_path / "nano.safetensors").build()
    for name, tensor in module.base.state_dict().items():
        assert torch.equal(built.state_dict()[name], tensor.half().float()), name


def test_a_run_that_collapses_ends_with_one_line(tmp_path):
    module = Silenced(content_steps=0, watch_every=1, patience=2)
    with pytest.raises(CollapsedError, match=r"training collapsed by step 1: the decoder's features are the same"):
        trainer(tmp_path, 9).fit(module, data())
    assert not (tmp_path / "nano.safetensors").exists()


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    whole = trained(tmp_path / "whole", steps=4, content_steps=2)
    keep = ModelCheckpoint(tmp_path / "part", every_n_train_steps=1, save_top_k=-1, filename="{step}")
    first = TrackerModule(content_steps=2, warmup=0)
    first.watch.low = 2
    # The schedule spans the steps of the whole run, so it is that run which is broken off.
    stopped = trainer(tmp_path / "part", 4, callbacks=[keep], enable_checkpointing=True)
    stopped.fit(first, data())
    resumed = TrackerModule(content_steps=2, warmup=0)
    trainer(tmp_path / "rest", 4).fit(resumed, data(), ckpt_path=tmp_path / "part" / "step=2.ckpt", weights_only=True)
    assert resumed.watch.low == 2
    for name, tensor in whole.base.state_dict().items():
        assert torch.equal(resumed.base.state_dict()[name], tensor), name


def test_a_checkpoint_of_something_else_is_refused_in_one_line():
    module = TrackerModule()
    module._trainer = SimpleNamespace(datamodule=data())
    module.configure_model()
    whole = {"state_dict": dict(module.state_dict()), HEADER: module.header(), WATCH: 0}
    module.on_load_checkpoint(whole)
    name = "base.no_mem_embed"
    for change, words in (
        ({WATCH: "x"}, r"checkpoint\.watch_low: expected at least 0, a whole number, but got 'x'"),
        ({WATCH: None}, r"checkpoint\.watch_low: expected at least 0, a whole number, but got None"),
        (
            {HEADER: {"base": {"name": "x"}}},
            r"does not fit this run: it is of \{'base': \{'name': 'x'\}\}, but",
        ),
        ({"state_dict": []}, r"checkpoint is not a whole checkpoint of this project: its 'state_dict' is a list; exp"),
        ({"state_dict": {}}, r"checkpoint does not fit what trains here: missing \d+ tensors, first base\."),
        (
            {"state_dict": whole["state_dict"] | {name: torch.full((1, 1, 96), torch.nan)}},
            r"does not fit what trains here: 1 tensor with NaN or infinity, first base\.no_mem_embed: 96 of its 96",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            module.on_load_checkpoint(whole | change)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"strategy": torch.zeros(2), "base": {}}, "its 'sansa_lightning' holds a Tensor, not a plain value"),
        ({"strategy": {"class": "TrackerModule"}, "base": {"name": "tiny"}}, "does not fit this run: it is of"),
        (3, "its 'sansa_lightning' is a int"),
    ],
)
def test_a_header_that_is_not_that_of_this_run_is_refused(said, words):
    with pytest.raises(ValueError, match=r"^checkpoint ") as caught:
        TrackerModule().on_load_checkpoint({"sansa_lightning": said, "state_dict": {}})
    assert words in str(caught.value)


def test_tensors_that_do_not_fit_are_refused():
    module = TrackerModule()
    content = {"sansa_lightning": module.header(), "state_dict": {"base.more": torch.zeros(2)}}
    with pytest.raises(ValueError, match=r"^checkpoint does not fit what trains here: unexpected 1 tensor, first"):
        module.on_load_checkpoint(content)


def test_j_is_that_of_propagation_over_the_held_out_clips(tmp_path):
    module = TrackerModule()
    found = trainer(tmp_path, 1).test(module, data(), verbose=False)
    batch = next(iter(data().test_dataloader())).clips
    with torch.no_grad():
        logits = Propagation()(module.base, batch.images, batch.prompts, propagate_targets=True).logits
    metric = TrackingJ()
    metric.update(logits[:, 1:] > 0, batch.masks[:, 1:])
    assert module.scores["test"] == metric.compute()
    assert found == [{"test/tracking_j": pytest.approx(metric.compute().j)}]


def test_refuses_rates_and_steps_out_of_range():
    with pytest.raises(ValueError, match=r"TrackerModule: expected content_steps, .* rates > 0, but got -1, 40, 0\.5"):
        TrackerModule(content_steps=-1)
    with pytest.raises(ValueError, match="and rates > 0"):
        TrackerModule(tracker_rate=0)


def test_a_development_run_leaves_no_weights(tmp_path):
    trainer(tmp_path, -1, fast_dev_run=True).fit(TrackerModule(content_steps=0), data())
    assert not (tmp_path / "nano.safetensors").exists()


def test_a_base_of_another_size_is_refused():
    with pytest.raises(
        ValueError, match=r"^model.base: expected one for clips of 96 pixels, .* but got sam2_hiera_tiny$"
    ):
        TrackerModule(Base("sam2_hiera_tiny", weights=None)).configure_model()


def test_a_tracker_has_no_classes_to_probe(tmp_path):
    with pytest.raises(ValueError, match=r"^LinearProbe: expected episodes of classes, but this run has none"):
        trainer(tmp_path, 1, callbacks=[LinearProbe()]).test(TrackerModule(), data(), verbose=False)
