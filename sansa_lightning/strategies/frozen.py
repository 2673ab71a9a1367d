"""Nothing trains: SAM2 as it is, the baseline of every table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sansa_lightning.strategies.base import Strategy

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


class Frozen(Strategy):
    """SAM2 without adaptation (paper Table 3, 32.2 mIoU on COCO-20i)."""

    def inject(self, sam: SAM2Base) -> None:
        """Do nothing: attaching has frozen everything."""
