"""The types of ``clips`` under the path that they had before; write ``from sansa_lightning import Clip`` and so on."""

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.episode import ClassId, Episode, ImageKey
from sansa_lightning.clips.prompt import IGNORE, POINT_LABELS, Prompt

__all__ = ["IGNORE", "POINT_LABELS", "ClassId", "Clip", "ClipBatch", "Episode", "ImageKey", "Prompt"]
