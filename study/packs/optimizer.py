"""AdamW and SGD on stacked parameters, each model with its own rates.

Torch's optimisers take one learning rate for all. Here the fused AdamW kernel works on a buffer of
updates, with a learning rate and a decay of 1: decay wipes the last update, and the kernel leaves
-m / (sqrt(v) + eps), bias-corrected, in its place. The update then reaches each model times its own
learning rate. One fused pass and one multiply-add, whatever the number of models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from study.packs.parameters import Stack
from study.training.optimizers import learning_rates
from study.training.settings import TrainSettings

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class Rates:
    """What each model's optimiser is told at each step, as rows of tables on the device."""

    def __init__(self, settings: Sequence[TrainSettings], device: torch.device) -> None:
        steps = max(s.steps for s in settings)
        table = torch.zeros(steps, len(settings), dtype=torch.float64)
        shapes: dict[Hashable, Tensor] = {}  # of a peak of 1
        for column, each in enumerate(settings):
            key = (each.steps, each.warmup_fraction, each.schedule)
            if key not in shapes:
                rates = learning_rates(dataclasses.replace(each, learning_rate=1.0))
                shapes[key] = torch.tensor(rates, dtype=torch.float64)
            table[: each.steps, column] = shapes[key] * each.learning_rate

        def per_model(values: list[float]) -> Tensor | None:
            return torch.tensor(values, device=device).unsqueeze(1) if any(values) else None

        decay = torch.tensor([s.weight_decay for s in settings], dtype=torch.float64)
        self.kept = (1 - table * decay).float().unsqueeze(2).to(device) if any(decay) else None
        """1 - learning rate x weight decay: (steps, models, 1), or None without decay."""
        self.rate = table.float().unsqueeze(2).to(device)
        """(steps, models, 1)."""
        self.weight_decay = per_model([s.weight_decay for s in settings])
        self.l1 = per_model([s.l1 for s in settings])
        self.l2 = per_model([s.l2 for s in settings])
        self.momentum = torch.tensor([s.momentum for s in settings], device=device).unsqueeze(1)

    def keep(self, rows: Tensor) -> None:
        """Drop all models but ``rows``."""
        self.rate = self.rate.index_select(1, rows)
        self.momentum = self.momentum.index_select(0, rows)
        if self.kept is not None:
            self.kept = self.kept.index_select(1, rows)
        if self.weight_decay is not None:
            self.weight_decay = self.weight_decay.index_select(0, rows)
        if self.l1 is not None:
            self.l1 = self.l1.index_select(0, rows)
        if self.l2 is not None:
            self.l2 = self.l2.index_select(0, rows)


class PackOptimizer:
    """Steps all models at once; ``gradients`` is what the program writes before each step."""

    def __init__(
        self,
        parameters: Stack,
        settings: Sequence[TrainSettings],
        masks: Stack | None,
    ) -> None:
        self.adam = settings[0].optimizer == "adamw"
        self.masks = masks
        self.rates = Rates(settings, parameters.flat.device)
        n, layout, device = parameters.n_models, parameters.layout, parameters.flat.device
        self.gradients = Stack(layout, n, device)
        self.moments = [Stack(layout, n, device) for _ in range(3 if self.adam else 1)]
        self.count = torch.zeros((), device=device)
        self._bind(parameters)

    def _bind(self, parameters: Stack) -> None:
        self.parameters = parameters
        self._weights = parameters.weights
        self._rows = parameters.rows
        self._update_rows = self.moments[-1].rows
        self._gradient_weights = self.gradients.weights

    def keep(self, parameters: Stack, rows: Tensor) -> None:
        """Drop all models but ``rows``; ``parameters`` is what is left of them."""
        self.rates.keep(rows)
        self.masks = None if self.masks is None else self.masks.select(rows)
        self.gradients = Stack(parameters.layout, len(rows), parameters.flat.device)
        self.moments = [moment.select(rows) for moment in self.moments]
        self._bind(parameters)

    def step(self, step: int) -> None:
        """Take the step of index ``step``, from 0."""
        rates, gradients = self.rates, self.gradients
        if rates.l1 is not None:
            for gradient, weight in zip(self._gradient_weights, self._weights, strict=True):
                gradient.addcmul_(torch.sgn(weight), rates.l1)
        if rates.l2 is not None:
            for gradient, weight in zip(self._gradient_weights, self._weights, strict=True):
                gradient.addcmul_(weight, rates.l2)
        rate = rates.rate[step]
        if self.adam:
            first, second, update = self.moments
            self.count += 1
            torch._fused_adamw_(
                [update.flat],
                [gradients.flat],
                [first.flat],
                [second.flat],
                [],
                [self.count],
                lr=1.0,
                beta1=BETA1,
                beta2=BETA2,
                weight_decay=1.0,
                eps=EPS,
                amsgrad=False,
                maximize=False,
            )
            if rates.kept is not None:
                kept = rates.kept[step]
                for weight in self._weights:
                    weight.mul_(kept)
            for row, change in zip(self._rows, self._update_rows, strict=True):
                row.addcmul_(change, rate)
        else:
            if rates.weight_decay is not None:
                for gradient, weight in zip(self._gradient_weights, self._weights, strict=True):
                    gradient.addcmul_(weight, rates.weight_decay)
            for buffer, gradient in zip(self._update_rows, gradients.rows, strict=True):
                buffer.mul_(rates.momentum).add_(gradient)
            for row, buffer in zip(self._rows, self._update_rows, strict=True):
                row.addcmul_(buffer, rate, value=-1)
        if self.masks is not None:
            self.parameters.flat.mul_(self.masks.flat)
