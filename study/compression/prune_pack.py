"""Prune many trained networks and fine-tune them together, by any trainer of packs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from study.compression.pruning import (
    FINE_TUNE_STAGE,
    diverged_parent,
    emptied_layers,
    magnitude_masks,
    tuning_settings,
)
from study.models.registry import Builder
from study.training.packing import TrainJob
from study.training.settings import TrainResult, TrainSettings
from study.training.tensors import TensorSplit


@dataclass(frozen=True, kw_only=True)
class PruneJob:
    """One parent and the ratio it is pruned to: the arguments of ``prune_and_tune``."""

    parent: TrainResult
    settings: TrainSettings
    """How the parent was trained."""
    data: TensorSplit
    ratio: float
    fine_tune_steps: int
    learning_rate_factor: float = 1.0


def prune_pack(
    jobs: Sequence[PruneJob],
    *,
    train: Callable[..., list[TrainResult]],
    custom_model: Builder | None = None,
) -> list[TrainResult]:
    """Return what ``prune_and_tune`` gives for each job, to float32 rounding, in their order."""
    results: list[TrainResult | None] = [None] * len(jobs)
    places, tunings, emptied = [], [], []
    for place, job in enumerate(jobs):
        if job.parent.model is None:
            results[place] = diverged_parent(job.parent)
            continue
        masks = magnitude_masks(job.parent.model, job.ratio)
        state = job.parent.model.state_dict()
        start = {
            # Not multiplied: a weight times zero may be a negative zero.
            name: value.masked_fill(masks[name] == 0, 0.0) if name in masks else value
            for name, value in state.items()
        }
        settings = tuning_settings(job.settings, job.fine_tune_steps, job.learning_rate_factor)
        tunings.append(
            TrainJob(
                settings=settings, data=job.data, masks=masks, start=start, stage=FINE_TUNE_STAGE
            )
        )
        places.append(place)
        emptied.append(emptied_layers(masks))
    trained = train(tunings, custom_model=custom_model) if tunings else []
    for place, result, names in zip(places, trained, emptied, strict=True):
        results[place] = dataclasses.replace(result, emptied_layers=names)
    return [result for result in results if result is not None]
