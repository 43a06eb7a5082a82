"""What regularisation is worth by model and dataset size, and where it moves the payoff point.

A regulariser is looked at where the study made it an axis: every capacity was trained with each of
its values. At one dataset size and capacity, the value with the lowest mean *validation* error is
compared with the weakest one (none at all, where 0 is among them), pair by pair on the test set.
The payoff point with and without is found on curves drawn from the same draws and test examples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.curves.curve import Curve, build_curves, rows_with
from analysis.findings import Reason
from analysis.routes.curves import joint_fits
from analysis.routes.paired import Gain, Pairs, gains, pair_up, pool
from analysis.settings import AnalysisSettings
from analysis.table.trials import BoolArray, FloatArray, IntArray, TrialTable, exact
from analysis.verdicts.decide import LEAST_SIZES
from analysis.verdicts.rules import FLAT, STILL, apply_to

REGULARISERS = (
    "dropout", "weight_decay", "l2", "decoupled_weight_decay", "l1", "label_smoothing",
    "early_stopping", "patience",
)  # fmt: skip
"""Hyperparameters that are looked at, where a study made them axes."""
MOST_VALUES = 12
"""A hyperparameter of more values was searched, not set to a grid."""
NO_GAIN = Gain(gain=0.0, low=0.0, high=0.0, pairs=0)
"""Of the weakest value over itself: nothing to compare, and nothing saved."""
CROSSED = 0.5
"""Share of the capacities at which a value must have been trained."""


@dataclass(frozen=True, kw_only=True)
class RegularisationStep:
    """One regulariser at one dataset size and capacity."""

    n_examples: float
    size: float
    weakest: float
    """The value compared with."""
    chosen: float
    """The value with the lowest validation error."""
    gain: float
    """Fraction of the test error that the chosen value saves; negative if it is worse."""
    low: float
    high: float
    pairs: int


@dataclass(frozen=True, kw_only=True)
class PayoffShift:
    """The payoff point with the regulariser over the one without."""

    n_examples: float
    ratio: float = math.nan
    """Median; NaN where it cannot be told."""
    low: float = math.nan
    high: float = math.nan
    open: bool = False
    """A payoff point lies outside the range in more than the interval's tails."""
    with_size: float = math.nan
    """Median payoff points."""
    without_size: float = math.nan
    why: Reason | None = None
    """Why it cannot be told; None otherwise."""


@dataclass(frozen=True, kw_only=True)
class Regularisation:
    """One regulariser over the whole study."""

    regulariser: str
    steps: tuple[RegularisationStep, ...]
    """By dataset size, then size."""
    by_data: tuple[tuple[float, Gain], ...]
    """Mean gain at each dataset size over the capacities where another value than the weakest was
    chosen; :data:`NO_GAIN` where there is none."""
    payoff: tuple[PayoffShift, ...]
    """For each dataset size of at least four capacities."""
    level: float


def study_regularisation(table: TrialTable, s: AnalysisSettings) -> tuple[Regularisation, ...]:
    """Look at every regulariser that the study made an axis."""
    error, size = table.column(s.error), table.column(s.size)
    usable = rows_with(table, phase="replicate", status="complete", route="trained")
    usable &= np.isfinite(error) & np.isfinite(size) & (table.prune_ratio == 0.0)
    axes = {
        name: values
        for name in REGULARISERS
        if name in table.params
        and _is_axis(values := _numbers(table.params[name]), size, usable, table)
    }
    return tuple(_one(name, axes, table, error, size, usable, s) for name in axes)


def _numbers(column: Sequence[Any]) -> FloatArray:
    """A hyperparameter as numbers: false and absent are 0, words have none (NaN)."""
    found = []
    for value in column:
        if isinstance(value, str):
            found.append({"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0, "none": 0.0}.get(
                value.lower(), math.nan))  # fmt: skip
        else:
            found.append(0.0 if value is None else float(value))
    return np.array(found, dtype=np.float64)


def _is_axis(values: FloatArray, size: FloatArray, usable: BoolArray, table: TrialTable) -> bool:
    """Whether each value was trained at most capacities: a grid, not what a search came upon."""
    known = usable & np.isfinite(values)
    distinct = np.unique(values[known])
    if not 2 <= len(distinct) <= MOST_VALUES:
        return False

    def capacities(rows: BoolArray) -> int:
        return len(set(zip(table.n_examples[rows].tolist(), size[rows].tolist(), strict=True)))

    least = CROSSED * capacities(known)
    return all(capacities(known & (values == value)) >= least for value in distinct)


def _one(
    name: str,
    axes: dict[str, FloatArray],
    table: TrialTable,
    error: FloatArray,
    size: FloatArray,
    usable: BoolArray,
    s: AnalysisSettings,
) -> Regularisation:
    values = axes[name]
    weakest = float(np.nanmin(values[usable]))
    # Of other regularisers on the grid, the weakest: one thing is changed at a time.
    alone = usable & np.isfinite(values)
    for other, column in axes.items():
        if other != name:
            alone &= column == np.nanmin(column[usable])
    groups: dict[tuple[float, float, int], list[int]] = {}
    for row in np.flatnonzero(alone):
        key = (exact(table.n_examples[row]), float(size[row]), int(table.depth[row]))
        groups.setdefault(key, []).append(int(row))
    held: list[tuple[float, float, float, IntArray, IntArray]] = []
    for (n, m, _), members in sorted(groups.items()):
        rows = np.array(members, dtype=np.int64)
        base = rows[values[rows] == weakest]
        chosen = _chosen(table, rows, values)
        if len(base) and math.isfinite(chosen):
            held.append((n, m, chosen, base, rows[values[rows] == chosen]))
    # Runs compared with themselves have no spread, and would narrow all other intervals.
    compared = {
        at: pair_up(table, base, other, error)
        for at, (_, _, chosen, base, other) in enumerate(held)
        if chosen != weakest
    }
    found = dict(zip(compared, gains(list(compared.values()), s.level), strict=True))
    steps = tuple(
        RegularisationStep(
            n_examples=n, size=m, weakest=weakest, chosen=chosen, **vars(found.get(at, NO_GAIN))
        )
        for at, (n, m, chosen, _, _) in enumerate(held)
    )
    sizes = sorted({step.n_examples for step in steps})
    by_size: dict[float, list[Pairs]] = {n: [] for n in sizes}
    for at, pairs in compared.items():
        by_size[held[at][0]].append(pairs)
    return Regularisation(
        regulariser=name,
        steps=steps,
        by_data=tuple((n, pool(p, s.level) if p else NO_GAIN) for n, p in by_size.items()),
        payoff=tuple(_shift(table, [h for h in held if h[0] == n], n, s) for n in sizes),
        level=s.level,
    )


def _chosen(table: TrialTable, rows: IntArray, values: FloatArray) -> float:
    """The value of the lowest mean validation error; NaN where it is unknown or there is one."""
    distinct = np.unique(values[rows])
    means = [float(table.val_error[rows[values[rows] == v]].mean()) for v in distinct]
    if len(distinct) < 2 or not np.isfinite(means).all():
        return math.nan
    return float(distinct[int(np.argmin(means))])


def _shift(
    table: TrialTable,
    held: list[tuple[float, float, float, IntArray, IntArray]],
    n: float,
    s: AnalysisSettings,
) -> PayoffShift:
    """The headline rule's payoff point with over without, on paired draws."""
    if len({m for _, m, *_ in held}) < LEAST_SIZES:
        return PayoffShift(n_examples=n, why=Reason(kind="few_capacities", least=LEAST_SIZES))
    curves = []
    for side in (3, 4):
        rows = np.concatenate([np.asarray(h[side], dtype=np.int64) for h in held])
        curves.append(_curve(table, rows, s))
    without, with_it = joint_fits(curves, table, s, n)
    if without.draws is None or with_it.draws is None:
        return PayoffShift(n_examples=n, why=Reason(kind="curves_misfit"))
    applied = [apply_to(draws, s.rule, s) for draws in (without.draws, with_it.draws)]
    change = applied[1].location - applied[0].location
    known = np.isfinite(change)
    if known.mean() < 0.5:
        return PayoffShift(n_examples=n, why=Reason(kind="no_payoff_inside"))
    outside = max(float(np.isin(a.outcome, (FLAT, STILL)).mean()) for a in applied)
    if outside > 0.5:
        return PayoffShift(n_examples=n, why=Reason(kind="payoff_outside"))
    tail = (1.0 - s.level) / 2.0
    low, middle, high = np.exp(np.quantile(change[known], [tail, 0.5, 1.0 - tail]))
    return PayoffShift(
        n_examples=n,
        ratio=float(middle),
        low=float(low),
        high=float(high),
        open=outside > tail,
        with_size=float(np.exp(np.nanmedian(applied[1].location))),
        without_size=float(np.exp(np.nanmedian(applied[0].location))),
    )


def _curve(table: TrialTable, rows: IntArray, s: AnalysisSettings) -> Curve:
    """The curve of some rows, its ``run_row`` counted in the whole table.

    The regulariser makes no shape: its best value at each size is what is looked for.
    """
    keep = np.zeros(len(table), dtype=bool)
    keep[rows] = True
    (curve,) = build_curves(table.where(keep), s)
    run_row = np.flatnonzero(keep)[curve.run_row]
    depths = [int(table.depth[run_row[curve.run_cell == k][0]]) for k in range(len(curve))]
    shape = np.unique(depths, return_inverse=True)[1].astype(np.int64)
    return replace(curve, run_row=run_row, shape=shape, shapes=())
