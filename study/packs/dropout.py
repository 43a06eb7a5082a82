"""Dropout draws of many models, made some steps ahead, from each trial's own stream."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from study.streams import DropoutStream, keep_scale, threshold
from study.training.settings import TrainJob

_BLOCK_BYTES = 2**20
_BLOCK_STEPS = 32


class PackDropout:
    """Draws for one (batch, units) activation per layer and step.

    The streams are those of :class:`~study.streams.DropoutStream`: for each layer the
    draws of (batch, own units), in C order; a model that is padded draws for its own units only:
    ``own_units`` are, per job, those of each layer.
    """

    def __init__(
        self, jobs: Sequence[TrainJob], batch_size: int, own_units: Sequence[Sequence[int]]
    ) -> None:
        device = jobs[0].data.device
        rates = [job.settings.dropout for job in jobs]
        self._device = device
        self._batch = batch_size
        self._own_units = list(own_units)
        self._units = [max(layer) for layer in zip(*own_units, strict=True)]
        self.active = bool(self._units) and any(rates)
        self._streams = [
            DropoutStream(job.settings.seed, stage=job.stage) if job.settings.dropout else None
            for job in jobs
        ]
        below = [float(threshold(p)) for p in rates]
        self.threshold = torch.tensor(below, device=device).view(-1, 1, 1)
        """(models, 1, 1): a draw below it means "zeroed"."""
        self.scale = torch.tensor([keep_scale(p) for p in rates], device=device).view(-1, 1, 1)
        """(models, 1, 1): what is kept is multiplied by it."""
        self._at = self._steps = 0
        self._blocks: list[Tensor] = []

    def next(self) -> None:
        """Go to the next step."""
        if not self.active:
            return
        self._at += 1
        if self._at >= self._steps:
            self._refill()
            self._at = 0

    def draws(self, layer: int) -> Tensor:
        """Draws of this step: int16, (models, units, batch)."""
        return self._blocks[layer][self._at]

    def kept(self, layer: int, out: Tensor) -> Tensor:
        """Write ones where a unit is kept, zeros elsewhere, into (models, units, batch)."""
        return out.copy_(self.draws(layer)).ge_(self.threshold)

    def _refill(self) -> None:
        batch, n_models = self._batch, len(self._streams)
        bytes_per_step = max(1, 2 * n_models * batch * sum(self._units))
        steps = max(1, min(_BLOCK_STEPS, _BLOCK_BYTES // bytes_per_step))
        blocks = [
            np.zeros((steps, n_models, batch, units), dtype=np.int16) for units in self._units
        ]
        for model, (stream, own_units) in enumerate(
            zip(self._streams, self._own_units, strict=True)
        ):
            if stream is None:
                continue
            words = [-(-batch * own // 4) for own in own_units]
            bits = stream.words(steps * sum(words)).view("<i2").reshape(steps, -1)
            start = 0
            for block, own, n in zip(blocks, own_units, words, strict=True):
                drawn = bits[:, start : start + batch * own].reshape(steps, batch, own)
                block[:, model, :, :own] = drawn
                start += 4 * n
        self._steps = steps
        self._blocks = [
            torch.from_numpy(block).to(self._device).transpose(2, 3) for block in blocks
        ]

    def keep(self, rows: Tensor) -> None:
        """Drop all models but ``rows``."""
        chosen = rows.tolist()
        self._streams = [self._streams[row] for row in chosen]
        self._own_units = [self._own_units[row] for row in chosen]
        self.threshold = self.threshold.index_select(0, rows)
        self.scale = self.scale.index_select(0, rows)
        self._blocks = [block.index_select(1, rows) for block in self._blocks]
