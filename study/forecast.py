"""What a study will take, before it starts: counts, model sizes, training FLOPs, time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from study.design import Cell, cells, n_search, prune_ratios
from study.record import Value

if TYPE_CHECKING:
    from study.spec import StudySpec
    from study.trial import Laboratory

TRACKING_SECONDS = 0.05
"""CPU time to store and log one trial (Optuna's journal, MLflow's SQLite)."""

START_SECONDS = 8.0
"""Starting the workers (imports of torch, optuna and mlflow) and drawing the figures at the end."""

PROBE_STEPS = 30


@dataclass(frozen=True, kw_only=True)
class ModelForecast:
    """One model of the design."""

    capacity: Mapping[str, Value]
    n_parameters: int
    flops_per_example: int


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Every number that follows from a study file."""

    n_sizes: int
    n_capacities: int
    n_cells: int
    n_search_trials: int
    n_replicate_trials: int
    """Dense replicates and what is pruned from them."""
    smallest: ModelForecast | None
    """None with a trainer of the user's own, whose models can't be seen beforehand."""
    largest: ModelForecast | None
    train_flops: float | None
    seconds: float | None
    """Wall time with the workers of the study file."""
    workers: int

    @property
    def n_trials(self) -> int:
        """All trials: the number that will stand in Optuna and in MLflow."""
        return self.n_search_trials + self.n_replicate_trials


def forecast(spec: StudySpec, laboratory: Laboratory, workers: int) -> Forecast:
    """Lay out the design, measure the smallest and largest model, time both for some steps."""
    every = cells(spec)
    ratios = prune_ratios(spec)
    n_replicates = len(every) * spec.replicates.total
    smallest = largest = None
    train_flops = seconds = None
    if laboratory.own_trainer is None:
        capacities = _distinct(every)
        models = [_measure(laboratory, cell) for cell in capacities]
        models.sort(key=lambda model: model.n_parameters)
        smallest, largest = models[0], models[-1]
        flops = {_key(model.capacity): model.flops_per_example for model in models}
        constant, slope = _time_per_step(laboratory, smallest, largest)
        train_flops, busy = 0.0, 0.0
        for cell in every:
            steps = spec.training.steps(cell.n_examples)
            batch = min(spec.training.batch_size, cell.n_examples)
            step_flops = 3.0 * flops[_key(cell.capacity)] * batch
            dense = n_search(spec) + spec.replicates.total
            tuned = spec.replicates.total * (len(ratios) - 1) * spec.pruning.fine_tune_fraction
            train_flops += step_flops * steps * (dense + tuned)
            busy += (constant + slope * step_flops) * steps * (dense + tuned)
        n_trials = n_search(spec) * len(every) + n_replicates * len(ratios)
        seconds = START_SECONDS + (busy + n_trials * TRACKING_SECONDS) / workers
    return Forecast(
        n_sizes=len(spec.sizes),
        n_capacities=len(every) // len(spec.sizes),
        n_cells=len(every),
        n_search_trials=n_search(spec) * len(every),
        n_replicate_trials=n_replicates * len(ratios),
        smallest=smallest,
        largest=largest,
        train_flops=train_flops,
        seconds=seconds,
        workers=workers,
    )


def _key(capacity: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    return tuple(capacity.items())


def _distinct(every: tuple[Cell, ...]) -> list[Cell]:
    return list({_key(cell.capacity): cell for cell in every}.values())


def _measure(laboratory: Laboratory, cell: Cell) -> ModelForecast:
    from study.measure import measure

    sizes = measure(laboratory.build(cell.capacity), laboratory.dataset.input_shape)
    return ModelForecast(
        capacity=cell.capacity,
        n_parameters=sizes.n_parameters,
        flops_per_example=sizes.flops_per_example,
    )


def _time_per_step(
    laboratory: Laboratory, smallest: ModelForecast, largest: ModelForecast
) -> tuple[float, float]:
    """Return (seconds, seconds per FLOP) of one training step, from two short trainings."""
    spec = laboratory.spec
    n_examples = spec.sizes[-1]
    batch = min(spec.training.batch_size, n_examples)
    points = []
    for model in (smallest, largest):
        began = time.perf_counter()
        laboratory.probe(model.capacity, n_examples, PROBE_STEPS)
        elapsed = (time.perf_counter() - began) / PROBE_STEPS
        points.append((3.0 * model.flops_per_example * batch, elapsed))
    (low, fast), (high, slow) = points
    slope = max(slow - fast, 0.0) / (high - low) if high > low else 0.0
    return max(fast - slope * low, 0.0), slope
