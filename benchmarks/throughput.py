"""Speed of evaluation, annotation and training against three rivals: paired medians on one machine, same weights.

    python benchmarks/throughput.py [--base sam2_hiera_tiny] [--size 512] [--pairs 3] [--rivals loop,predictor]
    python benchmarks/throughput.py --gpu        # tiny and large, bf16, compiled, 8 and 32 clips; within eight minutes

Rivals (benchmarks/rivals.py): "loop" is the published implementation's structure, one frame after the other in float32
with the references encoded for each target; "predictor" is upstream's video predictor, and "session" that of
transformers (only tiny at 1024 px). Ours and theirs run in turn; printed are the median seconds of both, and the median
of the ratios of pairs, above 1 where ours is faster. On a CPU they are seconds of processor time, one thread, which
other work disturbs less. FLOPs are counted by torch, and stand beside the rate of one large matrix product measured
before: the share of it that was reached says how much is left. The weights are random: time does not depend on them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from rivals import transformers_session, upstream_walk, video_predictor
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.strategies.running import set_up
from sansa_lightning.trackers.compiled import Compile
from sansa_lightning.trackers.encoder_cache import EncoderCache
from sansa_lightning.trackers.nano import NanoSize
from sansa_lightning.trackers.zoo import Base

BUDGET = 480.0
"""Seconds after which a run on a GPU begins nothing more."""

Run = Callable[[], Any]


class Setting(NamedTuple):
    """A machine, a base and the work.

    Attributes:
        device: of everything.
        base: to build.
        clips: of a training step, and episodes evaluated at a time.
        targets: J, of a training clip.
        half: whether ours runs in bfloat16 where autocast has it so.
        compiled: whether ours is compiled.
    """

    device: torch.device
    base: Base
    clips: int
    targets: int
    half: bool = False
    compiled: bool = False


class Duel(NamedTuple):
    """The same work done by us and by a rival.

    Attributes:
        name: of work and rival.
        ours: runs it.
        theirs: likewise.
        images: targets segmented, or frames trained on.
    """

    name: str
    ours: Run
    theirs: Run
    images: int


class Data(NamedTuple):
    """Pictures and masks.

    Attributes:
        references: uint8 [R, 3, S, S].
        masks: float32 [R, S, S] in {0, 1}.
        targets: uint8 [N, 3, S, S].
    """

    references: Tensor
    masks: Tensor
    targets: Tensor


def data_of(setting: Setting, side: int, references: int, targets: int) -> Data:
    """Random pictures with a square each."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (references + targets, 3, side, side), generator=generator, dtype=torch.uint8)
    masks = torch.zeros(references, side, side)
    masks[:, side // 4 : side // 2, side // 4 : side // 2] = 1
    images, masks = images.to(setting.device), masks.to(setting.device)
    return Data(images[:references], masks, images[references:])


def model_of(setting: Setting, strategy: Any, cache: bool) -> FewShotModel:
    """A model of ours, as fast as the setting has it."""
    model = FewShotModel(setting.base.random(), strategy, Sansa()).eval().to(setting.device)
    compiled = Compile() if setting.compiled else None
    set_up(model.base, recompute=False, cache=EncoderCache(memory_gb=2) if cache else None, compiled=compiled)
    return model


@contextmanager
def precision(setting: Setting) -> Iterator[None]:
    """Ours runs inside."""
    with torch.autocast(setting.device.type, torch.bfloat16) if setting.half else nullcontext():
        yield


def evaluation(setting: Setting, rival: Callable[[Tensor, Tensor], Any] | None, label: str) -> Duel:
    """Episodes of a list in which two references and four targets meet in all eight pairs."""
    model = model_of(setting, Frozen(), cache=True)
    data = data_of(setting, model.base.image_size, 2, 4)
    pairs = [(r, t) for r in range(2) for t in range(4)]
    clips = [torch.stack([data.references[r], data.targets[t]]) for r, t in pairs]
    walk = rival or _walk(model.base)

    @torch.inference_mode()
    def ours() -> None:
        kept: Any = model.base.kept
        kept.evaluation(begins=True)
        kept.results.forget_all("")  # each run begins with nothing
        for start in range(0, len(pairs), setting.clips):
            part = range(start, min(start + setting.clips, len(pairs)))
            prompts = [[Prompt.mask(data.masks[pairs[i][0]])] for i in part]
            with precision(setting):
                model.method.rules(model.base, torch.stack([clips[i] for i in part]), prompts, propagate_targets=False)

    @torch.inference_mode()
    def theirs() -> None:
        for (reference, _), clip in zip(pairs, clips, strict=True):
            walk(clip, data.masks[reference])

    return Duel(f"evaluation, 8 episodes / {label}", ours, theirs, len(pairs))


def annotation(setting: Setting, classes: int, images: int = 2) -> Duel:
    """Images in which each of some classes is looked for; ours is what ``annotate`` calls, references once and all."""
    model = model_of(setting, Frozen(), cache=False)
    data = data_of(setting, model.base.image_size, classes, images)
    walk = _walk(model.base)

    @torch.inference_mode()
    def ours() -> None:
        with precision(setting):
            references = zip(data.references, data.masks, strict=True)
            memories = [model.remember(image[None], [Prompt.mask(mask)]) for image, mask in references]
            for target in data.targets:
                model.segment(memories, target[None])

    @torch.inference_mode()
    def theirs() -> None:
        for target in data.targets:
            for reference, mask in zip(data.references, data.masks, strict=True):
                walk(torch.stack([reference, target]), mask)

    return Duel(f"annotation, {images} images, classes: {classes} / loop", ours, theirs, images)


def training(setting: Setting) -> Duel:
    """A step, forward and backward, of clips that the encoder's frozen blocks have seen before."""
    model = model_of(setting, AdaptFormer(), cache=True)
    loop = FewShotModel(setting.base.random(), AdaptFormer(), Sansa()).to(setting.device)
    frames = setting.clips * (1 + setting.targets)
    data = data_of(setting, model.base.image_size, 1, frames)
    clips = data.targets.unflatten(0, (setting.clips, -1))
    prompts = [[Prompt.mask(data.masks[0])]] * setting.clips

    def ours() -> None:
        with precision(setting):
            loss = model.method.rules(model.base, clips, prompts).logits[:, 1:].square().mean()
        _backward(model, loss)

    def theirs() -> None:
        walk = _walk(loop.base)
        losses = [walk(clip, data.masks[0]).square().mean() for clip in clips]
        _backward(loop, torch.stack(losses).mean())

    return Duel(f"training step, {setting.clips} x {1 + setting.targets} frames / loop", ours, theirs, frames)


def _walk(base: Any) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda clip, mask: upstream_walk(base, clip, mask)


def _backward(model: FewShotModel, loss: Tensor) -> None:
    model.zero_grad()
    loss.backward()


def seconds(run: Run, device: torch.device) -> float:
    """Of processor time on a CPU, of the clock on a GPU."""
    if device.type == "cpu":
        start = time.process_time()
        run()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def rate(setting: Setting) -> float:
    """FLOP/s of a large matrix product."""
    side, dtype = (8192, torch.bfloat16) if setting.device.type == "cuda" else (1024, torch.float32)
    matrix = torch.randn(side, side, device=setting.device, dtype=dtype)
    spent = [seconds(lambda: matrix @ matrix, setting.device) for _ in range(8)][3:]
    return 2 * side**3 / statistics.median(spent)


def flops(run: Run) -> int:
    """Floating-point operations of products, convolutions and attention."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def measure(duel: Duel, setting: Setting, pairs: int, peak: float) -> None:
    """Run both in turn, and print a line."""
    for run in (duel.ours, duel.theirs):
        run()  # warm-up: compiles, fills caches
    spent = [(seconds(duel.ours, setting.device), seconds(duel.theirs, setting.device)) for _ in range(pairs)]
    ours, theirs = (statistics.median(column) for column in zip(*spent, strict=True))
    ratios = [their / our for our, their in spent]
    counted = 0 if setting.compiled else flops(duel.ours)  # compiled code is not counted
    reached = f"{counted / 1e9:8.1f} GFLOP, {counted / ours / peak:4.0%} of the rate" if counted else ""
    print(
        f"{duel.name:44s} ours {ours:7.2f} s ({duel.images / ours:6.2f}/s), theirs {theirs:7.2f} s, "
        f"theirs / ours {statistics.median(ratios):5.2f} ({min(ratios):.2f} to {max(ratios):.2f}) {reached}",
        flush=True,
    )


def duels(setting: Setting, rivals: list[str]) -> Iterator[Callable[[], Duel]]:
    """What is to be measured, each built when its turn comes."""
    if "loop" in rivals:
        yield lambda: evaluation(setting, None, "loop")
        yield lambda: annotation(setting, 1)
        yield lambda: annotation(setting, 10)
        yield lambda: training(setting)
    if "predictor" in rivals and setting.base.name != "nano":
        base = setting.base.random()
        predictor = video_predictor(setting.base.name, base.image_size, base.state_dict(), setting.device)
        yield lambda: evaluation(setting, predictor, "predictor")
    if "session" in rivals and setting.base.name.endswith("tiny") and setting.base.image_size in (None, 1024):
        yield lambda: evaluation(setting, transformers_session(setting.device), "session")


def settings(arguments: argparse.Namespace) -> Iterator[Setting]:
    """One on a CPU; on a GPU both bases, in float32 and fast, with few and many clips."""
    if not arguments.gpu:
        size = None if arguments.base == "nano" and arguments.size == NanoSize().image else arguments.size
        yield Setting(
            torch.device("cpu"), Base(arguments.base, weights=None, image_size=size), arguments.clips, arguments.targets
        )
        return
    for name in ("sam2_hiera_tiny", "sam2_hiera_large"):
        for clips in (8, 32):
            yield Setting(torch.device("cuda"), Base(name, weights=None), clips, 1, half=True, compiled=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="sam2_hiera_tiny")
    parser.add_argument("--size", type=int, default=512, help="side of the base's input")
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--targets", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--rivals", default="loop", help="some of loop,predictor,session")
    parser.add_argument("--gpu", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    end = time.monotonic() + BUDGET
    for setting in settings(arguments):
        peak = rate(setting)
        base = setting.base
        fast = " bf16, compiled" if setting.half else " float32"
        print(f"{base.name} {base.image_size or 'own size'},{fast}, {setting.clips} clips, {setting.device}", end=": ")
        print(f"torch {torch.__version__}, {peak / 1e9:.0f} GFLOP/s in a matrix product", flush=True)
        for build in duels(setting, arguments.rivals.split(",")):
            if arguments.gpu and time.monotonic() > end:
                print("out of time: the rest was not measured")
                return
            measure(build(), setting, arguments.pairs, peak)


if __name__ == "__main__":
    main()
