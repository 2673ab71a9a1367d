"""The encoder's cache: equal features whatever it kept, one computation for each image, nothing stale."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import torch

from builders import largest_difference, mask_prompt, nano, pictures, randomise
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy, trained_parameters
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.strategies.without import Without
from sansa_lightning.trackers.encoder_cache import EncoderCache, KeptResults, image_keys
from sansa_lightning.trackers.zoo import Base

if TYPE_CHECKING:
    from pathlib import Path

    from sansa_lightning.trackers.base import Features, Tracker

BOUND = 1e-5
"""Other frames share a batch, whose products are rounded otherwise; features are about 1."""

STRATEGIES = {
    "adapters in stages 2 and 3": lambda: AdaptFormer((2, 3)),
    "adapters in stage 3": lambda: AdaptFormer((3,)),
    "adapters in stage 0": lambda: AdaptFormer((0,)),
    "low rank": lambda: LoRA(placement=(1,)),
    "neck": lambda: FineTune(parts=("neck",)),
    "trunk": lambda: FineTune(parts=("trunk",)),
    "nothing": Frozen,
}


def cached(strategy: Strategy | None = None, settings: EncoderCache | None = None, tracker: Tracker | None = None):
    """A nano with a strategy and a cache; and the same without a cache."""
    plain = tracker or nano()
    (strategy or AdaptFormer((2, 3))).attach(plain)
    randomise(plain)
    kept = copy.deepcopy(plain)
    kept.cache_encoder(settings or EncoderCache(), Strategy.changed(kept))
    return kept, plain


def assert_equal(found: Features, expected: Features) -> None:
    for one, other in zip((found.image, *found.fine), (expected.image, *expected.fine), strict=True):
        assert one.dtype == other.dtype
        assert largest_difference(one, other) <= BOUND
    assert torch.equal(found.position, expected.position)


@pytest.mark.parametrize("name", STRATEGIES)
def test_features_are_those_without_a_cache(name):
    sam, plain = cached(STRATEGIES[name]())
    images = pictures(1, 3)[0]
    for evaluating in (False, True):
        sam.kept.evaluation(evaluating)
        for _ in range(2):
            with torch.set_grad_enabled(not evaluating):
                assert_equal(sam.encode(images), plain.encode(images))


@pytest.mark.parametrize(
    ("name", "cut", "neck"),
    [
        ("adapters in stages 2 and 3", 2, True),
        ("adapters in stage 3", 6, True),
        ("adapters in stage 0", 0, True),
        ("low rank", 1, True),
        ("neck", 7, False),
        ("trunk", 0, True),
        ("nothing", 7, True),
    ],
)
def test_what_is_frozen_below_the_first_trained_block(name, cut, neck):
    kept = cached(STRATEGIES[name]())[0].kept
    assert (kept.cut, kept.neck) == (cut, neck)


def test_an_image_goes_through_the_frozen_blocks_once():
    sam, _ = cached()
    seen = []
    sam.image_encoder.trunk.blocks[0].register_forward_hook(lambda _m, inputs, _o: seen.append(len(inputs[0])))
    images = pictures(1, 4)[0]
    sam.encode(images[[0, 1, 0]])
    sam.encode(images[[1, 2, 3]])
    assert seen == [2, 2]
    assert +sam.kept.counts == {"computed": 4, "memory": 2}


def test_in_an_evaluation_an_image_goes_through_the_whole_encoder_once():
    sam, _ = cached()
    seen = []
    sam.image_encoder.trunk.blocks[-1].register_forward_hook(lambda _m, inputs, _o: seen.append(len(inputs[0])))
    images = pictures(1, 4)[0]
    with torch.inference_mode():
        sam.kept.evaluation(begins=True)
        sam.encode(images[:3])
        sam.encode(images[1:])
        sam.kept.evaluation(begins=False)
        sam.encode(images[:2])
    assert seen == [3, 1, 2]


def test_gradients_are_those_without_a_cache_also_after_an_evaluation():
    sam, plain = cached()
    images = pictures(1, 3)
    with torch.inference_mode():
        sam.kept.evaluation(begins=True)
        sam.encode(images[0])
        sam.kept.evaluation(begins=False)
    for tracker in (sam, plain):
        Propagation()(tracker, images, [[mask_prompt()]]).logits[:, 1:].square().mean().backward()
    assert sam.kept.counts["memory"] == 3
    expected = {name: parameter.grad for name, parameter in trained_parameters(plain).items()}
    for name, parameter in trained_parameters(sam).items():
        assert largest_difference(parameter.grad, expected[name]) <= 1e-4 * float(expected[name].abs().max()), name


def test_a_step_of_the_trained_blocks_is_seen_at_once():
    sam, plain = cached()
    images = pictures(1, 2)[0]
    sam.encode(images)
    for tracker in (sam, plain):
        randomise(tracker.image_encoder.trunk.blocks[3].adapter, seed=5)
    assert_equal(sam.encode(images), plain.encode(images))


def test_changed_frozen_weights_are_other_weights():
    sam, plain = cached()
    images = pictures(1, 2)[0]
    sam.encode(images)
    for tracker in (sam, plain):
        with torch.no_grad():
            tracker.image_encoder.trunk.blocks[0].norm1.weight.mul_(1.5)
    assert_equal(sam.encode(images), plain.encode(images))
    assert +sam.kept.counts == {"computed": 4}


@pytest.mark.parametrize("strategy", ["adapters in stages 2 and 3", "trunk"])
def test_a_base_without_its_strategy_is_not_taken_for_the_adapted_one(strategy):
    sam, plain = cached(STRATEGIES[strategy](), tracker=Base("nano").build())  # fine-tuned tensors are built again
    images = pictures(1, 2)[0]
    sam.kept.evaluation(begins=True)
    with torch.no_grad():
        for _ in range(2):
            assert_equal(sam.encode(images), plain.encode(images))
            with Without(sam), Without(plain):
                assert_equal(sam.encode(images), plain.encode(images))


def test_other_number_formats_are_other_results():
    sam, plain = cached()
    images = pictures(1, 2)[0]
    with torch.no_grad():
        sam.encode(images)
        with torch.autocast("cpu", torch.bfloat16):
            assert largest_difference(sam.encode(images).image, plain.encode(images).image) <= 0.05
    assert +sam.kept.counts == {"computed": 4}


def test_another_precision_of_products_gives_other_results():
    sam, _ = cached()
    images, before = pictures(1, 2)[0], torch.get_float32_matmul_precision()
    try:
        with torch.no_grad():
            for precision in ("highest", "medium", "highest"):
                torch.set_float32_matmul_precision(precision)
                sam.encode(images)
    finally:
        torch.set_float32_matmul_precision(before)
    assert sam.kept.counts["computed"] == 4


def test_images_are_known_by_bytes_size_and_format():
    images = pictures(1, 2)[0]
    keys = image_keys(torch.cat([images, images[:1]]))
    assert keys[0] == keys[2] != keys[1]
    assert image_keys(images[:1].flatten(2).unflatten(2, (48, 192))) != keys[:1]
    assert image_keys(images[:1].view(torch.int8)) != keys[:1]


def test_memory_is_limited_and_the_longest_unused_goes_first():
    kept = KeptResults(EncoderCache(memory_gb=3.5 * 1024 / 2**30))

    def value(frames: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (frames[:, None].expand(-1, 256).float(),)

    for key in ("a", "b", "c", "a", "d", "b"):  # d drops b, not a
        kept.gather([key], value, torch.device("cpu"), lasting=True)
    assert +kept.counts == {"computed": 5, "memory": 1}


def test_a_later_run_reads_the_folder(tmp_path: Path):
    settings = EncoderCache(folder=tmp_path)
    images = pictures(1, 3)[0]
    first, _ = cached(settings=settings)
    first.encode(images)
    again, plain = cached(LoRA(placement=(2, 3)), settings=settings)  # another row of a table, with the same prefix
    assert_equal(again.encode(images), plain.encode(images))
    assert +again.kept.counts == {"folder": 3}
    other, _ = cached(AdaptFormer((1,)), settings=settings)  # cut elsewhere
    other.encode(images)
    assert other.kept.counts["computed"] == 3


def test_a_damaged_entry_is_computed_again(tmp_path: Path):
    images = pictures(1, 3)[0]
    cached(settings=EncoderCache(folder=tmp_path))[0].encode(images)
    path = next(tmp_path.rglob("*.safetensors"))
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    sam, plain = cached(settings=EncoderCache(folder=tmp_path))
    assert_equal(sam.encode(images), plain.encode(images))
    assert +sam.kept.counts == {"folder": 2, "damaged": 1, "computed": 1}
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3


def test_while_a_place_is_tapped_everything_runs():
    sam, _ = cached()
    images = pictures(1, 2)[0]
    sam.encode(images)
    heard: list[torch.Tensor] = []
    handle = sam.tap("stage 2", heard.append)
    sam.encode(images)
    handle.remove()
    sam.encode(images)
    assert [len(each) for each in heard] == [2]
    assert +sam.kept.counts == {"computed": 2, "bypassed": 2, "memory": 2}


def test_a_copy_keeps_nothing_of_the_original():
    sam, _ = cached()
    images = pictures(1, 2)[0]
    sam.encode(images)
    other = copy.deepcopy(sam)
    assert other.kept.tracker is other
    other.encode(images)
    assert +other.kept.counts == {"computed": 2}


@pytest.mark.parametrize("settings", [{"memory_gb": 0}, {"folder_gb": -1}, {"memory_gb": float("nan")}])
def test_sizes_that_cannot_be(settings):
    with pytest.raises(ValueError, match=r"encoder_cache\.\w+_gb: expected GiB, a number above 0"):
        EncoderCache(**settings)
