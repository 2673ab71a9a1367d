"""The training-free baseline: what is like the average of the reference's object is foreground (docs/trackers.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.encoders.base import Encoder
from sansa_lightning.encoders.tracker_features import TrackerFeatures
from sansa_lightning.methods.base import Answers, Masks, Method, Pairs
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.methods.thresholds import Otsu, Threshold
from sansa_lightning.strategies.settings import class_and_settings, from_class_and_settings
from sansa_lightning.strategies.training_prompts import prompt_kinds
from sansa_lightning.trackers.base import Tracker

STEEPNESS = 20.0
"""Logits for a difference of 1 in the cosine: 0.1 above the threshold is a probability of 0.88."""

UNLIKE = -1.0
"""Cosine with a vector of zeros, as of a reference without foreground, which is like nothing."""


class LookedAt(NamedTuple):
    """Pictures by their features.

    Attributes:
        features: float32 [F, C, h, w].
        size: (H, W) of each picture.
    """

    features: Tensor
    size: tuple[int, int]


class Prototype(Method):
    """Cosine of each cell with the references' average feature, above a threshold; no memory, no decoder, no training.

    The prototype is the average over the foreground of all references together: a cell counts by the share of it that
    is foreground, so an object's weight is its area. It answers how much of a score is in the features alone. It uses
    checkpoints of SANSA, for the features of a trained strategy.

    Args:
        encoder: gives the features; the tracker's own, of the neck, if None.
        threshold: of the cosine; ``Otsu`` if None.
    """

    def __init__(self, encoder: Encoder | None = None, threshold: Threshold | None = None) -> None:
        super().__init__()
        self.encoder = encoder or TrackerFeatures()
        self.threshold = threshold or Otsu()

    @classmethod
    def trained_as(cls) -> type[Method]:
        """SANSA: a prototype trains nothing, but may read what SANSA has trained."""
        return Sansa

    def attach(self, tracker: Tracker) -> None:
        """See :meth:`Method.attach`; a file that the encoder lacks is missed now."""
        super().attach(tracker)
        self.encoder.attach(tracker)

    def check(self, stage: str, data: Any) -> None:
        """Refuse to train, and references without masks."""
        if stage == "fit":
            msg = (
                f"model.method: {type(self).__name__} trains nothing; expected test or validate, or it as scored_by of "
                f"SansaThen, which trains as Sansa does"
            )
            raise ValueError(msg)
        kinds = prompt_kinds(data.prompt) if getattr(data, "prompt", None) is not None else {"mask"}
        if kinds != {"mask"}:
            msg = f"data.prompt: expected masks for {type(self).__name__}, but got {' and '.join(sorted(kinds))}"
            raise ValueError(msg)

    def forward(self, tracker: Tracker, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """See :meth:`Method.forward`; a target is never memory, whatever ``propagate_targets`` says.

        Raises:
            ValueError: a reference is not annotated by a mask.
        """
        clips, frames = batch.images.shape[:2]
        features = self.encoder(tracker, batch.images.flatten(0, 1))
        shown = features.unflatten(0, (clips, frames))[:, : batch.shots]
        prototypes = masked_average(shown, _foregrounds(batch.prompts))
        low = self._logits(likeness(features, prototypes.repeat_interleave(frames, dim=0)[:, None]))
        return Masks.of(low[:, 0].unflatten(0, (clips, frames)), (batch.images.shape[-2], batch.images.shape[-1]))

    def look_at(self, tracker: Tracker, images: Tensor) -> LookedAt:
        """See :meth:`Method.look_at`."""
        return LookedAt(self.encoder(tracker, images), (images.shape[-2], images.shape[-1]))

    def write(
        self, tracker: Tracker, looked: LookedAt, frames: Tensor, prompts: Sequence[Sequence[Prompt]]
    ) -> list[Tensor]:
        """The references' prototypes, each float32 [C]; see :meth:`Method.write`."""
        return list(masked_average(looked.features[frames], _foregrounds(prompts)))

    def answer(self, tracker: Tracker, looked: LookedAt, memories: Sequence[Tensor], pairs: Pairs) -> Answers:
        """See :meth:`Method.answer`."""
        features = looked.features[[target for _, target in pairs]]
        prototypes = torch.stack([memories[memory] for memory, _ in pairs])[:, None]
        low = self._logits(likeness(features, prototypes))
        return Answers.of(Masks.of(low, looked.size).logits[:, 0].float())

    def pack(self, memory: Tensor) -> dict[str, Tensor]:
        """See :meth:`Method.pack`."""
        return {"prototype": memory}

    def unpack(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """See :meth:`Method.unpack`."""
        return tensors["prototype"]

    def _logits(self, maps: Tensor) -> Tensor:
        """Of cosines [F, M, h, w]: 0 at the threshold of each map."""
        thresholds = self.threshold(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
        return (maps - thresholds[..., None, None]) * STEEPNESS

    def settings(self) -> dict[str, Any]:
        """See :meth:`Method.settings`; of encoder and threshold class and settings."""
        return {"encoder": class_and_settings(self.encoder), "threshold": class_and_settings(self.threshold)}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """See :meth:`Method.from_settings`.

        Raises:
            ValueError: the module of the encoder or of the threshold was not imported.
        """
        import sansa_lightning.encoders.all  # noqa: F401  makes the project's own ones known

        return cls(
            from_class_and_settings(Encoder, settings["encoder"]),
            from_class_and_settings(Threshold, settings["threshold"]),
        )


def masked_average(features: Tensor, masks: Tensor) -> Tensor:
    """The average feature of the foreground of several frames together; zeros if there is none.

    Args:
        features: float32 [B, K, C, h, w].
        masks: float32 [B, K, H, W] in [0, 1]; a cell weighs what is foreground of it.

    Returns:
        float32 [B, C].
    """
    height, width = features.shape[-2:]
    shares = F.adaptive_avg_pool2d(masks.to(features), (height, width))[:, :, None]
    total = shares.sum(dim=(1, 3, 4))
    return (features * shares).sum(dim=(1, 3, 4)) / total.where(total > 0, 1)


def likeness(features: Tensor, prototypes: Tensor) -> Tensor:
    """Cosines of each cell with each prototype; :data:`UNLIKE` for vectors of zeros.

    Args:
        features: float32 [F, C, h, w].
        prototypes: float32 [F, M, C].

    Returns:
        float32 [F, M, h, w] in [-1, 1].
    """
    cells = F.normalize(features.flatten(2), dim=1)
    with torch.autocast(features.device.type, enabled=False):  # bfloat16 would tell cosines apart by hundredths only
        cosines = (F.normalize(prototypes, dim=2) @ cells).clamp(-1, 1)
    nothing = ~prototypes.any(dim=2)[:, :, None] | ~features.flatten(2).any(dim=1)[:, None]
    return cosines.masked_fill(nothing, UNLIKE).unflatten(2, features.shape[-2:])


def _foregrounds(prompts: Sequence[Sequence[Prompt]]) -> Tensor:
    """The masks of B times K prompts, float32 [B, K, H, W]."""
    kinds = {prompt.kind for clip in prompts for prompt in clip}
    if kinds != {"mask"}:
        msg = f"Prototype: expected references with mask prompts, but got {' and '.join(sorted(kinds - {'mask'}))}"
        raise ValueError(msg)
    dense = [torch.stack([prompt.dense for prompt in clip if prompt.dense is not None]) for clip in prompts]
    return torch.stack(dense)
