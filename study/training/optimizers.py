"""The optimisers, and what decay and L1 act on: weights only, never biases or normalisation."""

from __future__ import annotations

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
        added = added + settings.l1 * l1_norm(weights)
    if settings.l2:
        squares = torch.stack([weight.square().sum() for weight in weights]).sum()
        added = added + 0.5 * settings.l2 * squares
    return added


def l1_norm(weights: Sequence[Tensor]) -> Tensor:
    """Sum of the absolute values of all weights."""
    return torch.stack([weight.abs().sum() for weight in weights]).sum()
