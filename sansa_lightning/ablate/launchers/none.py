"""Nobody: to look at what is finished."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from sansa_lightning.ablate.execute import Outcome
from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.launchers.base import Launcher


class NoLauncher(Launcher):
    """Carries nothing out, so that tables show the runs that are there, also while others run."""

    def run(self, jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """No outcome."""
        yield from ()
