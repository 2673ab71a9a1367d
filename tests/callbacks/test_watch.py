"""The watch: what it measures, and when it ends a run."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch import Callback, Trainer

from builders import frames, mask_prompt, nano
from sansa_lightning.callbacks.watch import CollapsedError, Watch, WatchTraining
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.module import FewShotModule
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.trackers.zoo import Base


def step(sam: torch.nn.Module) -> None:
    Propagation()(sam, frames(1, 2), [[mask_prompt()]]).logits.square().mean().backward()


def silence(sam: torch.nn.Module) -> None:
    """The decoder's post-norm transformer gives the same everywhere: its last normalisation has no gain."""
    torch.nn.init.zeros_(sam.sam_mask_decoder.transformer.layers[-1].norm4.weight)


def test_measures_a_step():
    sam, watch = nano(), Watch(every=2)
    watch.listen(sam)
    with torch.no_grad():
        trunk = sam.image_encoder.trunk(frames(1, 2)[0])[2]
    step(sam)
    signs = watch.check(sam, 2)
    assert signs.keys() == {"trunk_norm", "neck_norm", "decoder_spread", "memory_gradient", "matching_gradient"}
    torch.testing.assert_close(signs["trunk_norm"], trunk.square().sum(1).sqrt().mean())
    gradients = [parameter.grad.flatten() for parameter in sam.memory_attention.parameters()]
    torch.testing.assert_close(signs["memory_gradient"], torch.cat(gradients).norm())
    assert float(signs["decoder_spread"]) > 0.05
    assert watch.check(sam, 3) == {}
    assert watch.low == 0


def test_parts_that_did_not_run_are_left_out():
    sam, watch = nano(), Watch()
    watch.listen(sam)
    step(sam)
    sam.zero_grad()
    watch.begin(sam, 0)
    sam.image_encoder.trunk(frames(1, 1)[0])
    assert watch.check(sam, 0).keys() == {"trunk_norm"}
    watch.begin(sam, 1)
    step(sam)
    assert watch.check(sam, 0).keys() == {"memory_gradient", "matching_gradient"}


def test_only_the_steps_that_are_checked_are_measured():
    sam, watch = nano(), Watch(every=2)
    images, measured = frames(1, 1)[0], []
    for at in range(4):
        watch.begin(sam, at)
        sam.image_encoder.trunk(images)
        measured.append(len(sam._heard))
        assert ("trunk_norm" in watch.check(sam, at)) == (at % 2 == 0)
        assert not sam._heard
    assert measured == [3, 0, 3, 0]


def test_ends_a_run_whose_decoder_says_the_same_everywhere():
    sam, watch = nano(), Watch(every=1, patience=3)
    silence(sam)
    watch.listen(sam)
    step(sam)
    assert [float(watch.check(sam, at)["decoder_spread"]) for at in (0, 1)] == [0.0, 0.0]
    with pytest.raises(
        CollapsedError, match=r"training collapsed by step 2: .* \(spread 0, below 0\.05 in 3 checks\); lower"
    ):
        watch.check(sam, 2)


def test_a_run_that_recovers_goes_on():
    sick, healthy = nano(), nano()
    silence(sick)
    watch = Watch(every=1, patience=2)
    for sam in (sick, healthy, sick):
        watch.listen(sam)
        step(sam)
        watch.check(sam, 0)
        watch.release()
    assert watch.low == 1


def test_not_a_number_is_no_health():
    sam, watch = nano(), Watch(patience=1)
    torch.nn.init.constant_(sam.sam_mask_decoder.transformer.layers[-1].norm4.weight, float("nan"))
    watch.listen(sam)
    step(sam)
    with pytest.raises(CollapsedError, match="spread nan"):
        watch.check(sam, 0)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"patience": 0}, {"least_spread": -0.1}])
def test_refuses_values_out_of_range(wrong):
    with pytest.raises(ValueError, match="watch: expected every and patience >= 1 and least_spread >= 0, but got"):
        Watch(**wrong)


def test_memory_attention_that_does_not_match_is_starved():
    """What the target takes from the memories is nothing, so that no gradient says how to match them."""
    fed, starved = nano(), nano()
    for layer in starved.memory_attention.layers:
        torch.nn.init.zeros_(layer.cross_attn_image.out_proj.weight)
    signs = []
    for sam in (fed, starved):
        step(sam)
        signs.append(Watch().check(sam, 0))
    assert float(signs[0]["matching_gradient"]) > 1e-6
    assert float(signs[1]["matching_gradient"]) == 0
    assert float(signs[1]["memory_gradient"]) > 0.1


class SilenceAfter(Callback):
    """The decoder fails in the middle of a run."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.steps:
            silence(pl_module.base)


def fit(callbacks: list[Callback], steps: int) -> Trainer:
    data = EpisodeDataModule(Patterns(), Strict(0), train_targets=1, train_length=16, val_episodes=1, num_workers=0)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "num_sanity_val_steps": 0}
    options = {"limit_val_batches": 0, "use_distributed_sampler": False, "enable_model_summary": False, **quiet}
    trainer = Trainer(accelerator="cpu", max_steps=steps, callbacks=callbacks, **options)
    trainer.fit(FewShotModule(Base("nano", weights=None), FineTune(["memory_attention"])), datamodule=data)
    return trainer


def test_few_shot_training_that_collapses_ends():
    callback = WatchTraining(every=1, patience=2)
    with pytest.raises(CollapsedError, match=r"training collapsed by step 2: .* \(spread 0, below 0.\d+ in 2 checks\)"):
        fit([SilenceAfter(1), callback], 4)


def test_few_shot_training_logs_its_signs_and_judges_by_the_first_spread():
    callback = WatchTraining(every=1, least_share=0.25)
    signs = fit([callback], 1).logged_metrics
    assert {name for name in signs if name.startswith("watch/")} == {
        f"watch/{name}"
        for name in ("trunk_norm", "neck_norm", "decoder_spread", "memory_gradient", "matching_gradient")
    }
    assert callback.watch.least_spread == pytest.approx(0.25 * float(signs["watch/decoder_spread"]))


@pytest.mark.slow
def test_few_shot_training_goes_on_with_the_first_spread_of_the_run():
    before = WatchTraining(every=2)
    fit([before], 4)
    before.watch.low = 2
    after = WatchTraining(every=1)
    after.load_state_dict(before.state_dict())
    fit([after], 1)
    assert after.watch.least_spread == before.watch.least_spread > 0
    assert after.watch.low == 0  # a healthy check since
