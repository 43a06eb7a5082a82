"""What a study will take, before it starts: counts, model sizes, training FLOPs, time."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from study.plan.design import LONGER, Cell, cells, n_search, prune_methods, prune_ratios
from study.preflight.pace import Pace, measure_pace
from study.record import Value
from study.spec.routes import capacity_name
from study.spec.study_file import StudySpec
from study.trials.laboratory import Laboratory

TRACKING_SECONDS = 0.03
"""CPU time to log one trial in MLflow's SQLite, in the process that started the workers, and ..."""

STORING_SECONDS = 0.012
"""... to take it from the queue, measure its model and store its result, in its worker."""

START_SECONDS = 14.0
"""Starting the workers (imports of torch, optuna and mlflow) and the analysis at the end."""

CROWDING = 2.5
"""How much slower a training is while other workers train beside it, on cores that share caches,
memory and (virtual cores) arithmetic: the default study's trainings took 46 s of CPU with two
workers on two virtual cores, and 16 s by the pace of one alone."""

PROBED = 3
"""Capacities that are timed: the smallest, the largest, and one between them."""


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
    n_longer_trials: int
    """Replicates trained once more, twice as long."""
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
        return self.n_search_trials + self.n_replicate_trials + self.n_longer_trials


def forecast(spec: StudySpec, laboratory: Laboratory, workers: int) -> Forecast:
    """Lay out the design, measure every model, time packs of the smallest, a middle, the largest.

    Nothing is timed with a trainer of the user's own.
    """
    every = cells(spec)
    pruned_from_each = (len(prune_ratios(spec)) - 1) * len(prune_methods(spec))
    n_searches = sum(n_search(spec, cell) for cell in every)
    n_replicates = spec.replicates.total * sum(
        1 if cell.teacher else 1 + pruned_from_each for cell in every
    )
    longer = {cell.name: 0 if cell.teacher else spec.replicates.longer for cell in every}
    distinct = {capacity_name(cell.capacity): cell for cell in every}
    smallest = largest = None
    train_flops = seconds = None
    if laboratory.own_trainer is None:
        models = [_measure(laboratory, cell) for cell in distinct.values()]
        models.sort(key=lambda model: model.n_parameters)
        smallest, largest = models[0], models[-1]
        flops = {capacity_name(model.capacity): model.flops_per_example for model in models}
        pace_at = _paces(laboratory, models)
        train_flops, busy = 0.0, 0.0
        for cell in every:
            steps = spec.training.steps(cell.n_examples)
            batch = min(spec.training.batch_size, cell.n_examples)
            model_flops = flops[capacity_name(cell.capacity)]
            dense = n_search(spec, cell) + spec.replicates.total
            again = longer[cell.name]
            levels = [] if cell.teacher else tunings(spec, steps)
            taken = spec.replicates.total * sum(levels)
            train_flops += 3.0 * model_flops * batch * (steps * (dense + again * LONGER) + taken)
            pace = pace_at(model_flops)
            evaluations = min(spec.training.evaluations, steps)
            busy += dense * pace.seconds(steps, evaluations)
            busy += again * pace.seconds(steps * LONGER, evaluations)
            busy += spec.replicates.total * sum(
                pace.seconds(tuning, evaluations * tuning / steps) for tuning in levels
            )
        n_trials = n_searches + n_replicates + sum(longer.values())
        busy *= CROWDING if workers > 1 else 1.0
        seconds = START_SECONDS + _wall(busy + n_trials * STORING_SECONDS, n_trials, workers)
    return Forecast(
        n_sizes=len(spec.sizes),
        n_capacities=len(distinct),
        n_cells=len(every),
        n_search_trials=n_searches,
        n_replicate_trials=n_replicates,
        n_longer_trials=sum(longer.values()),
        smallest=smallest,
        largest=largest,
        train_flops=train_flops,
        seconds=seconds,
        workers=workers,
    )


def tunings(spec: StudySpec, steps: int) -> list[int]:
    """Return the steps of every training that follows a cut, of all that is pruned from one parent.

    ``steps`` are those of the parent's training. Ratios on one path of levels share it.
    """
    from study.compression.pruning import level_steps, path_to

    found: list[int] = []
    for method in spec.pruning.methods:
        paths = [
            path_to(ratio, method, spec.pruning.level_ratio)
            for ratio in prune_ratios(spec)
            if ratio > 0
        ]
        levels = {path[:end] for path in paths for end in range(1, len(path) + 1)}
        each = level_steps(method, steps, round(steps * spec.pruning.fine_tune_fraction))
        found += [each] * (len(levels) * len(spec.pruning.scopes))
    return [each for each in found if each]


def _measure(laboratory: Laboratory, cell: Cell) -> ModelForecast:
    from study.models.sizes import measure

    sizes = measure(laboratory.build(cell.capacity), laboratory.dataset.input_shape)
    return ModelForecast(
        capacity=cell.capacity,
        n_parameters=sizes.n_parameters,
        flops_per_example=sizes.flops_per_example,
    )


def _paces(laboratory: Laboratory, models: Sequence[ModelForecast]) -> Callable[[float], Pace]:
    """Time some of the models (smallest first); return the pace by FLOPs, straight in between."""
    places = np.linspace(0, len(models) - 1, PROBED).round().astype(int)
    probed = [models[place] for place in dict.fromkeys(places.tolist())]
    paces = [measure_pace(laboratory, model.capacity) for model in probed]
    flops = [float(model.flops_per_example) for model in probed]

    def at(model_flops: float) -> Pace:
        parts = zip(*map(astuple, paces), strict=True)
        return Pace(*(float(np.interp(model_flops, flops, part)) for part in parts))

    return at


def _wall(busy: float, n_trials: int, workers: int) -> float:
    """Return the wall time of ``busy`` seconds of workers, and of the log of all their trials.

    The log is written beside the training, by one process: with few cores it takes its share of
    them, with many workers it is what all wait for.
    """
    logging = n_trials * TRACKING_SECONDS
    cores = min(os.cpu_count() or 1, workers + 1)
    return max(busy / workers, (busy + logging) / cores, logging)
