from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import Callback, Trainer

from launches import call, tiny, trained, write_yaml
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.prompts import BoxPrompt, MaskPrompt
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.module import FewShotModule
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.trackers.zoo import Base


class SeededModule(FewShotModule):
    """At a step of a process."""

    def __init__(self, step: int, rank: int) -> None:
        super().__init__()
        self.place = (step, rank)

    trainer = None
    global_step = property(lambda self: self.place[0])
    global_rank = property(lambda self: self.place[1])


class Watch(Callback):
    """Notes what each step was like."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.gradients: list[float] = []
        self.modes: list[set[str]] = []
        self.losses: list[float] = []
        self.trained: set[str] = set()

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])
        self.modes.append({name for name, part in pl_module.base.named_modules() if part.training})

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.losses.append(float(outputs["loss"]))
        gradients = {name: value.grad for name, value in pl_module.base.named_parameters() if value.grad is not None}
        self.gradients.append(float(torch.stack([gradient.norm() for gradient in gradients.values()]).norm()))
        self.trained |= gradients.keys()


@pytest.fixture
def data(coco):
    return EpisodeDataModule(
        Coco(coco.root),
        Strict(fold=0),
        size=96,
        train_targets=2,
        train_length=8,
        val_episodes=2,
        test_episodes=2,
        batch_size=2,
        num_workers=0,
    )


def module(**options) -> FewShotModule:
    torch.manual_seed(0)  # of the adapters
    options.setdefault("strategy", AdaptFormer(placement=[1, 2]))
    return FewShotModule(Base("nano", weights=None), **options)


def trainer(**options) -> Trainer:
    options = {"max_epochs": 2, "gradient_clip_val": 1.0, "num_sanity_val_steps": 0} | options
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return Trainer(accelerator="cpu", enable_model_summary=False, use_distributed_sampler=False, **quiet, **options)


@pytest.mark.slow
def test_the_learning_rate_is_a_cosine_over_all_steps(data):
    watch = Watch()
    trainer(callbacks=[watch]).fit(module(), datamodule=data)
    assert watch.rates == pytest.approx([1e-4 * (1 + math.cos(math.pi * step / 8)) / 2 for step in range(8)])
    assert watch.rates[-1] < 0.04e-4


@pytest.mark.slow
def test_the_schedule_follows_max_steps_and_accumulation(data):
    watch = Watch()
    trainer(callbacks=[watch], max_steps=3, accumulate_grad_batches=2).fit(module(), datamodule=data)
    expected = [1e-4 * (1 + math.cos(math.pi * step / 3)) / 2 for step in (0, 0, 1, 1, 2, 2)]
    assert watch.rates == pytest.approx(expected)


@pytest.mark.slow
def test_the_poly_schedule_is_a_power_of_what_is_left(data):
    watch = Watch()
    trainer(callbacks=[watch]).fit(module(schedule="poly", schedule_power=0.9), datamodule=data)
    assert watch.rates == pytest.approx([1e-4 * (1 - step / 8) ** 0.9 for step in range(8)])
    with pytest.raises(ValueError, match=r"^FewShotModule\.schedule_power: expected a finite number above 0"):
        module(schedule="poly", schedule_power=0.0)


@pytest.mark.slow
def test_a_constant_rate_stays(data):
    watch = Watch()
    trainer(callbacks=[watch], max_epochs=1).fit(module(schedule="constant"), datamodule=data)
    assert watch.rates == [1e-4] * 4


def test_gradients_are_clipped(data):
    loud, quiet = Watch(), Watch()
    trainer(callbacks=[loud], max_steps=1, gradient_clip_val=None).fit(module(), datamodule=data)
    trainer(callbacks=[quiet], max_steps=1, gradient_clip_val=loud.gradients[0] / 2).fit(module(), datamodule=data)
    assert quiet.gradients[0] == pytest.approx(loud.gradients[0] / 2, rel=1e-3)


def test_frozen_stays_frozen_and_in_eval(data):
    model = module()
    watch = Watch()
    before = {name: value.clone() for name, value in Base("nano", weights=None).build().state_dict().items()}
    for _ in range(2):
        runner = trainer(callbacks=[watch], max_epochs=1, num_sanity_val_steps=1)
        runner.fit(model, datamodule=data)
        runner.validate(model, datamodule=data, verbose=False)
    assert len(watch.modes) == 8
    assert all(name.partition(".adapter")[1] for mode in watch.modes for name in mode)
    assert all(len(mode) == len(watch.modes[0]) > 0 for mode in watch.modes)
    after = model.base.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert watch.trained == {name for name in after if ".adapter." in name} == after.keys() - before.keys()


@pytest.mark.slow
def test_memory_dropout_is_on_in_training_only(data):
    plain, dropped, again = Watch(), Watch(), Watch()
    trainer(callbacks=[plain], max_epochs=1).fit(module(), datamodule=data)
    model = module(memory_dropout=True)
    runner = trainer(callbacks=[dropped], max_epochs=1, num_sanity_val_steps=1)
    runner.fit(model, datamodule=data)
    torch.rand(5)
    trainer(callbacks=[again], max_epochs=1).fit(module(memory_dropout=True), datamodule=data)
    assert any(name.startswith("memory_attention.layers.0.dropout") for name in dropped.modes[0])
    assert not any(name.startswith("memory_encoder") for name in dropped.modes[0])
    assert dropped.losses == again.losses
    assert plain.losses[0] != dropped.losses[0]
    first, second = (runner.validate(model, datamodule=data, verbose=False) for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_recompute_gives_the_same_steps(data):
    plain, recomputed = Watch(), Watch()
    trainer(callbacks=[plain], max_epochs=1).fit(module(), datamodule=data)
    trainer(callbacks=[recomputed], max_epochs=1).fit(module(recompute=True), datamodule=data)
    assert plain.losses == pytest.approx(recomputed.losses, rel=1e-6)


@pytest.mark.slow
def test_mixed_precision_takes_a_step(data):
    watch, model = Watch(), module()
    runner = trainer(callbacks=[watch], max_steps=1, precision="bf16-mixed")
    runner.fit(model, datamodule=data)
    assert math.isfinite(watch.losses[0])
    plain = Watch()
    trainer(callbacks=[plain], max_steps=1).fit(module(), datamodule=data)
    assert watch.losses[0] == pytest.approx(plain.losses[0], rel=0.02)
    assert watch.losses[0] != plain.losses[0]
    assert {value.dtype for value in model.base.parameters()} == {torch.float32}
    runner.test(model, datamodule=data, verbose=False)
    mixed = model.scores["test"].miou
    trainer().test(model, datamodule=data, verbose=False)
    assert mixed == pytest.approx(model.scores["test"].miou, abs=0.02)


@pytest.mark.parametrize("precision", ["bf16-true", "16-true", "64-true"])
def test_weights_of_another_precision_are_refused(precision, data):
    with pytest.raises(ValueError, match=f"trainer.precision: expected one of 32-true, .* but got {precision}"):
        trainer(precision=precision).fit(module(), datamodule=data)


def test_defaults_from_python_are_the_papers_and_those_of_the_command_line_the_miniatures(capsys):
    with pytest.raises(SystemExit, match="0"):
        call("fit", "--print_config")
    shown = yaml.safe_load(capsys.readouterr().out)["model"]
    model = FewShotModule()
    parts = (model.parts.strategy, model.parts.method, model.losses)
    for name, part in zip(("strategy", "method", "losses"), parts, strict=True):
        assert shown[name]["class_path"] == f"{type(part).__module__}.{type(part).__name__}"
    assert model.parts.strategy.settings()["scale"] == 0.1
    assert shown["strategy"]["init_args"] == model.parts.strategy.settings() | {"scale": 0.3}
    terms = {name: loss["class_path"] for name, loss in shown["losses"]["init_args"]["terms"].items()}
    assert terms == {
        name: f"{type(loss).__module__}.{type(loss).__name__}" for name, loss in model.losses.terms.items()
    }
    optimizer = model.optimizer([torch.nn.Parameter(torch.zeros(1))])
    assert shown["optimizer"]["class_path"].endswith(type(optimizer).__name__)
    group = optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (1e-4, 0.0)
    assert [shown["optimizer"]["init_args"][name] for name in ("lr", "weight_decay")] == [6e-3, 0.01]


def test_nothing_to_train_is_said(data):
    with pytest.raises(ValueError, match="fit: Frozen trains nothing; use validate or test, or another strategy"):
        trainer().fit(module(strategy=Frozen()), datamodule=data)
    model = module(strategy=Frozen())
    trainer().test(model, datamodule=data, verbose=False)
    assert [score.name for score in model.scores["test"].classes] == ["ant", "eel"]


@pytest.mark.parametrize("threshold", [0, 1, -0.5, math.nan])
def test_a_threshold_is_a_probability(threshold):
    with pytest.raises(ValueError, match=r"FewShotModule\.threshold: expected a probability in \(0, 1\)"):
        FewShotModule(threshold=threshold)


def test_a_lower_threshold_predicts_more(data):
    data.setup("test")
    batch = next(iter(data.test_dataloader()))
    areas = []
    for threshold in (0.7, 0.5, 0.3):
        model = module(threshold=threshold)
        model.configure_model()
        model.eval()
        with torch.no_grad():
            logits = model.parts.method(model.base, batch.clips, propagate_targets=False).logits[:, 1:]
            found = model.predict_step(batch, 0)
        masks = torch.stack([torch.stack([each.mask for each in clip]) for clip in found])
        if threshold == 0.5:
            sure, mask = logits.sigmoid().flatten(2).numpy(), masks.flatten(2).numpy()
            expected = np.minimum(sure, mask).sum(2) / np.maximum(sure, mask).sum(2)
            assert np.allclose([[each.score for each in clip] for clip in found], expected, atol=1e-5)
        assert torch.equal(masks, logits.sigmoid() > threshold)
        areas.append(int(masks.sum()))
    assert areas == sorted(areas)


def test_sanity_checking_leaves_no_scores(data):
    model = module()
    trainer(max_steps=1, num_sanity_val_steps=1, limit_val_batches=1, check_val_every_n_epoch=5).fit(
        model, datamodule=data
    )
    assert model.scores == {}


def test_the_seed_of_the_data_decides_the_dropout():
    """Seed 0 draws what was always drawn; on the CPU the lower 32 bits are all that counts."""
    drawn = {}
    for seed in (0, 1, 2, 1001, 2**31):
        for step, batch, rank in ((0, 0, 0), (0, 1, 0), (7, 3, 0), (7, 3, 1)):
            data = SimpleNamespace(seed=seed)
            model = SeededModule(step, rank)
            model.trainer = SimpleNamespace(world_size=2, datamodule=data)
            drawn[seed, step, batch, rank] = model.dropout_seed(batch)
            if seed == 0:
                assert drawn[seed, step, batch, rank] == (step * 100_003 + batch) * 2 + rank
    assert len({value % 2**32 for value in drawn.values()}) == len(drawn)
    assert all(0 <= value < 2**64 for value in drawn.values())


def test_data_without_a_seed_draw_as_with_seed_zero():
    model = SeededModule(3, 0)
    model.trainer = SimpleNamespace(world_size=1, datamodule=SimpleNamespace())
    assert model.dropout_seed(2) == 3 * 100_003 + 2


def test_a_cosine_needs_an_end(data):
    endless = {"max_epochs": -1, "limit_train_batches": 1, "max_time": {"seconds": 1}}
    message = r"^model\.schedule: cosine needs a last step, but trainer\.max_epochs is -1; set trainer\.max_steps, or"
    with pytest.raises(ValueError, match=message):
        trainer(**endless).fit(module(), datamodule=data)
    watch = Watch()
    trainer(max_epochs=-1, max_steps=2, callbacks=[watch]).fit(module(), datamodule=data)
    assert watch.rates == pytest.approx([1e-4, 0.5e-4])


def test_data_come_as_a_datamodule(data):
    data.setup("fit")
    with pytest.raises(
        ValueError, match=r"^FewShotModule: expected datamodule=EpisodeDataModule\(\.\.\.\), which knows the"
    ):
        trainer().fit(module(), train_dataloaders=data.train_dataloader())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prompts", "prompter", "right"), [("mask", BoxPrompt(), "points"), ("points", MaskPrompt(), "mask")]
)
def test_what_trains_fits_the_prompts_of_the_data(data, prompts, prompter, right):
    data.train_prompt = prompter
    with pytest.raises(ValueError, match=rf"^FineTune\.prompts: expected '{right}', since data\.train_prompt"):
        trainer().fit(module(strategy=FineTune("decoder", prompts)), datamodule=data)
    model = module(strategy=FineTune("decoder", right))
    trainer(max_steps=1).fit(model, datamodule=data)
    assert model.trainer.global_step == 1
    trainer().test(module(strategy=FineTune("decoder", prompts)), datamodule=data, verbose=False)  # nothing trains


def test_configuring_twice_attaches_once():
    model = module()
    model.configure_model()
    base = model.base
    model.configure_model()
    assert model.base is base


@pytest.mark.slow
def test_the_seed_of_the_run_decides_the_adapters(coco, tmp_path):
    weights = []
    for seed in (0, 0, 1):
        config = tiny(coco.root) | {"seed_everything": seed}
        config["trainer"]["max_steps"] = 1
        folder = tmp_path / str(len(weights))
        call("fit", "--config", write_yaml(tmp_path / "seed.yaml", config), "--run_dir", folder)
        weights.append(trained(folder))
    name = next(name for name in weights[0] if name.endswith("down_proj.weight"))
    assert torch.equal(weights[0][name], weights[1][name])
    assert not torch.allclose(weights[0][name], weights[2][name], atol=1e-3)
