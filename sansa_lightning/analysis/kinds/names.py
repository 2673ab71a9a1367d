"""The names of the analyses and their places; imports none of them, so that the help needs no torch."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """An analysis.

    Attributes:
        place: ``module:class``.
        says: what it shows, in a few words.
    """

    place: str
    says: str


_ROOM = "sansa_lightning.analysis.kinds"

KINDS: dict[str, Kind] = {
    "pca": Kind(f"{_ROOM}.pca:Pca", "principal components of object features, and maps in their colours"),
    "concentration": Kind(f"{_ROOM}.concentration:Concentration", "how few components tell the classes apart"),
    "probe": Kind(f"{_ROOM}.probe:Probe", "what a linear layer reads from the features, beside the few-shot score"),
    "vos": Kind(f"{_ROOM}.vos:Vos", "J and F of tracking through videos, by the protocol of DAVIS"),
    "coherence": Kind(f"{_ROOM}.coherence:Coherence", "how smooth the matching of two views is"),
    "parts": Kind(f"{_ROOM}.parts:Parts", "clusters of objects' cells, matched between objects"),
    "errors": Kind(f"{_ROOM}.errors:Errors", "where the IoU is lost, and the worst and best episodes"),
    "matching": Kind(f"{_ROOM}.matching:Matching", "what each part of a target attends to in its reference"),
}
"""By the name on the command line."""
