"""The front of error against each cost, with the probability that a model lies on it.

A model is on the front when none is better in one of the two and no worse in the other; models of
equal cost and error share their place. Errors are known up to the
luck of seeds, subset draws and test examples; the front is drawn anew on every resample of them
(paired: all models share draws and test examples), and of costs that were measured with scatter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.curves.curve import Curve, build_curves
from analysis.curves.noise import measure_noise, resample
from analysis.findings import Estimate
from analysis.routes.pruning import LEAST_SPREAD, student
from analysis.settings import AnalysisSettings
from analysis.streams import Stream, generator
from analysis.table.columns import names_of
from analysis.table.fields import Cost
from analysis.table.trials import BoolArray, FloatArray, TrialTable

SAVED = 0.05
"""A cost that masks lower by less than this fraction is not lowered."""
DIGITS = 12
"""Decimals to which errors and logs of costs are told apart."""
TIMED = ("latency_seconds", "latency_128_seconds", "flops_per_example", "macs_per_example")
"""Costs that say whether a pruned model is quicker."""
PREFERRED = ("latency_seconds", "flops_per_example", "n_nonzero", "n_parameters")
"""Costs that a reader is shown first, where they are known."""


@dataclass(frozen=True, kw_only=True)
class ParetoPoint:
    """One model: the mean of its replicates."""

    route: str
    method: str
    cell: str
    cost: float
    error: float
    on_front: bool
    """By the means."""
    probability: float
    """Of being on the front, over resamples."""


@dataclass(frozen=True, kw_only=True)
class ParetoFront:
    """Error against one cost at one dataset size."""

    n_examples: float
    cost: str
    """Column that the cost axis counts."""
    points: tuple[ParetoPoint, ...]
    """In order of cost."""


@dataclass(frozen=True, kw_only=True)
class MaskCost:
    """What masks alone do to a cost: pruned models that still store their zeros."""

    cost: str
    ratio: float
    """Geometric mean of the pruned model's cost over its dense parent's."""
    low: float
    high: float
    pairs: int
    level: float
    verdict: Literal["saves_nothing", "saves", "cannot_tell"]

    @property
    def estimate(self) -> Estimate:
        """The ratio."""
        return Estimate(value=self.ratio, low=self.low, high=self.high, level=self.level)


def pareto_fronts(table: TrialTable, s: AnalysisSettings) -> tuple[ParetoFront, ...]:
    """One front for each dataset size and each cost that at least three models differ in."""
    fronts = []
    settings = replace(s, include_pruned=False)
    for curve in build_curves(table, settings, every_route=True):
        if len(curve) < 3:
            continue
        rng = generator(s.seed, Stream.FRONT, curve.n_examples)
        errors = resample(curve, measure_noise(curve), s.resamples, rng)
        for cost in names_of(Cost):
            values, scatter = _cell_costs(curve, table, cost)
            known = np.isfinite(values)
            if len(np.unique(values[known])) >= 3:
                luck = scatter * rng.standard_normal((s.resamples, len(curve)))
                fronts.append(_front(curve, table, cost, values, values + luck, errors, known))
    return tuple(fronts)


def _front(
    curve: Curve,
    table: TrialTable,
    cost: str,
    values: FloatArray,
    drawn: FloatArray,
    errors: FloatArray,
    known: BoolArray,
) -> ParetoFront:
    """Models with a known cost, in order of it."""
    cells = np.flatnonzero(known)
    cells = cells[np.argsort(values[cells], kind="stable")]
    chances = _on_front(drawn[:, cells], errors[:, cells]).mean(axis=0)
    now = _on_front(values[None, cells], curve.error[None, cells])[0]
    firsts = [int(curve.run_row[curve.run_cell == k][0]) for k in cells]
    return ParetoFront(
        n_examples=curve.n_examples,
        cost=cost,
        points=tuple(
            ParetoPoint(
                route=table.route[row],
                method=table.method[row],
                cell=curve.cell[k],
                cost=math.exp(values[k]),
                error=float(curve.error[k]),
                on_front=bool(now[at]),
                probability=float(chances[at]),
            )
            for at, (k, row) in enumerate(zip(cells, firsts, strict=True))
        ),
    )


def _cell_costs(curve: Curve, table: TrialTable, cost: str) -> tuple[FloatArray, FloatArray]:
    """(K,) log of each cell's mean cost, NaN if unknown, and the standard error of it."""
    logs = np.log(table.column(cost)[curve.run_row])
    count = np.bincount(curve.run_cell, np.isfinite(logs), minlength=len(curve))
    total = np.bincount(curve.run_cell, np.nan_to_num(logs), minlength=len(curve))
    mean = np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
    away = np.nan_to_num((logs - mean[curve.run_cell]) ** 2)
    squares = np.bincount(curve.run_cell, away, minlength=len(curve))
    scatter: FloatArray = np.sqrt(squares / np.maximum(count - 1.0, 1.0) / np.maximum(count, 1.0))
    return mean, scatter


def _on_front(costs: FloatArray, errors: FloatArray) -> BoolArray:
    """(R, K) whether each model is on the front of each row; equal costs and errors share it.

    ``costs`` are logs. Means of equal numbers differ by their rounding: that decides nothing.
    """
    costs = np.broadcast_to(np.round(costs, DIGITS), errors.shape)
    errors = np.round(errors, DIGITS)
    order = np.lexsort((errors, costs), axis=-1)
    cost = np.take_along_axis(costs, order, axis=1)
    error = np.take_along_axis(errors, order, axis=1)
    ahead = np.ones_like(error, dtype=bool)
    ahead[:, 1:] = error[:, 1:] < np.minimum.accumulate(error, axis=1)[:, :-1]
    same = np.zeros_like(ahead)
    same[:, 1:] = (error[:, 1:] == error[:, :-1]) & (cost[:, 1:] == cost[:, :-1])
    twin = np.maximum.accumulate(np.where(same, 0, np.arange(same.shape[1])), axis=1)
    placed = np.zeros_like(ahead)
    np.put_along_axis(placed, order, np.take_along_axis(ahead, twin, axis=1), axis=1)
    return placed


def mask_costs(table: TrialTable, s: AnalysisSettings) -> tuple[MaskCost, ...]:
    """What masks alone do to time and FLOPs, paired with the dense parents.

    A pruned model counts as masked where it has as many parameters as its parent, zeros included.
    """
    parents = {
        slot: row
        for row, slot in enumerate(table.slot)
        if slot and table.route[row] == "trained" and table.status[row] == "complete"
    }
    masked = [
        (row, parents[table.parent[row]])
        for row in range(len(table))
        if table.route[row] == "pruned"
        and table.status[row] == "complete"
        and table.parent[row] in parents
        and table.n_parameters[row] == table.n_parameters[parents[table.parent[row]]]
    ]
    found = []
    for cost in TIMED:
        column = np.log(table.column(cost))
        ratios = np.array([column[row] - column[parent] for row, parent in masked])
        ratios = ratios[np.isfinite(ratios)]
        if len(ratios) >= 2:
            found.append(_mask_cost(cost, ratios, s.level))
    return tuple(found)


def _mask_cost(cost: str, ratios: FloatArray, level: float) -> MaskCost:
    n = len(ratios)
    spread = float(ratios.std(ddof=1))
    if spread > 0.0:  # measured, not counted
        spread = max(spread, LEAST_SPREAD)
    half = spread / math.sqrt(n) * student((1.0 + level) / 2.0, n - 1.0)
    mean = float(ratios.mean())
    least = math.log1p(-SAVED)
    verdict: Literal["saves_nothing", "saves", "cannot_tell"] = "cannot_tell"
    if mean - half > least:
        verdict = "saves_nothing"
    elif mean + half < least:
        verdict = "saves"
    return MaskCost(
        cost=cost,
        ratio=math.exp(mean),
        low=math.exp(mean - half),
        high=math.exp(mean + half),
        pairs=n,
        level=level,
        verdict=verdict,
    )
