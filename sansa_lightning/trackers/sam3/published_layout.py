"""The names of SAM 3's published weights, in which the tracker shares a file with a detector that it does not use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OWN_PLACES = {
    "detector_model.vision_encoder.backbone.": "vision_encoder.backbone.",
    "tracker_neck.": "vision_encoder.neck.",
    "tracker_model.": "",
}
"""Beginnings of names in the published file, and in a tracker alone; the first that fits counts."""

DETECTOR = "detector_model."


def own_names(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tracker's own tensors of a published file; a state dict of a tracker alone as it is.

    Args:
        state: the content of a file, tensors by name if all is well.
    """
    if not any(name.startswith(DETECTOR) for name in state):
        return state
    found: dict[str, Any] = {}
    for name, value in state.items():
        place = next((place for place in OWN_PLACES if name.startswith(place)), None)
        if place is not None:
            found[OWN_PLACES[place] + name.removeprefix(place)] = value
        elif not name.startswith(DETECTOR):
            found[name] = value  # not known, so that strict loading says so
    return found
