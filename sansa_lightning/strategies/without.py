"""A base without its strategy: bit by bit the one that it was built as, for as long as a block runs."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from sansa_lightning.sam2.types import SAM2Base
from sansa_lightning.sam2.zoo import recipe_of
from sansa_lightning.strategies.base import Strategy


class Without(AbstractContextManager[None]):
    """``with Without(sam): ...`` computes what the base computed before a strategy was attached, also after training.

    Injected modules and hooks are passed by: nothing is copied. Where tensors of the base itself train (fine-tuning,
    from scratch), those that differ now are taken from a base built anew, and are kept as long as this object is: at
    most a second base. It can be entered again and again, and sees what was trained on since for injected strategies
    only. Use it in eval mode; torch modules compiled as a whole do not notice.

    Args:
        sam: a base with a strategy.

    Raises:
        ValueError: the base has no strategy; when entered, also: what it learnt was merged into its weights.
    """

    def __init__(self, sam: SAM2Base) -> None:
        self.sam = sam
        self.attachment = Strategy.attachment_of(sam)
        self.originals = self._originals()
        self._entered: AbstractContextManager[None] | None = None

    def __enter__(self) -> None:
        self._entered = self.attachment.left_out(self.sam, self.originals)
        self._entered.__enter__()

    def __exit__(self, *error: object) -> None:
        if self._entered is not None:
            entered, self._entered = self._entered, None
            entered.__exit__(*error)  # type: ignore[arg-type]

    def _originals(self) -> dict[str, Tensor]:
        """The original values of the base's own tensors that differ from them; none unless some of them train."""
        own = self.attachment.tensors(self.sam)
        if not any(tensor.requires_grad for tensor in own.values()):
            return {}
        recipe = recipe_of(self.sam)
        fresh = (recipe.random() if recipe.weights is None else recipe.build()).state_dict()
        moved = {name: fresh[name].to(tensor.device) for name, tensor in own.items()}
        return {name: value for name, value in moved.items() if not torch.equal(value, own[name])}
