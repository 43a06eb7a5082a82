"""Train many networks at once, each as if it were alone.

:func:`train_pack` takes any trainings, forms packs of those that one program can train together,
and falls back to the reference trainer for those that none can. What comes out for a training
depends on its own settings, data and seed, to float32 rounding, and never on its packmates.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial

import torch

from study.models.family import Builder
from study.packs.functional import NotBatchable, signature
from study.packs.packing import form_packs
from study.packs.trainer import MappedTrainer, Probed, Trainer
from study.packs.written import WRITTEN
from study.training.reference import initial_model, train
from study.training.settings import TrainJob, TrainResult
from study.training.tensors import TensorSplit

log = logging.getLogger(__name__)


def train_pack(
    jobs: Sequence[TrainJob],
    *,
    device: torch.device | str | None = None,
    custom_model: Builder | None = None,
    memory_budget: int | None = None,
    compiled: bool = True,
    probed: Probed | None = None,
) -> list[TrainResult]:
    """Train every job, those that fit together as one batched program; results in their order.

    Jobs of one family, depth, optimiser, batch size and shape of data share a program; all else may
    differ between them. Each result is what :func:`study.training.reference.train` gives, to
    float32 rounding; ``wall_seconds`` is the job's share of its pack's time. The memory budget is
    in bytes, besides the data and the results; one network is trained whatever it needs. ``probed``
    holds pack sizes that earlier calls found, to be handed on from call to call.
    """
    if device is not None:
        moved: dict[int, TensorSplit] = {id(job.data): job.data.to(device) for job in jobs}
        jobs = [dataclasses.replace(job, data=moved[id(job.data)]) for job in jobs]
    together = partial(
        _train_together,
        by_hand=partial(Trainer, memory_budget=memory_budget, compiled=compiled, probed=probed),
        mapped=partial(MappedTrainer, memory_budget=memory_budget, probed=probed),
        custom_model=custom_model,
    )
    return _each(jobs, form_packs(jobs), together)


def _each(
    jobs: Sequence[TrainJob],
    packs: Iterable[Sequence[int]],
    together: Callable[[Sequence[TrainJob]], Iterable[TrainResult]],
) -> list[TrainResult]:
    """Train pack after pack; return the results in the order of the jobs."""
    results: dict[int, TrainResult] = {}
    for places in packs:
        results.update(zip(places, together([jobs[place] for place in places]), strict=True))
    return [results[place] for place in range(len(jobs))]


def _train_together(
    jobs: Sequence[TrainJob],
    by_hand: Callable[..., Trainer],
    mapped: Callable[..., Trainer],
    custom_model: Builder | None,
) -> Iterable[TrainResult]:
    """Train the jobs of one pack by the fastest trainer that can."""
    family = jobs[0].settings.family
    why = ""
    if jobs[0].settings.steps == 0:
        why = "there is nothing to train"
    elif family in WRITTEN:
        try:
            return list(by_hand(jobs).run())
        except NotBatchable as reason:
            why = str(reason)
    elif len(jobs) == 1:
        why = "there is but one"
    else:
        kinds: dict[Hashable, list[int]] = {}
        for place, job in enumerate(jobs):
            kinds.setdefault(signature(initial_model(job, custom_model)), []).append(place)
        if len(kinds) > 1:
            return _each(
                jobs,
                kinds.values(),
                partial(_train_together, by_hand=by_hand, mapped=mapped, custom_model=custom_model),
            )
        try:
            return list(mapped(jobs, custom_model=custom_model).run())
        except NotBatchable as reason:
            why = str(reason)
    log.info("%d %s trainings by the reference trainer: %s", len(jobs), family, why)
    return (train(job, custom_model) for job in jobs)
