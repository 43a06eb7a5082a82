"""Pruning one network alone, by the plain trainer: what pruning in packs must agree with."""

from __future__ import annotations

import copy
import dataclasses

from study.compression.pruning import (
    LEVEL_RATIO,
    apply_masks,
    diverged_parent,
    emptied_layers,
    first_weights,
    level_settings,
    level_stage,
    magnitude_masks,
    path_to,
)
from study.spec.routes import Method, Scope
from study.training.reference import train_model
from study.training.settings import TrainJob, TrainResult, TrainSettings
from study.training.tensors import TensorSplit


def prune_and_tune(
    parent: TrainResult,
    settings: TrainSettings,
    data: TensorSplit,
    *,
    ratio: float,
    fine_tune_steps: int,
    learning_rate_factor: float = 1.0,
    method: Method = "one-shot",
    scope: Scope = "global",
    level_ratio: float = LEVEL_RATIO,
) -> TrainResult:
    """Prune a copy of a trained network and train what is left; level by level if so asked."""
    result, masks = parent, None
    flops = seconds = 0.0
    for level, passed in enumerate(path_to(ratio, method, level_ratio), start=1):
        if result.model is None:
            return diverged_parent(result)
        masks = magnitude_masks(result.model, passed, scope, masks)
        model = copy.deepcopy(result.model)
        if method == "rewind-weights":
            model.load_state_dict(dict(first_weights(parent)))
        apply_masks(model, masks)
        tuning = level_settings(settings, method, fine_tune_steps, learning_rate_factor)
        stage = level_stage(method, level)
        result = train_model(model, TrainJob(settings=tuning, data=data, masks=masks, stage=stage))
        flops, seconds = flops + result.train_flops, seconds + result.wall_seconds
    return dataclasses.replace(
        result, emptied_layers=emptied_layers(masks or {}), train_flops=flops, wall_seconds=seconds
    )
