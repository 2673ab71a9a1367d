"""Everything trains from random weights, which shows the worth of SAM 2's pretraining (paper Table 3, 37.1 mIoU)."""

from __future__ import annotations

from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.parts import SETS, PromptKinds, check_prompts, check_prompts_used, part_parameters
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.zoo import base_of


class FromScratch(Strategy):
    """The whole base trains from random weights.

    The head that predicts IoUs has no gradient in this objective (nor in fine-tuning) and stays random: it makes an
    arbitrary but fixed choice among the three masks of a target, and the chosen mask learns.

    Args:
        reinitialise: whether to discard the weights of a base; otherwise a base with weights is refused.
        prompts: of the training clips' references, as for fine-tuning.
    """

    def __init__(self, reinitialise: bool = False, prompts: PromptKinds = "mask") -> None:
        check_prompts(prompts, "FromScratch")
        self.reinitialise = reinitialise
        self.prompts = prompts

    def check_training_prompts(self, kinds: frozenset[str]) -> None:
        """Refuse clips with prompts other than ``prompts``."""
        check_prompts_used(self.prompts, kinds, "FromScratch")

    def training_prompts(self) -> PromptKinds:
        """The argument ``prompts``."""
        return self.prompts

    def inject(self, tracker: Tracker) -> None:
        """Make sure that the weights are random, then unfreeze them.

        Raises:
            ValueError: the base has weights, and ``reinitialise`` is false.
        """
        base = base_of(tracker)
        if base.weights is not None:
            if not self.reinitialise:
                msg = (
                    f"FromScratch: {base.name} holds weights ({base.weights}); set the base's weights to null, or "
                    f"FromScratch.reinitialise to true to discard them"
                )
                raise ValueError(msg)
            tracker.load_state_dict(base.random().state_dict())
        for parameter in part_parameters(tracker, SETS["full"]).values():
            parameter.requires_grad_(True)
