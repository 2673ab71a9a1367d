"""Seconds that a report of many run folders takes, on this machine.

    python benchmarks/report.py [--runs 200]

The runs are made up: results as the command line writes them, half of the paper's experiment and half of the miniature,
over all folds, some seeds and ten rows, each with the scores of 320 single targets and a picture. Two of them are
compared. Time is of the command itself, from the start of its process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fakes.run_folders import NANO, write_run, write_targets

ROWS = 10


def make(folder: Path, runs: int) -> list[Path]:
    """Write the run folders."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (700, 1200, 3), dtype=np.uint8))
    made = []
    for number in range(runs):
        half, place = divmod(number, max(runs // 2, 1))
        changes = {**(NANO if half else {}), "data.train_targets": 1 + place % ROWS}
        fold, seed = place // ROWS % 4, place // ROWS // 4
        run = write_run(folder / str(number), rng.uniform(0.4, 0.7), fold=fold, seed=seed, changes=changes)
        unions = rng.integers(50, 500, 320)
        write_targets(
            run, [(4 * (n % 3) + fold, int(union * rng.uniform()), int(union)) for n, union in enumerate(unions)]
        )
        picture.save(run / "episodes.png")
        made.append(run)
    return made


def main() -> None:
    """Make the folders, time the command, and tell."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--runs", type=int, default=200)
    runs = given.parse_args().runs
    with tempfile.TemporaryDirectory() as place:
        made, out = make(Path(place) / "runs", runs), Path(place) / "report"
        command = ["report", str(Path(place) / "runs"), "--out", str(out), "--compare", str(made[0]), str(made[1])]
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "sansa_lightning", *command], check=True)  # noqa: S603
        took = time.perf_counter() - start
        size = (out / "index.html").stat().st_size / 2**20
    print(f"{runs} runs: {took:.1f} s, a page of {size:.1f} MiB")


if __name__ == "__main__":
    main()
