"""sansa_lightning: few-shot segmentation with Segment Anything 2, as experiments."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sansa_lightning.annotate.loading import load
    from sansa_lightning.annotate.segmenter import Segmenter
    from sansa_lightning.clips.batch import ClipBatch
    from sansa_lightning.clips.clip import Clip
    from sansa_lightning.clips.episode import Episode
    from sansa_lightning.clips.prompt import Prompt

__version__: str

_PLACES = {
    "Clip": "clips.clip",
    "ClipBatch": "clips.batch",
    "Episode": "clips.episode",
    "Prompt": "clips.prompt",
    "Segmenter": "annotate.segmenter",
    "load": "annotate.loading",
}

__all__ = ["Clip", "ClipBatch", "Episode", "Prompt", "Segmenter", "load"]


def __getattr__(name: str) -> Any:
    """Import an attribute at its first use: torch takes seconds, in which the command line must be interruptible."""
    if name == "__version__":
        from importlib.metadata import version

        return version("sansa_lightning")
    if name not in _PLACES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
