"""Negative tokens: from the average feature of a negative object to what the decoder reads beside its prompt."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from builders import (
    frames,
    largest_difference,
    mask_prompt,
    model,
    nano,
    negative,
    negative_batch,
    randomise,
)
from fakes.coco import FakeCoco
from launches import call, checkpoint, refusal, result, tiny, write_yaml
from sansa_lightning import ClipBatch, Prompt, load
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.trained import trained_state
from sansa_lightning.clips.negatives import Negative
from sansa_lightning.methods.negative_tokens import NegativeTokens
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.zoo import Base

SIZE = (96, 96)
TOKENS = Path(__file__).parents[2] / "ablations" / "negatives" / "tokens.yaml"


ONE, TWO, THREE = (negative(11, mask_prompt()), negative(12, Prompt.box([5, 5, 70, 60])), negative(13, mask_prompt()))
UNSEEN = negative(14, Prompt.mask(torch.zeros(SIZE)))


def trained(scale: float = 1.0) -> FewShotModel:
    """A model whose MLP has values that no zero hides."""
    made = model(nano(), method=NegativeTokens(scale=scale))
    randomise(made.method)
    return made


def low_of(made: FewShotModel, batch: ClipBatch, propagate_targets: bool = False) -> Tensor:
    with torch.inference_mode():
        return made(batch, propagate_targets).low


def read_by(made: FewShotModel, batch: ClipBatch) -> list[Tensor]:
    """The sparse prompts that the decoder reads, of each of its calls, float32 [G, P, C]."""
    heard: list[Tensor] = []
    decoder: Any = made.base.sam_mask_decoder
    handle = decoder.register_forward_pre_hook(
        lambda _module, _args, kwargs: heard.append(kwargs["sparse_prompt_embeddings"]), with_kwargs=True
    )
    low_of(made, batch)
    handle.remove()
    return heard


def no_point(tracker: Any) -> Tensor:
    return tracker.sam_prompt_encoder.not_a_point_embed.weight.detach()[0]


# --- what an untrained token does -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("propagate_targets", [False, True])
def test_untrained_with_one_negative_or_none_it_is_sansa_bit_by_bit(propagate_targets):
    batch = negative_batch([(ONE,), (), (TWO,)], targets=3)
    untrained, plain = (model(nano(), method=method) for method in (NegativeTokens(), Sansa()))
    assert torch.equal(low_of(untrained, batch, propagate_targets), low_of(plain, batch, propagate_targets))


def test_untrained_with_more_it_reads_that_there_is_no_point_once_more():
    untrained = model(nano(), method=NegativeTokens())
    for count in (1, 2, 3):
        *_, read = read_by(untrained, negative_batch([(ONE, TWO, THREE)[:count]]))
        assert torch.equal(read, no_point(untrained.base).expand(2, count + 1, -1))
    less, more = (low_of(untrained, negative_batch([negatives]))[:, 1:] for negatives in ((ONE,), (ONE, THREE)))
    assert largest_difference(less, more) > 1e-4  # it is not inert


# --- the average feature, and its token, by another way ---------------------------------------------------------------


def token_by_hand(made: FewShotModel, one: Negative, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """In NumPy, cell by cell, from the map of the tracker and the mask at its input's size."""
    with torch.inference_mode():
        cells = made.base.encode(one.image[None]).image[0].double().numpy()
    side = mask.shape[0] // cells.shape[1]
    total, weight = np.zeros(len(cells)), 0.0
    for y in range(cells.shape[1]):
        for x in range(cells.shape[2]):
            share = mask[y * side : (y + 1) * side, x * side : (x + 1) * side].mean()
            total, weight = total + share * cells[:, y, x], weight + share
    first, _, last = (layer for layer in made.method.look)  # type: ignore[union-attr]
    hidden = first.weight.double().detach().numpy() @ (total / weight) + first.bias.double().detach().numpy()
    hidden = np.array([x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in hidden])
    said: NDArray[np.float64] = last.weight.double().detach().numpy() @ hidden + last.bias.double().detach().numpy()
    return said


def answered(made: FewShotModel, one: Negative) -> NDArray[np.bool_]:
    """The decoder's answer to a prompt, as plain propagation gives it for a reference."""
    clip = ClipBatch((), torch.stack([one.image, one.image])[None], torch.zeros(1, 2, *SIZE), ((one.prompt,),))
    with torch.inference_mode():
        low = Sansa()(made.base, clip, propagate_targets=False).low[:, :1]
    return (F.interpolate(low, SIZE, mode="bilinear")[0, 0] > 0).numpy()


def test_the_average_feature_of_the_object_becomes_a_token():
    made, batch = trained(scale=0.5), negative_batch([(ONE, TWO), (THREE,), ()], targets=1)
    mask = mask_prompt().dense
    assert mask is not None
    masks = [mask.bool().numpy(), answered(made, TWO), mask.bool().numpy()]
    expected = [token_by_hand(made, one, seen) for one, seen in zip((ONE, TWO, THREE), masks, strict=True)]
    two, one = read_by(made, batch)[-2:]  # clips with two, then those with one or none
    assert (two.shape, one.shape) == ((1, 3, 96), (2, 2, 96))
    nothing = no_point(made.base)
    for token, said in ((two[0, 0], expected[0]), (two[0, 1], expected[1]), (one[0, 0], expected[2])):
        assert largest_difference((token - nothing).double(), torch.from_numpy(said) / 2) <= 1e-5
    for token in (two[0, 2], one[0, 1], one[1, 0], one[1, 1]):
        assert torch.equal(token, nothing)
    assert min(np.abs(first - second).max() for first in expected for second in expected if first is not second) > 0.01


def test_a_negative_without_a_pixel_says_nothing():
    made = trained()
    assert torch.equal(low_of(made, negative_batch([(UNSEEN,)])), low_of(made, negative_batch([()])))
    assert torch.equal(low_of(made, negative_batch([()])), low_of(model(nano()), negative_batch([()])))


# --- what it changes --------------------------------------------------------------------------------------------------


def test_negatives_change_the_masks_of_targets_alone():
    made = trained()
    none, one, other = (low_of(made, negative_batch([own])) for own in ((), (ONE,), (THREE,)))
    for first, second in ((none, one), (one, other)):
        assert largest_difference(first[:, 1:], second[:, 1:]) > 0.01
        assert torch.equal(first[:, :1], second[:, :1])


def test_weights_in_bfloat16():
    made, batch = trained(), negative_batch([(ONE, TWO), (THREE,), ()])
    whole = low_of(made, batch)
    short = low_of(made.bfloat16(), batch)
    assert short.dtype == torch.float32
    assert largest_difference(short, whole) <= 0.1 * float(whole.abs().max())
    assert not torch.equal(short, whole)


def test_their_order_does_not_matter():
    made = trained()
    assert (
        largest_difference(low_of(made, negative_batch([(ONE, TWO)])), low_of(made, negative_batch([(TWO, ONE)])))
        <= 1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("propagate_targets", [False, True])
def test_a_batch_equals_its_clips_one_by_one(propagate_targets):
    made, batch = trained(), negative_batch([(), (ONE, TWO), (THREE,), (TWO, UNSEEN)], shots=2)
    together = low_of(made, batch, propagate_targets)
    for clip in range(4):
        one = slice(clip, clip + 1)
        alone = replace(
            batch,
            **{name: getattr(batch, name)[one] for name in ("episodes", "images", "masks", "prompts", "negatives")},
        )
        assert largest_difference(low_of(made, alone, propagate_targets)[0], together[clip]) <= 1e-4


def test_no_loop_over_the_batch():
    made, calls = trained(), Counter()
    for name in ("image_encoder", "memory_attention", "memory_encoder", "sam_mask_decoder"):
        getattr(made.base, name).register_forward_hook(lambda *_, name=name: calls.update([name]))
    low_of(made, negative_batch([(ONE,), (THREE, ONE), (), (THREE,)]))
    # References have four kinds of prompts, targets one or two negatives.
    assert calls == {"image_encoder": 2, "memory_attention": 1, "memory_encoder": 1, "sam_mask_decoder": 4 + 2}


def test_references_and_targets_alone_are_segmented_as_by_sansa():
    images = frames(1, 3, SIZE)[0]
    answers = []
    for made in (trained(), model(nano())):
        with torch.inference_mode():
            answers.append(made.segment([made.remember(images[:1], [mask_prompt()])], images[1:]).logits)
    assert torch.equal(*answers)


# --- training, and checkpoints ----------------------------------------------------------------------------------------


def gradients(made: FewShotModel, batch: ClipBatch) -> dict[str, Tensor | None]:
    made.train()
    made(batch, propagate_targets=True).logits[:, batch.shots :].square().mean().backward()
    return {name: parameter.grad for name, parameter in made.trained().items()}


def test_gradients_reach_the_mlp_and_the_strategy():
    made = model(nano(), AdaptFormer(placement=[2, 3]), NegativeTokens())
    own = {f"method.look.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")}
    assert {name for name in made.trained() if name.startswith("method.")} == own
    found = gradients(made, negative_batch([(ONE,), (TWO, THREE)]))
    assert all(gradient is not None for gradient in found.values())
    for layer, moves in ((0, False), (2, True)):  # the last layer begins with zeros
        assert bool(found[f"method.look.{layer}.weight"].any()) == moves
    randomise(made.method)
    again = gradients(made, negative_batch([(ONE,), (TWO, THREE)]))
    assert all(again[name].any() for name in own)


def test_a_batch_without_negatives_gives_gradients_of_zeros():
    made = model(nano(), AdaptFormer(placement=[2, 3]), NegativeTokens())
    found = gradients(made, negative_batch([(), ()]))
    assert all(gradient is not None for gradient in found.values())
    assert not any(gradient.any() for name, gradient in found.items() if name.startswith("method."))


def test_a_checkpoint_brings_the_mlp(tmp_path):
    tracker = Base("nano", weights=None).build()
    made = FewShotModel(tracker, AdaptFormer(placement=[2, 3]), NegativeTokens(hidden=40), "nano").eval()
    randomise(made, seed=3)
    torch.save({HEADER: made.header(), "state_dict": trained_state(made)}, tmp_path / "last.ckpt")
    again = load("nano", weights=None, adapter=tmp_path / "last.ckpt").model
    assert again.method.settings() == made.method.settings()
    assert torch.equal(low_of(again, negative_batch([(ONE, TWO), ()])), low_of(made, negative_batch([(ONE, TWO), ()])))


@pytest.fixture(scope="module")
def run(coco: FakeCoco, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished ``fit`` of the row that is shipped."""
    folder = tmp_path_factory.mktemp("tokens")
    config = write_yaml(folder / "tiny.yaml", tiny(coco.root))
    call("fit", "--config", config, "--config", TOKENS, "--run_dir", folder / "run")
    return folder / "run"


@pytest.mark.slow
class TestRun:
    def test_trains_the_mlp_with_the_strategy(self, run):
        state = checkpoint(run)["state_dict"]
        assert {name.split(".")[0] for name in state} == {"base", "method"}
        assert state["method.look.2.weight"].any()
        assert result(run)["trained_parameters"] == sum(tensor.numel() for tensor in state.values())

    def test_is_scored_again_from_its_checkpoint(self, run, tmp_path):
        again = ("--config", run / "config.yaml", "--run_dir", tmp_path)
        call("test", *again, "--ckpt_path", run / "checkpoints" / "last.ckpt")
        assert result(tmp_path, "test")["metrics"]["test"] == result(run)["metrics"]["test"]

    def test_sansa_refuses_its_checkpoint(self, run, tmp_path, capsys):
        other = ("--config", run / "config.yaml", "--run_dir", tmp_path, "--model.method", "Sansa")
        said = refusal(capsys, "test", *other, "--ckpt_path", run / "checkpoints" / "last.ckpt")
        assert "its method class is 'NegativeTokens', but here it is 'Sansa'" in said


# --- mistakes ---------------------------------------------------------------------------------------------------------


class TestMistakes:
    @pytest.mark.parametrize(("stage", "missing"), [("fit", "train_negatives"), ("fit", "negatives"), ("test", None)])
    def test_clips_without_negatives(self, stage, missing):
        there = {"negatives": object(), "train_negatives": object()} | ({missing: None} if missing else {})
        name = missing or "negatives"
        NegativeTokens().check("test", SimpleNamespace(negatives=object(), train_negatives=None))
        with pytest.raises(
            ValueError, match=rf"^data\.{name}: expected a choice of .* NegativeTokens, .*, but got null$"
        ):
            NegativeTokens().check(stage, SimpleNamespace(**(there if missing else {})))

    def test_a_batch_without_negatives(self):
        batch = negative_batch([(ONE,)])
        plain = ClipBatch(batch.episodes, batch.images, batch.masks, batch.prompts)
        with pytest.raises(ValueError, match=r"^NegativeTokens: expected clips with negatives, but got a ClipBatch$"):
            low_of(trained(), plain)

    def test_the_command_line_refuses_in_one_line(self, capsys, tiny_yaml, tmp_path):
        method = ("--model.method", "NegativeTokens", "--data.negatives", "ShownClasses")
        said = refusal(capsys, "fit", "--config", tiny_yaml, *method, "--run_dir", tmp_path)
        assert said.startswith("data.train_negatives: expected a choice of negative references")

    def test_a_tracker_that_does_not_read_tokens(self, monkeypatch):
        tracker = nano()
        monkeypatch.setattr(type(tracker), "token_width", Tracker.token_width)
        with pytest.raises(
            ValueError, match=r"^NegativeTokens: expected a base whose decoder .*, but got Sam2Tracker$"
        ):
            model(tracker, method=NegativeTokens())

    def test_width(self):
        with pytest.raises(ValueError, match=r"NegativeTokens\.hidden: expected at least 1"):
            NegativeTokens(hidden=0)
        with pytest.raises(ValueError, match=r"NegativeTokens\.scale: expected a number above 0"):
            NegativeTokens(scale=0)
