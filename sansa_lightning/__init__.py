"""sansa_lightning: few-shot segmentation with Segment Anything 2, as experiments."""

from sansa_lightning.api import Segmenter, load
from sansa_lightning.clip import Clip, ClipBatch, Episode, Prompt

__all__ = ["Clip", "ClipBatch", "Episode", "Prompt", "Segmenter", "load"]
