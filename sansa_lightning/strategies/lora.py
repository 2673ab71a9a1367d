"""LoRA: low-rank updates of a tracker's layers, with the peft library (Hu et al., 2021)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from sansa_lightning.strategies.checks import check_positive, check_probability, check_whole
from sansa_lightning.strategies.peft_layers import PeftStrategy
from sansa_lightning.strategies.placement import Placement
from sansa_lightning.strategies.targets import Targets


class LoRA(PeftStrategy):
    """W x + scaling · B A x; B starts as zero, so that attaching does not change the base's results.

    The unmerged state is peft's own: ``peft.get_peft_model_state_dict`` and ``set_peft_model_state_dict`` work on the
    base; :meth:`merge` folds it into the base's weights.

    Args:
        placement: stages of the image encoder, a name for them, or blocks; see ``placement.Placement``.
        targets: layers of each block: "qkv", "proj" (of attention), "mlp" (both layers), "skip" (where width changes);
            or layers of any part, see ``targets.Targets``.
        rank: of the update; one for all, or one for each part.
        alpha: scaling is alpha / rank, or alpha / sqrt(rank) with ``use_rslora``; one for all, or one for each part.
        dropout: probability on the update's input, in training.
        use_dora: whether to learn direction and magnitude separately (DoRA, Liu et al., 2024).
        use_rslora: rank-stabilised scaling (Kalajdzievski, 2023).
    """

    def __init__(
        self,
        placement: Placement = (2, 3),
        targets: Targets = ("qkv",),
        rank: int | Mapping[str, int] = 16,
        alpha: float | Mapping[str, float] = 16.0,
        dropout: float = 0.1,
        use_dora: bool = False,
        use_rslora: bool = False,
    ) -> None:
        super().__init__(placement, targets)
        self.rank = self._each(rank, "rank", check_whole)
        self.alpha = self._each(alpha, "alpha", check_positive)
        self.dropout = check_probability(dropout, "LoRA.dropout")
        self.use_dora = use_dora
        self.use_rslora = use_rslora

    def _each(self, given: Any, name: str, check: Callable[[Any, str], Any]) -> Any:
        """A setting with one value for all layers, or one for each part.

        Raises:
            ValueError: a part of the targets has no value, or another part has one.
        """
        where = f"LoRA.{name}"
        if not isinstance(given, Mapping):
            return check(given, where)
        parts = set(self.targets) if isinstance(self.targets, Mapping) else {"trunk"}
        if set(given) != parts:
            msg = f"{where}: expected one for each part of the targets, {sorted(parts)}, but got {dict(given)}"
            raise ValueError(msg)
        return {part: check(value, f"{where}.{part}") for part, value in given.items()}

    def config(self, modules: Mapping[str, Sequence[str]]) -> Any:
        """A ``peft.LoraConfig``."""
        from peft import LoraConfig

        ranks = _by_layer(modules, self.rank) if isinstance(self.rank, Mapping) else {}
        alphas = _by_layer(modules, self.alpha) if isinstance(self.alpha, Mapping) else {}
        return LoraConfig(
            r=1 if isinstance(self.rank, Mapping) else self.rank,
            lora_alpha=1 if isinstance(self.alpha, Mapping) else self.alpha,  # a float will do
            rank_pattern=ranks,
            alpha_pattern=alphas,
            lora_dropout=self.dropout,
            use_dora=self.use_dora,
            use_rslora=self.use_rslora,
            target_modules=list(chain.from_iterable(modules.values())),
        )


def _by_layer(modules: Mapping[str, Sequence[str]], values: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each layer; peft reads the keys as patterns of whole names."""
    return {f"^{re.escape(name)}$": values[part] for part, names in modules.items() for name in names}
