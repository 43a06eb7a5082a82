"""Dropout draws of many models, made some steps ahead, from each trial's own stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from study.training.streams import DropoutStream, keep_scale, threshold

if TYPE_CHECKING:
    from study.training.packing import TrainJob

_BLOCK_BYTES = 2**20
_BLOCK_STEPS = 32


class PackDropout:
    """Draws for ``depth`` layers of (batch, width) activations a step.

    The streams are those of :class:`~study.training.streams.DropoutStream`: for each layer the
    draws of (batch, own width), in C order; a model padded to ``width`` draws for its own.
    """

    def __init__(self, jobs: Sequence[TrainJob], batch_size: int, width: int, depth: int) -> None:
        device = jobs[0].data.device
        rates = [job.settings.dropout for job in jobs]
        self.active = depth > 0 and any(rates)
        self._device = device
        self._shape = (depth, batch_size, width)
        self._widths = [job.settings.width for job in jobs]
        self._streams = [
            DropoutStream(job.settings.seed, stage=job.stage) if job.settings.dropout else None
            for job in jobs
        ]
        below = [float(threshold(p)) for p in rates]
        self.threshold = torch.tensor(below, device=device).view(-1, 1, 1)
        self.scale = torch.tensor([keep_scale(p) for p in rates], device=device).view(-1, 1, 1)
        self._at = self._steps = 0
        self._block = torch.empty(0)

    def next(self) -> None:
        """Go to the next step."""
        if not self.active:
            return
        self._at += 1
        if self._at >= self._steps:
            self._refill()
            self._at = 0

    def draws(self, layer: int) -> Tensor:
        """Draws of this step: int16, (models, width, batch)."""
        return self._block[self._at, layer]

    def _refill(self) -> None:
        depth, batch, width = self._shape
        n_models = len(self._streams)
        bytes_per_step = max(1, 2 * n_models * depth * batch * width)
        steps = max(1, min(_BLOCK_STEPS, _BLOCK_BYTES // bytes_per_step))
        block = np.zeros((steps, depth, n_models, batch, width), dtype=np.int16)
        for model, (stream, own) in enumerate(zip(self._streams, self._widths, strict=True)):
            if stream is None:
                continue
            words = -(-batch * own // 4)
            bits = stream.words(steps * depth * words).view("<i2").reshape(steps, depth, -1)
            drawn = bits[:, :, : batch * own].reshape(steps, depth, batch, own)
            block[:, :, model, :, :own] = drawn
        self._steps = steps
        self._block = torch.from_numpy(block).to(self._device).transpose(3, 4)

    def keep(self, rows: Tensor) -> None:
        """Drop all models but ``rows``."""
        chosen = rows.tolist()
        self._streams = [self._streams[row] for row in chosen]
        self._widths = [self._widths[row] for row in chosen]
        self.threshold = self.threshold.index_select(0, rows)
        self.scale = self.scale.index_select(0, rows)
        if self._steps:
            self._block = self._block.index_select(2, rows)
