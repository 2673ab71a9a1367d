"""The trained tensors of a model, which are all that a checkpoint holds, and loading them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from sansa_lightning.checkpoints.header import check_header, own_parts
from sansa_lightning.files.tensors import compare, summary
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.base import trained_parameters


def trained_state(module: nn.Module) -> dict[str, Tensor]:
    """The trained tensors of a model or a tracker, by their names there."""
    return {name: parameter.detach() for name, parameter in trained_parameters(module).items()}


def load_trained(module: nn.Module, state: Mapping[str, Any], where: str) -> None:
    """Copy trained tensors into a model, or into a tracker with its strategy attached, strictly.

    Raises:
        ValueError: a tensor is missing or unexpected, has another shape or number format, or holds NaN or infinity;
            then nothing is copied.
    """
    own = trained_parameters(module)
    check_fit(state, own, where)
    for name, parameter in own.items():
        parameter.data.copy_(state[name])


def check_fit(state: Mapping[str, Any], own: Mapping[str, Tensor], where: str) -> None:
    """Refuse tensors that cannot be copied into the trained ones.

    Raises:
        ValueError: as for :func:`load_trained`.
    """
    problems = compare(state, own)
    if extra := state.keys() - own.keys():
        problems.append(f"unexpected {summary(extra)}")
    if problems:
        msg = f"{where} does not fit what trains here: {'; '.join(problems)}"
        raise ValueError(msg)


def load_checkpoint(model: FewShotModel, content: Mapping[str, Any], where: str) -> None:
    """Load the trained tensors of a run's checkpoint into a model of the same base, strategy and method.

    Raises:
        ValueError: it belongs to another base, strategy or method, or its tensors do not fit.
    """
    found, state = own_parts(content, where)
    own = model.header()
    trained_as = {"class": model.method.trained_as().__name__}
    check_header(found, {"base": own["base"], "strategy": own["strategy"], "method": trained_as}, where)
    load_trained(model, state, where)
