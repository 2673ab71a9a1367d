"""The Python interface: pictures and tensors in, masks out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from builders import frames, largest_difference, mask_prompt, model, nano, prompts_of_each_kind, propagation, randomise
from fakes.turned import camera
from launches import trained
from sansa_lightning import Prompt, Segmenter, load
from sansa_lightning.annotate.inputs import as_picture, fit_prompt
from sansa_lightning.checkpoints.trained import trained_state
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.trackers.weights import fingerprint
from sansa_lightning.trackers.zoo import Base

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).parents[2]
SIZE = 64


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(model(nano()))


def picture(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Smooth colours, uint8 [height, width, 3]."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def prepared(image: NDArray[np.uint8]) -> Tensor:
    """A frame of side SIZE by docs/sansa.md 1.2, step 1."""
    small = np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BILINEAR), dtype=np.float32) / 255
    normal = (small - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return torch.from_numpy(normal.transpose(2, 0, 1)).float()


# --- load -------------------------------------------------------------------------------------------------------------


def test_load_and_propagate(tmp_path: Path) -> None:
    """From files, and equal to the parts put together by hand."""
    sam = nano(seed=2)
    torch.save({"model": sam.state_dict()}, tmp_path / "base.pt")
    AdaptFormer().attach(sam)
    randomise(sam)
    torch.save({f"sam.{name}": value for name, value in trained_state(sam).items()}, tmp_path / "adapter.pth")
    found = load("nano", weights=tmp_path / "base.pt", adapter=str(tmp_path / "adapter.pth"), kshot_memory="invariant")
    images, prompts = frames(2, 4), [prompts_of_each_kind()[:2], prompts_of_each_kind()[2:]]
    with torch.inference_mode():
        logits = found.propagate(images, prompts)
        expected = propagation("invariant")(sam, images, prompts).logits
    assert torch.equal(logits, expected)
    assert not any(module.training for module in found.modules())


def test_without_an_adapter_nothing_trains() -> None:
    assert trained_parameters(load("nano")) == {}


def test_the_published_weights_if_nothing_else_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert fingerprint(load("nano").model.base) == fingerprint(Base("nano", "official").build())
    assert not caplog.messages
    assert fingerprint(load("nano", None).model.base) == fingerprint(Base("nano", None).random())
    assert ["RANDOM" in message for message in caplog.messages] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("form", [str, Path])
def test_a_run_folder_is_the_adapter_of_its_last_checkpoint(fitted: Path, form: type) -> None:
    """Which was trained on random weights."""
    found = load("nano", None, form(fitted))
    assert trained_state(found.model).keys() == trained(fitted).keys()
    for name, value in trained(fitted).items():
        assert torch.equal(found.model.state_dict()[name], value)
    with pytest.raises(ValueError, match=r"use the base that it was trained with: nano, with the weights of then$"):
        load("nano", adapter=fitted)


def test_the_device_is_one_of_this_machine() -> None:
    assert load("nano", device=torch.device("cpu")).model.device == torch.device("cpu")
    for wrong in ("gpu", "cuda:77"):
        with pytest.raises(
            ValueError, match=rf"^device: expected one of this machine, .* but got '{wrong}': "
        ) as error:
            load("nano", device=wrong)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": "sam9"}, ValueError, r"Base\.name: expected one of nano, .* but got 'sam9'"),
        ({"name": "nano", "kshot_memory": "all"}, ValueError, r"kshot_memory: expected 'released' or 'invariant'"),
        ({"name": "nano", "mask_threshold": 1.0}, ValueError, r"mask_threshold: expected a number in \[0, 1\)"),
        ({"name": "nano", "encode_chunk": 0}, ValueError, r"encode_chunk: expected at least 1 frame"),
        ({"name": "nano", "targets_per_step": 0}, ValueError, r"^targets_per_step: expected at least 1 .* but got 0$"),
        ({"name": "nano", "targets_per_step": 1.5}, ValueError, r"^targets_per_step: .* but got 1\.5$"),
        ({"name": "nano", "weights": "no.pt"}, FileNotFoundError, r"weights of nano: no\.pt is not a file"),
        ({"name": "nano", "adapter": "no.pth"}, FileNotFoundError, r"run folder of a fit, but no\.pth is not there$"),
        (
            {"name": "nano", "adapter": str(REPOSITORY)},
            FileNotFoundError,
            r"^adapter: .* but the folder .* has no checkpoints/last\.ckpt$",
        ),
    ],
)
def test_what_cannot_be_loaded(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load(**arguments)


def test_options_reach_the_recipe() -> None:
    found = load("nano", mask_threshold=0.5, encode_chunk=3, targets_per_step=2)
    assert found.model.method.propagation == propagation("released", mask_threshold=0.5, encode_chunk=3)
    assert found.targets_per_step == 2
    assert load("nano").model.method.propagation == Propagation()


# --- propagate --------------------------------------------------------------------------------------------------------


def test_gradients_flow_through_propagate() -> None:
    adapted = model(nano(), AdaptFormer())
    randomise(adapted)
    images = frames(1, 3).requires_grad_()
    Segmenter(adapted).propagate(images, [[mask_prompt()]])[:, 1:].square().mean().backward()
    assert images.grad.abs().amax() > 0
    assert all(parameter.grad.abs().amax() > 0 for parameter in adapted.trained().values())


def test_targets_alone_or_in_a_row(segmenter: Segmenter) -> None:
    images, prompts = frames(1, 4), [[mask_prompt()]]
    with torch.inference_mode():
        alone = segmenter.propagate(images, prompts, propagate_targets=False)
        row = segmenter.propagate(images, prompts)
    assert largest_difference(alone[:, :2], row[:, :2]) <= 1e-5
    assert largest_difference(alone[:, 2:], row[:, 2:]) > 1e-3


def test_what_cannot_be_propagated(segmenter: Segmenter) -> None:
    """Before prompts are moved to a device."""
    with pytest.raises(
        ValueError, match=r"^prompts: expected a list of K prompts for each clip, .* \[Prompt, \.\.\.\]$"
    ):
        segmenter.propagate(frames(1, 2), [Prompt.box([1, 2, 30, 40])])
    with pytest.raises(
        ValueError, match=r"^images: expected a tensor .*, uint8 or normalised float32, but got torch\.float64"
    ):
        segmenter.propagate(frames(1, 2).double(), [[Prompt.box([1, 2, 30, 40])]])


# --- segment ----------------------------------------------------------------------------------------------------------


def test_segment_equals_propagate_on_tensors_prepared_by_hand(segmenter: Segmenter) -> None:
    """Pictures of four sizes; a box, clicks and a mask in pixels of their own pictures, scaled to the clip."""
    references = [picture(50, 80, 0), picture(120, 40, 1), picture(128, 128, 2)]
    targets = [picture(33, 90, 3), picture(70, 64, 4)]
    mask = np.zeros((128, 128), dtype=bool)
    mask[20:60, 30:101] = True
    found = segmenter.segment(
        [
            (references[0], Prompt.box([8, 10, 40, 45])),
            (references[1], Prompt.points([[10, 60], [20, 30]], [1, 0])),
            (references[2], Prompt.mask(mask)),
        ],
        targets,
        size=SIZE,
    )
    half = torch.from_numpy(mask)[1::2, 1::2]  # 128 to 64: an edge at an odd pixel shows which one is taken
    prompts = [
        Prompt.box([8 * 64 / 80, 10 * 64 / 50, 40 * 64 / 80, 45 * 64 / 50]),
        Prompt.points([[10 * 64 / 40, 60 * 64 / 120], [20 * 64 / 40, 30 * 64 / 120]], [1, 0]),
        Prompt.mask(half),
    ]
    clip = torch.stack([prepared(image) for image in [*references, *targets]])[None]
    with torch.inference_mode():
        logits = segmenter.propagate(clip, [prompts], propagate_targets=False)[0, 3:]
    for result, mask_logits, target in zip(found, logits, targets, strict=True):
        expected = F.interpolate(mask_logits[None, None], target.shape[:2], mode="bilinear", align_corners=False)[0, 0]
        assert result.dtype == np.bool_
        assert result.shape == target.shape[:2]
        sure = (expected.abs() > 1e-4).numpy()
        assert np.array_equal(result[sure], expected.numpy()[sure] > 0)
        assert 0 < result.mean() < 1


def test_negative_clicks_on_a_reference(segmenter: Segmenter) -> None:
    """Background clicks count for what they are: they change masks, and not in the way that foreground ones do."""
    reference, target = picture(96, 96, 0), picture(96, 96, 1)
    clicks = [[20, 30], [60, 70], [80, 15]]
    results = {
        labels: segmenter.propagate(
            torch.stack([prepared(image) for image in (reference, target)])[None],
            [[Prompt.points(torch.tensor(clicks[: len(labels)]) * SIZE / 96, labels)]],
        )[0]
        for labels in ((1,), (1, 0), (1, 0, 0), (1, 1, 1), (0, 0, 0))
    }
    pairs = [((1,), (1, 0)), ((1, 0), (1, 0, 0)), ((1, 0, 0), (1, 1, 1)), ((1, 0, 0), (0, 0, 0))]
    for one, other in pairs:
        for frame in (0, 1):
            assert largest_difference(results[one][frame], results[other][frame]) > 1e-3
    for labels, logits in results.items():
        (found,) = segmenter.segment([(reference, Prompt.points(clicks[: len(labels)], labels))], [target], size=SIZE)
        resized = F.interpolate(logits[None, 1:], (96, 96), mode="bilinear", align_corners=False)[0, 0].detach()
        sure = (resized.abs() > 1e-4).numpy()
        assert np.array_equal(found[sure], (resized > 0).numpy()[sure])


@pytest.mark.parametrize(
    "convert",
    [
        Image.fromarray,
        lambda array: Image.fromarray(array).convert("RGBA"),
        lambda array: torch.from_numpy(array.copy()),
        lambda array: array.tolist() and np.asfortranarray(array),
    ],
    ids=["PIL", "RGBA", "tensor", "fortran"],
)
def test_pictures_of_every_kind(segmenter: Segmenter, convert: Callable[[NDArray[np.uint8]], Any]) -> None:
    reference, target = picture(40, 60, 0), picture(50, 30, 1)
    prompt = Prompt.box([5, 5, 30, 30])
    expected = segmenter.segment([(reference, prompt)], [target], size=SIZE)[0]
    found = segmenter.segment([(convert(reference), prompt)], [convert(target)], size=SIZE)[0]
    assert np.array_equal(found, expected)


def test_grey_pictures_are_grey_in_all_three_channels(segmenter: Segmenter) -> None:
    grey = picture(40, 60, 0)[..., 0]
    prompt = Prompt.box([5, 5, 30, 30])
    expected = segmenter.segment([(np.stack([grey] * 3, axis=-1), prompt)], [picture(50, 30, 1)], size=SIZE)[0]
    for kind in (grey, Image.fromarray(grey)):
        assert np.array_equal(segmenter.segment([(kind, prompt)], [picture(50, 30, 1)], size=SIZE)[0], expected)


def test_segment_keeps_no_graph(segmenter: Segmenter) -> None:
    image = picture(40, 40, 0)
    segmenter.segment([(image, Prompt.box([5, 5, 30, 30]))], [image], size=SIZE)
    assert torch.is_grad_enabled()
    assert all(parameter.grad is None for parameter in segmenter.parameters())


PICTURE = picture(20, 30, 0)
BOX = Prompt.box([1, 2, 10, 12])


@pytest.mark.parametrize(
    ("references", "targets", "size", "message"),
    [
        ([], [PICTURE], 64, r"segment: expected at least one reference and one target, but got 0, 1"),
        ([(PICTURE, BOX)], [], 64, r"segment: expected at least one reference and one target, but got 1, 0"),
        (
            [(PICTURE / 255, BOX)],
            [PICTURE],
            64,
            r"segment: expected a PIL image, a path, or uint8 .*, but got float64 \[20, 30, 3\]; .* \(picture \* 255\)",
        ),
        (
            [(PICTURE, BOX)],
            [PICTURE.transpose(2, 0, 1)],
            64,
            r"but got uint8 \[3, 20, 30\]; .*np\.moveaxis\(picture,",
        ),
        ([(PICTURE, BOX)], [np.dstack([PICTURE, PICTURE])[..., :4]], 64, r"\[20, 30, 4\]; leave transparency out: pic"),
        (
            [(PICTURE, Prompt.mask(np.ones((30, 20))))],
            [PICTURE],
            64,
            r"segment: expected a mask of \[20, 30\], but got \[30, 20\]",
        ),
        ([PICTURE], [PICTURE], 64, r"expected references as \(picture, Prompt\) pairs, but number 0 is of ndarray$"),
        ([Image.fromarray(PICTURE)], [PICTURE], 64, r"\(picture, Prompt\) pairs, but number 0 is of Image$"),
        ([(PICTURE, BOX), (PICTURE, None)], [PICTURE], 64, r"pairs, but number 1 is of ndarray, NoneType$"),
        ([(BOX, PICTURE)], [PICTURE], 64, r"pairs, but number 0 is of Prompt, ndarray$"),
        (
            [(PICTURE, BOX)],
            [PICTURE],
            0,
            r"size: expected one or two positive integers \(H, W\) up to 65535, but got 0",
        ),
    ],
)
def test_what_cannot_be_segmented(
    segmenter: Segmenter, references: list[Any], targets: list[Any], size: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        segmenter.segment(references, targets, size=size)


@pytest.mark.parametrize("bare", [Image.fromarray(PICTURE), PICTURE, PICTURE[..., 0], torch.from_numpy(PICTURE.copy())])
def test_one_reference_and_one_picture(segmenter: Segmenter, bare: Any) -> None:
    """The rows of an array would pass for pictures."""
    (expected,) = segmenter.segment([(PICTURE, BOX)], [bare], size=SIZE)
    for pair in ((PICTURE, BOX), [PICTURE, BOX]):
        (found,) = segmenter.segment(pair, bare, size=SIZE)
        assert np.array_equal(found, expected)
    with pytest.raises(
        ValueError, match=r"references as \(picture, Prompt\) pairs, but number 0 is of (Image|ndarr|Tens)"
    ):
        segmenter.segment(bare, [PICTURE], size=SIZE)


@pytest.mark.parametrize("wrong", [BOX, None, 3])
def test_what_is_neither_one_nor_several(segmenter: Segmenter, wrong: Any) -> None:
    for arguments, what in (([(PICTURE, BOX)], wrong), "targets as pict"), ((wrong, [PICTURE]), "references as "):
        with pytest.raises(ValueError, match=rf"^segment: expected {what}.*, one or a list of them, but got one \w+$"):
            segmenter.segment(*arguments, size=SIZE)


@pytest.mark.parametrize("form", [str, Path])
def test_pictures_by_their_paths(segmenter: Segmenter, tmp_path: Path, form: type) -> None:
    """Turned as pictures in files are."""
    path = form(camera(tmp_path / "a.png", PICTURE, 6))
    expected = segmenter.segment([(Image.open(path), BOX)], [Image.open(path)], size=SIZE)
    assert np.array_equal(segmenter.segment((path, BOX), path, size=SIZE), expected)
    with pytest.raises(FileNotFoundError, match=r"none\.png is not there$"):
        segmenter.segment((path, BOX), form(tmp_path / "none.png"), size=SIZE)


def test_the_size_is_the_base_s(segmenter: Segmenter) -> None:
    """Nano is scored at 96 pixels."""
    reference, target = (picture(150, 200, 0), Prompt.box([20, 20, 150, 120])), picture(120, 160, 1)
    (found,) = segmenter.segment(reference, target)
    assert np.array_equal(found, segmenter.segment(reference, target, size=96)[0])
    assert not np.array_equal(found, segmenter.segment(reference, target, size=640)[0])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "numbers"), [("half", torch.float16), ("bfloat16", torch.bfloat16)])
def test_short_numbers_give_the_same_masks(kind: str, numbers: torch.dtype, fitted: Path) -> None:
    """All kinds of prompts, on the base and with an adapter; published weights, which are no noise."""
    mask = Prompt.mask(np.indices((96, 96)).sum(axis=0) < 90)
    prompts = [mask, Prompt.points([[30, 40], [60, 20]], [1, 0]), Prompt.box([10, 12, 60, 70], [20, 20])]
    pictures = [picture(96, 96, seed) for seed in range(6)]
    references = list(zip(pictures[:3], prompts, strict=True))
    for adapted in (load("nano"), load("nano", None, fitted)):
        exact = np.stack(adapted.segment(references, pictures[3:]))
        short = getattr(adapted, kind)()
        assert {each.dtype for each in short.parameters()} == {
            getattr(torch, kind if kind == "bfloat16" else "float16")
        }
        found = np.stack(short.segment(references, pictures[3:]))
        assert (found == exact).mean() > 0.99
        images = torch.stack([torch.from_numpy(each.copy()).movedim(2, 0) for each in pictures])[None]
        with torch.inference_mode():
            followed = short.propagate(images, [prompts]).float()
            reference = adapted.float().propagate(images, [prompts])
        assert ((followed > 0) == (reference > 0)).float().mean() > 0.98


def test_a_batch_of_pictures_and_an_iterator(segmenter: Segmenter) -> None:
    expected = segmenter.segment([(PICTURE, BOX)], [PICTURE, PICTURE], size=SIZE)
    for targets in (np.stack([PICTURE, PICTURE]), iter([PICTURE, PICTURE])):
        found = segmenter.segment([(PICTURE, BOX)], targets, size=SIZE)
        assert np.array_equal(np.stack(found), np.stack(expected))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "La", "RGBa"])
def test_8_bits_of_every_mode(mode: str) -> None:
    image = Image.fromarray(PICTURE)
    intermediate = {"La": "LA", "RGBa": "RGBA"}.get(mode, mode)
    image = image.convert(intermediate).convert(mode)
    expected = image.convert(intermediate).convert("RGB")
    assert np.array_equal(np.asarray(as_picture(image)), np.asarray(expected))


def test_transparency_is_dropped() -> None:
    image = Image.fromarray(PICTURE).convert("RGBA")
    image.putalpha(Image.fromarray(PICTURE[..., 0]))
    assert np.array_equal(np.asarray(as_picture(image)), PICTURE)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_more_than_8_bits_are_refused(segmenter: Segmenter, dtype: type) -> None:
    """Pillow would cut their values at 255, or at 1."""
    deep = Image.fromarray(PICTURE[..., 0].astype(dtype))
    message = (
        r"^segment: expected a picture of 8 bits a channel, but got a PIL image of mode (I;16|I|F); scale its values"
    )
    for references, targets in (([(deep, BOX)], [PICTURE]), ([(PICTURE, BOX)], [deep])):
        with pytest.raises(ValueError, match=message) as error:
            segmenter.segment(references, targets, size=SIZE)
        assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_pictures_with_an_orientation_are_upright(
    segmenter: Segmenter, tmp_path: Path, orientation: int, ending: str
) -> None:
    """As references, as targets, and with a mask in pixels of the upright picture."""
    image = Image.open(camera(tmp_path / f"a.{ending}", PICTURE, orientation))
    upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    mask = Prompt.mask(np.indices((20, 30)).sum(axis=0) < 20)
    for prompt in (BOX, mask):
        expected = segmenter.segment([(upright, prompt)], [upright, PICTURE], size=SIZE)
        found = segmenter.segment([(image, prompt)], [image, PICTURE], size=SIZE)
        assert [each.shape for each in found] == [(20, 30), (20, 30)]
        assert np.array_equal(np.stack(found), np.stack(expected))


@pytest.mark.parametrize("orientation", range(5, 9))
def test_a_mask_of_the_stored_pixels(segmenter: Segmenter, tmp_path: Path, orientation: int) -> None:
    image = Image.open(camera(tmp_path / "a.png", PICTURE, orientation))
    stored = np.asarray(image)
    mask = Prompt.mask(np.indices(stored.shape[:2]).sum(axis=0) < 20)
    expected = segmenter.segment([(stored, mask)], [PICTURE], size=SIZE)[0]
    assert np.array_equal(segmenter.segment([(image, mask)], [PICTURE], size=SIZE)[0], expected)
    left = segmenter.segment([(PICTURE, BOX)], [image], size=SIZE, exif="stored")[0]
    assert left.shape == (30, 20)
    assert np.array_equal(left, segmenter.segment([(PICTURE, BOX)], [stored], size=SIZE)[0])


@pytest.mark.parametrize("step", [1, 2, 4, 9])
def test_groups_of_targets_change_nothing_but_memory(step: int) -> None:
    """References are read once; no call of the encoder or of memory attention has more frames than were asked for."""
    sam = nano()
    calls: dict[str, list[int]] = {"encoder": [], "attention": []}
    sam.image_encoder.register_forward_hook(lambda _, inputs, __: calls["encoder"].append(len(inputs[0])))
    sam.memory_attention.register_forward_hook(lambda _, __, output: calls["attention"].append(output.shape[1]))
    references = [(picture(50, 80, 0), Prompt.box([8, 10, 40, 45])), (picture(40, 40, 1), Prompt.points([[10, 20]]))]
    targets = [picture(30 + seed, 40, seed) for seed in range(2, 7)]
    found = Segmenter(model(sam), step).segment(references, targets, size=SIZE)
    groups = [min(step, 5 - start) for start in range(0, 5, step)]
    assert calls == {"encoder": [2, *groups], "attention": groups}
    clip = torch.stack([prepared(image) for image in [*(image for image, _ in references), *targets]])[None]
    prompts = [fit_prompt(prompt, as_picture(image), SIZE) for image, prompt in references]
    with torch.inference_mode():
        logits = Propagation()(sam, clip, [prompts], propagate_targets=False).logits[0, 2:]
    for mask, low, target in zip(found, logits, targets, strict=True):
        expected = F.interpolate(low[None, None], target.shape[:2], mode="bilinear", align_corners=False)[0, 0]
        sure = (expected.abs() > 1e-4).numpy()
        assert np.array_equal(mask[sure], expected.numpy()[sure] > 0)


def test_a_prompt_keeps_its_kind_when_it_is_fitted() -> None:
    image = as_picture(picture(20, 40, 0))
    points = fit_prompt(Prompt.points([[10, 5]], [0]), image, 80)
    assert (points.kind, points.coords.tolist(), points.labels.tolist()) == ("point", [[20, 20]], [0])
    assert fit_prompt(BOX, image, 80).labels.tolist() == [2, 3]
    assert fit_prompt(Prompt.mask(np.eye(20, 40)), image, 80).dense.shape == (80, 80)


# --- imports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import sansa_lightning", ("sam2", "hydra", "huggingface_hub", "torchvision", "cv2", "scipy")),
        ("import sansa_lightning as s; s.load('nano')", ("huggingface_hub", "cv2", "scipy")),
    ],
)
def test_imports_stay_light(code: str, unwanted: tuple[str, ...]) -> None:
    unwanted += ("lightning", "torchmetrics", "jsonargparse", "wandb", "peft", "pycocotools", "matplotlib")
    script = f"{code}\nimport sys\nprint(*sorted(set({unwanted}) & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
