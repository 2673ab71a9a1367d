"""The training-free baseline, on planted features whose answer is known, and against a loop over cells."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from builders import frames, largest_difference, mask_prompt, nano, pictures, randomise
from launches import call, refusal, result, tiny, write_yaml
from sansa_lightning import ClipBatch, Prompt, Segmenter
from sansa_lightning.checkpoints.adapters import model_from, read_adapter
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.trained import load_checkpoint, trained_state
from sansa_lightning.data.prompts import MaskPrompt, PointPrompt
from sansa_lightning.encoders.base import Encoder
from sansa_lightning.encoders.tracker_features import TrackerFeatures
from sansa_lightning.methods.base import Method
from sansa_lightning.methods.prototype import Prototype, likeness, masked_average
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.methods.sansa_then import SansaThen
from sansa_lightning.methods.thresholds import Fixed, Otsu
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.zoo import Base

SIZE = (64, 64)


class Colours(Encoder):
    """Mean colour of each cell of 8 pixels; counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, tracker: Tracker, images: Tensor) -> Tensor:
        self.calls += 1
        return F.avg_pool2d(images.float(), 8)


def batch_of(images: Tensor, masks: Tensor) -> ClipBatch:
    """Clips [B, T, 3, H, W] with masks of their references [B, K, H, W]."""
    truth = torch.zeros(*images.shape[:2], *images.shape[-2:], dtype=torch.uint8)
    return ClipBatch((), images, truth, tuple(tuple(map(Prompt.mask, clip)) for clip in masks))


def by_hand(features: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Cosines [T, h, w] of one clip's features [T, C, h, w] with the prototype of masks [K, H, W]."""
    total, weight = np.zeros(features.shape[1]), 0.0
    for shot, mask in enumerate(masks):
        for y in range(features.shape[2]):
            for x in range(features.shape[3]):
                share = mask[8 * y : 8 * y + 8, 8 * x : 8 * x + 8].mean()
                total += share * features[shot, :, y, x]
                weight += share
    prototype = total / weight
    norms = np.linalg.norm(features, axis=1) * np.linalg.norm(prototype)
    return np.einsum("tchw,c->thw", features, prototype) / norms


def segments(method: Prototype, batch: ClipBatch) -> Tensor:
    with torch.inference_mode():
        return method(nano(), batch, propagate_targets=False).low


@pytest.mark.parametrize("shots", [1, 3])
def test_logits_are_cosines_with_the_average_of_all_shots_above_the_threshold(shots: int) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, shots + 2, 3, *SIZE, generator=generator)
    masks = (torch.rand(2, shots, *SIZE, generator=generator) < torch.rand(2, shots, 1, 1, generator=generator)).float()
    found = segments(Prototype(Colours(), Fixed(0.3)), batch_of(images, masks))
    for clip in range(2):
        expected = by_hand(F.avg_pool2d(images[clip], 8).double().numpy(), masks[clip].numpy())
        np.testing.assert_allclose(found[clip].numpy(), (expected - 0.3) * 20, atol=1e-5)


def test_shots_count_by_their_area() -> None:
    features = torch.zeros(1, 2, 2, 4, 4)
    features[0, 0, 0] = features[0, 1, 1] = 1
    masks = torch.zeros(1, 2, 8, 8)
    masks[0, 0, :2, :2], masks[0, 1, 4:, :] = 1, 1
    assert masked_average(features, masks)[0].tolist() == pytest.approx([4 / 36, 32 / 36])


def planted(colours: tuple[str, ...]) -> Tensor:
    """A clip [1, T, 3, H, W] on grey, each frame with a square of a colour, at another place in each."""
    named = {"red": (9.0, 1.0, 1.0), "blue": (1.0, 1.0, 9.0), "grey": (3.0, 3.0, 3.0)}
    clip = torch.full((1, len(colours), 3, *SIZE), 3.0)
    for frame, colour in enumerate(colours):
        place = slice(8 * frame, 8 * frame + 16)
        clip[0, frame, :, place, place] = torch.tensor(named[colour])[:, None, None]
    return clip


def square(frame: int) -> Tensor:
    mask = torch.zeros(SIZE)
    mask[8 * frame : 8 * frame + 16, 8 * frame : 8 * frame + 16] = 1
    return mask


@pytest.mark.parametrize("threshold", [Otsu(), Fixed(0.9)])
def test_a_planted_object_is_found_to_the_pixel(threshold: Any) -> None:
    found = segments(Prototype(Colours(), threshold), batch_of(planted(("red", "red", "red")), square(0)[None, None]))
    for frame in range(3):
        cells = F.avg_pool2d(square(frame)[None], 8)[0] > 0
        assert torch.equal(found[0, frame] > 0, cells)


def test_a_fixed_threshold_finds_nothing_where_nothing_is_alike() -> None:
    batch = batch_of(planted(("red", "blue", "grey")), square(0)[None, None])
    found = segments(Prototype(Colours(), Fixed(0.9)), batch)
    assert (found[0, 0] > 0).sum() == 4
    assert not (found[0, 1:] > 0).any()


@pytest.mark.parametrize("threshold", [Otsu(), Fixed(0.5), Fixed(-1.0)])
def test_without_foreground_there_is_none(threshold: Any) -> None:
    images = torch.randn(1, 3, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    found = segments(Prototype(Colours(), threshold), batch_of(images, torch.zeros(1, 1, *SIZE)))
    assert found.isfinite().all()
    assert not (found > 0).any()


def test_a_single_pixel_is_a_prototype() -> None:
    mask = torch.zeros(SIZE)
    mask[9, 9] = 1
    found = segments(Prototype(Colours(), Fixed(0.9)), batch_of(planted(("red", "red")), mask[None, None]))
    assert torch.equal(found[0, 1] > 0, F.avg_pool2d(square(1)[None], 8)[0] > 0)


@pytest.mark.parametrize(("value", "fixed"), [(0.0, False), (2.5, True), (-2.5, True)])
def test_constant_features_give_numbers(value: float, fixed: bool) -> None:
    """They are all equally like the prototype: Otsu has nothing to divide, and a fixed value takes all or none."""
    batch = batch_of(torch.full((2, 3, 3, *SIZE), value), square(1).expand(2, 1, -1, -1))
    for threshold, everything in ((Otsu(), False), (Fixed(0.5), fixed)):
        found = segments(Prototype(Colours(), threshold), batch)
        assert found.isfinite().all()
        assert (found > 0).all() == (found > 0).any() == everything


def test_zeros_are_like_nothing() -> None:
    features, prototypes = torch.randn(2, 3, 4, 4), torch.randn(2, 2, 3)
    features[0, :, 1, 2] = 0
    prototypes[1, 0] = 0
    found = likeness(features, prototypes)
    assert found[0, :, 1, 2].tolist() == [-1, -1]
    assert (found[1, 0] == -1).all()
    assert int((found == -1).sum()) == 2 + 16


def test_logits_have_the_size_of_the_clip() -> None:
    batch = batch_of(planted(("red", "red")), square(0)[None, None])
    with torch.inference_mode():
        masks = Prototype(Colours())(nano(), batch, propagate_targets=False)
    assert masks.low.shape == (1, 2, 8, 8)
    assert torch.equal(masks.logits, F.interpolate(masks.low, SIZE, mode="bilinear"))


def test_from_memories_comes_what_comes_from_clips() -> None:
    """Two classes of two references each, three targets; the references are encoded once, the targets once."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 5, 3, *SIZE, generator=generator)
    images[1, 2:] = images[0, 2:]
    masks = (torch.rand(2, 2, *SIZE, generator=generator) < 0.3).float()
    model = FewShotModel(nano(), Frozen(), Prototype(Colours()), "nano").eval()
    with torch.inference_mode():
        expected = model(batch_of(images, masks), propagate_targets=False).logits[:, 2:]
        model.method.encoder.calls = 0
        memories = [model.remember(images[c, :2], [Prompt.mask(mask) for mask in masks[c]]) for c in range(2)]
        answers = model.segment(memories, images[0, 2:])
    assert [memory.shape for memory in memories] == [(3,), (3,)]  # not the images
    assert model.method.encoder.calls == 3
    assert largest_difference(answers.logits, expected) < 1e-5
    assert answers.iou.shape == (2, 3)


def test_clicks_are_refused() -> None:
    batch = ClipBatch((), planted(("red", "red")), torch.zeros(1, 2, *SIZE), ((Prompt.points([3, 4]),),))
    with pytest.raises(ValueError, match=r"Prototype: expected references with mask prompts, but got point"):
        segments(Prototype(Colours()), batch)


@pytest.mark.parametrize("method", [Prototype(), SansaThen(Prototype())])
def test_a_test_with_clicks_is_refused_before_it_begins(method: Method) -> None:
    method.check("test", SimpleNamespace(prompt=MaskPrompt()))
    message = r"data\.prompt: expected masks for Prototype, but got points"
    with pytest.raises(ValueError, match=message):
        method.check("test", SimpleNamespace(prompt=PointPrompt()))


def test_settings_come_back() -> None:
    first = Prototype(TrackerFeatures("stage 2", adapted=False), Fixed(0.7))
    assert first.settings() == {
        "encoder": {
            "class": "TrackerFeatures",
            "settings": {"place": "stage 2", "adapted": False, "encode_chunk": None},
        },
        "threshold": {"class": "Fixed", "settings": {"value": 0.7}},
    }
    again = Prototype.from_settings(first.settings())
    assert again.settings() == first.settings()
    assert Prototype.from_settings(Prototype().settings()).settings() == Prototype().settings()
    wrong = {**first.settings(), "encoder": {"class": "Unheard", "settings": {}}}
    with pytest.raises(ValueError, match=r"Encoder 'Unheard' is not known; import its module first"):
        Prototype.from_settings(wrong)


# --- with what SANSA has trained --------------------------------------------------------------------------------------


def adapted(method: Sansa | Prototype) -> FewShotModel:
    tracker = Base("nano", weights=None).build()
    model = FewShotModel(tracker, AdaptFormer((2, 3)), method, "nano")
    randomise(model)
    return model.eval()


def test_it_reads_sansas_checkpoints(tmp_path: Any) -> None:
    trained = adapted(Sansa())
    content = {HEADER: trained.header(), "state_dict": trained_state(trained)}
    fresh = FewShotModel(Base("nano", weights=None).build(), AdaptFormer((2, 3)), Prototype(), "nano")
    load_checkpoint(fresh, content, "file")
    batch = ClipBatch((), frames(1, 2), torch.zeros(1, 2, 96, 96), ((mask_prompt(),),))
    expected = segments_of(adapted(Prototype()), batch)
    assert torch.equal(segments_of(fresh.eval(), batch), expected)
    bare = adapted(Prototype(TrackerFeatures(adapted=False)))
    frozen = FewShotModel(Base("nano", weights=None).build(), Frozen(), Prototype(), "nano")
    assert torch.equal(segments_of(bare, batch), segments_of(frozen.eval(), batch))
    assert not torch.equal(expected, segments_of(bare, batch))
    torch.save(content, tmp_path / "last.ckpt")
    tracker = Base("nano", weights=None).build()
    loaded = model_from(read_adapter(tmp_path / "last.ckpt", tracker), tracker, Prototype())
    assert torch.equal(segments_of(loaded, batch), expected)
    images = pictures(1, 2)[0].permute(0, 2, 3, 1).numpy()
    (mask,) = Segmenter(loaded).segment((images[0], mask_prompt()), images[1])
    assert mask.shape == (96, 96)


def segments_of(model: FewShotModel, batch: ClipBatch) -> Tensor:
    with torch.inference_mode():
        return model(batch, propagate_targets=False).low


# --- from the command line --------------------------------------------------------------------------------------------


@pytest.fixture
def ablations() -> Path:
    return Path(__file__).parents[2] / "ablations"


def test_the_row_is_a_test_without_a_checkpoint(tiny_yaml: Any, ablations: Any, tmp_path: Any) -> None:
    call("test", "--config", tiny_yaml, "--config", ablations / "prototype.yaml", "--run_dir", tmp_path)
    found = result(tmp_path, "test")
    assert found["trained_parameters"] == 0
    assert found["method"]["class"] == "Prototype"
    assert "controls" in found["metrics"]["test"]


def test_it_does_not_train(tiny_yaml: Any, ablations: Any, tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(
        capsys, "fit", "--config", tiny_yaml, "--config", ablations / "prototype.yaml", "--run_dir", tmp_path
    )
    assert said.startswith("model.method: Prototype trains nothing; expected test or validate, or it as scored_by of")


@pytest.mark.slow
def test_the_adapted_row_trains_a_step_and_is_tested_again(coco: Any, ablations: Any, tmp_path: Any) -> None:
    content = tiny(coco.root)
    content["trainer"] |= {"max_steps": 1, "limit_val_batches": 1}
    config = write_yaml(tmp_path / "tiny.yaml", content)
    options = ("--config", config, "--config", ablations / "prototype_adapted.yaml", "--compare_frozen", "false")
    call("fit", *options, "--run_dir", tmp_path / "run")
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    call("test", *options[:4], "--run_dir", tmp_path / "again", "--ckpt_path", last)
    first, again = result(tmp_path / "run"), result(tmp_path / "again", "test")
    assert first["steps"] == 1
    assert first["trained_parameters"] > 0
    assert first["metrics"]["test"]["miou"] == again["metrics"]["test"]["miou"]
