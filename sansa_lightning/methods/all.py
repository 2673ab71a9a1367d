"""Imports every method of the project, so that configurations can name them."""

from sansa_lightning.methods.calibrated import Calibrated
from sansa_lightning.methods.fs_sam2 import FsSam2
from sansa_lightning.methods.fssam.method import Fssam
from sansa_lightning.methods.negative_clicks import NegativeClicks
from sansa_lightning.methods.negative_references import NegativeReferences
from sansa_lightning.methods.negative_tokens import NegativeTokens
from sansa_lightning.methods.prototype import Prototype
from sansa_lightning.methods.sansa import Sansa, SansaSpatial
from sansa_lightning.methods.sansa_then import SansaThen
from sansa_lightning.methods.thresholds import Fixed, Otsu

__all__ = [
    "Calibrated",
    "Fixed",
    "FsSam2",
    "Fssam",
    "NegativeClicks",
    "NegativeReferences",
    "NegativeTokens",
    "Otsu",
    "Prototype",
    "Sansa",
    "SansaSpatial",
    "SansaThen",
]
