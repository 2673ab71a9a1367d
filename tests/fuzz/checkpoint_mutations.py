"""Checkpoints as they should be, and what is changed in them: entries, tensors, bytes, and code in their place."""

from __future__ import annotations

import argparse
import io
import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from builders import nano, randomise
from fuzz import raw, trees
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.trained import trained_state
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.model import header
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.trackers.weights import fingerprint

Rng = np.random.Generator

# --- files as they should be ------------------------------------------------------------------------------------------


def own() -> dict[str, Any]:
    """What a run writes, with adapters in the last stage."""
    sam, strategy = nano(), AdaptFormer([3])
    mark = fingerprint(sam)
    strategy.attach(sam)
    randomise(sam)
    state = {f"base.{name}": tensor.clone() for name, tensor in trained_state(sam).items()}
    return {
        HEADER: header(strategy, Sansa(), "nano", mark),
        "state_dict": state,
        **{"epoch": 1, "global_step": 8, "pytorch-lightning_version": "2.6.6"},
        **{"loops": {"fit_loop": {}}, "callbacks": {"WatchTraining": {"low": 0, "least_spread": 0.1}}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}],
        "lr_schedulers": [{"T_max": 8, "last_epoch": 8}],
    }


def published() -> dict[str, Any]:
    """What the released trainer writes (docs/sansa.md 2.2)."""
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
