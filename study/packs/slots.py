"""Which rows of its training set each training of a pack reads, some steps ahead.

Trainings that read the same rows at every step (the same data with the same seed, or the same data
in full batches) share one *slot*: their batch is gathered once, and the first layers of their
networks can run as one wide product.

======== ==================================================
S        slots
B        examples a batch
K        steps prepared at once
======== ==================================================
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from study.streams import BatchStream
from study.training.settings import TrainJob
from study.training.tensors import TensorSplit

BLOCK_STEPS = 32
"""Steps whose indices are prepared at once."""


def slot_key(job: TrainJob) -> Hashable:
    """Trainings with the same key read the same rows at every step."""
    if job.settings.batch_size >= job.data.n_examples:
        return identity(job.data)
    return (*identity(job.data), job.settings.seed, job.stage)


def identity(data: TensorSplit) -> tuple[int, int]:
    """Tell training sets apart."""
    return id(data.x_train), id(data.y_train)


def slot_slices(counts: Sequence[int]) -> Iterator[slice]:
    """Rows of the models of each slot."""
    start = 0
    for count in counts:
        yield slice(start, start + count)
        start += count


class Slots:
    """The slots of some trainings, and the rows that each reads in the steps of a block.

    Jobs that read the same rows must stand side by side.
    """

    def __init__(self, jobs: Sequence[TrainJob]) -> None:
        self._jobs = list(jobs)
        self.size = jobs[0].batch_size
        """Examples a batch."""
        self.static = all(job.settings.batch_size >= job.data.n_examples for job in jobs)
        """Whether every step reads the same rows."""
        self._streams: dict[Hashable, _Rows] = {}
        self.raw = np.empty((0, 0, self.size), dtype=np.int64)
        """Rows of each slot's training set: (K, S, B); empty before the first block."""
        self._arrange()

    def _arrange(self) -> None:
        keys = [slot_key(job) for job in self._jobs]
        slots = list(dict.fromkeys(keys))
        if [key for key, _ in itertools.groupby(keys)] != slots:
            raise ValueError("jobs that read the same rows must stand side by side")
        self.first = [self._jobs[keys.index(key)] for key in slots]
        """The first training of each slot."""
        self._streams = {
            key: self._streams.get(key) or _Rows(job)
            for key, job in zip(slots, self.first, strict=True)
        }
        self.counts = [keys.count(key) for key in slots]
        """How many models each slot serves."""

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all trainings but ``rows``. Rows already drawn for the others are thrown away."""
        before = list(self._streams)
        self._jobs = [self._jobs[row] for row in rows]
        self._arrange()
        if len(self.raw):
            kept = [before.index(key) for key in self._streams]
            self.raw = np.take(self.raw, kept, axis=1)

    def refill(self) -> None:
        """Go on to the next block."""
        self.raw = np.empty((BLOCK_STEPS, len(self._streams), self.size), dtype=np.int64)
        for slot, rows in enumerate(self._streams.values()):
            rows.fill(self.raw[:, slot])


class _Rows:
    """Rows of one slot, read a block at a time from its stream."""

    def __init__(self, job: TrainJob) -> None:
        self._stream = BatchStream(
            job.data.n_examples, job.settings.batch_size, job.settings.seed, job.stage
        )
        self._epoch: npt.NDArray[np.int64] = np.empty((0, job.batch_size), dtype=np.int64)

    def fill(self, target: npt.NDArray[np.int64]) -> None:
        """Write the next ``len(target)`` batches."""
        done = 0
        while done < len(target):
            if not len(self._epoch):
                self._epoch = self._stream.epoch()
            n = min(len(target) - done, len(self._epoch))
            target[done : done + n] = self._epoch[:n]
            self._epoch = self._epoch[n:]
            done += n
