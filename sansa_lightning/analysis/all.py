"""The callbacks of analyses, so that a configuration can name them by their class."""

from sansa_lightning.analysis.linear_probe import LinearProbe

__all__ = ["LinearProbe"]
