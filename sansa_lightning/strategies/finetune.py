"""Fine-tuning: parts of SAM2 itself train, nothing is added (paper Table 3, left, and Table 4)."""

from __future__ import annotations

from collections.abc import Sequence

from sansa_lightning.sam2.types import SAM2Base
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.parts import (
    PromptKinds,
    check_parts,
    check_prompts,
    check_prompts_used,
    part_parameters,
)


class FineTune(Strategy):
    """Parts of the base train from the weights they have.

    Dropout and the like of whole modules that train is active while training: memory attention's 0.1.

    Args:
        parts: one or several of trunk, neck, qkv, memory_attention, memory_encoder, prompt_encoder, mask_decoder; or
            the paper's rows full (all of it), backbone (the trunk) and decoder (mask_decoder); see ``parts.PARTS``.
        prompts: what annotates the references of the training clips, "mask", "points" (boxes too) or "mixed";
            parameters that such clips don't use stay frozen, see ``parts.NOT_USED_WITH``.
    """

    def __init__(self, parts: Sequence[str] | str = "full", prompts: PromptKinds = "mask") -> None:
        self.parts = check_parts(parts, "FineTune")
        check_prompts(prompts, "FineTune")
        self.prompts = prompts

    def check_training_prompts(self, kinds: frozenset[str]) -> None:
        """Refuse clips that are annotated otherwise than ``prompts`` says."""
        check_prompts_used(self.prompts, kinds, "FineTune")

    def inject(self, sam: SAM2Base) -> None:
        """Unfreeze the parts.

        Raises:
            ValueError: a part of which this base has nothing, or nothing that such prompts use.
        """
        for part in self.parts:
            parameters = part_parameters(sam, [part], self.prompts)
            if not parameters:
                msg = f"FineTune.parts: this base has nothing in {part} that trains with prompts {self.prompts!r}"
                raise ValueError(msg)
            for parameter in parameters.values():
                parameter.requires_grad_(True)
