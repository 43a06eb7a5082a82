"""Shape by other costs: latency, training FLOPs and bytes order shapes unlike parameters do.

Along a ladder each cost grows with the size, so that a curve over one is one over the other. The
cost of a size is read off the ladder's own cells (its logarithm between them, never falling), and
shapes are compared at equal cost on the curves that were drawn over size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.curves.curve import Curve
from analysis.curves.noise import Noise
from analysis.findings import Estimate
from analysis.posterior.ladders import LEAST_RANGE, LadderDraws
from analysis.shapes.best import Choice, Span, choose, estimate, spans
from analysis.table.columns import names_of
from analysis.table.fields import Cost
from analysis.table.trials import BoolArray, FloatArray, TrialTable

POINTS = 12
"""Costs at which shapes are compared."""
MOST_BUDGETS = 12
LIKELY_BETTER = 0.8
"""Probability from which a larger network is worth its budget."""
STEPS = (1.0, 2.0, 5.0)
"""Of budgets, in each power of ten."""


@dataclass(frozen=True, kw_only=True)
class CostShapes:
    """The best shape at each value of one cost."""

    cost: str
    choices: tuple[Choice, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The network to take where a cost may be at most so much."""

    cost: str
    most: float
    cell: str
    shape: str
    grown: float
    """Value of the axis that grows the ladder; NaN where it is not known."""
    size: float
    value: float
    """Its cost."""
    error: Estimate


def shapes_by_cost(
    curve: Curve, ladders: LadderDraws, table: TrialTable, size: str, level: float, loss: float
) -> tuple[CostShapes, ...]:
    """Every cost that all cells have, but the one that counts as size."""
    names = [shape.name for shape in ladders.shapes]
    found = []
    for cost in names_of(Cost):
        if cost == size:
            continue
        value = cell_costs(curve, table, cost)
        if value is None or value.max() < LEAST_RANGE * value.min():
            continue
        at = np.linspace(math.log(value.min()), math.log(value.max()), POINTS)
        log_error, tried = _over(curve, ladders, np.log(value), at)
        choices = choose(log_error, tried, np.exp(at), names, level, loss)
        if choices:
            found.append(CostShapes(cost=cost, choices=choices, spans=spans(choices)))
    return tuple(found)


def cell_costs(curve: Curve, table: TrialTable, cost: str) -> FloatArray | None:
    """(K,) geometric mean of a cost over each cell's runs; None where any has none, or all one."""
    column = table.column(cost)[curve.run_row]
    if not len(column) or not (np.isfinite(column) & (column > 0.0)).all():
        return None
    total = np.zeros(len(curve))
    np.add.at(total, curve.run_cell, np.log(column))
    found = np.exp(total / np.maximum(curve.replicates, 1))
    return found if found.max() > found.min() * (1.0 + 1e-9) else None


def budgets(
    curve: Curve,
    noise: Noise,
    ladders: LadderDraws,
    table: TrialTable,
    cost: str,
    rng: np.random.Generator,
    level: float,
) -> tuple[Budget, ...]:
    """The network of the study to take under budgets of 1, 2 and 5 times powers of ten.

    The one of least error; a larger one is taken only where it is likely better than that of the
    budget before.
    """
    value = cell_costs(curve, table, cost)
    if value is None:
        return ()
    present = {shape.name: j for j, shape in enumerate(ladders.shapes)}
    shape = np.array([present[curve.shapes[j].name] for j in curve.shape])
    own = _of_cells(
        curve, noise, ladders.at(np.log(curve.size))[:, shape, np.arange(len(curve))], rng
    )
    mean = own.mean(axis=0)
    found: list[Budget] = []
    which = -1
    for most in _round_budgets(float(value.min()), float(value.max())):
        fits = np.flatnonzero(value <= most * (1.0 + 1e-9))
        if not len(fits):
            continue
        best = int(fits[np.argmin(mean[fits])])
        if which < 0 or float((own[:, best] < own[:, which]).mean()) >= LIKELY_BETTER:
            which = best
        found.append(
            Budget(
                cost=cost, most=most, cell=curve.cell[which],
                shape=ladders.shapes[shape[which]].name,
                grown=math.nan if curve.grown is None else float(curve.grown[which]),
                size=float(curve.size[which]), value=float(value[which]),
                error=estimate(np.exp(own[:, which]), level),
            )
        )  # fmt: skip
    return tuple(found)


def _of_cells(
    curve: Curve, noise: Noise, fitted: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """(R, K) log errors of the cells themselves: of the curves, and of what was measured there.

    Cells that lie further off their curve than their replicates explain (where size says little of
    an error) are judged by their own runs, the more the further all of them lie off.
    """
    variance = noise.run_variance / np.maximum(curve.replicates, 1)
    off = noise.log_error - fitted.mean(axis=0)
    beyond = max(float(np.mean(off**2 - variance)), 0.0)
    weight = variance / (variance + beyond)
    measured = noise.log_error + np.sqrt(variance) * rng.standard_normal(fitted.shape)
    found: FloatArray = weight * fitted + (1.0 - weight) * measured
    return found


def _round_budgets(low: float, high: float) -> list[float]:
    """Budgets from the least cost that anything has to the first that all fit in."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [step * 10.0**power for power in powers for step in STEPS]
    inside = [one for one in every if one >= low]
    last = next((k for k, one in enumerate(inside) if one >= high), len(inside) - 1)
    inside = inside[: last + 1]
    if len(inside) <= MOST_BUDGETS:
        return inside
    return [inside[k] for k in np.unique(np.linspace(0, len(inside) - 1, MOST_BUDGETS).astype(int))]


def _over(
    curve: Curve, ladders: LadderDraws, log_cost: FloatArray, at: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """(R, J, S) log errors of every shape at log costs ``at``, and (J, S) where each was tried."""
    n = len(ladders.shapes)
    log_error = np.full((len(ladders.log_error), n, len(at)), np.inf)
    tried = np.zeros((n, len(at)), dtype=bool)
    for j, shape in enumerate(ladders.shapes):
        mine = np.array([curve.shapes[k] == shape for k in curve.shape])
        x, cost = np.log(curve.size[mine]), np.maximum.accumulate(log_cost[mine])
        cost = cost + 1e-9 * np.arange(len(cost))
        if len(x) < 2:
            continue
        tried[j] = (at >= cost[0] - 1e-6) & (at <= cost[-1] + 1e-6)
        log_error[:, j] = ladders.at(np.interp(at, cost, x))[:, j]
    return log_error, tried
