"""Magnitude pruning of a trained network, in one cut or level after level.

The rule: of all weights of the network (:func:`study.models.weights.weights_of`: matrices and
kernels; never biases, normalisation, embeddings), the n_pruned of least absolute value go,
wherever they stand,

    n_pruned = round(prune_ratio x n_weights)      to the nearest integer, halves to the even one.

Of equal magnitudes, the weight that comes first goes first: in the order of the network's
parameters, and within one in C order. That is exactly n_pruned weights, always. Pruned weights
are set to zero and stay exactly zero while the rest is trained on. Layer by layer the same rule
holds for the weights of each layer.

The iterative methods come to a ratio over *levels* (:func:`levels_to`), each of which removes the
same share of the weights that are left, and train after each:

=============== ===================================================================
one-shot        one cut; fine-tuning
untuned         one cut; nothing
iterative       each level: cut, fine-tuning
rewind-weights  each level: cut, back to the weights of before the first step, the
                whole training again with the same batches (Frankle and Carbin 2019)
rewind-rate     each level: cut, the whole training again, its learning rates
                included, from the trained weights (Renda et al. 2020: retraining at
                those beats a small constant one)
=============== ===================================================================
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from search_spaces.errors import PayoffError
from study.compression.counts import n_pruned
from study.models.weights import weights_of
from study.spec.routes import Method, Scope
from study.training.evaluation import no_scores
from study.training.settings import TrainResult, TrainSettings

FINE_TUNE_STAGE = 1
"""Which random streams the fine-tuning reads: never those of the training before it. Further levels
read the next."""

LEVEL_RATIO = 0.2
"""Share of the remaining weights that a level removes (Frankle and Carbin 2019, section 2)."""

ONE_CUT = ("one-shot", "untuned", "structured")
"""Methods that need no levels."""

REWINDING = ("rewind-weights", "rewind-rate")
"""Methods whose levels are whole trainings."""

SAME_RATIO = 1e-9
"""Ratios this close are one."""


def levels_to(ratio: float, level_ratio: float = LEVEL_RATIO) -> tuple[float, ...]:
    """Prune ratios after each level on the way to ``ratio``, which is the last of them.

    Level k leaves (1 - level_ratio)^k of the weights, to the nearest whole one whatever the level:
    roundings do not add up. The last level is smaller where the ratio lies between two.

    Examples
    --------
    >>> [round(level, 3) for level in levels_to(0.6)]
    [0.2, 0.36, 0.488, 0.59, 0.6]
    """
    levels: list[float] = []
    left = 1 - level_ratio
    while 1 - left < ratio - SAME_RATIO:
        levels.append(round(1 - left, 12))  # 0.2 and not 0.19999999999999996
        left *= 1 - level_ratio
    return (*levels, ratio)


def path_to(ratio: float, method: Method, level_ratio: float = LEVEL_RATIO) -> tuple[float, ...]:
    """Prune ratios that a method passes through on its way to ``ratio``."""
    return (ratio,) if method in ONE_CUT else levels_to(ratio, level_ratio)


@torch.no_grad()
def magnitude_masks(
    model: nn.Module,
    ratio: float,
    scope: Scope = "global",
    within: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Masks, one where a weight stays and zero where it goes, by the rule above.

    The rule is for all weights together, or for those of each layer. ``within`` are masks of the
    levels before: what is gone goes first, so that it stays gone.
    """
    if not 0 <= ratio <= 1:
        raise PayoffError(f"prune_ratio: must be between 0 and 1, got {ratio}; change it")
    weights = weights_of(model)
    if not weights:
        return {}
    magnitudes = {name: weight.detach().abs() for name, weight in weights.items()}
    for name, mask in (within or {}).items():
        magnitudes[name] = magnitudes[name].masked_fill(mask == 0, -1.0)
    flat = [magnitude.flatten() for magnitude in magnitudes.values()]
    if scope == "global":
        together = _keep(torch.cat(flat), ratio)
        pieces = list(torch.split(together, [len(each) for each in flat]))
    else:
        pieces = [_keep(each, ratio) for each in flat]
    return {
        name: piece.view(weight.shape).to(weight.dtype)
        for (name, weight), piece in zip(weights.items(), pieces, strict=True)
    }


def _keep(magnitudes: Tensor, ratio: float) -> Tensor:
    """Return one where a weight stays, zero for the least."""
    ascending = torch.argsort(magnitudes, stable=True)
    keep = torch.ones_like(magnitudes)
    keep[ascending[: n_pruned(len(magnitudes), ratio)]] = 0
    return keep


@torch.no_grad()
def apply_masks(model: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Set the masked weights of ``model`` to zero, in place."""
    for name, mask in masks.items():
        # Not multiplied: a weight times zero may be a negative zero.
        model.get_parameter(name).masked_fill_(mask == 0, 0.0)


def emptied_layers(masks: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Names of the weights of which nothing is left."""
    return tuple(name for name, mask in masks.items() if mask.ndim > 1 and not bool(mask.any()))


def first_weights(parent: TrainResult) -> Mapping[str, Tensor]:
    """Return the weights from before the parent's first step."""
    if parent.initial_state is None:
        raise ValueError("rewinding needs the initial weights; train with keep_initial")
    return parent.initial_state


def level_settings(
    settings: TrainSettings, method: Method, fine_tune_steps: int, learning_rate_factor: float
) -> TrainSettings:
    """Return the settings of the training after one cut, from those of the parent's training."""
    if method in REWINDING:
        return settings
    return dataclasses.replace(
        settings,
        steps=level_steps(method, settings.steps, fine_tune_steps),
        learning_rate=settings.learning_rate * learning_rate_factor,
        schedule="cosine",
        warmup_fraction=0.0,
        patience=0,
    )


def level_steps(method: Method, steps: int, fine_tune_steps: int) -> int:
    """Return the steps of the training after one cut; ``steps`` are those of the first training."""
    if method in REWINDING:
        return steps
    return 0 if method == "untuned" else fine_tune_steps


def level_stage(method: Method, level: int) -> int:
    """Return which random streams a level (from 1) reads: rewound weights see the first again."""
    return 0 if method == "rewind-weights" else FINE_TUNE_STAGE + level - 1


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
