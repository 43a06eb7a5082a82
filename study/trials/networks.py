"""From a trained network to its record: its scores, its sizes and what it took to make it."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from study.record import TrialRecord, Value, finite, pack_bits
from study.trials.costs import measured, price
from study.trials.task import Task, failed

if TYPE_CHECKING:
    from torch import nn

    from study.training.settings import TrainResult
    from study.trials.laboratory import Laboratory

SCORES = ("train_error", "train_loss", "val_error", "val_loss", "test_error", "test_loss")

CURVES = ("train_loss", "val_loss", "val_error")
"""What a record keeps of each evaluation."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """What came of one trial: a trained network, or a training that diverged."""

    task: Task
    result: TrainResult
    parent: TrainResult | None = None
    """The dense network that it was pruned from."""

    @property
    def model(self) -> nn.Module:
        """The network, where the training did not diverge."""
        assert self.result.model is not None
        return self.result.model


def network_record(laboratory: Laboratory, network: Network, started: float) -> TrialRecord:
    """Return the record of a trial that was trained, from ``started`` on at the earliest."""
    task, result, scores = network.task, network.result, network.result.scores
    found: dict[str, Value] = {}
    if result.model is not None:
        found |= measured(laboratory, network)
    if task.teacher is not None:
        size = task.teacher.sizes.get("n_parameters", math.nan)
        own_size = found.get("n_parameters", 0.0)
        found |= {"teacher_size": size, "teacher_smaller": size < float(own_size)}
    return dataclasses.replace(
        failed(laboratory.spec, task, result.reason, worker=laboratory.worker),
        started_at=max(started, time.time() - result.wall_seconds),  # its share of its pack's time
        status=result.status,
        metrics=finite(
            {
                **{name: getattr(scores, name) for name in SCORES},
                "train_flops": result.train_flops,
                "steps": result.steps_done,
                "best_step": result.best_step,
                "train_seconds": result.wall_seconds,
                **price(network),
            }
        ),
        flags={
            "stopped_early": result.stopped_early,
            "still_improving": result.still_improving,
            "layer_emptied": bool(result.emptied_layers),
        },
        curve={name: _curve(result, name) for name in CURVES},
        test_correct=pack_bits(scores.test_correct) if result.model is not None else "",
        n_test=laboratory.dataset.n_test_at(task.slot.cell.n_examples),
        n_test_pool=laboratory.dataset.n_test_pool,
        data_digest=laboratory.dataset.digest,
        teacher="" if task.teacher is None else task.teacher.slot.name,
    ).holding(found, numbers_in="sizes")


def _curve(result: TrainResult, name: str) -> tuple[tuple[int, float], ...]:
    points = ((point.step, float(getattr(point, name))) for point in result.curve)
    return tuple((step, value) for step, value in points if math.isfinite(value))
