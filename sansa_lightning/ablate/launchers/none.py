"""No launcher, for a look at the finished runs."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from sansa_lightning.ablate.execute import Outcome
from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.launchers.base import Launcher


class NoLauncher(Launcher):
    """Executes nothing, so that tables show the finished runs, also while others are running."""

    def run(self, jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """No outcomes."""
        yield from ()
