"""Put the weights of a finished run into the package, with their card.

``python -m sansa_lightning.pretraining.package RUN_FOLDER [--start CARD.json] [--scores MORE.json] [--note TEXT]``
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from sansa_lightning.files.whole import replacing, sha256_of, write_text
from sansa_lightning.pretraining.tracker import WEIGHTS
from sansa_lightning.trackers.packaged import ASSETS

LARGEST = 8_000_000
"""Most bytes of a packaged file."""


def package(
    run: Path,
    scores: dict[str, Any],
    note: str = "",
    folder: Path = ASSETS,
    start: dict[str, Any] | None = None,
) -> None:
    """Copy weights, and write their card from the run's result.

    Args:
        run: folder of a run of the tracker recipe.
        scores: further measurements, beside the run's tracking score.
        note: facts that are not in the run's files.
        folder: the destination.
        start: card of the weights from which the run started; None for random ones.

    Raises:
        FileNotFoundError: the folder does not belong to such a run.
        ValueError: the run is not finished, or the file is too large.
    """
    weights, result = run / WEIGHTS, run / "result.json"
    for path in (weights, result):
        if not path.is_file():
            msg = f"package: {path} is not there; expected the folder of a finished run of the tracker recipe"
            raise FileNotFoundError(msg)
    said = json.loads(result.read_text(encoding="utf-8"))
    if said["status"] != "finished" or weights.stat().st_size > LARGEST:
        msg = (
            f"package: expected a finished run and at most {LARGEST} bytes, but {run} is {said['status']} and "
            f"{weights.name} has {weights.stat().st_size}"
        )
        raise ValueError(msg)
    card = {
        "sha256": sha256_of(weights),
        "recipe": {key: said["config"][key] for key in ("recipe", "seed_everything", "model", "data")}
        | {"gradient_clip_val": said["config"]["trainer"]["gradient_clip_val"]},
        "scores": {"tracking": said["metrics"]["test"], **scores},
        **{key: said[key] for key in ("seed", "steps", "seconds", "time", "machine", "versions", "commit")},
        "note": note,
        "start": start,
    }
    name = weights.stem
    with replacing(folder / weights.name) as partial:
        shutil.copyfile(weights, partial)
    write_text(folder / f"{name}.json", json.dumps(card, indent=2) + "\n")


def main() -> None:
    """Package the run on the command line."""
    parser = argparse.ArgumentParser(description="Put the weights of a finished run into the package.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--start", type=Path, help="card of the weights that the run began with")
    parser.add_argument("--scores", type=Path, help="JSON object of further scores for the card")
    parser.add_argument("--note", default="", help="facts that are not in the run's files")
    given = parser.parse_args()
    more, first = (json.loads(path.read_text()) if path else None for path in (given.scores, given.start))
    package(given.run, more or {}, given.note, start=first)


if __name__ == "__main__":
    from sansa_lightning.runs.failures import run_main  # only a command needs the command line

    run_main(main)
