"""The identity of a run: what moves it, and what a later version may add without moving it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from lightning.pytorch import Trainer
from torch.optim import AdamW

from sansa_lightning import losses
from sansa_lightning.ablate import identity as module
from sansa_lightning.ablate.identity import changes, defaults, identity, told
from sansa_lightning.analysis import all as analysis_classes
from sansa_lightning.cli.resolve import as_plain, resolve
from sansa_lightning.data import all as data_classes
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.protocols import base as protocols
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.methods import all as method_classes
from sansa_lightning.module import FewShotModule
from sansa_lightning.strategies import all as strategy_classes
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.compose import Compose
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.strategies.peft_tuner import PeftTuner
from sansa_lightning.trackers.zoo import Base

NANO = Path(__file__).parents[2] / "experiments" / "nano" / "ablate.yaml"
DEFAULTS = json.loads(Path(__file__).with_name("defaults.json").read_text())
"""By class and argument, what is left out of identities of version 2."""

FOLD = "data.protocol.init_args.fold"


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """A resolved configuration; its strategy is given apart."""
    return as_plain(resolve([NANO], {FOLD: 1, "data.prompt": "PointPrompt"}))


def changed(config: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """A configuration with one dotted key of another value."""
    first, _, rest = key.partition(".")
    return {**config, first: changed(config.get(first, {}), rest, value) if rest else value}


def of(config: dict[str, Any], strategy: Strategy | None = None) -> str:
    return identity(config, strategy or AdaptFormer(), trains=True)


# What a later version may have: one more argument, which has a default.


class LaterModule(FewShotModule):
    def __init__(self, brand_new: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)


@dataclass(frozen=True)
class LaterBase(Base):
    brand_new: int = 3


class LaterBaseModule(FewShotModule):
    def __init__(self, base: LaterBase = LaterBase("nano"), **kwargs: Any) -> None:
        super().__init__(base, **kwargs)


class LaterData(EpisodeDataModule):
    def __init__(self, brand_new: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class LaterTrainer(Trainer):
    def __init__(self, brand_new: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class LaterStrict(Strict):
    def __init__(self, brand_new: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)


@pytest.mark.parametrize(
    ("where", "name", "later", "key"),
    [
        (module, "FewShotModule", LaterModule, "model"),
        (module, "FewShotModule", LaterBaseModule, "model.base"),
        (module, "EpisodeDataModule", LaterData, "data"),
        (module, "Trainer", LaterTrainer, "trainer"),
        (protocols, "Strict", LaterStrict, "data.protocol.init_args"),
    ],
)
def test_a_new_argument_with_a_default_moves_nothing(where, name, later, key, whole, monkeypatch):
    before = of(whole)
    monkeypatch.setattr(where, name, later)
    assert of(changed(whole, f"{key}.brand_new", 3)) == before
    assert of(changed(whole, f"{key}.brand_new", 4)) != before


class Toy(Strategy):
    def __init__(self, width: int, rank: int = 2) -> None:
        self.width, self.rank = width, rank

    def inject(self, sam: Any) -> None: ...


class LaterToy(Strategy):
    def __init__(self, width: int, rank: int = 2, brand_new: int = 3) -> None:
        self.width, self.rank, self.brand_new = width, rank, brand_new

    def inject(self, sam: Any) -> None: ...


LaterToy.__name__ = LaterToy.__qualname__ = "Toy"


def test_nor_does_one_of_a_strategy_alone_or_in_a_composition(whole, monkeypatch):
    monkeypatch.setattr(module, "known_strategies", lambda: {"Toy": Toy})
    before = [of(whole, Toy(1)), of(whole, Compose([Toy(1), Toy(2, rank=4)]))]
    monkeypatch.setattr(module, "known_strategies", lambda: {"Toy": LaterToy})
    after = [of(whole, LaterToy(1)), of(whole, Compose([LaterToy(1), LaterToy(2, rank=4)]))]
    assert before == after
    other = [LaterToy(1, brand_new=4), Compose([LaterToy(1), LaterToy(2, rank=4, brand_new=4)]), LaterToy(2)]
    assert len({*before, *(of(whole, each) for each in other)}) == 5


def test_a_default_that_is_spelt_out_or_left_out_moves_nothing(whole):
    explicit = {FOLD: 1, "data.prompt": "PointPrompt", "data.protocol.init_args.folds": 4, "trainer.benchmark": None}
    explicit |= {"model.threshold": 0.5, "data.source": "Patterns", "data.source.init_args.transfer": 0.7}
    assert of(as_plain(resolve([NANO], explicit))) == of(whole)
    short = {
        **whole,
        "data": {**whole["data"], "protocol": {"class_path": "sansa_lightning.data.protocols.base.Strict"}},
    }
    assert of(changed(short, "data.protocol.init_args", {"fold": 1})) == of(whole)
    assert of(whole, AdaptFormer("late")) == of(whole, AdaptFormer((2, 3))) == of(whole)


def test_what_hash_is_made_of(whole):
    found = changes(as_plain(resolve((), {})), AdaptFormer(), trains=True)
    assert {key: value for key, value in found.items() if key not in ("model", "data", "trainer")} == {"version": 2}
    assert found["model"]["strategy"] == {"class": "AdaptFormer", "changed": {}}
    prompt, fold = ({"class": name, "changed": given} for name, given in (("PointPrompt", {}), ("Strict", {"fold": 1})))
    data = changes(whole, LoRA(rank=4), trains=True)["data"]
    assert (data["prompt"], data["protocol"]) == (prompt, fold)
    assert changes(whole, LoRA(rank=4), trains=True)["model"]["strategy"]["changed"] == {"rank": 4}


VALUES: list[tuple[str, Any]] = [
    (FOLD, 2),
    ("data.protocol.class_path", "sansa_lightning.data.protocols.base.InDomain"),
    ("data.prompt", None),
    ("data.prompt.init_args", {"least": 2}),
    ("data.source.init_args.transfer", 0.5),
    ("data.test_order", "sansa_lightning.data.episodes.samplers.RoundRobinEpisodes"),
    ("data.size", 64),
    ("model.base.name", "sam2_hiera_tiny"),
    ("model.base.seed", 1),
    ("model.base.weights", None),
    ("model.optimizer.init_args.lr", 0.5),
    ("model.optimizer.class_path", "torch.optim.Adam"),
    ("model.losses.init_args.terms", {"bce": {"class_path": "sansa_lightning.losses.BCE"}}),
    ("model.losses.init_args.terms.dice.init_args.weight", 2.0),
    ("trainer.limit_test_batches", 1),
    ("trainer.limit_test_batches", 1.0),
    ("trainer.max_epochs", 2),
    ("trainer.devices", 2),
    ("seed_everything", 7),
    ("an_option_of_the_command_line_that_is_not_known", 1),
]


def test_each_value_that_is_changed_moves_it_elsewhere(whole):
    found = [of(whole), *(of(changed(whole, key, value)) for key, value in VALUES)]
    found += [of(whole, each) for each in (LoRA(), LoRA(rank=4), FineTune(), PeftTuner("LORA"), Compose([LoRA()]))]
    assert len(set(found)) == len(VALUES) + 6


class Counting(EpisodeDataModule):
    def __init__(self, counts: dict[str, int] = {"a": 1, "b": 2}, share: float = 1.0, **kwargs: Any) -> None:  # noqa: B006
        super().__init__(**kwargs)


def test_entries_of_a_dictionary_count_as_a_whole_and_numbers_by_their_kind(whole, monkeypatch):
    before = of(whole)
    monkeypatch.setattr(module, "EpisodeDataModule", Counting)
    usual, *others = [{"a": 1, "b": 2}, {"b": 2}, {"a": 1}, {"b": 3}, {"a": 1, "b": 3}, {"a": 2, "b": 2}, {}]
    assert of(changed(whole, "data.counts", usual)) == of(changed(whole, "data.share", 1.0)) == before
    assert len({before, *(of(changed(whole, "data.counts", each)) for each in others)}) == 7
    assert of(changed(whole, "data.share", 1)) != before


def test_a_class_of_the_package_may_move_and_another_one_is_another(whole, monkeypatch):
    for name in ("sansa_lightning.elsewhere", "toys"):
        there = ModuleType(name)
        there.Strict = Strict
        monkeypatch.setitem(sys.modules, name, there)
    monkeypatch.setattr("sansa_lightning.elsewhere", sys.modules["sansa_lightning.elsewhere"], raising=False)
    path = "data.protocol.class_path"
    assert of(changed(whole, path, "sansa_lightning.elsewhere.Strict")) == of(whole)
    assert of(changed(whole, path, "toys.Strict")) != of(whole)


def test_defaults_have_the_values_that_identities_leave_out():
    """Where one has another value, runs of before are other runs: raise IDENTITY_VERSION, and write the new values."""
    modules = (analysis_classes, data_classes, losses, method_classes, strategy_classes)
    known = {name: each for place in modules for name, each in vars(place).items() if isinstance(each, type)}
    known |= {each.__name__: each for each in (Trainer, AdamW, FewShotModule, EpisodeDataModule)}
    for name, arguments in DEFAULTS.items():
        found = defaults(known[name])
        assert {key: told(found.get(key)) for key in arguments} == arguments, name
