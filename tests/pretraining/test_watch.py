"""The watch: what it measures, and when it ends a run."""

from __future__ import annotations

import pytest
import torch

from builders import frames, mask_prompt, nano
from sansa_lightning.pretraining.watch import CollapsedError, Watch
from sansa_lightning.sam2.propagate import Propagation


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
    assert signs.keys() == {"trunk_norm", "neck_norm", "decoder_spread", "memory_gradient"}
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
    watch.forget()
    sam.image_encoder.trunk(frames(1, 1)[0])
    assert watch.check(sam, 0).keys() == {"trunk_norm"}
    watch.release()
    watch.forget()
    step(sam)
    assert watch.check(sam, 0).keys() == {"memory_gradient"}


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
