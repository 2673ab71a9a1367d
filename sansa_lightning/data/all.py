"""Every source, protocol, order of episodes and prompt of the project, so that a configuration can name it."""

from sansa_lightning.data.prompts import MaskPrompt
from sansa_lightning.data.protocols import InDomain, Strict
from sansa_lightning.data.samplers import RandomEpisodes, RoundRobinEpisodes
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.patterns import Patterns

__all__ = ["Coco", "InDomain", "MaskPrompt", "Patterns", "RandomEpisodes", "RoundRobinEpisodes", "Strict"]
