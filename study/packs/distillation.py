"""The loss of :mod:`study.training.distillation` for many models, with its gradient by hand.

======== ==================================================================
Z        outputs, (M, C, B): models, classes (1 for regression), batch
K        steps of a block
a, T     mixing and temperature of each model, (M, 1, 1)
======== ==================================================================

    dloss/dZ = a T (softmax(Z / T) - softmax(t / T))
               + (1 - a) (softmax(Z) - (1 - s) [label] - s / C)          classification
    dloss/dZ = 2 (Z - a t - (1 - a) target)                              regression
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from study.packs.block_loss import PackLoss

if TYPE_CHECKING:
    from study.packs.batches import Batches
    from study.packs.packing import TrainJob


class DistillationLoss(PackLoss):
    """The loss of students, each with a teacher of its own."""

    def __init__(self, jobs: Sequence[TrainJob], batches: Batches) -> None:
        device = jobs[0].data.device
        self._batches = batches
        self._classifies = jobs[0].data.task == "classification"

        def per_model(values: list[float]) -> Tensor:
            return torch.tensor(values, device=device).view(-1, 1, 1)

        self._mixing = per_model([job.settings.distill_mixing for job in jobs])
        self._temperature = per_model([job.settings.distill_temperature for job in jobs])
        self._smoothing = per_model([job.settings.label_smoothing for job in jobs])
        self._teachers, self._starts = _end_to_end(jobs, device)
        super().__init__(len(jobs), device)

    def _aim(self, targets: Tensor) -> None:
        super()._aim(targets)
        self._rows = self._batches.rows + self._starts.view(1, -1, 1)

    def gradient_(self, outputs: Tensor, at: int) -> None:
        """See :class:`PackLoss`."""
        rows, targets = self._rows[at], self._targets[at].unsqueeze(1)
        teacher = self._teachers[rows].transpose(1, 2)
        if self._classifies:
            self._losses[at] = self._classification(outputs, teacher, targets)
        else:
            self._losses[at] = self._regression(outputs, teacher, targets)

    def _classification(self, outputs: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        mixing, temperature, smoothing = self._mixing, self._temperature, self._smoothing
        soft = torch.log_softmax(outputs / temperature, 1)
        wanted = torch.log_softmax(teacher / temperature, 1)
        hard = torch.log_softmax(outputs, 1)
        answers = wanted.exp()
        divergence = (answers * (wanted - soft)).sum(1, keepdim=True)
        entropy = (smoothing - 1) * hard.gather(1, labels) - smoothing * hard.mean(1, keepdim=True)
        losses = mixing * temperature.square() * divergence + (1 - mixing) * entropy
        by_label = hard.exp_().sub_(smoothing / outputs.shape[1])
        by_label.scatter_add_(1, labels, (smoothing - 1).expand_as(labels))
        by_teacher = soft.exp_().sub_(answers).mul_(mixing * temperature)
        torch.addcmul(by_teacher, by_label, 1 - mixing, out=outputs)
        return losses.mean((1, 2))

    def _regression(self, outputs: Tensor, teacher: Tensor, targets: Tensor) -> Tensor:
        to_teacher, to_target = outputs - teacher, outputs - targets
        losses = self._mixing * to_teacher.square() + (1 - self._mixing) * to_target.square()
        torch.lerp(to_target, to_teacher, self._mixing, out=outputs)
        outputs.mul_(2)
        return losses.mean((1, 2))

    def _select(self, rows: Tensor) -> None:
        self._mixing = self._mixing.index_select(0, rows)
        self._temperature = self._temperature.index_select(0, rows)
        self._smoothing = self._smoothing.index_select(0, rows)
        self._starts = self._starts.index_select(0, rows)


def _end_to_end(jobs: Sequence[TrainJob], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the different teachers' outputs as one table, and where each job's begin in it."""
    start_of: dict[int, int] = {}
    tables: list[Tensor] = []
    n_rows = 0
    starts = []
    for job in jobs:
        assert job.teacher is not None
        if id(job.teacher) not in start_of:
            start_of[id(job.teacher)] = n_rows
            tables.append(job.teacher.to(device))
            n_rows += len(job.teacher)
        starts.append(start_of[id(job.teacher)])
    table = tables[0] if len(tables) == 1 else torch.cat(tables)
    return table, torch.tensor(starts, device=device)
