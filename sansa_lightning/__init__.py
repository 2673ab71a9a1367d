"""sansa_lightning: few-shot segmentation with Segment Anything 2, as experiments."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sansa_lightning.api import Segmenter, load
    from sansa_lightning.clip import Clip, ClipBatch, Episode, Prompt

__version__: str

__all__ = ["Clip", "ClipBatch", "Episode", "Prompt", "Segmenter", "load"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: torch takes seconds, in which the command line must be interruptible."""
    if name == "__version__":
        from importlib.metadata import version

        return version("sansa_lightning")
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{'api' if name in ('Segmenter', 'load') else 'clip'}"), name)
