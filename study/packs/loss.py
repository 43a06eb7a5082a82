"""Training losses of many models and their gradients, by hand.

======== ==================================================================
Z        outputs, (M, C, B): models, classes (1 for regression), batch
t        outputs of each model's teacher, if it has one: the same shape
K        steps of a block
a, T     mixing and temperature of each model, (M, 1, 1)
======== ==================================================================

Losses are noted step by step and summed block by block. Cross-entropy with smoothing s:
loss = log sum exp Z - (1 - s) Z[target] - s mean(Z), and
dloss/dZ = softmax(Z) - (1 - s) [target] - s / C. Logits come multiplied by log2(e), so that exp2
serves, which is twice as fast on a CPU as exp; logarithms are left to the end of a block, where one
call does them for all steps.

With a teacher (see :mod:`study.training.distillation`):

    dloss/dZ = a T (softmax(Z / T) - softmax(t / T))
               + (1 - a) (softmax(Z) - (1 - s) [label] - s / C)          classification
    dloss/dZ = 2 (Z - a t - (1 - a) target)                              regression
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from study.packs.batches import Batches
from study.packs.slots import BLOCK_STEPS
from study.training.settings import TrainJob, TrainSettings

LOG2_E = math.log2(math.e)
LN_2 = math.log(2)


class PackLoss:
    """Training losses of many models, with their gradients by hand."""

    logit_scale = 1.0
    """The outputs must come multiplied by this."""

    def __init__(self, n_models: int, device: torch.device) -> None:
        self._device = device
        self._drained, self._begun = 0, False
        self._allocate(n_models)

    def _allocate(self, n_models: int) -> None:
        """Make room for the losses of a block."""
        self._losses = torch.empty(BLOCK_STEPS, n_models, device=self._device)
        self._carried = torch.zeros(n_models, dtype=torch.float64, device=self._device)

    def begin(self, targets: Tensor) -> None:
        """Start a block whose targets are (K, M, B); the one before has run to its end."""
        self._carried = self.drain(BLOCK_STEPS) if self._begun else self._carried
        self._begun, self._drained = True, 0
        self._aim(targets)

    def _aim(self, targets: Tensor) -> None:
        """Take the targets of a block."""
        self._targets = targets

    def gradient_(self, outputs: Tensor, at: int) -> None:
        """Note the loss of step ``at`` of the block; turn outputs into B x dloss/doutputs."""
        raise NotImplementedError

    def drain(self, until: int) -> Tensor:
        """Losses noted since the last drain, up to step ``until`` of this block: (M,), float64."""
        total = self._total(slice(self._drained, until)).add_(self._carried)
        self._drained = until
        self._carried.zero_()
        return total

    def _total(self, steps: slice) -> Tensor:
        """Sum of the losses of some steps of the block: (M,), float64."""
        return self._losses[steps].double().sum(0)

    def keep(self, rows: Tensor, targets: Tensor) -> None:
        """Drop all models but ``rows``, after a drain; ``targets`` is what is left of the block."""
        self._select(rows)
        self._allocate(len(rows))
        self._aim(targets)

    def _select(self, rows: Tensor) -> None:
        """Drop what else is told of all models but ``rows``."""


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


def pack_loss(jobs: Sequence[TrainJob], batches: Batches) -> PackLoss:
    """Return the loss of the jobs' task; ``batches`` is where their batches come from."""
    if jobs[0].teacher is not None:
        return DistillationLoss(jobs, batches)
    data, batch = jobs[0].data, jobs[0].batch_size
    if data.task == "classification":
        return CrossEntropy([job.settings for job in jobs], data.n_outputs, batch, data.device)
    return SquaredError(len(jobs), batch, data.device)


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
