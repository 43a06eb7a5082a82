"""Global magnitude pruning of a trained network, and the short training that heals it.

The rule: of all weights of the network (:func:`study.models.weights.weights_of`: matrices and
kernels; never biases, normalisation, embeddings), the n_pruned of least absolute value go,
wherever they stand,

    n_pruned = round(prune_ratio x n_weights)      to the nearest integer, halves to the even one.

Of equal magnitudes, the weight that comes first goes first: in the order of the network's
parameters, and within one in C order. That is exactly n_pruned weights, always. Pruned weights
are set to zero and stay exactly zero while the rest is trained on.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from study.errors import PayoffError
from study.models.weights import weights_of
from study.training.evaluation import no_scores
from study.training.reference import train_model
from study.training.settings import TrainResult, TrainSettings
from study.training.tensors import TensorSplit

FINE_TUNE_STAGE = 1
"""Which random streams the fine-tuning reads: never those of the training before it."""


def n_pruned(n_weights: int, ratio: float) -> int:
    """How many of ``n_weights`` weights a prune ratio in [0, 1] removes.

    Examples
    --------
    >>> n_pruned(266_200, 0.9), n_pruned(5, 0.5), n_pruned(7, 0.5)
    (239580, 2, 4)
    """
    return round(ratio * n_weights)


@torch.no_grad()
def magnitude_masks(model: nn.Module, ratio: float) -> dict[str, Tensor]:
    """Masks, one where a weight stays and zero where it goes, by the rule above.

    Parameters
    ----------
    model
        A trained network; it is not changed.
    ratio
        Fraction of the weights to remove, in [0, 1].

    Returns
    -------
    dict of str to Tensor
        Per name of a weight, a tensor of its shape, type and device.
    """
    if not 0 <= ratio <= 1:
        raise PayoffError(f"prune_ratio: must be between 0 and 1, got {ratio}; change it")
    weights = weights_of(model)
    if not weights:
        return {}
    magnitudes = torch.cat([weight.detach().abs().flatten() for weight in weights.values()])
    ascending = torch.argsort(magnitudes, stable=True)
    keep = torch.ones_like(magnitudes)
    keep[ascending[: n_pruned(len(magnitudes), ratio)]] = 0
    pieces = torch.split(keep, [weight.numel() for weight in weights.values()])
    return {
        name: piece.view(weight.shape).to(weight.dtype)
        for (name, weight), piece in zip(weights.items(), pieces, strict=True)
    }


@torch.no_grad()
def apply_masks(model: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Set the masked weights of ``model`` to zero, in place."""
    for name, mask in masks.items():
        # Not multiplied: a weight times zero may be a negative zero.
        model.get_parameter(name).masked_fill_(mask == 0, 0.0)


def emptied_layers(masks: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Names of the weights of which nothing is left."""
    return tuple(name for name, mask in masks.items() if not bool(mask.any()))


def prune_and_tune(
    parent: TrainResult,
    settings: TrainSettings,
    data: TensorSplit,
    *,
    ratio: float,
    fine_tune_steps: int,
    learning_rate_factor: float = 1.0,
) -> TrainResult:
    """Prune a copy of a trained network and train what is left for a few steps.

    Parameters
    ----------
    parent
        The trained network; it is not changed, so that any number of ratios may start from it.
    settings
        How the parent was trained. The fine-tuning has the same batch size, regularisation and
        optimiser (its state fresh), and a learning rate that falls from ``learning_rate_factor``
        times the parent's peak along half a cosine, without warm-up or early stopping.
    data
        The same examples that the parent was trained on.
    ratio
        Fraction of the weights to remove, in [0, 1].
    fine_tune_steps
        Optimiser steps; 0 scores the network as pruned.
    learning_rate_factor
        See ``settings``. The default starts at the parent's own peak: on digits (64-256-10, 80% of
        the weights pruned, 150 steps) factors of 0.1, 0.3 and 1 healed in that order.

    Returns
    -------
    TrainResult
        Steps, FLOPs and seconds are of the fine-tuning alone: the parent's are shared by all its
        ratios. ``emptied_layers`` names weights that lost every value; such a network answers the
        same whatever it is asked, which is a valid, and telling, result. A diverged parent gives a
        diverged result.

    References
    ----------
    Han et al. 2015, section 3 (prune by magnitude, then retrain); Renda et al. 2020 (retraining at
    the learning rates of training beats a small constant one).
    """
    if parent.model is None:
        return diverged_parent(parent)
    masks = magnitude_masks(parent.model, ratio)
    model = copy.deepcopy(parent.model)
    apply_masks(model, masks)
    tuning = tuning_settings(settings, fine_tune_steps, learning_rate_factor)
    result = train_model(model, tuning, data, masks=masks, stage=FINE_TUNE_STAGE)
    return dataclasses.replace(result, emptied_layers=emptied_layers(masks))


def tuning_settings(
    settings: TrainSettings, fine_tune_steps: int, learning_rate_factor: float
) -> TrainSettings:
    """Return the settings of a fine-tuning, from those of its parent's training."""
    return dataclasses.replace(
        settings,
        steps=fine_tune_steps,
        learning_rate=settings.learning_rate * learning_rate_factor,
        schedule="cosine",
        warmup_fraction=0.0,
        patience=0,
    )


def diverged_parent(parent: TrainResult) -> TrainResult:
    """Return the result of pruning a network whose training diverged."""
    return TrainResult(
        status="diverged",
        reason=f"the network to prune had diverged: {parent.reason}",
        scores=no_scores(),
        curve=(),
        steps_done=0,
        best_step=0,
        stopped_early=False,
        still_improving=False,
        train_flops=0.0,
        wall_seconds=0.0,
        model=None,
    )
