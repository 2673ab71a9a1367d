"""Imports every strategy of the project, so that configurations and checkpoints can name them."""

from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.compose import Compose
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.from_scratch import FromScratch
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.strategies.houlsby import Houlsby
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.strategies.mona import Mona
from sansa_lightning.strategies.peft_tuner import PeftTuner

__all__ = ["AdaptFormer", "Compose", "FineTune", "FromScratch", "Frozen", "Houlsby", "LoRA", "Mona", "PeftTuner"]
