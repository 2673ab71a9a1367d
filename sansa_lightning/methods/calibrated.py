"""FSSAM's pseudo memory and calibration at test time, on a model that SANSA trained."""

from __future__ import annotations

from typing import Any

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.encoders.base import Encoder
from sansa_lightning.encoders.tracker_features import TrackerFeatures
from sansa_lightning.methods.base import Masks, Method
from sansa_lightning.methods.evaluation import refuse_training
from sansa_lightning.methods.fssam.method import Fssam
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.methods.unused import unused_in_propagation
from sansa_lightning.strategies.parts import PromptKinds
from sansa_lightning.trackers.base import Tracker


class Calibrated(Fssam):
    """A crossing of SANSA and FSSAM that neither paper has: each target also reads a calibrated memory of itself.

    Nothing was trained for it: the checkpoint is one of SANSA's, and is read here as :class:`Fssam` would.
    ``factor: 0`` leaves the pseudo memory and drops its calibration, which tells the two apart.

    Args:
        encoder: see :class:`Fssam`; if None the tracker's own features at stage 2, as the strategy has adapted them.

    Other arguments as for :class:`Fssam`.
    """

    @staticmethod
    def own_encoder() -> Encoder:
        """The tracker's own stage 2, adapted."""
        return TrackerFeatures("stage 2")

    @classmethod
    def trained_as(cls) -> type[Method]:
        """SANSA: only evaluation differs."""
        return Sansa

    def unused(self, prompts: PromptKinds | None) -> str:
        """As for SANSA, which has trained the checkpoint."""
        return unused_in_propagation(prompts)

    def check(self, stage: str, data: Any) -> None:
        """Refuse to train, and references without a mask."""
        if stage == "fit":
            refuse_training(self)
        super().check(stage, data)

    def forward(self, tracker: Tracker, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """See :meth:`Method.forward`.

        Raises:
            ValueError: ``propagate_targets`` is true.
        """
        if propagate_targets:
            refuse_training(self)
        return super().forward(tracker, batch, propagate_targets)
