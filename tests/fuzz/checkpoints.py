"""Mutated checkpoints, of this project and of published layout, given to every function that takes a file."""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import os
import pickle
import subprocess
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

import sansa_lightning
from builders import nano, randomise
from fakes.coco import write_coco
from fuzz import raw, trees
from launches import call, tiny, write_yaml
from sansa_lightning.checkpoint_files import AtomicCheckpointIO, check_checkpoint
from sansa_lightning.checkpoint_header import HEADER, MODULE_PREFIX, header
from sansa_lightning.checkpoints import attach_from, published_adapter, trained_state
from sansa_lightning.sam2.zoo import fingerprint, load_weights
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import trained_parameters

Rng = np.random.Generator
LAYOUTS = ("own", "published", "bare", "weights", "safetensors")
LONGEST = 800
"""Characters of an error, without the folder."""


@dataclass(frozen=True)
class Verdict:
    """How a mutated file was taken.

    Attributes:
        outcome: "read" or "refused".
        trouble: what is wrong with that; None if nothing.
        what: the layout and what was done to it.
        error: what the reader said.
    """

    outcome: str
    trouble: str | None
    what: str
    error: str = ""


# --- files as they should be ------------------------------------------------------------------------------------------


def own() -> dict[str, Any]:
    """What a run writes, with adapters in the last stage."""
    sam, strategy = nano(), AdaptFormer([3])
    mark = fingerprint(sam)
    strategy.attach(sam)
    randomise(sam)
    state = {f"{MODULE_PREFIX}{name}": tensor.clone() for name, tensor in trained_state(sam).items()}
    return {
        HEADER: header(strategy, "nano", mark),
        "state_dict": state,
        **{"epoch": 1, "global_step": 8, "pytorch-lightning_version": "2.6.6"},
        **{"loops": {"fit_loop": {}}, "callbacks": {"WatchTraining": {"low": 0, "least_spread": 0.1}}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}],
        "lr_schedulers": [{"T_max": 8, "last_epoch": 8}],
    }


def published() -> dict[str, Any]:
    """What the released trainer writes (spec 2.2)."""
    sam = nano()
    AdaptFormer([3]).attach(sam)
    randomise(sam)
    return {
        "model": {f"sam.{name}": tensor.clone() for name, tensor in trained_state(sam).items()},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]},
        "lr_scheduler": {"T_max": 9, "last_epoch": 4},
        "epoch": 4,
        "args": argparse.Namespace(
            adaptformer_stages=[3], output_dir=Path("out"), device=torch.device("cuda"), lr=1e-4
        ),
    }


# --- mutations of what a file holds -----------------------------------------------------------------------------------


class Calls:
    """A pickle that calls a function when it is read the unsafe way."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.args


def payloads(canary: Path) -> list[Any]:
    """Code that leaves a mark."""
    text = f"open({str(canary)!r}, 'w').close()"
    return [
        Calls(os.system, f"touch '{canary}'"),
        Calls(eval, text),
        Calls(exec, text),
        Calls(subprocess.call, ["touch", str(canary)]),
        Calls(os.mkdir, str(canary)),
        Calls(Path.touch, canary),
        Calls(torch.hub.load, str(canary), "x"),
        Calls(bytes.fromhex, "00"),
    ]


def settings(canary: Path) -> dict[str, Any]:
    """What Lightning would take for a configuration."""
    code = {"class_path": "os.system", "init_args": {"command": f"touch '{canary}'"}}
    return {"optimizer": code, "strategy": code, "threshold": 0.999, "_instantiator": "os.system"}


def other_tensor(value: Tensor, rng: Rng) -> Any:
    """Something else in a tensor's place; some of it is as good as the tensor."""
    kinds: list[Callable[[], Any]] = [
        *(lambda: 5, lambda: None, lambda: "x", lambda: [value], dict, lambda: value[:1], lambda: value.half()),
        *(lambda: value.double(), lambda: value.bfloat16(), lambda: value.to(torch.int8), lambda: value.to_sparse()),
        *(lambda: value.to(torch.complex64), lambda: value / 0, lambda: value.to("meta"), lambda: value.bool()),
        *(lambda: value.flatten()[:1].clone().expand(value.shape), lambda: value.flip(0), lambda: value[None]),
        *(lambda: torch.zeros(1).expand(10**5, 10**6), lambda: torch.nn.Parameter(value.clone())),
        lambda: value.to(torch.float8_e4m3fn),
        lambda: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8),
        lambda: value.double().abs() + 1e300,
    ]
    return kinds[rng.integers(len(kinds))]()


def of_tensors(content: Any, state: dict[str, Any], rng: Rng, canary: Path) -> None:
    """One tensor, or the names of two."""
    name, other = (list(state)[number] for number in rng.integers(len(state), size=2))
    kind = rng.integers(6)
    if kind == 0:
        del state[name]
    elif kind == 1:
        state[name], state[other] = state[other], state[name]
    elif kind == 2:
        names = [
            f"{name}x",
            f"module.{name}",
            f"sam.{name}",
            name.partition(".")[2],
            "total_ops",
            "x" * 9000,
            "a\nb",
            3,
        ]
        state[names[rng.integers(len(names))]] = state[name]
    else:
        state[name] = other_tensor(state[name], rng)


def of_anything(content: Any, state: dict[str, Any], rng: Rng, canary: Path) -> None:
    """One entry at any depth."""
    changed = trees.one_change(content, rng)
    if isinstance(changed, dict):
        content.clear()
        content.update(changed)
    else:
        content["model"] = changed


def of_a_part(content: Any, state: dict[str, Any], rng: Rng, canary: Path) -> None:
    """A whole part."""
    endless: list[Any] = []
    endless.append(endless)
    deep: Any = {}
    for _ in range(150):
        deep = {"a": deep}
    others = [None, [], [1], "x", 3, endless, {"a": endless}, {1: 2}, {("a",): 2}, argparse.Namespace(a=1), deep, ...]
    key = list(content)[rng.integers(len(content))]
    value = others[rng.integers(len(others))]
    if value is ...:
        del content[key]
    else:
        content[key] = value


def with_code(content: Any, state: dict[str, Any], rng: Rng, canary: Path) -> None:
    """Code, anywhere."""
    code = payloads(canary)[rng.integers(8)]
    holders = [content, state, *(part for part in content.values() if isinstance(part, dict))]
    holder = holders[rng.integers(len(holders))]
    holder[(list(holder) or ["x"])[rng.integers(max(1, len(holder)))]] = code


def with_settings(content: Any, state: dict[str, Any], rng: Rng, canary: Path) -> None:
    """Settings that name code; the rest is as it was."""
    content["hyper_parameters"] = settings(canary)
    content["datamodule_hyper_parameters"] = settings(canary)


def with_huge_settings(content: Any, state: dict[str, Any], rng: Rng, canary: Path) -> None:
    """Of a strategy: more than there is memory for, or none of the kind."""
    if HEADER in content:
        others = [
            *({"hidden": {6: 10**9}}, {"hidden": {6: 10**30}}, {"hidden": {6: -1}}, {"placement": list(range(10**6))}),
            *({"placement": "all of them"}, {"placement": [3] * 10**5}, {"factor": 1e308}, {"scale": float("nan")}),
            *({"hidden": 3}, {"unheard": 1}, {"placement": [[3]]}, {"layer_norm": "no"}),
        ]
        content[HEADER]["strategy"]["settings"] |= others[rng.integers(len(others))]
    else:
        name = max(state, key=lambda name: (name.endswith("down_proj.weight"), name))
        state[name] = torch.zeros(1).expand(10**8, state[name].shape[-1])


OF_CONTENT = (of_tensors, of_tensors, of_tensors, of_anything, of_a_part, with_code, with_settings, with_huge_settings)


# --- mutations of bytes -----------------------------------------------------------------------------------------------


def rewritten(good: bytes, rng: Rng) -> bytes:
    """The pickle within a file changed, or one nested deeply put in its place, and its checksum with it."""
    if not zipfile.is_zipfile(io.BytesIO(good)):
        return raw.flipped(good, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename.endswith("data.pkl"):
                deep = b"\x80\x02}X\x05\x00\x00\x00model" + b"]" * 50_000 + b"a" * 49_999 + b"s."
                content = deep if rng.random() < 0.1 else raw.BYTES[rng.integers(len(raw.BYTES))](content, rng)
            new.writestr(part.filename, content)
    return out.getvalue()


def with_opcodes(good: bytes, rng: Rng) -> bytes:
    """A pickle that is nothing but a call, of each protocol that files have."""
    calls = [b"cos\nsystem\n", b"cposix\nsystem\n", b"c__builtin__\neval\n", b"cbuiltins\nexec\n", b"ctorch\nload\n"]
    call = calls[rng.integers(len(calls))]
    return [
        b"\x80\x02" + call + b"X\x01\x00\x00\x00x\x85R.",
        b"(S'x'\ni" + call[1:] + b".",
        pickle.dumps({"model": Calls(eval, "1")}, int(rng.integers(6))),
    ][rng.integers(3)]


OF_BYTES = (*raw.BYTES, rewritten, rewritten, rewritten, with_opcodes)


# --- the command line -------------------------------------------------------------------------------------------------


def command_line(folder: Path) -> Callable[[Path], None]:
    """A ``test`` of a checkpoint of :func:`own` or :func:`published`, in this process.

    Args:
        folder: where data, weights and configuration are written.
    """
    torch.save(nano().state_dict(), folder / "base.pt")
    config = tiny(write_coco(folder / "coco").root)
    config["model"]["base"]["weights"] = str(folder / "base.pt")
    config["model"]["strategy"] = {"class_path": "AdaptFormer", "init_args": {"placement": [3], "scale": 0.1}}
    file = write_yaml(folder / "tiny.yaml", config)

    def command(path: Path) -> None:
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                call("test", "--config", file, "--run_dir", folder / "run", "--ckpt_path", path)
        except SystemExit as ended:
            if ended.code != 2:
                raise
            (line,) = [line for line in said.getvalue().splitlines() if line.startswith("error: ")]
            raise ValueError(line if str(path) in line else f"{path}: {line}") from ended

    return command


# --- the trial --------------------------------------------------------------------------------------------------------


class CheckpointTrials:
    """Mutations of the files of one folder.

    Args:
        folder: where they are written.
        seed: of the mutations.
        command: tests a checkpoint by the command line; each tenth file is given to it, too. None for none of them.
    """

    def __init__(self, folder: Path, seed: int, command: Callable[[Path], None] | None = None) -> None:
        self.folder, self.canary, self.command = folder, folder / "was run", command
        self.rng = np.random.default_rng(seed)
        self.whole = {"own": own(), "published": published()}
        self.before = {name: tensor.clone() for name, tensor in nano().state_dict().items()}

    def __iter__(self) -> Iterator[Verdict]:
        """Without end."""
        while True:
            layout = LAYOUTS[self.rng.integers(len(LAYOUTS))]
            path, what, expected = self._mutated(layout)
            yield self._judge(layout, path, what, expected)

    def _mutated(self, layout: str) -> tuple[Path, str, dict[str, Tensor] | None]:
        """A file, what was done to it, and the tensors that it holds if they are known."""
        path = self.folder / ("last.safetensors" if layout == "safetensors" else "last.ckpt")
        content = self._content(layout)
        state = content.get("state_dict", content.get("model", content))
        if layout != "safetensors" and self.rng.random() < 0.6:
            change = OF_CONTENT[self.rng.integers(len(OF_CONTENT))]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                change(content, state, self.rng, self.canary)
                torch.save(content, path)
            return path, f"{change.__name__} of {layout}", _tensors(content)
        if layout == "safetensors":
            save_file(content, path)
        else:
            torch.save(content, path, _use_new_zipfile_serialization=bool(self.rng.random() < 0.8))
        damage = OF_BYTES[self.rng.integers(len(OF_BYTES))]
        path.write_bytes(damage(path.read_bytes(), self.rng))
        return path, f"{damage.__name__} of {layout}", None

    def _content(self, layout: str) -> dict[str, Any]:
        if layout in ("own", "published"):
            return copy.deepcopy(self.whole[layout])
        if layout == "bare":
            return copy.deepcopy(self.whole["published"]["model"])
        return {name: tensor.clone() for name, tensor in nano(1).state_dict().items()}

    def _judge(self, layout: str, path: Path, what: str, expected: dict[str, Tensor] | None) -> Verdict:
        weights = layout in ("weights", "safetensors")
        sam, entries = nano(), self._others(path)
        if self.command is not None and not weights and self.rng.random() < 0.1:
            entries.append(lambda: self.command(path))
            what += ", also by the command line"
        entries.insert(0, lambda: load_weights(sam, path) if weights else attach_from(path, sam))
        outcome, error, trouble = "refused", "", None
        for number, entry in enumerate(entries):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error" if number == 0 else "default")
                    entry()
                outcome = "read" if number == 0 else outcome
            except (ValueError, FileNotFoundError) as caught:
                error = str(caught) if number == 0 else error
                trouble = trouble or self._of_message(str(caught), path)
            except Exception as caught:
                trouble = trouble or f"another error: {type(caught).__name__}: {str(caught)[:300]}"
        if self.canary.exists():
            return Verdict(outcome, "code was run", what, error)
        trouble = trouble or (self._of_numbers(sam, weights, expected) if outcome == "read" else self._left_alone(sam))
        return Verdict(outcome, trouble, what, error)

    def _others(self, path: Path) -> list[Callable[[], Any]]:
        """What else a user would give the file to."""
        return [
            lambda: published_adapter(path, "test"),
            lambda: check_checkpoint(path),
            lambda: check_checkpoint(path, goes_on=True),
            lambda: AtomicCheckpointIO().load_checkpoint(path),
            *([lambda: sansa_lightning.load("nano", weights=None, adapter=path)] if self.rng.random() < 0.1 else []),
        ]

    def _of_message(self, message: str, path: Path) -> str | None:
        if not message.isprintable() or len(message) > LONGEST + 2 * len(str(path)):
            return f"not one line of moderate length: {message[:300]!r}"
        if "weights_only" in message or "safe_globals" in message:
            return f"torch's advice: {message[:300]}"
        return None if str(path) in message else f"does not name the file: {message[:300]}"

    def _left_alone(self, sam: Any) -> str | None:
        state = sam.state_dict()
        same = state.keys() == self.before.keys() and all(map(torch.equal, state.values(), self.before.values()))
        return None if same else "refused, but the base is another one now"

    def _of_numbers(self, sam: Any, weights: bool, expected: dict[str, Tensor] | None) -> str | None:
        """Whether what was read is what the file holds, or where bytes were changed, at least what it could hold."""
        found = dict(sam.state_dict()) if weights else dict(trained_parameters(sam))
        if not all(torch.isfinite(tensor).all() for tensor in found.values()):
            return "numbers that are not finite were read"
        if not weights:
            frozen = {name: tensor for name, tensor in sam.state_dict().items() if name not in found}
            if not all(torch.equal(tensor, self.before[name]) for name, tensor in frozen.items()):
                return "another tensor of the base was changed"
        if expected is None:
            return None
        wrong = [name for name, tensor in found.items() if not torch.equal(tensor, expected[name].to(tensor.dtype))]
        return f"{len(wrong)} tensors are not as in the file, first {wrong[0]}" if wrong else None


def _tensors(content: Any) -> dict[str, Tensor] | None:
    """The tensors of a content, by their names in the base."""
    state = content.get("state_dict", content.get("model", content))
    if not isinstance(state, dict):
        return None
    bare = {str(name).removeprefix(MODULE_PREFIX).replace("module.", "").removeprefix("sam."): name for name in state}
    return {name: state[key] for name, key in bare.items()}
