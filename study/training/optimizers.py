"""The optimisers, their learning rates, and penalties.

What decay, L1 and L2 act on: weights only, never biases or normalisation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from study.models.weights import weights_of
from study.training.settings import TrainSettings


def make_optimizer(model: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW (betas 0.9 and 0.999, eps 1e-8) or SGD with momentum, in torch's fused form.

    The learning rate is set anew before each step by the caller.
    """
    weights = list(weights_of(model).values())
    chosen = {id(weight) for weight in weights}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in chosen]
    groups = [
        {"params": [w for w in weights if w.requires_grad], "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    rate = settings.learning_rate
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum, fused=True)
    return torch.optim.AdamW(groups, lr=rate, fused=True)


def penalty(weights: Sequence[Tensor], settings: TrainSettings) -> Tensor | float:
    """What L1 and L2 add to the loss: l1 sum |w| + l2 / 2 sum w^2."""
    added: Tensor | float = 0.0
    if settings.l1:
        added = added + settings.l1 * torch.stack([w.abs().sum() for w in weights]).sum()
    if settings.l2:
        squares = torch.stack([w.square().sum() for w in weights]).sum()
        added = added + 0.5 * settings.l2 * squares
    return added


def learning_rates(settings: TrainSettings) -> tuple[float, ...]:
    """Learning rate of each step: a linear warm-up, then constant or a half cosine to zero.

    With w = round(warmup_fraction x steps) steps of warm-up, step s (from 0) takes the fraction
    (s + 1) / (w + 1) of the peak while s < w. After that a constant schedule stays at the peak, and
    a cosine one takes (1 + cos(pi (s - w) / (steps - w))) / 2 of it, which starts at the peak
    itself and would reach zero one step after the last (Loshchilov and Hutter 2017, eq. 5, with
    one period and a minimum of zero).
    """
    peak, steps = settings.learning_rate, settings.steps
    warmup = round(settings.warmup_fraction * steps)
    rising = [peak * (s + 1) / (warmup + 1) for s in range(min(warmup, steps))]
    rest = steps - len(rising)
    if settings.schedule == "constant":
        return tuple(rising + [peak] * rest)
    falling = [peak * (1 + math.cos(math.pi * s / rest)) / 2 for s in range(rest)]
    return tuple(rising + falling)
