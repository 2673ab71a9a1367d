"""SANSA: plain prompt-and-propagate; what is learnt sits in the strategy (paper section 3)."""

from __future__ import annotations

from sansa_lightning.clip import ClipBatch
from sansa_lightning.methods.base import Method
from sansa_lightning.sam2.memory import KShotMemory
from sansa_lightning.sam2.propagate import Masks, Propagation
from sansa_lightning.sam2.types import SAM2Base


class Sansa(Method):
    """Prompt-and-propagate without anything around it.

    Args:
        kshot_memory: "released" (order of the references matters) or "invariant" (spec 1.2, step 8).
        mask_threshold: a mask prompt, resized bilinearly, is foreground above it; in [0, 1).
        encode_chunk: frames that go through the image encoder at a time; all of the batch if None.
    """

    def __init__(
        self,
        kshot_memory: KShotMemory = "released",
        mask_threshold: float = 0.0,
        encode_chunk: int | None = None,
    ) -> None:
        super().__init__()
        self.propagation = Propagation(kshot_memory, mask_threshold, encode_chunk)

    def forward(self, sam: SAM2Base, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """See :meth:`Method.forward`."""
        return self.propagation(sam, batch.images, batch.prompts, propagate_targets)
