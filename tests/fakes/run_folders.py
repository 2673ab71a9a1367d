"""Folders of runs that nobody ran: results as the command line writes them, of the paper's experiment or of another."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sansa_lightning.runs.episode_scores import TargetScore, write_scores

ADAPTFORMER = {
    "class": "AdaptFormer",
    "settings": {
        "placement": [2, 3],
        "factor": 0.3,
        "hidden_rule": "released",
        "scale": 0.1,
        "hidden": None,
        "layer_norm": True,
        "insertion": "parallel",
    },
}
SANSA = {"class": "Sansa", "settings": {"kshot_memory": "released"}}
OWN = "sansa_lightning.somewhere."

CONFIG: dict[str, Any] = {
    "seed_everything": 0,
    "model": {
        "base": {"name": "sam2_hiera_large", "weights": "official", "image_size": None, "object_scores": False},
        "strategy": {"class_path": OWN + "AdaptFormer", "init_args": {"placement": [2, 3]}},
        "losses": {
            "class_path": OWN + "WeightedSum",
            "init_args": {"terms": {"bce": {"class_path": OWN + "BCE"}, "dice": {"class_path": OWN + "Dice"}}},
        },
        "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 1e-4, "weight_decay": 0.0}},
        "schedule": "cosine",
        "threshold": 0.5,
        "memory_dropout": False,
    },
    "data": {
        "source": {"class_path": OWN + "Coco", "init_args": {"root": "/data/coco"}},
        "protocol": {"class_path": OWN + "Strict", "init_args": {"fold": 0, "folds": 4}},
        "size": 640,
        "shots": 1,
        "train_targets": 3,
        "train_length": 82000,
        "test_episodes": 1000,
        "batch_size": 4,
        "test_order": OWN + "RandomEpisodes",
        "memorise": False,
        "resizing": None,
        "prompt": None,
        "negatives": None,
        "augmentation": None,
    },
    "trainer": {"max_epochs": 5, "max_steps": -1, "accumulate_grad_batches": 1, "gradient_clip_val": 1.0},
    "ckpt_path": None,
}
"""The paper's experiment on COCO-20i, as a run's result has it."""

NANO = {
    "model.base.name": "nano",
    "data.source.class_path": OWN + "Patterns",
    "data.size": 96,
    "data.test_episodes": 320,
    "trainer.max_epochs": 1,
}
"""What is another thing in a run of the miniature."""


def set_keys(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with other values at dotted keys."""
    changed: dict[str, Any] = copy.deepcopy(dict(config))
    for key, value in changes.items():
        *path, last = key.split(".")
        place = changed
        for part in path:
            place = place[part]
        place[last] = value
    return changed


def plain_result(
    miou: float | None = 0.5, *, fold: int = 0, seed: int = 0, changes: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """The content of a result file.

    Args:
        miou: of the test; None for no test.
        fold: of the protocol.
        seed: of everything.
        changes: of the configuration, by dotted keys.
        more: other values of the result.
    """
    config = set_keys(CONFIG, {"data.protocol.init_args.fold": fold, "seed_everything": seed, **(changes or {})})
    half = None if miou is None else miou / 2
    classes = [{"class_id": 4 * i + fold, "name": f"class {4 * i + fold}", "iou": miou, "targets": 5} for i in range(3)]
    controls = {"wrong_miou": half, "margin": half, "everything_miou": 0.4, "choice": 0.75, "choice_chance": 0.5}
    scores = {"miou": miou, "fb_iou": 0.75, "classes": classes, "controls": controls}
    return {
        "status": "finished",
        "time": f"2026-01-01T00:00:{fold:02d}+00:00",
        "commit": "c" * 40,
        "processes": 8,
        "machine": {"device": "NVIDIA H200"},
        "versions": {"torch": "2.14.1"},
        "strategy": ADAPTFORMER,
        "method": SANSA,
        "base": {"name": config["model"]["base"]["name"], "fingerprint": "f" * 64},
        "trained_parameters": 9_900_000,
        "metrics": {} if miou is None else {"test": scores},
        "seed": seed,
        "episodes": {"test": f"{fold}" * 64},
        "score_size": "clip",
        "seconds": 100.0,
        "trained": True,
        "frames_per_second": 12.5,
        "config": config,
        **more,
    }


def write_run(folder: Path, *args: Any, name: str = "result.json", **named: Any) -> Path:
    """Write a run folder; arguments are those of :func:`plain_result`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(plain_result(*args, **named)))
    return folder


def write_targets(folder: Path, counts: Sequence[tuple[int, int, int]], name: str = "episodes.csv") -> None:
    """Write the scores of single targets: class, intersection and union of each."""
    scores = [TargetScore(n, c, f"target{n}", f"reference{n}", i, u) for n, (c, i, u) in enumerate(counts)]
    write_scores(folder / name, scores)
