"""The contract of a launcher."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence

from sansa_lightning.ablate.execute import Outcome
from sansa_lightning.ablate.jobs import Job


class Launcher(ABC):
    """Executes runs and gives their outcomes as they end."""

    @abstractmethod
    def run(self, jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """Outcomes in the order in which the runs end; closing the generator ends the runs still going."""
