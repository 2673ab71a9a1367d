"""Nothing trains: SAM2 as it is, the baseline of every table."""

from __future__ import annotations

from sansa_lightning.sam2.types import SAM2Base
from sansa_lightning.strategies.base import Strategy


class Frozen(Strategy):
    """SAM2 without adaptation (paper Table 3, 32.2 mIoU on COCO-20i)."""

    def inject(self, sam: SAM2Base) -> None:
        """Do nothing: attaching has frozen everything."""
