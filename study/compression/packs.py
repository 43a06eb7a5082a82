"""Prune many trained networks and train what is left together, by any trainer of packs.

The ratios that one parent is pruned to by one iterative method lie on one path of levels, which is
walked once: ratio 0.488 passes through 0.36 whether or not 0.36 is asked for as well. All paths are
walked side by side, so that the same level of many replicates makes one pack.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from study.compression.pruning import (
    LEVEL_RATIO,
    diverged_parent,
    emptied_layers,
    first_weights,
    level_settings,
    level_stage,
    magnitude_masks,
    path_to,
)
from study.compression.structured import cut_out, unit_masks
from study.spec.routes import Method, Scope
from study.training.settings import TrainJob, TrainResult, TrainSettings
from study.training.tensors import TensorSplit


@dataclass(frozen=True, kw_only=True)
class PruneJob:
    """One parent and the ratio it is pruned to."""

    parent: TrainResult
    """The trained network; it is not changed. Rewinding weights needs its ``initial_state``."""
    settings: TrainSettings
    """How the parent was trained. The fine-tuning has the same batch size, regularisation and
    optimiser (its state fresh); rewinding trains with the settings as they are."""
    data: TensorSplit
    """The examples that the parent was trained on."""
    ratio: float
    """Fraction of the weights to remove, in [0, 1]."""
    fine_tune_steps: int
    """Optimiser steps of a level; 0 scores the network as pruned. Rewinding has its own."""
    learning_rate_factor: float = 1.0
    """Where the learning rate of the fine-tuning starts, times the parent's peak; it falls along
    half a cosine, without warm-up or early stopping. On digits (64-256-10, 80% of the weights
    pruned, 150 steps) factors of 0.1, 0.3 and 1 healed in that order."""
    method: Method = "one-shot"
    scope: Scope = "global"
    level_ratio: float = LEVEL_RATIO

    @property
    def path(self) -> tuple[float, ...]:
        """Ratios on the way."""
        return path_to(self.ratio, self.method, self.level_ratio)


@dataclass(frozen=True)
class _Node:
    """One network on a path: what came of it, and its masks."""

    result: TrainResult
    masks: Mapping[str, Tensor] | None


_Key = tuple[Any, ...]


def prune_pack(
    jobs: Sequence[PruneJob], *, train: Callable[[Sequence[TrainJob]], list[TrainResult]]
) -> list[TrainResult]:
    """Prune a copy of each parent and train what is left; one result a job, in their order.

    FLOPs and seconds are those of all levels, without the parent's, which all its ratios share;
    steps and curve are those of the last level. ``emptied_layers`` names weights that lost every
    value; such a network answers the same whatever it is asked, which is a valid, and telling,
    result. A diverged parent or level gives a diverged result.
    """
    reached: dict[_Key, _Node] = {}
    for job in jobs:
        reached[_key(job, 0)] = _Node(job.parent, None)
    for level in range(1, max((len(job.path) for job in jobs), default=0) + 1):
        wanted = {_key(job, level): job for job in jobs if len(job.path) >= level}
        reached |= _walk(wanted, level, reached, train)
    return [_finished(job, reached[_key(job, len(job.path))]) for job in jobs]


def _key(job: PruneJob, level: int) -> _Key:
    """Return what networks have in common that are one at a level."""
    how = (job.method, job.scope, job.settings, job.fine_tune_steps, job.learning_rate_factor)
    return (id(job.parent), id(job.data), *how, job.path[:level])


def _walk(
    wanted: Mapping[_Key, PruneJob],
    level: int,
    reached: Mapping[_Key, _Node],
    train: Callable[[Sequence[TrainJob]], list[TrainResult]],
) -> dict[_Key, _Node]:
    """Take every path one level further."""
    found: dict[_Key, _Node] = {}
    trainings: dict[_Key, TrainJob] = {}
    for key, job in wanted.items():
        before = reached[_key(job, level - 1)]
        if before.result.model is None:
            diverged = before.result if level > 1 else diverged_parent(before.result)
            found[key] = _Node(diverged, None)
        else:
            trainings[key] = _training(job, level, before)
    results = train(list(trainings.values())) if trainings else []
    for (key, training), result in zip(trainings.items(), results, strict=True):
        spent = reached[_key(wanted[key], level - 1)].result
        counts = level > 1  # the parent is shared by all its ratios
        result = dataclasses.replace(
            result,
            train_flops=result.train_flops + counts * spent.train_flops,
            wall_seconds=result.wall_seconds + counts * spent.wall_seconds,
            energy_joules=result.energy_joules + (spent.energy_joules if counts else 0.0),
        )
        found[key] = _Node(result, training.masks)
    return found


def _training(job: PruneJob, level: int, before: _Node) -> TrainJob:
    model = before.result.model
    assert model is not None
    ratio = job.path[level - 1]
    if job.method == "structured":
        masks = unit_masks(model, ratio, job.scope)
    else:
        masks = magnitude_masks(model, ratio, job.scope, before.masks)
    rewinds = job.method == "rewind-weights"
    state = first_weights(job.parent) if rewinds else model.state_dict()
    return TrainJob(
        settings=level_settings(
            job.settings, job.method, job.fine_tune_steps, job.learning_rate_factor
        ),
        data=job.data,
        masks=masks,
        start={
            # Not multiplied: a weight times zero may be a negative zero.
            name: value.masked_fill(masks[name] == 0, 0.0) if name in masks else value
            for name, value in state.items()
        },
        stage=level_stage(job.method, level),
    )


def _finished(job: PruneJob, node: _Node) -> TrainResult:
    """Return a job's result: with what is emptied, and the smaller network where it became so."""
    if node.masks is None or node.result.model is None:
        return node.result
    result = dataclasses.replace(node.result, emptied_layers=emptied_layers(node.masks))
    return (
        cut_out(result, node.masks, job.data.input_shape) if job.method == "structured" else result
    )
