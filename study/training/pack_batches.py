"""The batches of many trainings, gathered together.

Trainings that read the same rows at every step (the same data with the same seed, or the same data
in full batches) share one *slot*: their batch is gathered once, and the first layers of their
networks can run as one wide product.

======== ==================================================
M        models; ordered so that those of a slot stand side by side
S        slots
B        examples a batch
K        steps prepared at once
======== ==================================================
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from study.training.streams import BatchStream

if TYPE_CHECKING:
    from study.training.packing import TrainJob
    from study.training.tensors import TensorSplit

BLOCK_STEPS = 32
"""Steps whose indices are prepared at once."""

_MERGED_BYTES = 2**25
"""Training sets are copied end to end, to be gathered from by one call, up to this many bytes."""


def slot_key(job: TrainJob) -> Hashable:
    """Trainings with the same key read the same rows at every step."""
    if job.settings.batch_size >= job.data.n_examples:
        return _identity(job.data)
    return (*_identity(job.data), job.settings.seed, job.stage)


def _identity(data: TensorSplit) -> tuple[int, int]:
    return id(data.x_train), id(data.y_train)


class Batches:
    """The current batch of every slot.

    Parameters
    ----------
    jobs
        The trainings; those that read the same rows must stand side by side.
    """

    def __init__(self, jobs: Sequence[TrainJob]) -> None:
        self._jobs = list(jobs)
        self.size = jobs[0].batch_size
        self.static = all(job.settings.batch_size >= job.data.n_examples for job in jobs)
        self._streams: dict[Hashable, _Rows] = {}
        self._raw = np.empty((0, 0, self.size), dtype=np.int64)
        self._at = self._steps = 0
        self._arrange()

    def _arrange(self) -> None:
        """Lay out slots, training sets and buffers for the jobs that are left."""
        jobs = self._jobs
        device = jobs[0].data.device
        keys = [slot_key(job) for job in jobs]
        slots = list(dict.fromkeys(keys))
        if [key for key, _ in itertools.groupby(keys)] != slots:
            raise ValueError("jobs that read the same rows must stand side by side")
        first = {key: jobs[keys.index(key)] for key in slots}
        self._streams = {key: self._streams.get(key) or _Rows(first[key]) for key in slots}
        counts = [keys.count(key) for key in slots]
        self.slots = counts
        """How many models each slot serves; their sum is M."""
        self._models_of = torch.tensor(np.repeat(np.arange(len(slots)), counts), device=device)
        self._sources = _sources([first[key].data for key in slots])
        shape = jobs[0].data.input_shape
        self.x = torch.empty(len(slots), self.size, *shape, device=device)
        """Gathered inputs: (S, B, ...)."""
        self._pieces = []
        start = 0
        for source in self._sources:
            stop = start + len(source.starts)
            piece = self.x[start:stop].view(-1, *shape)
            self._pieces.append((source.x, slice(start, stop), piece))
            start = stop
        self._gathered = False

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all models but ``rows``. Indices already drawn for the others are thrown away."""
        before = list(self._streams)
        self._jobs = [self._jobs[row] for row in rows]
        self._arrange()
        if self._steps:
            kept = torch.tensor([before.index(key) for key in self._streams])
            self._raw = np.ascontiguousarray(self._raw[:, kept.numpy()])
            self._prepare()

    def next(self) -> bool:
        """Gather the next batch; return whether a new block of steps was begun."""
        self._at += 1
        fresh = self._at >= self._steps
        if fresh:
            self._refill()
            self._at = 0
        if not (self.static and self._gathered):
            indices = self._indices[self._at]
            for x, slots, piece in self._pieces:
                torch.index_select(x, 0, indices[slots].view(-1), out=piece)
            self._gathered = True
        return fresh

    @property
    def at(self) -> int:
        """Index of the current step in its block."""
        return self._at

    @property
    def block(self) -> Tensor:
        """Targets of all steps of the block: (K, M, B)."""
        return self._targets

    @property
    def rows(self) -> Tensor:
        """Rows of each model's training set that the steps of the block read: (K, M, B)."""
        device = self._jobs[0].data.device
        return torch.from_numpy(self._raw).to(device).index_select(1, self._models_of)

    def _refill(self) -> None:
        self._steps = BLOCK_STEPS
        self._raw = np.empty((BLOCK_STEPS, len(self._streams), self.size), dtype=np.int64)
        for slot, rows in enumerate(self._streams.values()):
            rows.fill(self._raw[:, slot])
        self._prepare()

    def _prepare(self) -> None:
        """Turn rows of each training set into rows of the merged ones, and look up targets."""
        device = self._jobs[0].data.device
        starts = np.concatenate([source.starts for source in self._sources])
        self._indices = torch.from_numpy(self._raw + starts[:, None]).to(device)
        targets = [
            source.y[self._indices[:, slots]]
            for source, (_, slots, _) in zip(self._sources, self._pieces, strict=True)
        ]
        by_slot = targets[0] if len(targets) == 1 else torch.cat(targets, dim=1)
        shared = len(self.slots) < len(self._jobs)
        self._targets = by_slot.index_select(1, self._models_of) if shared else by_slot


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


class _Source:
    """Training sets end to end, and where each begins."""

    def __init__(self, x: Tensor, y: Tensor, starts: npt.NDArray[np.int64]) -> None:
        self.x, self.y, self.starts = x, y, starts


def _sources(datas: Sequence[TensorSplit]) -> list[_Source]:
    """Merge the training sets of neighbouring slots while they are small."""
    groups: list[list[TensorSplit]] = []
    merged = 0
    previous: TensorSplit | None = None
    for data in datas:
        repeats = previous is not None and _identity(data) == _identity(previous)
        own = 0 if repeats else data.x_train.numel() * data.x_train.element_size()
        if not groups or merged + own > _MERGED_BYTES:
            groups.append([])
            merged, own = 0, data.x_train.numel() * data.x_train.element_size()
        groups[-1].append(data)
        merged += own
        previous = data
    return [_merge(group) for group in groups]


def _merge(group: Sequence[TensorSplit]) -> _Source:
    start_of: dict[Hashable, int] = {}
    xs: list[Tensor] = []
    ys: list[Tensor] = []
    total = 0
    for data in group:
        if _identity(data) not in start_of:
            start_of[_identity(data)] = total
            total += data.n_examples
            xs.append(data.x_train)
            ys.append(data.y_train)
    starts = np.array([start_of[_identity(data)] for data in group], dtype=np.int64)
    if len(xs) == 1:
        return _Source(xs[0], ys[0], starts)
    return _Source(torch.cat(xs), torch.cat(ys), starts)


def slot_slices(counts: Sequence[int]) -> Iterator[slice]:
    """Rows of the models of each slot."""
    start = 0
    for count in counts:
        yield slice(start, start + count)
        start += count
