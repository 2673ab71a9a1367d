"""FS-SAM2's experiments say what docs/fs_sam2.md 3 does, alike in all three; its crossings differ as they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
NAMES = {"pascal5i": (None, 1000), "coco20i": (None, 1000), "fss1000": (5200, 2400)}
"""Training episodes of an epoch, none where that is the number of training images of the fold, and test episodes."""


def read(path: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / path).read_text())
    return content


def test_there_is_one_for_each_dataset() -> None:
    assert {path.stem for path in (ROOT / "experiments" / "fs_sam2").glob("*.yaml")} == NAMES.keys()


@pytest.mark.parametrize("name", NAMES)
def test_training_is_as_released(name: str) -> None:
    content = read(f"experiments/fs_sam2/{name}.yaml")
    model, data, trainer = content["model"], content["data"], content["trainer"]
    assert model["base"] == {"name": "sam2.1_hiera_base_plus", "weights": "official", "object_scores": True}
    assert model["optimizer"] == {"class_path": "torch.optim.AdamW", "init_args": {"lr": 1e-4, "weight_decay": 1e-6}}
    assert (model["schedule"], model["memory_dropout"]) == ("cosine", True)
    assert trainer == {"max_epochs": 50, "precision": "bf16-mixed", "gradient_clip_val": None}
    assert (data["size"], data["batch_size"], data["score_at"]) == (1024, 8, "original")
    assert (data["shots"], data["train_shots"], data["train_targets"]) == (1, 1, 1)
    assert (data["seed"], data["test_seed"], content["seed_everything"]) == (42, 42, 42)
    assert (data["train_length"], data["test_episodes"]) == NAMES[name]
    assert data["val_episodes"] == data["test_episodes"]


@pytest.mark.parametrize("name", NAMES)
def test_what_trains_is_that_of_the_ablation(name: str) -> None:
    model, ablation = read(f"experiments/fs_sam2/{name}.yaml")["model"], read("ablations/fs_sam2.yaml")["model"]
    assert {key: model[key] for key in ("method", "losses", "memory_dropout")} == {
        key: ablation[key] for key in ("method", "losses", "memory_dropout")
    }
    unlike = {"use_dora": False, "use_rslora": False}  # an ablation names every argument
    strategy = model["strategy"]
    assert {**strategy, "init_args": {**strategy["init_args"], **unlike}} == ablation["strategy"]


def test_crossings_differ_as_they_say() -> None:
    whole, longer = read("ablations/fs_sam2.yaml"), read("ablations/crossings/fs_sam2_j3.yaml")
    assert {**whole, "data": {"train_targets": 3}} == longer
    under = read("ablations/crossings/adaptformer_under_fs_sam2.yaml")["model"]
    assert under == {
        "strategy": read("ablations/adaptformer_0.3.yaml")["model"]["strategy"],
        "method": whole["model"]["method"],
    }
