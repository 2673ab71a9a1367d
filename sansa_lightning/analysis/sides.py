"""The two sides of an analysis: the base alone, and the base with its trained parts."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from sansa_lightning.encoders.tracker_features import EncoderPlace, TrackerFeatures
from sansa_lightning.metrics.tables import ADAPTED, FROZEN
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.without import Without


def sides(model: FewShotModel) -> dict[str, AbstractContextManager[None]]:
    """Contexts, to be entered any number of times, in which the model is the frozen base, or adapted.

    A model of which nothing trains has only the first. What a method trains stays in both.
    """
    if not model.trained():
        return {FROZEN: nullcontext()}
    return {FROZEN: Without(model.base), ADAPTED: nullcontext()}


def feature_sides(model: FewShotModel, place: EncoderPlace) -> dict[str, TrackerFeatures]:
    """The features of both sides at a place of the image encoder.

    Raises:
        ValueError: there is no such place.
    """
    found = {FROZEN: TrackerFeatures(place, adapted=False)}
    if model.trained():
        found[ADAPTED] = TrackerFeatures(place)
    return found
