"""Everything trains from random weights: what the pretraining of SAM2 is worth (paper Table 3, 37.1 mIoU)."""

from __future__ import annotations

from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.parts import SETS, PromptKinds, check_prompts, check_prompts_used, part_parameters
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.zoo import base_of


class FromScratch(Strategy):
    """The whole base trains from random weights.

    The head that predicts IoUs has no gradient in this objective (nor has it with fine-tuning) and so stays random:
    which of the three masks a target takes is then an arbitrary but fixed choice, and that mask learns.

    Args:
        reinitialise: throw away the weights of a base that has some; without it such a base is refused.
        prompts: what annotates the references of the training clips, as for fine-tuning.
    """

    def __init__(self, reinitialise: bool = False, prompts: PromptKinds = "mask") -> None:
        check_prompts(prompts, "FromScratch")
        self.reinitialise = reinitialise
        self.prompts = prompts

    def check_training_prompts(self, kinds: frozenset[str]) -> None:
        """Refuse clips that are annotated otherwise than ``prompts`` says."""
        check_prompts_used(self.prompts, kinds, "FromScratch")

    def training_prompts(self) -> PromptKinds:
        """As it was told."""
        return self.prompts

    def inject(self, tracker: Tracker) -> None:
        """Make sure that the weights are random, then unfreeze them.

        Raises:
            ValueError: the base has weights, and nobody said to throw them away.
        """
        recipe = base_of(tracker)
        if recipe.weights is not None:
            if not self.reinitialise:
                msg = (
                    f"FromScratch: {recipe.name} holds weights ({recipe.weights}); set the base's weights to null, or "
                    f"FromScratch.reinitialise to true to throw them away"
                )
                raise ValueError(msg)
            tracker.load_state_dict(recipe.random().state_dict())
        for parameter in part_parameters(tracker, SETS["full"]).values():
            parameter.requires_grad_(True)
