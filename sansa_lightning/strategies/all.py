"""Every strategy of the project, so that a configuration or a checkpoint can name it by its class."""

from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.frozen import Frozen

__all__ = ["AdaptFormer", "Frozen"]
