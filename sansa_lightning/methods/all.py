"""Imports every method of the project, so that configurations can name them."""

from sansa_lightning.methods.negative_clicks import NegativeClicks
from sansa_lightning.methods.negative_references import NegativeReferences
from sansa_lightning.methods.prototype import Prototype, PrototypeAfterSansa
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.methods.thresholds import Fixed, Otsu

__all__ = [
    "Fixed",
    "NegativeClicks",
    "NegativeReferences",
    "Otsu",
    "Prototype",
    "PrototypeAfterSansa",
    "Sansa",
]
