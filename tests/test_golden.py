"""Faithfulness: equal to the published implementation on the same weights (shared golden folder)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from golden import recipe
from sansa_lightning import Prompt, Segmenter, load
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.trackers.sam2.tracker import Sam2Tracker
from sansa_lightning.trackers.zoo import Base

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def segmenter(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    """sam2_hiera_tiny from files in the published layouts, through the public door."""
    folder = tmp_path_factory.mktemp("golden")
    weights = recipe(shared, "weights")
    expected = json.loads((shared / "golden" / "sam2_hiera_tiny.json").read_text())["weights"]
    sam = Base("sam2_hiera_tiny", weights=None).random()
    AdaptFormer().attach(sam)
    state = weights.fill(sam.state_dict(), expected["seed"])
    assert weights.checksum(state) == expected["sha256"]
    adapter = {f"sam.{key}": value for key, value in state.items() if ".adapter." in key}
    torch.save({"model": {key: value for key, value in state.items() if ".adapter." not in key}}, folder / "base.pt")
    torch.save({"model": adapter, "epoch": 4}, folder / "adapter.pth")
    return load("sam2_hiera_tiny", weights=folder / "base.pt", adapter=folder / "adapter.pth")


def prompt_of(recipe_prompt: dict) -> Prompt:
    if recipe_prompt["type"] == "mask":
        return Prompt.mask(recipe_prompt["mask"])
    if recipe_prompt["type"] == "box":
        return Prompt.box(recipe_prompt["coords"])
    return Prompt.points(recipe_prompt["coords"], recipe_prompt["labels"])


@dataclass(frozen=True)
class Seen:
    """What the frames become on the way: of every clip all frames' features, of every frame all clips' pointers."""

    features: list[torch.Tensor]
    pointers: list[torch.Tensor]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    found = Seen([], [])

    def noted(name: str, note: Callable[[Any], None]) -> None:
        original = getattr(Sam2Tracker, name)

        def noting(*args: Any) -> Any:
            result = original(*args)
            note(result)
            return result

        monkeypatch.setattr(Sam2Tracker, name, noting)

    noted("encode", lambda result: found.features.append(result.image))
    noted("decode", lambda result: found.pointers.append(result.pointer))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("case", ["a_mask_1shot", "e_mask_2clips_3targets", "i_mask_1024"])
def test_features_logits_and_pointers_equal_the_published_implementation(
    segmenter: Segmenter, shared: Path, case: str, seen: Seen
) -> None:
    golden = load_file(shared / "golden" / "sam2_hiera_tiny.safetensors")
    clip = recipe(shared, "inputs").build(case)
    prompts = [[prompt_of(prompt) for prompt in prompts] for prompts in clip["prompts"]]
    with torch.inference_mode():
        logits = segmenter.propagate(clip["images"], prompts)
    features = torch.cat(seen.features).flatten(2).permute(2, 0, 1)[::64, :, ::16]
    assert (features - golden[f"{case}/features"]).abs().max() <= TOLERANCE
    assert (logits[:, :, ::6, ::6] - golden[f"{case}/pred_masks"]).abs().max() <= TOLERANCE
    expected = golden[f"{case}/obj_ptr"]
    assert expected.std() > 0.1
    assert (torch.stack(seen.pointers, dim=1) - expected).abs().max() <= TOLERANCE
