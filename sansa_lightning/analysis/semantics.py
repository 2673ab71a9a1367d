"""Does a nano learn semantics? Linear probe and controls on the pattern benchmark, as one JSON object.

``python -m sansa_lightning.analysis.semantics --weights FILE [--adapter CHECKPOINT] --fold 0``
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from sansa_lightning.analysis.controls import controlled_scores
from sansa_lightning.analysis.probe import linear_probe, pattern_cells
from sansa_lightning.data.episodes.controlled import ControlledClips
from sansa_lightning.data.episodes.dataset import ClipDataset
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.patterns.families import FOLDS, NAMES
from sansa_lightning.data.prompts import MaskPrompt
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.metrics.controls import ControlScores
from sansa_lightning.metrics.few_shot_iou import FewShotScores
from sansa_lightning.trackers.base import Tracker

CLASSES = range(len(NAMES))


def probes(tracker: Tracker, source: Patterns, fold: int, images: int) -> dict[str, Any]:
    """Linear probes of stage 2: of all classes, and of the unseen classes of a fold.

    The classifier trains on train images and is tested on val images, which have other tiles.

    Args:
        tracker: the base, with or without a strategy.
        source: the benchmark.
        fold: of the unseen classes.
        images: number of images of each class to train on; half as many to test on.
    """
    train = pattern_cells(tracker, source, [key for c in CLASSES for key in source.images(c, "train")[:images]])
    test = pattern_cells(tracker, source, [key for c in CLASSES for key in source.images(c, "val")[: images // 2]])
    unseen = [c for c in CLASSES if c % FOLDS == fold]
    return {
        "all_classes": linear_probe(train, test)._asdict(),
        "unseen_classes": linear_probe(train.of(unseen), test.of(unseen))._asdict(),
    }


def unseen_scores(
    tracker: Tracker, source: Patterns, fold: int, episodes: int, seed: int
) -> tuple[FewShotScores, ControlScores]:
    """Score and controls on episodes of one reference and one target of a fold's unseen classes.

    Args:
        tracker: the base, with or without a strategy.
        source: the benchmark.
        fold: 0 to 3.
        episodes: number of episodes.
        seed: of the episodes, which are those of ``test`` with this ``data.test_seed``.
    """
    (pool,) = Strict(fold).pools(source, "test")
    clips = ClipDataset(
        RandomEpisodes([pool], 1, 1, seed, episodes), {source.name: source}, tracker.image_size, MaskPrompt()
    )
    method = Sansa()
    return controlled_scores(
        lambda batch: method(tracker, batch, propagate_targets=False).logits[:, batch.shots :],
        ControlledClips(clips, pool),
    )


def percent(scores: FewShotScores, controls: ControlScores) -> dict[str, float]:
    """Score and controls in percent, one decimal; missing ones are left out."""
    shares = {"right": scores.miou, **controls._asdict()}
    return {name: round(100 * share, 1) for name, share in shares.items() if share is not None}


def main() -> None:
    """Print the scores of the base on the command line."""
    from sansa_lightning.checkpoints.adapters import attach_from
    from sansa_lightning.trackers.zoo import Base

    parser = argparse.ArgumentParser(description="Linear probe and controls of a nano on the pattern benchmark.")
    parser.add_argument("--weights", default="official", help='a file, "official", or "none" for random weights')
    parser.add_argument("--adapter", type=Path, help="checkpoint of a run on that base")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--episodes", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0, help="of the episodes")
    parser.add_argument("--probe_images", type=int, default=0, help="images of each class for the probe; 0 for none")
    given = parser.parse_args()
    if given.probe_images < 0 or given.probe_images == 1:
        msg = f"--probe_images: expected 0, or at least 2, but got {given.probe_images}"
        raise ValueError(msg)
    if not 0 <= given.fold < FOLDS:
        msg = f"--fold: expected 0 to {FOLDS - 1}, but got {given.fold}"
        raise ValueError(msg)
    tracker = Base("nano", weights=None if given.weights == "none" else given.weights).build()
    if given.adapter:
        attach_from(given.adapter, tracker)
    source = Patterns(size=tracker.image_size)
    found: dict[str, Any] = {"fold": given.fold, "episodes": given.episodes, "seed": given.seed}
    found["controls"] = percent(*unseen_scores(tracker, source, given.fold, given.episodes, given.seed))
    if given.probe_images:
        found["probe"] = probes(tracker, source, given.fold, given.probe_images)
    print(json.dumps(found))


if __name__ == "__main__":
    from sansa_lightning.runs.failures import run_main  # only a command needs the command line

    run_main(main)
