"""The clips that a process loads, and their order, also after a run was killed and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.files.messages import brief, plain

DONE = "batches"
"""Key of a datamodule's state: the number of batches that each process has trained on."""

Batch = ClipBatch | EvaluationBatch
"""Clips to train on, or to evaluate."""

Collate = Callable[[Sequence[Any]], Batch]
"""Stacks the clips of a dataset; :meth:`ClipBatch.collate` for plain ones."""


class TrainBatches:
    """The indices that one process trains on, as lists of ``batch_size``, an epoch at a time.

    Step s of a run, counted over all its epochs, covers ``batch_size * processes`` indices from
    ``s * batch_size * processes`` on, cut into one consecutive piece for each process: the pieces are disjoint and of
    equal length, and no index comes twice.

    Args:
        length: episodes of an epoch, over all processes; those that do not fill a step go to the next epoch.
        batch_size: indices of a step, in each process.
        rank: this process, 0 .. processes - 1.
        processes: number of processes.

    Attributes:
        start: the step of the run that iteration begins with.

    Raises:
        ValueError: an epoch would have no step.
    """

    def __init__(self, length: int, batch_size: int, rank: int = 0, processes: int = 1) -> None:
        if length < batch_size * processes:
            msg = (
                f"train_length: expected at least batch_size x processes = {batch_size} x {processes} episodes, "
                f"but got {length}"
            )
            raise ValueError(msg)
        self.length = length
        self.batch_size = batch_size
        self.rank = rank
        self.processes = processes
        self.start = 0

    def __len__(self) -> int:
        """Steps of an epoch."""
        return self.length // (self.batch_size * self.processes)

    def __iter__(self) -> Iterator[list[int]]:
        """The steps of one epoch's length from ``start`` on; in a resumed epoch the loop takes only the first ones."""
        for step in range(self.start, self.start + len(self)):
            first = (step * self.processes + self.rank) * self.batch_size
            yield list(range(first, first + self.batch_size))


class EvalBatches:
    """The indices that one process evaluates: every ``processes``-th, in lists of at most ``batch_size``.

    Args:
        length: indices over all processes, a multiple of their number (see ``FilledDataset``).
        batch_size: indices of a step, in each process.
        rank: this process, 0 .. processes - 1.
        processes: number of processes.
    """

    def __init__(self, length: int, batch_size: int, rank: int = 0, processes: int = 1) -> None:
        self.indices = range(rank, length, processes)
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        for first in range(0, len(self.indices), self.batch_size):
            yield list(self.indices[first : first + self.batch_size])


class ClipLoader:
    """Batches of clips. Not a ``DataLoader`` itself but the owner of one, for two reasons.

    Lightning rebuilds any ``DataLoader`` it is given with its own samplers, and would score clips twice. And a
    ``DataLoader`` with workers fetches ahead from the moment it is iterated, which Lightning does before it knows how
    far a resumed run had come; this one fetches nothing before the first batch is asked for.

    Args:
        dataset: index -> clip.
        batches: lists of indices.
        num_workers: loading processes, which live until :meth:`close`; torch gives each a single thread.
        collate: stacks the clips.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batches: Iterable[list[int]],
        num_workers: int = 0,
        collate: Collate = ClipBatch.collate,
    ) -> None:
        self.dataset = dataset
        self.batches = batches
        self.num_workers = num_workers
        self.collate = collate
        self._loader = self._build()

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch]:
        yield from self._loader

    def close(self) -> None:
        """End the workers; another iteration starts new ones."""
        self._loader = self._build()

    def _build(self) -> DataLoader[Any]:
        return DataLoader(
            self.dataset,
            batch_sampler=self.batches,
            num_workers=self.num_workers,
            collate_fn=self.collate,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.num_workers > 0,
            # Its own random stream: otherwise each iterator would take a number from the model's, and a resumed run
            # makes one iterator more.
            generator=torch.Generator(),
        )


class TrainLoader(ClipLoader):
    """Training batches that continue where a resumed run stopped, also in mid-epoch.

    When an epoch's first batch is asked for, the training loop gives the step to continue with. Only the loop knows
    what was *trained on*: workers have fetched more, and a checkpoint may be written before or after the loop counts
    the batch that it has just finished. The loader's own state holds the settings that give that step its meaning.

    Args:
        dataset: index -> clip.
        batches: lists of indices.
        num_workers: see :class:`ClipLoader`.
        steps_done: gives the number of steps that the run has trained, over all epochs.
        identity: tells one list of training episodes from another; saved with the state.
        collate: see :class:`ClipLoader`.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batches: TrainBatches,
        num_workers: int = 0,
        steps_done: Callable[[], int] = int,
        identity: str = "",
        collate: Collate = ClipBatch.collate,
    ) -> None:
        super().__init__(dataset, batches, num_workers, collate)
        self.train_batches = batches
        self.steps_done = steps_done
        self.identity = identity

    def __iter__(self) -> Iterator[Batch]:
        # A generator: this line runs when the first batch is asked for.
        self.train_batches.start = self.steps_done()
        yield from self._loader

    def state_dict(self) -> dict[str, Any]:
        """The settings that fix the order of episodes, for Lightning to save."""
        return training_of(self.train_batches, self.identity)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Check that a run resumed in mid-epoch continues with the same list.

        Raises:
            ValueError: it would not; names the differences.
        """
        check_same_training(state, self.state_dict())


def training_of(batches: TrainBatches, identity: str) -> dict[str, Any]:
    """The settings that determine which clips each process trains on in a step.

    Args:
        batches: the indices.
        identity: tells one list of clips from another.
    """
    return {
        "train_length": batches.length,
        "batch_size": batches.batch_size,
        "processes": batches.processes,
        "clips": identity,
    }


def check_same_training(state: Any, here: Mapping[str, Any]) -> None:
    """Refuse to resume a run on other clips, or on the same ones dealt differently.

    Args:
        state: :func:`training_of` the earlier run, from a checkpoint; with ``DONE`` it has the place in an epoch.
        here: the same of this process.

    Raises:
        ValueError: they are not equal, or the first is no mapping; names the differences.
    """
    if not isinstance(state, Mapping):
        msg = f"checkpoint: its entry on training clips is {brief(state)}; expected a mapping with {sorted(here)}"
        raise ValueError(msg)
    differing = [
        f"{key} {plain(str(state.get(key)))} (now {value})" for key, value in here.items() if state.get(key) != value
    ]
    if differing:
        numbers = [state.get(key) for key in ("train_length", "batch_size", "processes", DONE)]
        length, batch, processes, done = (n if isinstance(n, int) and n > 0 else 1 for n in numbers)
        at_end = done % max(1, length // (batch * processes)) == 0
        msg = (
            f"resuming {'at the end of an epoch' if at_end else 'in mid-epoch'}: the checkpoint was trained with "
            f"{', '.join(differing)}; give the same values, or start a new run"
        )
        raise ValueError(msg)
