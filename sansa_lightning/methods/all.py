"""Imports every method of the project, so that configurations can name them."""

from sansa_lightning.methods.fs_sam2 import FsSam2
from sansa_lightning.methods.negative_clicks import NegativeClicks
from sansa_lightning.methods.negative_references import NegativeReferences
from sansa_lightning.methods.sansa import Sansa, SansaSpatial

__all__ = ["FsSam2", "NegativeClicks", "NegativeReferences", "Sansa", "SansaSpatial"]
