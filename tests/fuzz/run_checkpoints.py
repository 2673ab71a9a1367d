"""Mutates checkpoints as often as one likes: ``python tests/fuzz/run_checkpoints.py --mutations 300 --seed 1``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.checkpoints import CheckpointTrials, command_line


def main() -> int:
    """Print every finding and how often each kind of mutation was read and refused; 1 if there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    outcomes: Counter[tuple[str, str]] = Counter()
    found, started = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trials = CheckpointTrials(Path(folder), arguments.seed, command_line(Path(folder)))
        for verdict in islice(trials, arguments.mutations):
            outcomes[verdict.what, verdict.outcome] += 1
            if verdict.trouble is not None:
                found += 1
                print(f"  {verdict.trouble}\n    {verdict.what}\n    {verdict.error[:400]}", flush=True)
    for (what, outcome), count in sorted(outcomes.items()):
        print(f"{count:4} {outcome:8} {what}")
    print(f"{found} findings in {arguments.mutations} mutations, {time.monotonic() - started:.0f} s")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
