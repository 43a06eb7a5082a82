"""The batches of many trainings, gathered together.

======== ==================================================
M        models; ordered so that those of a slot stand side by side
S        slots (see :mod:`study.packs.slots`)
B        examples a batch
K        steps prepared at once
======== ==================================================
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from study.packs.slots import Slots, identity
from study.training.settings import TrainJob
from study.training.tensors import TensorSplit

_MERGED_BYTES = 2**25
"""Training sets are copied end to end, to be gathered from by one call, up to this many bytes."""


class Batches:
    """The current batch of every slot; jobs that read the same rows must stand side by side."""

    def __init__(self, jobs: Sequence[TrainJob]) -> None:
        self._shape = jobs[0].data.input_shape
        self._device = jobs[0].data.device
        self._rows = Slots(jobs)
        self.static = self._rows.static
        self._at = self._steps = 0
        self._arrange()

    def _arrange(self) -> None:
        """Lay out training sets and buffers for the models that are left."""
        self.slots = self._rows.counts
        """How many models each slot serves; their sum is M."""
        self._models_of = torch.tensor(
            np.repeat(np.arange(len(self.slots)), self.slots), device=self._device
        )
        self._sources = _sources([job.data for job in self._rows.first])
        self.x = torch.empty(len(self.slots), self._rows.size, *self._shape, device=self._device)
        """Gathered inputs: (S, B, ...)."""
        self._pieces = []
        start = 0
        for source in self._sources:
            stop = start + len(source.starts)
            piece = self.x[start:stop].view(-1, *self._shape)
            self._pieces.append((source.x, slice(start, stop), piece))
            start = stop
        self._gathered = False

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all models but ``rows``. Indices already drawn for the others are thrown away."""
        self._rows.keep(rows)
        self._arrange()
        if self._steps:
            self._prepare()

    def next(self) -> bool:
        """Gather the next batch; return whether a new block of steps was begun."""
        self._at += 1
        fresh = self._at >= self._steps
        if fresh:
            self._rows.refill()
            self._steps = len(self._rows.raw)
            self._at = 0
            self._prepare()
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
        raw = torch.from_numpy(self._rows.raw).to(self._device)
        return raw.index_select(1, self._models_of)

    def _prepare(self) -> None:
        """Turn rows of each training set into rows of the merged ones, and look up targets."""
        starts = np.concatenate([source.starts for source in self._sources])
        self._indices = torch.from_numpy(self._rows.raw + starts[:, None]).to(self._device)
        targets = [
            source.y[self._indices[:, slots]]
            for source, (_, slots, _) in zip(self._sources, self._pieces, strict=True)
        ]
        by_slot = targets[0] if len(targets) == 1 else torch.cat(targets, dim=1)
        shared = len(self.slots) < len(self._models_of)
        self._targets = by_slot.index_select(1, self._models_of) if shared else by_slot


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
        repeats = previous is not None and identity(data) == identity(previous)
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
        if identity(data) not in start_of:
            start_of[identity(data)] = total
            total += data.n_examples
            xs.append(data.x_train)
            ys.append(data.y_train)
    starts = np.array([start_of[identity(data)] for data in group], dtype=np.int64)
    if len(xs) == 1:
        return _Source(xs[0], ys[0], starts)
    return _Source(torch.cat(xs), torch.cat(ys), starts)
