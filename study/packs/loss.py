"""Training losses of many models and their gradients, by hand.

======== ==================================================================
Z        outputs, (M, C, B): models, classes (1 for regression), batch
K        steps of a block
======== ==================================================================

Cross-entropy with smoothing s: loss = log sum exp Z - (1 - s) Z[target] - s mean(Z), and
dloss/dZ = softmax(Z) - (1 - s) [target] - s / C. Logits come multiplied by log2(e), so that exp2
serves, which is twice as fast on a CPU as exp; logarithms are left to the end of a block, where one
call does them for all steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from study.packs.block_loss import PackLoss
from study.packs.distillation import DistillationLoss
from study.packs.slots import BLOCK_STEPS

if TYPE_CHECKING:
    from study.packs.batches import Batches
    from study.packs.packing import TrainJob
    from study.training.settings import TrainSettings

LOG2_E = math.log2(math.e)
LN_2 = math.log(2)


class CrossEntropy(PackLoss):
    """See the module."""

    logit_scale = LOG2_E

    def __init__(
        self,
        settings: Sequence[TrainSettings],
        n_classes: int,
        batch_size: int,
        device: torch.device,
    ) -> None:
        self._classes, self._batch = n_classes, batch_size
        smoothing = [s.label_smoothing for s in settings]
        self._smoothed = any(smoothing)
        self._smoothing = torch.tensor(smoothing, device=device).view(-1, 1, 1)
        super().__init__(len(settings), device)

    def _allocate(self, n_models: int) -> None:
        super()._allocate(n_models)
        b, c, device = self._batch, self._classes, self._device
        self._largest = torch.empty(n_models, 1, b, device=device)
        self._sums = torch.empty(BLOCK_STEPS, n_models, 1, b, device=device)
        self._picked = torch.empty(BLOCK_STEPS, n_models * b, device=device)
        self._totals = torch.zeros(BLOCK_STEPS, n_models, 1, b, device=device)
        base = torch.arange(n_models, device=device).mul_(c * b).unsqueeze(1)
        self._base = base + torch.arange(b, device=device)
        on_target = (self._smoothing - 1).expand(-1, 1, b)
        self._on_target = on_target.contiguous().view(-1)
        self._off_target = self._smoothing / -c

    def _aim(self, targets: Tensor) -> None:
        self._positions = (targets * self._batch + self._base).view(len(targets), -1)

    def gradient_(self, outputs: Tensor, at: int) -> None:
        """See :class:`PackLoss`."""
        flat, positions, sums = outputs.view(-1), self._positions[at], self._sums[at]
        torch.amax(outputs, 1, keepdim=True, out=self._largest)
        outputs.sub_(self._largest)
        torch.index_select(flat, 0, positions, out=self._picked[at])
        if self._smoothed:
            torch.sum(outputs, 1, keepdim=True, out=self._totals[at])
        outputs.exp2_()
        torch.sum(outputs, 1, keepdim=True, out=sums)
        outputs.div_(sums)
        flat.index_add_(0, positions, self._on_target)
        if self._smoothed:
            outputs.add_(self._off_target)

    def _total(self, steps: slice) -> Tensor:
        sums = self._sums[steps]
        picked = self._picked[steps].view(sums.shape)
        losses = sums.log2().sub_(picked)
        if self._smoothed:
            losses += self._smoothing * (picked - self._totals[steps] / self._classes)
        return losses.mean(dim=(2, 3)).double().sum(0).mul_(LN_2)

    def _select(self, rows: Tensor) -> None:
        self._smoothing = self._smoothing.index_select(0, rows)


class SquaredError(PackLoss):
    """Mean squared error; its gradient is 2 (Z - target) / B."""

    def __init__(self, n_models: int, batch_size: int, device: torch.device) -> None:
        self._batch = batch_size
        super().__init__(n_models, device)

    def gradient_(self, outputs: Tensor, at: int) -> None:
        """See :class:`PackLoss`."""
        outputs.sub_(self._targets[at].unsqueeze(1))
        torch.linalg.vecdot(outputs[:, 0], outputs[:, 0], out=self._losses[at])
        outputs.mul_(2)

    def _total(self, steps: slice) -> Tensor:
        return (self._losses[steps] / self._batch).double().sum(0)


def pack_loss(jobs: Sequence[TrainJob], batches: Batches) -> PackLoss:
    """Return the loss of the jobs' task; ``batches`` is where their batches come from."""
    if jobs[0].teacher is not None:
        return DistillationLoss(jobs, batches)
    data, batch = jobs[0].data, jobs[0].batch_size
    if data.task == "classification":
        return CrossEntropy([job.settings for job in jobs], data.n_outputs, batch, data.device)
    return SquaredError(len(jobs), batch, data.device)
