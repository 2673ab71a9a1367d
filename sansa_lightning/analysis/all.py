"""Imports the callbacks of analyses, so that configurations can name them."""

from sansa_lightning.analysis.linear_probe import LinearProbe

__all__ = ["LinearProbe"]
