"""Shows that a change of structure changes no number: the same short runs on two commits, compared bit for bit.

    python tools/compare_commits.py A B [--steps 20] [--runs adaptformer,lora,...] [--threads 1] [--keep FOLDER]

Both commits are checked out beside each other, and every run is done on each by the Python that runs this script and
with as many threads. Compared are rows of metrics, scores with their controls, hashes of episodes, numbers of trained
parameters, trained tensors and logits. Exit status 0 if all are equal, 1 after the first
difference of each run is printed, 2 if a run fails. ``HEAD`` is the last commit, not what is uncommitted.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

SMALL = (
    *("--config", "experiments/nano/adapt.yaml", "--trainer.enable_progress_bar", "false"),
    *("--trainer.log_every_n_steps", "1", "--data.val_episodes", "8", "--data.test_episodes", "16"),
)
TRACKER = (
    *("--config", "experiments/nano/pretrain.yaml", "--model.content_steps", "2", "--trainer.log_every_n_steps", "1"),
    *("--data.batch_size", "2", "--data.frames", "3", "--data.eval_frames", "3", "--data.val_clips", "2"),
    *("--data.test_clips", "4", "--data.tiles", "16", "--trainer.enable_progress_bar", "false"),
)
FORWARD = "forward"
RUNS: dict[str, tuple[str, ...]] = {
    "adaptformer": SMALL,
    "lora": (*SMALL, "--config", "ablations/lora.yaml", "--model.optimizer.lr", "2e-3"),
    "finetune": (*SMALL, "--config", "ablations/full.yaml", "--model.optimizer.lr", "5e-4"),
    "tracker": TRACKER,
    FORWARD: (),
}
"""Name -> options of ``fit``, which tests at its end; ``forward`` is the Python interface."""

FORWARD_CODE = """
import sys
import torch
import sansa_lightning
from sansa_lightning import Prompt

found = {}
generator = torch.Generator().manual_seed(0)
for name, weights, side, clips, frames in (("nano", "official", 96, 2, 5), ("sam2_hiera_tiny", None, 640, 1, 2)):
    torch.manual_seed(0)
    model = sansa_lightning.load(name, weights=weights)
    images = torch.randn(clips, frames, 3, side, side, generator=generator)
    mask = torch.zeros(side, side, dtype=torch.bool)
    mask[side // 4 : side // 2, side // 4 : side // 2] = True
    kinds = {
        "mask": Prompt.mask(mask),
        "points": Prompt.points([[side / 3, side / 3]]),
        "box": Prompt.box([side / 4, side / 4, side / 2, side / 2]),
    }
    for kind, prompt in kinds.items() if name == "nano" else [("mask", kinds["mask"])]:
        for propagate in (True, False):
            with torch.inference_mode():
                logits = model.propagate(images, [[prompt]] * clips, propagate)
            found[f"{name}, {kind}, propagate_targets={propagate}"] = logits.clone()
torch.save(found, sys.argv[1])
"""

Values = dict[str, Any]
"""What a run left behind, flat: where it stands -> number, text or tensor."""


def main() -> int:
    """Compare two commits.

    Returns:
        The exit status.
    """
    given = parser().parse_args()
    names = given.runs.split(",")
    if unknown := set(names) - set(RUNS):
        sys.stderr.write(f"error: --runs: expected some of {','.join(RUNS)}, but got {','.join(sorted(unknown))}\n")
        return 2
    equal = True
    with scratch(given.keep) as folder, checked_out(folder / "a", given.a), checked_out(folder / "b", given.b):
        for name in names:
            try:
                one, two = (values_of(folder, side, name, given) for side in "ab")
            except subprocess.CalledProcessError as error:
                sys.stderr.write(f"error: run {name} failed: {' '.join(error.cmd[1:5])} ...\n{error.stderr[-2000:]}\n")
                return 2
            difference = first_difference(one, two)
            print(f"{name}: {f'DIFFERENT: {difference}' if difference else f'{len(one)} values equal'}", flush=True)
            equal &= not difference
    return 0 if equal else 1


def parser() -> argparse.ArgumentParser:
    """Options of the command."""
    made = argparse.ArgumentParser(description="The same short runs on two commits, compared bit for bit.")
    made.add_argument("a", help="a commit")
    made.add_argument("b", help="another one")
    made.add_argument("--steps", type=int, default=20, help="optimiser steps of each run")
    made.add_argument("--runs", default=",".join(RUNS), help=f"some of {','.join(RUNS)}")
    made.add_argument("--threads", type=int, default=1, help="of each run; results depend on it")
    made.add_argument("--keep", type=Path, help="keep checkouts and run folders here")
    return made


@contextmanager
def scratch(keep: Path | None) -> Iterator[Path]:
    """A folder for everything, which vanishes at the end unless it is to be kept."""
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="compare_commits_") as name:
        yield Path(name)


@contextmanager
def checked_out(folder: Path, commit: str) -> Iterator[None]:
    """A work tree of a commit."""
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(folder), commit], check=True)
    try:
        yield
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(folder)], check=True)


def values_of(folder: Path, side: str, name: str, given: argparse.Namespace) -> Values:
    """Do one run on one side and read what it left."""
    tree, out = folder / side, folder / f"{side}_{name}"
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "OMP_NUM_THREADS": str(given.threads),
        "MKL_NUM_THREADS": str(given.threads),
        "SANSA_CACHE": str(folder / "cache"),
    }
    if name == FORWARD:
        command = [sys.executable, "-c", FORWARD_CODE, str(out)]
    else:
        steps = ["--trainer.max_steps", str(given.steps), "--run_dir", str(out)]
        command = [sys.executable, "-m", "sansa_lightning", "fit", *RUNS[name], *steps]
    subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True, text=True)
    return torch.load(out, weights_only=True) if name == FORWARD else read_run(out)


def read_run(folder: Path) -> Values:
    """What a run folder says of its numbers."""
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    found: Values = {}
    for key in ("status", "steps", "seed", "trained_parameters", "episodes", "metrics"):
        found |= flat(f"result.{key}", result.get(key))
    for file in sorted(folder.glob("metrics/**/metrics.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines)):
                found |= {f"metrics[{number}].{key}": value for key, value in sorted(row.items())}
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return found | {f"trained.{key}": value for key, value in state.items()}


def flat(place: str, value: Any) -> Values:
    """Nested mappings and lists as one mapping."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {key: each for name, inside in pairs for key, each in flat(f"{place}.{name}", inside).items()}
    return {place: value}


def first_difference(one: Mapping[str, Any], two: Mapping[str, Any]) -> str:
    """The first place at which two runs differ, in bits; nothing if there is none."""
    for key in [*one, *(key for key in two if key not in one)]:
        if key not in one or key not in two:
            return f"{key} is only in {'the first' if key in one else 'the second'}"
        if not same(one[key], two[key]):
            return f"{key}: {shown(one[key], two[key])}"
    return ""


def same(one: Any, two: Any) -> bool:
    """Whether two values are equal bit for bit; NaN is equal to itself."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        if one.dtype != two.dtype or one.shape != two.shape:
            return False
        return bool(torch.equal(one.contiguous().view(torch.uint8), two.contiguous().view(torch.uint8)))
    return type(one) is type(two) and (one == two or (one != one and two != two))


def shown(one: Any, two: Any) -> str:
    """Two values that differ, in a few words."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor) and one.shape == two.shape:
        apart = (one.double() - two.double()).abs().max()
        count = int((one != two).sum())
        return f"{count} of {one.numel()} numbers differ, by up to {float(apart):.3g}" if count else "0 and -0"
    return f"{one!r} and {two!r}"


if __name__ == "__main__":
    raise SystemExit(main())
