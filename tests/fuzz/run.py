"""Mutates datasets as often as one likes: ``python tests/fuzz/run.py --mutations 10000 --seed 1 [--only lvis]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.subjects import SUBJECTS
from fuzz.trial import Trials


def main() -> int:
    """Print a line a subject and every finding; 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000, help="over all subjects")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=[subject.label for subject in SUBJECTS])
    parser.add_argument("--examples", type=int, default=3, help="findings of a kind to print")
    arguments = parser.parse_args()
    chosen = [subject for subject in SUBJECTS if arguments.only is None or subject.label in arguments.only]
    found = 0
    for subject in chosen:
        with tempfile.TemporaryDirectory() as folder:
            started, outcomes = time.monotonic(), Counter()
            seen: Counter[str] = Counter()
            for verdict in islice(Trials(subject, Path(folder), arguments.seed), arguments.mutations // len(chosen)):
                outcomes[verdict.outcome] += 1
                if verdict.trouble is not None:
                    found += 1
                    kind = f"{verdict.trouble[:40]} {verdict.error[:40]}"
                    seen[kind] += 1
                    if seen[kind] <= arguments.examples:
                        print(f"  {verdict.trouble}\n    {verdict.what}\n    {verdict.error[:400]}", flush=True)
            print(f"{subject.label}: {dict(outcomes)} in {time.monotonic() - started:.1f} s", flush=True)
    print(f"{found} findings")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
