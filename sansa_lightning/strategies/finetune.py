"""Fine-tuning: parts of SAM 2 itself train, nothing is added (paper Table 3, left, and Table 4)."""

from __future__ import annotations

from collections.abc import Sequence

from sansa_lightning.strategies.base import Strategy, Unused
from sansa_lightning.strategies.parts import (
    PromptKinds,
    check_parts,
    check_prompts,
    check_prompts_used,
    part_parameters,
)
from sansa_lightning.trackers.base import Tracker


class FineTune(Strategy):
    """Parts of the base train from their present weights.

    In modules that train as a whole, dropout and the like are active during training: 0.1 in memory attention.

    Args:
        parts: one or several of trunk, neck, qkv, memory_attention, memory_encoder, prompt_encoder, mask_decoder; or
            the paper's rows full (everything), backbone (the trunk) and decoder (mask_decoder).
        prompts: of the training clips' references, "mask", "points" (boxes too) or "mixed"; parameters that such clips
            don't use stay frozen, see ``Method.unused``.
    """

    def __init__(self, parts: Sequence[str] | str = "full", prompts: PromptKinds = "mask") -> None:
        self.parts = check_parts(parts, "FineTune")
        check_prompts(prompts, "FineTune")
        self.prompts = prompts

    def check_training_prompts(self, kinds: frozenset[str]) -> None:
        """Refuse clips with prompts other than ``prompts``."""
        check_prompts_used(self.prompts, kinds, "FineTune")

    def inject(self, tracker: Tracker) -> None:
        """Unfreeze the parts."""
        for parameter in part_parameters(tracker, self.parts).values():
            parameter.requires_grad_(True)

    def put_on(self, tracker: Tracker, unused: Unused) -> None:
        """Unfreeze the parameters of the parts that such prompts use.

        Raises:
            ValueError: the base has no parameters in a part, or none that such prompts use.
        """
        super().put_on(tracker, unused)
        for part in self.parts:
            if not any(parameter.requires_grad for parameter in part_parameters(tracker, [part]).values()):
                msg = f"FineTune.parts: nothing in this base's {part} trains with prompts {self.prompts!r}"
                raise ValueError(msg)

    def training_prompts(self) -> PromptKinds:
        """The argument ``prompts``."""
        return self.prompts
