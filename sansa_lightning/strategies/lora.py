"""LoRA: low-rank updates of the encoder's linear layers, by the peft library (Hu et al., 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sansa_lightning.strategies.checks import check_probability, check_whole, is_number
from sansa_lightning.strategies.peft_layers import PeftStrategy
from sansa_lightning.strategies.placement import Placement


class LoRA(PeftStrategy):
    """W x + scaling · B A x with B starting as zero, so that an attached base computes what it did before.

    The unmerged state is peft's own: ``peft.get_peft_model_state_dict`` and ``set_peft_model_state_dict`` work on the
    base; :meth:`merge` folds it into the base's weights.

    Args:
        placement: stages of the image encoder, a name of theirs, or blocks: see ``placement.Placement``.
        targets: layers of each block: "qkv", "proj" (of attention), "mlp" (both layers), "skip" (where width changes).
        rank: of the update.
        alpha: scaling is alpha / rank, or alpha / sqrt(rank) with ``use_rslora``.
        dropout: probability on the update's input, while training.
        use_dora: learn direction and magnitude apart (DoRA, Liu et al., 2024).
        use_rslora: rank-stabilised scaling (Kalajdzievski, 2023).
    """

    def __init__(
        self,
        placement: Placement = (2, 3),
        targets: Sequence[str] = ("qkv",),
        rank: int = 16,
        alpha: float = 16.0,
        dropout: float = 0.1,
        use_dora: bool = False,
        use_rslora: bool = False,
    ) -> None:
        super().__init__(placement, targets)
        if not is_number(alpha) or alpha <= 0:
            msg = f"LoRA.alpha: expected a number above 0, but got {alpha!r}"
            raise ValueError(msg)
        self.rank = check_whole(rank, "LoRA.rank")
        self.alpha = alpha
        self.dropout = check_probability(dropout, "LoRA.dropout")
        self.use_dora = use_dora
        self.use_rslora = use_rslora

    def config(self, modules: list[str]) -> Any:
        """A ``peft.LoraConfig``."""
        from peft import LoraConfig

        return LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,  # peft divides by the rank: a float is as good as its int
            lora_dropout=self.dropout,
            use_dora=self.use_dora,
            use_rslora=self.use_rslora,
            target_modules=modules,
        )
