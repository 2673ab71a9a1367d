"""FS-SAM2: equal to what its released code computes on the same weights (shared golden folder)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from golden import recipe
from sansa_lightning import ClipBatch, Prompt
from sansa_lightning.losses import BCE, Dice, WeightedSum
from sansa_lightning.methods.fs_sam2 import FsSam2
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.trackers.sam2.tracker import Sam2Tracker
from sansa_lightning.trackers.zoo import Base

TOLERANCE = 1e-4
ABLATION = Path(__file__).parents[1] / "ablations" / "fs_sam2.yaml"


def fs_sam2() -> FewShotModel:
    """The model of the configuration, with random weights."""
    settings = yaml.safe_load(ABLATION.read_text())["model"]
    tracker = Base("sam2.1_hiera_base_plus", weights=None, object_scores=True).random()
    strategy, method = LoRA(**settings["strategy"]["init_args"]), FsSam2(**settings["method"]["init_args"])
    return FewShotModel(tracker, strategy, method, "sam2.1_hiera_base_plus").eval()


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((shared / "golden" / "fs_sam2.json").read_text())
    return content


@pytest.fixture(scope="module")
def tensors(shared: Path) -> dict[str, Tensor]:
    return load_file(shared / "golden" / "fs_sam2.safetensors")


@pytest.fixture(scope="module")
def model(shared: Path, expected: dict[str, Any]) -> FewShotModel:
    """With the golden weights; gradients are found without keeping every activation."""
    weights = recipe(shared, "weights_fss")
    built = fs_sam2()
    state = weights.fill(built.base.state_dict(), expected["weights"]["seed"])
    assert len(state) == expected["weights"]["tensors"]
    assert weights.checksum(state) == expected["weights"]["sha256"]
    built.base.recompute()
    return built


@pytest.fixture(scope="module")
def batch(shared: Path) -> ClipBatch:
    case = recipe(shared, "inputs_fss").build("f1")
    prompts = tuple(tuple(Prompt.mask(mask) for mask in masks[:-1]) for masks in case["masks"])
    return ClipBatch((), case["images"], case["masks"].byte(), prompts)


@dataclass(frozen=True)
class Pass:
    """Logits of the target, and what the tracker's parts gave on the way."""

    logits: Tensor
    seen: dict[str, list[Any]]

    def named(self) -> dict[str, Tensor]:
        """As the golden file samples them."""
        features, memory, conditioned = (self.seen[part][0] for part in ("encode", "remember", "attend"))
        decoded = self.seen["decode"][0]
        return {
            "logits": self.logits[:, ::8, ::8],
            "low_res": decoded.mask[..., ::4, ::4],
            "memory": memory.features[:, None, ::8, ::8, ::8],
            "conditioned": conditioned.image[:, ::8, ::8, ::8],
            "query_features": features.image[1:, ::8, ::8, ::8],
            "iou": decoded.iou[:, None],
            "object_score": decoded.object_score[:, None],
        }


def watched(model: FewShotModel, batch: ClipBatch, training: bool) -> Pass:
    """One pass; ``training`` is of the method alone, so that no dropout is active."""
    seen: dict[str, list[Any]] = {}

    def noting(name: str) -> Callable[..., Any]:
        original = getattr(Sam2Tracker, name)

        def note(*args: Any) -> Any:
            seen.setdefault(name, []).append(original(*args))
            return seen[name][-1]

        return note

    with pytest.MonkeyPatch.context() as patch:
        for name in ("encode", "remember", "attend", "decode"):
            patch.setattr(Sam2Tracker, name, noting(name))
        model.method.training = training
        logits = model(batch, propagate_targets=training).logits[:, 1]
        model.method.training = False
    return Pass(logits, seen)


def test_wrapped_layers_and_counts_are_the_released_ones(expected: dict[str, Any]) -> None:
    built = fs_sam2()
    layers = expected["weights"]["lora_layers"]
    found = {
        name: {"A": list(layer.lora_A["default"].weight.shape), "B": list(layer.lora_B["default"].weight.shape)}
        for name, layer in built.base.named_modules()
        if hasattr(layer, "lora_A")
    }
    assert found == layers
    assert len(found) == 85
    by_part = dict.fromkeys(("image_encoder", "memory_attention", "memory_encoder"), 0)
    for name, parameter in built.trained().items():
        by_part[name.split(".")[1]] += parameter.numel()
    assert by_part == {"image_encoder": 265_356, "memory_attention": 475_136, "memory_encoder": 10_240}
    assert sum(by_part.values()) == expected["weights"]["trained_parameters"] == 750_732
    assert sum(value.numel() for value in built.base.parameters()) == expected["weights"]["total_parameters"]


@pytest.mark.slow
def test_evaluation_equals_the_released_code(
    model: FewShotModel, batch: ClipBatch, expected: dict[str, Any], tensors: dict[str, Tensor]
) -> None:
    with torch.inference_mode():
        found = watched(model, batch, training=False)
    for name, value in found.named().items():
        assert (value - tensors[f"f1/{name}"]).abs().max() <= TOLERANCE, name
    assert len(found.seen["decode"]) == 1  # the reference is not decoded
    assert tensors["f1/logits"].std() > 1
    loss = losses(found.logits, batch).total
    assert loss.item() == pytest.approx(expected["cases"]["f1"]["loss_bce_plus_dice"], abs=1e-5)


@pytest.mark.slow
def test_training_equals_the_released_code(
    model: FewShotModel, batch: ClipBatch, expected: dict[str, Any], tensors: dict[str, Tensor]
) -> None:
    model.zero_grad()
    found = watched(model, batch, training=True)
    for name, value in found.named().items():
        assert (value - tensors[f"f4/{name}"]).abs().max() <= TOLERANCE, name
    loss = losses(found.logits, batch)
    assert loss.terms["bce"].item() == pytest.approx(expected["gradients"]["loss_bce"], abs=1e-5)
    assert loss.terms["dice"].item() == pytest.approx(expected["gradients"]["loss_dice"], abs=1e-5)
    loss.total.backward()
    gradients = {
        name.removeprefix("base.").replace(".default", ""): parameter.grad
        for name, parameter in model.trained().items()
    }
    norms = expected["gradients"]["grad_norms"]
    assert gradients.keys() == norms.keys()
    assert len(gradients) == 170
    for name, gradient in gradients.items():
        assert gradient.norm().item() == pytest.approx(norms[name], rel=1e-3, abs=1e-7), name
    whole = {key.removeprefix("gradients/"): value for key, value in tensors.items() if key.startswith("gradients/")}
    assert len(whole) == 3
    for name, value in whole.items():
        assert (gradients[name] - value).norm() <= 1e-3 * value.norm(), name


def losses(logits: Tensor, batch: ClipBatch) -> Any:
    """The configuration's, on the target."""
    terms = yaml.safe_load(ABLATION.read_text())["model"]["losses"]["init_args"]["terms"]
    built = WeightedSum({"bce": BCE(**terms["bce"]["init_args"]), "dice": Dice(**terms["dice"]["init_args"])})
    return built(logits[:, None], batch.masks[:, 1:])
