"""Training as SANSA and scoring by another method, so that a row of a table can do both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.base import Answers, Looked, Masks, Method, Pairs, ReferenceMemory
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.methods.unused import unused_in_propagation
from sansa_lightning.strategies.parts import PromptKinds
from sansa_lightning.strategies.settings import known_classes
from sansa_lightning.trackers.base import Tracker


class SansaThen(Method):
    """Trains as :class:`Sansa` does, with its defaults; all that is scored or segmented is another method's.

    Args:
        scored_by: a method for SANSA's checkpoints, such as ``Prototype`` or ``Calibrated``.

    Raises:
        ValueError: it is for checkpoints of another method.
    """

    def __init__(self, scored_by: Method) -> None:
        super().__init__()
        if scored_by.trained_as() is not Sansa:
            msg = f"SansaThen.scored_by: expected a method for SANSA's checkpoints, but got {type(scored_by).__name__}"
            raise ValueError(msg)
        self.scored_by = scored_by
        self.propagation = Propagation()

    def attach(self, tracker: Tracker) -> None:
        """See :meth:`Method.attach`."""
        super().attach(tracker)
        self.scored_by.attach(tracker)

    def unused(self, prompts: PromptKinds | None) -> str:
        """See :meth:`Method.unused`; as for SANSA."""
        return unused_in_propagation(prompts)

    def check(self, stage: str, data: Any) -> None:
        """Refuse what the other method cannot score; each run ends with a test."""
        self.scored_by.check("test", data)

    def forward(self, tracker: Tracker, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """See :meth:`Method.forward`; SANSA's own with ``propagate_targets``, as in training."""
        if propagate_targets:
            return self.propagation(tracker, batch.images, batch.prompts)
        masks: Masks = self.scored_by(tracker, batch, propagate_targets)
        return masks

    def look_at(self, tracker: Tracker, images: Tensor) -> Looked:
        """See :meth:`Method.look_at`."""
        return self.scored_by.look_at(tracker, images)

    def write(
        self, tracker: Tracker, looked: Looked, frames: Tensor, prompts: Sequence[Sequence[Prompt]]
    ) -> list[ReferenceMemory]:
        """See :meth:`Method.write`."""
        return self.scored_by.write(tracker, looked, frames, prompts)

    def answer(self, tracker: Tracker, looked: Looked, memories: Sequence[ReferenceMemory], pairs: Pairs) -> Answers:
        """See :meth:`Method.answer`."""
        return self.scored_by.answer(tracker, looked, memories, pairs)

    def pack(self, memory: ReferenceMemory) -> dict[str, Tensor]:
        """See :meth:`Method.pack`."""
        return self.scored_by.pack(memory)

    def unpack(self, tensors: Mapping[str, Tensor]) -> ReferenceMemory:
        """See :meth:`Method.unpack`."""
        return self.scored_by.unpack(tensors)

    def settings(self) -> dict[str, Any]:
        """See :meth:`Method.settings`; of the other method class and settings."""
        return {"scored_by": {"class": type(self.scored_by).__name__, "settings": self.scored_by.settings()}}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """See :meth:`Method.from_settings`.

        Raises:
            ValueError: the module of the other method was not imported.
        """
        found, known = settings["scored_by"], known_classes(Method)
        if found["class"] not in known:
            msg = f"Method {found['class']!r} is not known; import its module first; known: {sorted(known)}"
            raise ValueError(msg)
        return cls(known[found["class"]].from_settings(found["settings"]))
