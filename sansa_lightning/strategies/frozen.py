"""Nothing trains: SAM 2 unchanged, the baseline of every table."""

from __future__ import annotations

from sansa_lightning.strategies.base import Strategy
from sansa_lightning.trackers.base import Tracker


class Frozen(Strategy):
    """SAM 2 without adaptation (paper Table 3, 32.2 mIoU on COCO-20i)."""

    def inject(self, tracker: Tracker) -> None:
        """Do nothing: attaching has frozen everything."""
