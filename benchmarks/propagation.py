"""Batched prompt-and-propagate against a loop over the clips of a batch, of the same model on the same clips.

    python benchmarks/propagation.py [--pairs 3] [--clips 4] [--targets 3] [--base sam2_hiera_tiny] [--recompute]

Each measurement runs in a process of its own (build, a small warm-up, one timed step), the two variants in turn, so
that a machine whose speed drifts slows down both. Printed are medians over the pairs, the median of the pairwise ratios
batched / loop, and the peak resident memory of a process. The weights are random: time does not depend on them.
Nothing else should run beside it.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.trackers.zoo import Base

VARIANTS = ("batched", "loop")
STEPS = ("forward", "forward+backward")


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds of one step after a warm-up, and the peak resident memory of this process in GiB."""
    sam = Base(arguments.base, weights=None).build()
    AdaptFormer().attach(sam)
    if arguments.recompute:
        sam.recompute()
    generator = torch.Generator().manual_seed(0)
    side = sam.image_size
    images = torch.randn(arguments.clips, 1 + arguments.targets, 3, side, side, generator=generator)
    masks = torch.rand(arguments.clips, side, side, generator=generator) > 0.5
    prompts = [[Prompt.mask(mask)] for mask in masks]
    parts = 1 if arguments.variant == "batched" else arguments.clips
    propagation = Propagation()

    def step(clips: torch.Tensor, frames: int) -> None:
        backward = arguments.step == "forward+backward"
        with torch.set_grad_enabled(backward):
            logits = propagation(sam, images[clips, :frames], [prompts[clip] for clip in clips]).logits
        if backward:
            logits[:, 1:].square().mean().backward()

    every = torch.arange(arguments.clips)
    step(every[:1], frames=2)  # a small warm-up: a full one takes minutes at 1024 px
    start = time.perf_counter()
    for part in every.chunk(parts):
        step(part, images.shape[1])
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30}


def in_own_process(arguments: argparse.Namespace, variant: str, step: str) -> dict[str, float]:
    """:func:`measure` in a new process."""
    command = [sys.executable, __file__, "--variant", variant, "--step", step, "--base", arguments.base]
    command += ["--clips", str(arguments.clips), "--targets", str(arguments.targets)]
    command += ["--recompute"] if arguments.recompute else []
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this very file
    if run.returncode:
        sys.exit(f"{variant} {step} ended with status {run.returncode} (-9: out of memory):\n{run.stderr[-2000:]}")
    return json.loads(run.stdout)


def main() -> None:
    """Measure in pairs and print one line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--targets", type=int, default=3)
    parser.add_argument("--base", default="sam2_hiera_tiny")
    parser.add_argument("--recompute", action="store_true", help="recompute activations in the backward pass")
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        print(json.dumps(measure(arguments)))
        return
    recomputed = ", activations recomputed" if arguments.recompute else ""
    print(f"{arguments.base}, {arguments.clips} clips of 1 reference + {arguments.targets} targets{recomputed}")
    print(f"CPU, {torch.get_num_threads()} threads, torch {torch.__version__}, {arguments.pairs} pairs; medians")
    for step in STEPS:
        pairs = [
            {variant: in_own_process(arguments, variant, step) for variant in VARIANTS} for _ in range(arguments.pairs)
        ]
        ratio = statistics.median(pair["batched"]["seconds"] / pair["loop"]["seconds"] for pair in pairs)
        texts = [
            f"{variant} {statistics.median(pair[variant]['seconds'] for pair in pairs):6.2f} s, "
            f"peak {max(pair[variant]['peak'] for pair in pairs):5.1f} GiB"
            for variant in VARIANTS
        ]
        print(f"{step:17s} {texts[0]} | {texts[1]} | batched / loop {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
