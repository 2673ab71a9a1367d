"""Tensors are found wherever they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from sansa_lightning import Episode, Prompt
from sansa_lightning.clips.moving import Movable, each_tensor


@dataclass(frozen=True, slots=True)
class Thing(Movable):
    tensors: tuple[Any, ...]
    name: str = "x"


def test_tensors_in_tuples_and_dataclasses():
    ones, episode = torch.ones(2), Episode("s", 1, ("a",), ("b",))
    thing = Thing((ones, ((Prompt.points([[1, 2]]),), None), episode, 3))
    doubled = each_tensor(thing, lambda tensor: tensor * 2)
    assert doubled.tensors[0].tolist() == [2, 2]
    ((prompt,), nothing), names, number = doubled.tensors[1:]
    assert (prompt.coords.tolist(), prompt.labels.tolist(), nothing) == ([[2, 4]], [2], None)
    assert (names, number, doubled.name) == (episode, 3, "x")
    assert ones.tolist() == [1, 1]


def test_classes_are_no_dataclasses_to_look_into():
    assert each_tensor(Thing, lambda tensor: tensor) is Thing
