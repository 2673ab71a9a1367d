"""The state of a run in a checkpoint, checked before Lightning restores it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from sansa_lightning.data.loading.datamodule_base import LoadingDataModule
from sansa_lightning.files.messages import brief, counted
from sansa_lightning.files.tensors import is_dense, kind, not_finite

OF_ANY: dict[str, type | tuple[type, ...]] = {"epoch": int, "global_step": int, "pytorch-lightning_version": str}
OF_FIT: dict[str, type | tuple[type, ...]] = {
    "loops": Mapping,
    "callbacks": Mapping,
    "optimizer_states": list,
    "lr_schedulers": list,
}
"""Entries of a checkpoint and their types: those that every run reads, and those for a resumed run."""

AS_LARGE = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg", "acc_delta", "sum")
"""States of torch's optimisers that have the parameter's size; others, such as Adafactor's, have other sizes."""

LENGTHS = ("T_max", "total_steps", "total_iters")
"""Settings of torch's schedules that depend on their number of steps."""

FREE = "state_dict"
"""Ending of the keys under which parts of a loop keep arbitrary values."""


def check_run_state(content: Mapping[Any, Any], where: str, goes_on: bool) -> None:
    """Refuse a checkpoint with entries that are missing or of another type.

    Args:
        content: of the file.
        where: the file, for the message.
        goes_on: whether training resumes from it, which needs more than its tensors.

    Raises:
        ValueError: names the first entry, and says how many more there are.
    """
    parts = OF_ANY | (OF_FIT if goes_on else {})
    faults = [f"its {key!r} {fault}" for key, wanted in parts.items() if (fault := _fault(content, key, wanted))]
    version = content.get("pytorch-lightning_version")
    if isinstance(version, str) and not re.fullmatch(r"[2-9]\.\d{1,3}\.\w[\w.+-]{0,60}", version):
        faults.append(f"its 'pytorch-lightning_version' is {brief(version)}; expected 2.0.0 or later")
    _refuse(faults, where)


def _fault(content: Mapping[Any, Any], key: str, wanted: type | tuple[type, ...]) -> str | None:
    if key not in content:
        return "is missing"
    value = content[key]
    if not isinstance(value, wanted) or isinstance(value, bool):
        return f"is a {type(value).__name__}"
    return f"is {brief(value)}" if isinstance(value, int) and not 0 <= value < 2**63 else None


def _refuse(faults: Sequence[str], where: str) -> None:
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        msg = f"{where} is not a whole checkpoint of a run: {faults[0]}{more}"
        raise ValueError(msg)


class CheckedState(Callback):
    """Compares the state to resume from with the state that this run would save, before any of it is restored."""

    def __init__(self) -> None:
        self._loaded: Mapping[str, Any] | None = None

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Check the states of the callbacks, none of which is restored yet, and that there is one for the datamodule.

        Raises:
            ValueError: one has another form, or there is none for the datamodule.
        """
        _check_clips(trainer, checkpoint)
        where, states = f"checkpoint {trainer.ckpt_path}", checkpoint["callbacks"]
        for callback in trainer.callbacks:  # type: ignore[attr-defined]  # set by a connector
            if callback.state_key in states:
                own, found = callback.state_dict(), states[callback.state_key]
                _refuse(list(unlike(found, own, f"callback {callback.state_key}", extra=True)), where)
        self._loaded = checkpoint

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the states of loops, optimisers and schedules, which exist by now and are restored next.

        Raises:
            ValueError: one has another form, or belongs to an optimiser with other settings.
        """
        if self._loaded is None:
            return
        where, found, self._loaded = f"checkpoint {trainer.ckpt_path}", self._loaded, None
        _refuse(list(unlike(found["loops"].get("fit_loop"), trainer.fit_loop.state_dict(), "fit_loop")), where)
        schedules = [config.scheduler.state_dict() for config in trainer.lr_scheduler_configs]
        _refuse(list(unlike(found["lr_schedulers"], schedules, "lr_schedulers")), where)
        _refuse(list(_of_optimizers(trainer, found["optimizer_states"])), where)
        _check_settings(trainer, found["optimizer_states"], where)
        _check_lengths(found["lr_schedulers"], schedules, where)


def _check_clips(trainer: Trainer, checkpoint: Mapping[str, Any]) -> None:
    """Refuse a checkpoint without a state for the datamodule, since Lightning would not ask it whether it fits."""
    data = trainer.datamodule  # type: ignore[attr-defined]  # set by a connector
    name = type(data).__qualname__
    if isinstance(data, LoadingDataModule) and data.state_dict() and name not in checkpoint:
        msg = (
            f"checkpoint {trainer.ckpt_path} has no entry on its training clips ({name!r}): it was written by an "
            f"earlier version or with another datamodule; start a new run"
        )
        raise ValueError(msg)


def unlike(found: Any, own: Any, where: str, extra: bool = False) -> Iterator[str]:
    """Differences in form between a state that was read and the present one.

    Args:
        found: the state that was read.
        own: the state of the same object here; a None is not compared.
        where: place in the checkpoint, for the message.
        extra: whether there may be more keys than here.
    """
    if isinstance(own, Mapping):
        if not isinstance(found, Mapping):
            yield f"{where} is {brief(found)}, not a mapping"
            return
        for key in own.keys() - found.keys():
            yield f"{where} lacks {brief(key)}"
        free = extra or where.endswith(FREE)
        for key in () if free else found.keys() - own.keys():
            yield f"{where} has an unknown entry {brief(key)}"
        for key in own.keys() & found.keys():
            yield from unlike(found[key], own[key], f"{where}.{key}", extra)
    elif isinstance(own, list | tuple):
        same = isinstance(found, list | tuple) and (len(found) == len(own) or extra)
        yield from () if same else (f"{where} is {brief(found)}; expected {counted(len(own), 'entry', 'entries')}",)
        for number, (one, other) in enumerate(zip(found, own, strict=False) if same else ()):
            yield from unlike(one, other, f"{where}[{number}]", extra)
    elif not _alike(found, own):
        yield f"{where} is {brief(found)}; expected one like {brief(own)}"


def _alike(found: Any, own: Any) -> bool:
    """Whether a single value has the type of the present one."""
    if isinstance(own, bool) or isinstance(found, bool):
        return type(own) is type(found) or own is None
    if isinstance(own, int):
        return isinstance(found, int) and 0 <= found < 2**63 if own >= 0 else isinstance(found, int)
    if isinstance(own, float):
        return isinstance(found, int | float) and math.isfinite(found)
    if isinstance(own, Tensor):
        return is_dense(found) and found.shape == own.shape
    return own is None or isinstance(found, type(own))


def _of_optimizers(trainer: Trainer, found: Sequence[Any]) -> Iterator[str]:
    """Faults in the states of the optimisers; before the first step, only their groups can be compared."""
    if len(found) != len(trainer.optimizers):
        yield f"'optimizer_states' has {counted(len(found), 'entry', 'entries')}; expected {len(trainer.optimizers)}"
        return
    for number, (state, optimizer) in enumerate(zip(found, trainer.optimizers, strict=True)):
        where, own = f"optimizer_states[{number}]", optimizer.state_dict()
        groups = state.get("param_groups") if isinstance(state, Mapping) else None
        yield from unlike(groups, own["param_groups"], f"{where}.param_groups")
        yield from _of_parameters(state.get("state") if isinstance(state, Mapping) else None, optimizer, where)


def _of_parameters(state: Any, optimizer: torch.optim.Optimizer, where: str) -> Iterator[str]:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if not isinstance(state, Mapping):
        yield f"{where}.state is {brief(state)}, not a mapping"
        return
    for key, kept in state.items():
        if type(key) is not int or not 0 <= key < len(parameters) or not isinstance(kept, Mapping):
            yield f"{where}.state has {brief(key)}; expected the numbers of {len(parameters)} parameters, and mappings"
            continue
        for name, value in kept.items():
            if isinstance(value, Tensor) and (fault := _of_number(name, value, parameters[key])):
                yield f"{where}.state[{key}].{brief(name)} {fault}"


def _of_number(name: Any, value: Tensor, parameter: Tensor) -> str | None:
    """The fault of a tensor that an optimiser keeps for a parameter, if there is one."""
    if not is_dense(value):
        return f"is {kind(value)}"
    if name in AS_LARGE and value.shape != parameter.shape:
        return f"is {list(value.shape)}; expected {list(parameter.shape)}"
    bad = not_finite(value, value.dtype)
    return f"has {counted(bad, 'NaN or infinite value')}" if bad else None


def _check_settings(trainer: Trainer, found: Sequence[Any], where: str) -> None:
    """Refuse other settings of an optimiser: resuming would silently use those of the file."""
    moving = {"params"} | ({"lr", "momentum", "betas"} if trainer.lr_scheduler_configs else set())
    for state, optimizer in zip(found, trainer.optimizers, strict=True):
        for there, here in zip(state["param_groups"], optimizer.state_dict()["param_groups"], strict=True):
            for key in sorted(here.keys() - moving):
                if _listed(there[key]) != _listed(here[key]):
                    msg = (
                        f"{where}: its optimiser has {key} {brief(there[key])}, but here it is {brief(here[key])}; "
                        f"resume with the settings that it was trained with"
                    )
                    raise ValueError(msg)


def _check_lengths(found: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]], where: str) -> None:
    """Refuse a schedule of another length: the file's would be resumed, and not end with the run."""
    for there, here in zip(found, own, strict=True):
        for key in LENGTHS:
            if there.get(key) != here.get(key):
                msg = (
                    f"{where}: its learning rate is scheduled over {brief(there[key])} steps, but here over "
                    f"{brief(here[key])}; resume with the max_epochs, max_steps and batches that it was trained with"
                )
                raise ValueError(msg)


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, Tensor) else list(value) if isinstance(value, tuple) else value
