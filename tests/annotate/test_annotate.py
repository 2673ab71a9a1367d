"""Several classes at once: references remembered, pictures annotated, memories in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from builders import mask_prompt, model, nano, randomise
from sansa_lightning import ClipBatch, Prompt, Segmenter
from sansa_lightning.annotate.found import masks_of
from sansa_lightning.annotate.memories import maker, moved
from sansa_lightning.encoders.tracker_features import TrackerFeatures
from sansa_lightning.methods.base import Masks, Method
from sansa_lightning.methods.calibrated import Calibrated
from sansa_lightning.methods.fs_sam2 import FsSam2
from sansa_lightning.methods.kept import KeptReferences
from sansa_lightning.methods.prototype import Prototype
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.methods.sansa_then import SansaThen
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.trackers.base import Tracker

SIZE = 64


class Reread(Method):
    """A method with nothing but a forward pass: how near a colour is to the reference's foreground."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, tracker: Tracker, batch: ClipBatch, propagate_targets: bool) -> Masks:
        grey = batch.images.float().mean(2) / 255
        wanted = torch.stack(
            [
                torch.stack([grey[b, k][_place(prompt)].mean() for k, prompt in enumerate(own)]).mean()
                for b, own in enumerate(batch.prompts)
            ]
        )
        low = 0.2 - (grey - wanted[:, None, None, None]).abs()
        return Masks.of(low, (low.shape[-2], low.shape[-1]))


def _place(prompt: Prompt) -> Any:
    if prompt.dense is not None:
        return prompt.dense > 0
    x, y = prompt.coords[0].long().tolist()
    return slice(y, y + 1), slice(x, x + 1)


def picture(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def block(height: int, width: int) -> Prompt:
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height // 2, width // 4 : width // 2] = True
    return Prompt.mask(mask)


def references(masks_only: bool = False) -> dict[str, list[tuple[Any, Prompt]]]:
    """Three classes of one, two and one reference."""
    box = block(40, 40) if masks_only else Prompt.box([5, 8, 30, 35])
    return {
        "one": [(picture(50, 80, 0), block(50, 80))],
        "two": [(picture(40, 40, 1), box), (picture(64, 64, 2), block(64, 64))],
        "three": [(picture(40, 40, 3), box if masks_only else Prompt.points([[10, 12], [30, 30]], [1, 0]))],
    }


TARGETS = [picture(33 + 5 * seed, 60, seed) for seed in range(4, 9)]


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(model(nano()))


def logits_by_hand(segmenter: Segmenter, pairs: list[tuple[Any, Prompt]], target: Any) -> Tensor:
    """Of one class in one picture, at its own size."""
    frames = torch.stack([_frame(image) for image in [*(image for image, _ in pairs), target]])[None]
    prompts = [_scaled(prompt, image) for image, prompt in pairs]
    with torch.inference_mode():
        logits = segmenter.propagate(frames, [prompts], propagate_targets=False)[0, -1]
    return F.interpolate(logits[None, None], target.shape[:2], mode="bilinear")[0, 0]


def _frame(image: NDArray[np.uint8]) -> Tensor:
    small = np.array(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    return torch.from_numpy(small).movedim(2, 0)


def _scaled(prompt: Prompt, image: NDArray[np.uint8]) -> Prompt:
    if prompt.dense is not None:
        return Prompt.mask(F.interpolate(prompt.dense[None, None], (SIZE, SIZE), mode="nearest")[0, 0])
    scale = torch.tensor([SIZE / image.shape[1], SIZE / image.shape[0]])
    return Prompt(prompt.kind, coords=prompt.coords * scale, labels=prompt.labels)


# --- agreement --------------------------------------------------------------------------------------------------------

STEPS = [(1, 1), (2, 4), (4, 16), (5, 2)]


@pytest.mark.parametrize(("targets", "pairs"), STEPS)
def test_all_classes_at_once_are_each_class_alone(targets: int, pairs: int) -> None:
    """However pictures and pairs are grouped; each picture and each reference is encoded once."""
    sam = nano()
    calls: dict[str, list[int]] = {"encoder": [], "attention": []}
    sam.image_encoder.register_forward_hook(lambda _, inputs, __: calls["encoder"].append(len(inputs[0])))
    sam.memory_attention.register_forward_hook(lambda _, __, output: calls["attention"].append(output.shape[1]))
    segmenter = Segmenter(model(sam), targets, pairs)
    memories = segmenter.remember(references(), size=SIZE)
    asked = [len(pairs) for pairs in references().values()]
    assert calls["encoder"] == asked
    found = list(segmenter.annotate(memories, TARGETS))
    groups = [min(targets, 5 - start) for start in range(0, 5, targets)]
    assert calls["encoder"] == [*asked, *groups]
    assert max(calls["attention"]) <= pairs
    assert sum(calls["attention"]) == 15 + 2  # the masks of a first reference with a box, and of one with clicks
    for picked, target in zip(found, TARGETS, strict=True):
        assert picked.names == ("one", "two", "three")
        assert picked.masks.shape == (3, *target.shape[:2])
        assert picked.masks.dtype == np.bool_
        for mask, own in zip(picked.masks, references().values(), strict=True):
            expected = logits_by_hand(segmenter, own, target)
            sure = (expected.abs() > 1e-4).numpy()
            assert np.array_equal(mask[sure], expected.numpy()[sure] > 0)


def test_scores_are_the_base_s_predicted_iou(segmenter: Segmenter) -> None:
    heard: list[Tensor] = []
    decode = segmenter.model.base.decode
    segmenter.model.base.decode = lambda *given: heard.append(decode(*given)) or heard[-1]  # type: ignore[assignment,func-returns-value]
    try:
        memories = segmenter.remember({"one": references()["one"]}, size=SIZE)
        found = list(segmenter.annotate(memories, TARGETS[:1]))
    finally:
        del segmenter.model.base.decode
    assert found[0].scores == pytest.approx(heard[-1].iou.numpy())
    assert found[0].presence is None


def test_pictures_come_one_group_at_a_time(segmenter: Segmenter) -> None:
    taken = 0

    def endless() -> Iterator[NDArray[np.uint8]]:
        nonlocal taken
        while True:
            taken += 1
            yield TARGETS[taken % 5]

    found = segmenter.annotate(segmenter.remember({"one": references()["one"]}, size=SIZE), endless())
    next(found)
    assert taken == segmenter.targets_per_step
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_pictures_of_every_kind(segmenter: Segmenter, tmp_path: Path) -> None:
    Image.fromarray(TARGETS[0]).save(tmp_path / "a.png")
    memories = segmenter.remember({"one": references()["one"][0]}, size=SIZE)
    (expected,) = segmenter.annotate(memories, [TARGETS[0]])
    for kind in (TARGETS[0], tmp_path / "a.png", [str(tmp_path / "a.png")], Image.fromarray(TARGETS[0])):
        (found,) = segmenter.annotate(memories, kind)
        assert np.array_equal(found.masks, expected.masks)


# --- overlap ----------------------------------------------------------------------------------------------------------


def test_logits_compete_for_each_pixel() -> None:
    logits = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(0))
    full = F.interpolate(logits[None], (40, 30), mode="bilinear")[0].numpy()
    kept = masks_of(logits, (40, 30), "keep", [True] * 4)
    assert np.array_equal(kept, full > 0)
    assert (kept.sum(0) > 1).mean() > 0.1
    highest = masks_of(logits, (40, 30), "highest", [True] * 4)
    assert np.array_equal(highest, (full > 0) & (full.argmax(0) == np.arange(4)[:, None, None]))
    without = masks_of(logits, (40, 30), "highest", [True, False, True, True])
    full[1] = -9
    assert np.array_equal(without, (full > 0) & (full.argmax(0) == np.arange(4)[:, None, None]))


def test_a_low_score_is_an_empty_mask(segmenter: Segmenter) -> None:
    memories = segmenter.remember(references(), size=SIZE)
    (every,) = segmenter.annotate(memories, TARGETS[:1])
    middle = float(np.median(every.scores))
    (found,) = segmenter.annotate(memories, TARGETS[:1], min_score=middle)
    assert [bool(mask.any()) for mask in found.masks] == (every.scores >= middle).tolist()
    assert sorted((every.scores >= middle).tolist()) == [False, True, True]


# --- presence ---------------------------------------------------------------------------------------------------------


def test_presence_is_what_the_mask_brings_back(segmenter: Segmenter) -> None:
    """By the same model, used the other way round."""
    given = references()
    memories = segmenter.remember(given, size=SIZE)
    (found,) = segmenter.annotate(memories, TARGETS[:1], presence=True)
    with torch.inference_mode():
        for place, (name, pairs) in enumerate(given.items()):
            frame, image = _frame(pairs[0][0])[None], _frame(TARGETS[0])[None]
            own = segmenter.model.remember(
                torch.stack([_frame(each) for each, _ in pairs]), [_scaled(prompt, each) for each, prompt in pairs]
            )
            mask = segmenter.model.segment([own], image).logits[0, 0] > 0
            back = segmenter.model.remember(image, [Prompt.mask(mask)])
            again = segmenter.model.segment([back], frame).logits[0, 0] > 0
            dense = _scaled(pairs[0][1], pairs[0][0]).dense
            truth = dense > 0 if dense is not None else segmenter.model.segment([own], frame).logits[0, 0] > 0
            assert torch.equal(memories.masks[place], truth), name
            expected = (again & truth).sum() / (again | truth).sum()
            assert found.presence[place] == pytest.approx(expected.item(), abs=2e-3)
            assert 0 < expected < 1


def test_nothing_found_brings_back_nothing(segmenter: Segmenter) -> None:
    memories = segmenter.remember(references(), size=SIZE)
    answer = segmenter.model.method.answer
    segmenter.model.method.answer = lambda *given: answer(*given)._replace(  # type: ignore[method-assign]
        logits=-torch.ones(len(given[-1]), SIZE, SIZE)
    )
    try:
        (found,) = segmenter.annotate(memories, TARGETS[:1], presence=True)
    finally:
        del segmenter.model.method.answer
    assert found.presence.tolist() == [0, 0, 0]


# --- memories ---------------------------------------------------------------------------------------------------------

METHODS = {
    "Sansa": lambda: Sansa("invariant"),
    "FsSam2": FsSam2,
    "Prototype": Prototype,
    "SansaThen": lambda: SansaThen(Prototype(TrackerFeatures("stage 3"))),
    "Calibrated": lambda: Calibrated(rounds=1),
    "Reread": Reread,
}


@pytest.mark.parametrize("name", METHODS)
def test_memories_of_every_method_are_the_same_from_a_file(name: str, tmp_path: Path) -> None:
    segmenter = Segmenter(model(nano(), None, METHODS[name]()))
    memories = segmenter.remember(references(masks_only=name not in ("Sansa", "FsSam2", "Reread")), size=SIZE)
    memories.save(tmp_path / "new" / "a.safetensors")
    again = segmenter.load_memories(str(tmp_path / "new" / "a.safetensors"))
    assert (again.names, again.size, again.made_by) == (("one", "two", "three"), SIZE, memories.made_by)
    for made, read in zip(memories.kept, again.kept, strict=True):
        assert made.keys() == read.keys()
        assert all(torch.equal(made[key], read[key]) and made[key].dtype == read[key].dtype for key in made)
    expected = list(segmenter.annotate(memories, TARGETS, presence=True))
    for found, wanted in zip(segmenter.annotate(again, TARGETS, presence=True), expected, strict=True):
        assert np.array_equal(found.masks, wanted.masks)
        assert np.array_equal(found.presence, wanted.presence)
    assert any(each.masks.any() for each in expected)
    whole = segmenter.model.segment(
        [segmenter.model.method.unpack(kept) for kept in memories.kept], torch.stack([_frame(each) for each in TARGETS])
    )
    for target, found in enumerate(expected):
        masks = F.interpolate(whole.logits[:, target, None], found.masks.shape[1:], mode="bilinear")[:, 0]
        sure = (masks.abs() > 1e-4).numpy()
        assert np.array_equal(found.masks[sure], (masks > 0).numpy()[sure])


def test_short_numbers_and_another_precision(tmp_path: Path) -> None:
    """Memories follow the model: made by float32, used by bfloat16, and the other way round."""
    segmenter = Segmenter(model(nano()))
    exact = segmenter.remember(references(), size=SIZE)
    expected = np.concatenate([found.masks.ravel() for found in segmenter.annotate(exact, TARGETS)])
    short = segmenter.bfloat16()
    memories = short.remember(references(), size=SIZE)
    assert memories.kept[0]["features"].dtype == torch.bfloat16
    for given in (exact, memories):
        found = list(short.annotate(given, TARGETS, presence=True))
        assert (np.concatenate([each.masks.ravel() for each in found]) == expected).mean() > 0.98
        assert all(each.scores.dtype == np.float32 for each in found)
    memories.save(tmp_path / "a.safetensors")
    again = segmenter.float().load_memories(tmp_path / "a.safetensors")
    found = np.concatenate([found.masks.ravel() for found in segmenter.annotate(again, TARGETS)])
    assert (found == expected).mean() > 0.98


def test_clicks_are_not_rounded_with_the_model() -> None:
    """501.25 pixels are 500 or 502 in bfloat16."""
    prompt = Prompt.points([(501.25, 3.0)], [1])
    packed = KeptReferences(torch.zeros(1, 3, 8, 8), (prompt,)).pack()
    here = moved(packed, torch.device("cpu"), torch.bfloat16)
    assert here["images"].dtype == torch.bfloat16
    assert KeptReferences.unpack(here).prompts[0].coords.tolist() == [[501.25, 3.0]]


def test_memories_do_not_depend_on_the_frames_at_a_time(file: Path) -> None:
    for method in (Sansa(encode_chunk=3), Sansa(encode_chunk=1)):
        assert Segmenter(model(nano(), None, method)).load_memories(file).names == ("one",)
    one, other = (
        maker(model(nano(), None, Prototype(TrackerFeatures("stage 3", encode_chunk=chunk)))) for chunk in (None, 2)
    )
    assert one == other


@pytest.fixture(scope="module")
def file(segmenter: Segmenter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("memories") / "a.safetensors"
    segmenter.remember({"one": references()["one"]}, size=SIZE).save(path)
    return path


class TestRefusals:
    @pytest.mark.parametrize(
        ("other", "message"),
        [
            (lambda: model(nano(1)), r"with the base 'nano' with other weights, and here is 'nano'"),
            (lambda: model(nano(), None, FsSam2()), r"with the method 'Sansa', and here is 'FsSam2'"),
            (lambda: model(nano(), None, Sansa("invariant")), r"the method 'Sansa' with other settings, and here is"),
            (lambda: model(nano(), AdaptFormer()), r"with the strategy 'Frozen', and here is 'AdaptFormer'"),
        ],
    )
    def test_memories_of_another_model(self, file: Path, other: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message) as error:
            Segmenter(other()).load_memories(file)
        assert "\n" not in str(error.value)

    def test_memories_of_another_adapter(self, tmp_path: Path) -> None:
        one, other = model(nano(), AdaptFormer()), model(nano(), AdaptFormer())
        randomise(other)
        memories = Segmenter(one).remember({"one": references()["one"]}, size=SIZE)
        with pytest.raises(ValueError, match=r"^memories: expected those of this model, .* with the adapter '"):
            next(Segmenter(other).annotate(memories, TARGETS))

    def test_what_is_no_file_of_memories(self, segmenter: Segmenter, file: Path, tmp_path: Path) -> None:
        from safetensors.torch import save_file

        save_file({"frames": torch.zeros(1)}, tmp_path / "b.safetensors")
        (tmp_path / "c.txt").write_text("x")
        for name in ("b.safetensors", "c.txt"):
            with pytest.raises(ValueError, match=r": expected a file that Memories\.save wrote \(\.safetensors\)"):
                segmenter.load_memories(tmp_path / name)
        with pytest.raises(FileNotFoundError):
            segmenter.load_memories(tmp_path / "none.safetensors")

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({}, r"^remember: expected a dict of references by the name of their class, but got an empty one$"),
            ([], r"^remember: expected a dict .* but got a list$"),
            ({"cat": []}, r"^remember: expected at least one reference for each class, but 'cat' has none$"),
            ({3: []}, r"^remember: expected names of classes of printable characters, but got 3$"),
            ({"cat": [TARGETS[0]]}, r"pairs, but number 0 is of ndarray$"),
        ],
    )
    def test_what_cannot_be_remembered(self, segmenter: Segmenter, given: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            segmenter.remember(given, size=SIZE)

    def test_an_overlap_that_is_none(self, segmenter: Segmenter, file: Path) -> None:
        with pytest.raises(ValueError, match=r"^overlap: expected 'keep' or 'highest', but got 'x'$"):
            next(segmenter.annotate(segmenter.load_memories(file), TARGETS, overlap="x"))  # type: ignore[arg-type]

    def test_a_memory_of_a_type_of_its_own(self) -> None:
        class Own(Reread):
            def write(self, *_: Any) -> list[Any]:
                return [nn.Identity()]

        with pytest.raises(ValueError, match=r"^Own\.pack: expected the method to turn its Identity into tensors"):
            Segmenter(model(nano(), None, Own())).remember({"a": (TARGETS[0], mask_prompt(TARGETS[0].shape[:2]))})
