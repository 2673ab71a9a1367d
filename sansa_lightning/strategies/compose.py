"""Several strategies on one base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import nn

from sansa_lightning.files.messages import brief
from sansa_lightning.strategies.base import Strategy, Unused, all_used, known_strategies, trained_parameters
from sansa_lightning.strategies.switch import Switch
from sansa_lightning.trackers.base import Tracker


class Compose(Strategy):
    """Strategies attached in order, each to other modules: for instance LoRA in the trunk and a fine-tuned decoder.

    Two of them may work in the same block, but must not both wrap, hook into or unfreeze the same module. After an
    error about that, build the base again. With several tuners of the peft library, each merges its own layers; peft's
    own state functions know only the tuner injected last, checkpoints of this project hold all.

    Args:
        strategies: at least one; a later one may build on the changes of earlier ones.
    """

    def __init__(self, strategies: Sequence[Strategy]) -> None:
        if not isinstance(strategies, Sequence) or not all(isinstance(each, Strategy) for each in strategies):
            msg = f"Compose.strategies: expected a list of strategies, but got {brief(strategies)}"
            raise ValueError(msg)
        if not strategies:
            msg = "Compose.strategies: expected at least one strategy, but got none; use Frozen to train nothing"
            raise ValueError(msg)
        self.strategies = tuple(strategies)

    def inject(self, tracker: Tracker) -> None:
        """Inject all of them, like :meth:`put_on` for a method that uses every parameter."""
        self.put_on(tracker, all_used)

    def put_on(self, tracker: Tracker, unused: Unused) -> None:
        """Put on all of them.

        Raises:
            ValueError: two strategies work on the same module.
        """
        original = dict(tracker.named_modules())
        taken: dict[str, str] = {}
        trained: list[nn.Parameter] = []
        for strategy in self.strategies:
            tracker.requires_grad_(False)  # each finds the base frozen, as if it were alone
            before = _states(tracker, original)
            strategy.put_on(tracker, unused)
            after = _states(tracker, original)
            changed = [name for name in original if before[name] != after[name]]
            self._check_apart(strategy, changed, taken)
            taken |= dict.fromkeys(changed, type(strategy).__name__)
            trained += trained_parameters(tracker).values()
        for parameter in trained:
            parameter.requires_grad_(True)

    def _check_apart(self, strategy: Strategy, changed: Sequence[str], taken: Mapping[str, str]) -> None:
        if both := [name for name in changed if name in taken]:
            msg = (
                f"Compose: {taken[both[0]]} and {type(strategy).__name__} both work on {both[0] or 'the base itself'}"
                f"{f' and {len(both) - 1} more modules' if len(both) > 1 else ''}; give them different placements, "
                f"targets or parts"
            )
            raise ValueError(msg)

    def train(self, tracker: Tracker, mode: bool) -> None:
        """Put into train mode the modules that any of the strategies puts into it."""
        training: set[nn.Module] = set()
        for strategy in self.strategies:
            strategy.train(tracker, mode)
            training |= {module for module in tracker.modules() if module.training}
        for module in training:
            module.training = True

    def check_training_prompts(self, kinds: frozenset[str]) -> None:
        """See :meth:`Strategy.check_training_prompts`; every strategy checks."""
        for strategy in self.strategies:
            strategy.check_training_prompts(kinds)

    def settings(self) -> dict[str, Any]:
        """Class and settings of each strategy, as plain values."""
        return {
            "strategies": [
                {"class": type(strategy).__name__, "settings": strategy.settings()} for strategy in self.strategies
            ]
        }

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The composition that gave these :meth:`settings`.

        Raises:
            ValueError: the module of a strategy was not imported.
        """
        known = known_strategies()
        if unknown := [part["class"] for part in settings["strategies"] if part["class"] not in known]:
            msg = f"Compose: strategies {unknown} are not known; import their modules first; known: {sorted(known)}"
            raise ValueError(msg)
        return cls([known[part["class"]].from_settings(part["settings"]) for part in settings["strategies"]])


def _states(tracker: nn.Module, original: Mapping[str, nn.Module]) -> dict[str, tuple[Any, ...]]:
    """The state of each module of the base that a strategy may change: place, hooks, and trained parameters."""
    now = dict(tracker.named_modules())
    hooked = Counter(id(module) for switch in now.values() if isinstance(switch, Switch) for module in switch.hooked)
    return {
        name: (
            now.get(name) is module,
            hooked[id(module)],
            [parameter.requires_grad for parameter in module.parameters(recurse=False)],
        )
        for name, module in original.items()
    }
