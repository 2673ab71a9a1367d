"""What every strategy promises: one table of them in rows.py, the same checks for each."""

from __future__ import annotations

import inspect
import logging
import re
import socket
from typing import TYPE_CHECKING

import pytest
import torch
import torch.distributed as dist
import yaml
from rows import ROWS, Row, base
from torch import Tensor, nn

import sansa_lightning.strategies.all as project
from builders import UNUSED, frames, largest_difference, mask_prompt, randomise
from sansa_lightning import Prompt
from sansa_lightning.checkpoints.adapters import attach_from
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.trained import trained_state
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.model import header
from sansa_lightning.strategies.base import Strategy, trained_parameters
from sansa_lightning.trackers.weights import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from sansa_lightning.trackers.base import Tracker

PLACED = [row for row in ROWS if "placement" in inspect.signature(row.kind).parameters]
TRAINED = [row for row in ROWS if row.count]
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
every_trained_row = pytest.mark.parametrize("row", TRAINED, ids=lambda row: row.label)


def attached(row: Row) -> tuple[Tracker, Strategy]:
    sam, strategy = base(), row.build()
    torch.manual_seed(0)
    strategy.attach(sam, UNUSED)
    return sam, strategy


def logits(sam: Tracker, targets: int = 2, seed: int = 0) -> Tensor:
    return Propagation()(sam, frames(1, 1 + targets, seed=seed), [[mask_prompt()]]).logits


def backward(sam: Tracker, targets: int = 2) -> dict[str, Tensor | None]:
    """Gradients by name after one clip, with fixed draws of dropout."""
    torch.manual_seed(0)
    logits(sam, targets)[:, 1:].square().mean().backward()
    return {name: parameter.grad for name, parameter in sam.named_parameters()}


def test_every_strategy_of_the_project_has_a_row() -> None:
    assert {row.strategy for row in ROWS} == set(project.__all__)


@every_row
def test_attaching_changes_no_bit_and_trains_what_is_declared(row: Row) -> None:
    sam = base()
    with torch.inference_mode():
        before = logits(sam)
    row.build().attach(sam, UNUSED)
    with torch.inference_mode():
        assert torch.equal(logits(sam), before)
    trained = trained_parameters(sam)
    assert set(trained) == {name for name, _ in sam.named_parameters() if re.fullmatch(row.names, name)}
    assert sum(parameter.numel() for parameter in trained.values()) == row.count


@every_trained_row
def test_steps_change_what_trains_and_nothing_else(row: Row) -> None:
    """Two steps with an evaluation between them, as in fit + validate + fit; modes are checked on the way."""
    sam, strategy = attached(row)
    randomise(sam)
    trained = trained_parameters(sam)
    before = {name: tensor.clone() for name, tensor in sam.state_dict().items()}
    optimiser = torch.optim.SGD(trained.values(), lr=1e-3)
    for _ in range(2):
        sam.train()  # what a trainer does
        strategy.train(sam, True)
        check_modes(sam)
        gradients = backward(sam)
        assert {name for name, gradient in gradients.items() if gradient is not None} == set(trained)
        optimiser.step()
        strategy.train(sam, False)
        assert not any(module.training for module in sam.modules())
        with torch.inference_mode():
            logits(sam)
    changed = {name for name, tensor in sam.state_dict().items() if not torch.equal(tensor, before[name])}
    # Which of its masks 1 to 3 a target takes is up to the data; and softmax does not see a bias of all keys.
    certain = {name for name in trained if not re.search(r"hypernetworks_mlps\.[123]|k_proj\.bias", name)}
    assert certain <= changed <= set(trained)


def check_modes(sam: Tracker) -> None:
    """Modules whose own parameters train are in train mode, and none whose own parameters are frozen."""
    for name, module in sam.named_modules():
        own = [parameter.requires_grad for parameter in module.parameters(recurse=False)]
        if own and name:  # the base itself holds loose tensors, and does nothing differently in train mode
            assert module.training is any(own), name


@every_row
def test_what_was_trained_makes_an_equal_model_of_a_fresh_base(row: Row, tmp_path: Path) -> None:
    sam, strategy = attached(row)
    randomise(sam)
    trained = list(trained_parameters(sam).values())
    optimiser = torch.optim.AdamW(trained) if trained else None
    for parameter in trained:
        parameter.grad = torch.ones_like(parameter)
    if optimiser:
        optimiser.step()
    content = {
        HEADER: header(strategy, Sansa(), "nano", fingerprint(base())),
        "state_dict": {f"base.{name}": value for name, value in trained_state(sam).items()},
        "optimizer_states": [optimiser.state_dict()] if optimiser else [],
    }
    path = tmp_path / "trained.ckpt"
    torch.save(content, path)
    assert path.stat().st_size <= 3 * 4 * row.count + 1_000_000
    fresh = base()
    again = attach_from(path, fresh)
    assert again.settings() == strategy.settings()
    with torch.inference_mode():
        assert torch.equal(logits(fresh), logits(sam))


@every_row
def test_settings_are_plain_and_make_an_equal_one(row: Row) -> None:
    strategy = row.build()
    plain = strategy.settings()
    assert yaml.safe_load(yaml.safe_dump(plain)) == plain
    assert row.kind.from_settings(plain).settings() == plain


@every_row
def test_attaching_twice(row: Row) -> None:
    sam, _ = attached(row)
    with pytest.raises(ValueError, match=rf"{row.strategy}: this base already has {row.strategy} attached"):
        row.build().attach(sam, UNUSED)


@pytest.mark.parametrize("row", PLACED, ids=lambda row: row.label)
@pytest.mark.parametrize(
    ("placement", "message"),
    [
        ([4], r"\.placement: expected different stages out of \[0, 1, 2, 3\], but got \[4\]"),
        ("lat", r"\.placement: expected stages .* but got 'lat'; did you mean 'late'\?"),
        ("blocks 5-9", r"\.placement: blocks 7-9 do not exist; this base has blocks 0-6 .* nearest is 6"),
    ],
)
def test_a_placement_that_is_not_there(row: Row, placement: list[int] | str, message: str) -> None:
    sam = base()
    with pytest.raises(ValueError, match=row.strategy + message):
        row.kind(**{**row.settings, "placement": placement}).attach(sam, UNUSED)
    row.build().attach(sam, UNUSED)  # nothing was done to the base


@every_row
def test_prompts_of_different_kinds_in_one_batch(row: Row) -> None:
    sam, _ = attached(row)
    randomise(sam)
    prompts = [[mask_prompt()], [Prompt.box([10, 12.5, 60, 70])]]
    with torch.inference_mode():
        found = Propagation()(sam, frames(2, 3), prompts).logits
        alone = Propagation()(sam, frames(2, 3)[1:], prompts[1:]).logits
    assert largest_difference(found[1:], alone) <= 1e-3 * float(alone.abs().max())


@pytest.mark.slow
@every_trained_row
def test_recomputed_activations_give_the_same_gradients_with_one_target(row: Row) -> None:
    gradients = []
    for prepare in (lambda sam: None, lambda sam: sam.recompute()):
        sam, strategy = attached(row)
        randomise(sam)
        prepare(sam)
        strategy.train(sam, True)
        gradients.append({name: grad for name, grad in backward(sam, targets=1).items() if grad is not None})
    plain, recomputed = gradients
    assert plain.keys() == recomputed.keys() == trained_parameters(sam).keys()
    largest = max(float(gradient.abs().max()) for gradient in plain.values())
    assert largest > 0
    assert all(largest_difference(plain[name], recomputed[name]) <= 1e-5 * largest for name in plain)


class Clips(nn.Module):
    """A base as a module of images, for DistributedDataParallel."""

    def __init__(self, sam: Tracker) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, images: Tensor) -> Tensor:
        return Propagation()(self.sam, images, [[mask_prompt()]]).logits[:, 1:]


def two_steps_of_every_row(rank: int, port: int) -> None:
    """In each of two processes. Without ``find_unused_parameters`` the second step needs all gradients of the first."""
    torch.set_num_threads(1)
    logging.disable()
    dist.init_process_group("gloo", init_method=f"tcp://localhost:{port}", rank=rank, world_size=2)
    for row in TRAINED:
        sam, strategy = attached(row)
        strategy.train(sam, True)
        model = nn.parallel.DistributedDataParallel(Clips(sam))
        optimiser = torch.optim.SGD(trained_parameters(sam).values(), lr=1e-3)
        for targets in (2, 1):
            optimiser.zero_grad()
            model(frames(1, 1 + targets, seed=rank)).square().mean().backward()
            optimiser.step()
        total = torch.stack([parameter.detach().double().sum() for parameter in trained_parameters(sam).values()])
        totals = [torch.zeros_like(total) for _ in range(2)]
        dist.all_gather(totals, total)
        if not torch.equal(*totals):
            msg = f"{row.label}: the two processes trained different weights"
            raise ValueError(msg)
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_train_every_strategy_without_a_search_for_unused_parameters() -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(two_steps_of_every_row, (port,), nprocs=2)
