"""Imports every encoder of the project, so that configurations and checkpoints can name them."""

from sansa_lightning.encoders.dinov2 import DinoV2
from sansa_lightning.encoders.tracker_features import TrackerFeatures

__all__ = ["DinoV2", "TrackerFeatures"]
