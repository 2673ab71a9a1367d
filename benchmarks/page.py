"""How long a click on the page takes, how many pictures it finds masks in a second, and what a correction is worth.

    python benchmarks/page.py [--base nano] [--adapter RUN] [--pictures 24] [--size 1024] [--threads 2]

Pictures are of the embedded patterns, enlarged to ``--size``, all of one class and the first one marked by its mask.
"click" is a click on an encoded target, from the call to the saved session with its mask of the picture's size;
"drawing" is what the page draws afterwards. Both are medians over the pictures of the wall time and of this process's
CPU time, which other programs change less. The last lines, the mean IoU of the targets that stay targets before and
after the least certain one was made a reference with its true mask, say something about this base on patterns alone.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import sansa_lightning
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.images.pictures import resize_mask
from sansa_lightning.page.desk import Desk
from sansa_lightning.page.drawing import LARGE, drawn
from sansa_lightning.page.engine import Engine
from sansa_lightning.page.marks import Marks, mask_of_runs
from sansa_lightning.page.session import Session

CLASS, NAME = 8, "dots"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="nano")
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    engine = Engine(sansa_lightning.load(asked.base, adapter=asked.adapter))
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Session.new(Path(folder)), engine)
        masks = fill(desk.session, asked.pictures, asked.size)
        desk.mark("1", NAME, Marks.of_mask(masks["1"]))
        measure(desk, masks)


def fill(session: Session, count: int, size: int) -> dict[str, Any]:
    """Add pictures; returns their masks, bool [H, W], by their numbers."""
    source, masks = Patterns(), {}
    for key in source.images(CLASS, "val")[:count]:
        image, mask = source.load(key, CLASS)
        number = session.add_picture(Image.fromarray(image).resize((size, size)), f"{key.replace('/', '-')}.png")
        masks[number] = resize_mask(mask, size).numpy() == 1
    return masks


def measure(desk: Desk, masks: dict[str, Any]) -> None:
    """Run, click, draw, promote."""
    first, _ = timed(lambda: list(desk.run()))
    again, _ = timed(lambda: list(desk.run()))
    targets = [number for number in masks if number != "1"]
    print(f"pictures a second, first run    {len(targets) / first:8.1f}")
    print(f"pictures a second, encoded      {len(targets) / again:8.1f}")
    before = score(desk, masks, targets)
    clicks = [timed(lambda n=n: desk.correct(n, NAME, (5, 5, 0))) for n in targets]
    drawing = [timed(lambda n=n: drawn(desk.session, n, LARGE, NAME)) for n in targets]
    for what, times in (("click", clicks), ("drawing", drawing)):
        wall, cpu = (1000 * statistics.median(column) for column in zip(*times, strict=True))
        print(f"{what + ', ms':32}{wall:8.0f} (CPU {cpu:.0f})")
    for number in targets:
        desk.undo(number, NAME)
    worst = next(number for number in desk.session.order() if number in targets)
    desk.mark(worst, NAME, Marks.of_mask(masks[worst]))
    list(desk.run())
    left = [number for number in targets if number != worst]
    after = score(desk, masks, left)
    print(f"mean IoU, one reference         {100 * np.mean([before[number] for number in left]):8.1f}")
    print(f"mean IoU, and the least certain {100 * np.mean([after[number] for number in left]):8.1f}")


def timed(act: Callable[[], Any]) -> tuple[float, float]:
    """Seconds that it takes, and seconds of the CPU."""
    start = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def score(desk: Desk, masks: dict[str, Any], numbers: Iterable[str]) -> dict[str, float]:
    """IoU with the truth of each picture."""
    found = {}
    for number in numbers:
        cell, truth = desk.session.cell(number, NAME), masks[number]
        mask = mask_of_runs(cell.found.runs, truth.shape)  # type: ignore[union-attr]
        found[number] = float((mask & truth).sum() / max((mask | truth).sum(), 1))
    return found


if __name__ == "__main__":
    main()
