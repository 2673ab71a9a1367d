"""The layers that a tuner wraps: in encoder blocks by short names, or in any part by the ends of their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from torch import nn

from sansa_lightning.strategies.placement import Placed, blocks_of
from sansa_lightning.trackers.base import PARTS, Tracker

LAYERS: dict[str, tuple[str, ...]] = {
    "qkv": ("attn.qkv", "attention.q_proj", "attention.k_proj", "attention.v_proj"),
    "proj": ("attn.proj", "attention.o_proj"),
    "mlp": ("mlp.layers.0", "mlp.layers.1", "mlp.fc1", "mlp.fc2"),
    "skip": ("proj",),
}
"""Linear layers of an encoder block, as SAM 2 and SAM 3 call them; "skip" is the projection around a block, found only
in SAM 2 and in the first block of a stage."""

Targets = Sequence[str] | Mapping[str, Sequence[str]]
"""Names of ``LAYERS``, in the blocks of a placement; or, for each part, the ends of its layers' names, such as
``{"trunk": ["qkv", "proj"], "memory_attention": ["q_proj"]}``. In the trunk only layers of the placement count, with
stage 0 also the patch embedding."""

WRAPPED = (nn.Linear, nn.Conv2d)


def check_targets(targets: Any, owner: str) -> tuple[str, ...] | dict[str, tuple[str, ...]]:
    """The targets in their canonical form.

    Raises:
        ValueError: no names, a repeated one, or an unknown layer or part.
    """
    if isinstance(targets, Mapping):
        if not targets or not set(targets) <= set(PARTS):
            msg = f"{owner}.targets: expected some of the parts {', '.join(PARTS)}, but got {list(targets)}"
            raise ValueError(msg)
        return {str(part): _names(ends, f"{owner}.targets.{part}") for part, ends in targets.items()}
    names = _names(targets, f"{owner}.targets")
    if unknown := [name for name in names if name not in LAYERS]:
        near = [close for name in unknown for close in get_close_matches(name, LAYERS, n=1)]
        msg = (
            f"{owner}.targets: expected different layers out of {list(LAYERS)}, but got {list(names)}"
            f"{f'; nearest {near}' if near else ''}; name the part of layers outside the encoder's blocks, as in "
            f"{{memory_attention: [q_proj]}}"
        )
        raise ValueError(msg)
    return names


def _names(names: Any, where: str) -> tuple[str, ...]:
    listed = isinstance(names, Sequence) and not isinstance(names, str)
    if not listed or not names or not all(isinstance(name, str) and name for name in names):
        msg = f"{where}: expected a list of layers, such as {list(LAYERS)}, but got {names!r}"
        raise ValueError(msg)
    if len(set(names)) != len(names):
        msg = f"{where}: expected different layers, but got {list(names)}"
        raise ValueError(msg)
    return tuple(names)


def target_layers(
    tracker: Tracker, placement: Placed, targets: tuple[str, ...] | Mapping[str, tuple[str, ...]], owner: str
) -> dict[str, list[str]]:
    """Full names of the layers to wrap, by part.

    Args:
        tracker: the base.
        placement: a checked one.
        targets: checked ones.
        owner: the strategy's class.

    Raises:
        ValueError: a target is neither in its part nor in any placed block.
    """
    if not isinstance(targets, Mapping):
        return {"trunk": _of_blocks(tracker, blocks_of(tracker, placement, owner), targets, owner)}
    placed = {tracker.blocks()[number].name for number in blocks_of(tracker, placement, owner)}
    return {part: _of_part(tracker, part, ends, _left_out(tracker, placed), owner) for part, ends in targets.items()}


def _of_blocks(tracker: Tracker, blocks: Sequence[int], targets: tuple[str, ...], owner: str) -> list[str]:
    there = dict(tracker.named_modules())
    names = [tracker.blocks()[number].name for number in blocks]
    found = {
        target: [f"{name}.{layer}" for name in names for layer in layers if f"{name}.{layer}" in there]
        for target, layers in LAYERS.items()
    }
    if missing := [target for target in targets if blocks and not found[target]]:
        present = [target for target, layers in found.items() if layers]
        msg = f"{owner}.targets: none of the blocks {list(blocks)} has {missing}; they have {present}"
        raise ValueError(msg)
    return [name for target in targets for name in found[target]]


def _left_out(tracker: Tracker, placed: set[str]) -> tuple[str, ...]:
    """Beginnings of names in the trunk outside a placement: other blocks, and the layers before stage 0."""
    others = [block for block in tracker.blocks() if block.name not in placed]
    (trunk,) = tracker.parts()["trunk"]
    lists = {block.name.removeprefix(f"{trunk}.").partition(".")[0] for block in tracker.blocks()}
    early = [f"{trunk}.{name}." for name, _ in tracker.get_submodule(trunk).named_children() if name not in lists]
    return (*(f"{block.name}." for block in others), *(early if any(block.stage == 0 for block in others) else []))


def _of_part(tracker: Tracker, part: str, ends: tuple[str, ...], left_out: tuple[str, ...], owner: str) -> list[str]:
    owners = tuple(f"{name}." for name in tracker.parts()[part])
    layers = [
        name
        for name, module in tracker.named_modules()
        if f"{name}.".startswith(owners) and not name.startswith(left_out) and isinstance(module, WRAPPED)
    ]
    found = {end: [name for name in layers if f".{name}".endswith(f".{end}")] for end in ends}
    if missing := [end for end, names in found.items() if not names]:
        known = sorted({name.rpartition(".")[2] for name in layers if not name.rpartition(".")[2].isdigit()})
        msg = f"{owner}.targets.{part}: no layer is called {missing}; there are {known}"
        raise ValueError(msg)
    return list(dict.fromkeys(name for names in found.values() for name in names))
