"""Every method of the project, so that a configuration can name it by its class."""

from sansa_lightning.methods.sansa import Sansa

__all__ = ["Sansa"]
