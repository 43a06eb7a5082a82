"""How much of a network can go: prune ratios against the dense parent, paired run by run.

Each pruned run is compared with the dense run that it was made from (its parent, or where none is
named the one of the same cell, subset draw and seed), so that what they share cancels. The cost of
a ratio is the mean log ratio of their errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from analysis.curves.curve import rows_with
from analysis.settings import AnalysisSettings
from analysis.table.trials import UNKNOWN, FloatArray, TrialTable, exact, middle

LEAST_SPREAD = 0.01
"""Least standard deviation of a cost: identical pairs don't make it exact."""


@dataclass(frozen=True, kw_only=True)
class PruneStep:
    """One prune ratio of one capacity."""

    prune_ratio: float
    error: float
    """Mean error of the pruned runs."""
    cost: float
    """Relative rise of the error over the dense parent (negative: it fell)."""
    low: float
    high: float
    """Interval of the cost."""
    standard_error: float
    """Of the log of the pruned over the dense error; infinite where no pair is repeated."""
    pairs: int
    """Pairs of runs behind it."""


@dataclass(frozen=True, kw_only=True)
class PruneLadder:
    """All prune ratios of one capacity at one dataset size."""

    n_examples: float
    cell: str
    size: float
    """Size of the dense parent."""
    dense_error: float
    steps: tuple[PruneStep, ...]
    """In order of ratio."""
    width: int
    depth: int
    """Shape of the network; -1 if unknown."""
    method: str
    """How the weights were chosen and trained on; empty if the table does not say."""
    free_ratio: float
    """Largest ratio which, like all smaller ones, costs no more than allowed, by its mean; 0 if
    none."""
    sure_ratio: float
    """The same by the upper end of the interval: shown, not only likely."""
    allowed: float
    """Relative rise of the error that counts as free."""


def prune_ladders(table: TrialTable, s: AnalysisSettings) -> tuple[PruneLadder, ...]:
    """One ladder for each dataset size and capacity that has pruned runs and their parents."""
    error, size = table.column(s.error), table.column(s.size)
    usable = rows_with(table, phase="replicate", status="complete") & np.isfinite(error)
    usable &= rows_with(table, route="trained") | rows_with(table, route="pruned")
    if not (usable & ~((table.prune_ratio == 0.0) & rows_with(table, route="trained"))).any():
        return ()
    groups: dict[tuple[object, ...], list[int]] = {}
    for row in np.flatnonzero(usable):
        groups.setdefault(_capacity(table, int(row)), []).append(int(row))
    gathered = []
    for rows in groups.values():
        dense = {row for row in rows if _is_dense(table, row)}
        for method in sorted({table.method[row] for row in rows if row not in dense}):
            of_method = [row for row in rows if row in dense or table.method[row] == method]
            costs = _costs(table, of_method, error)
            if costs:
                gathered.append((of_method, costs))
    spread, degrees = pooled_spread([cost for _, costs in gathered for cost in costs.values()])
    ladders = [_ladder(table, rows, costs, error, size, spread, degrees, s)
               for rows, costs in gathered]  # fmt: skip
    return tuple(
        sorted(ladders, key=lambda ladder: (ladder.n_examples, ladder.size, ladder.method))
    )


def _is_dense(table: TrialTable, row: int) -> bool:
    return table.route[row] == "trained" and float(table.prune_ratio[row]) == 0.0


def _capacity(table: TrialTable, row: int) -> tuple[object, ...]:
    """What a pruned run and its dense parent have in common."""
    shape = (int(table.width[row]), int(table.depth[row]))
    if shape == (UNKNOWN, UNKNOWN):
        return (exact(table.n_examples[row]), table.cell[row] or float(table.n_parameters[row]))
    return (exact(table.n_examples[row]), *shape)


def _costs(table: TrialTable, rows: list[int], error: FloatArray) -> dict[float, FloatArray]:
    """Prune ratio -> log error ratios to the dense run of the same draw and seed."""
    named: dict[str, float] = {}
    parents: dict[tuple[int, int], float] = {}
    for row in rows:
        if _is_dense(table, row):
            parents[int(table.draw[row]), int(table.seed[row])] = float(error[row])
            if table.slot[row]:
                named[table.slot[row]] = float(error[row])
    n_test = max((int(table.n_test[row]) for row in rows), default=0)
    least = 0.5 / n_test if n_test else 1e-6
    costs: dict[float, list[float]] = {}
    for row in rows:
        ratio = float(table.prune_ratio[row])
        same = parents.get((int(table.draw[row]), int(table.seed[row])))
        parent = named.get(table.parent[row], same)
        if ratio > 0.0 and parent is not None:
            cost = math.log(max(float(error[row]), least) / max(parent, least))
            costs.setdefault(ratio, []).append(cost)
    return {ratio: np.array(costs[ratio]) for ratio in sorted(costs)}


def pooled_spread(costs: list[FloatArray]) -> tuple[float, float]:
    """Standard deviation of a pair's cost, over all ladders, and its degrees of freedom."""
    costs = [c for c in costs if len(c)]  # a comparison without a pair tells nothing
    degrees = float(sum(len(c) - 1 for c in costs))
    if degrees < 1.0:
        return math.nan, 0.0
    squares = float(sum(((c - c.mean()) ** 2).sum() for c in costs))
    return max(math.sqrt(squares / degrees), LEAST_SPREAD), degrees


def _ladder(
    table: TrialTable,
    rows: list[int],
    costs: dict[float, FloatArray],
    error: FloatArray,
    size: FloatArray,
    spread: float,
    degrees: float,
    s: AnalysisSettings,
) -> PruneLadder:
    dense = [row for row in rows if _is_dense(table, row)]
    is_dense = set(dense)
    steps = []
    for ratio, cost in costs.items():
        deviation = half = math.inf
        if degrees > 0:
            deviation = spread / math.sqrt(len(cost))
            half = deviation * student((1 + s.level) / 2, degrees)
        pruned = [row for row in rows if table.prune_ratio[row] == ratio]
        steps.append(
            PruneStep(
                prune_ratio=ratio,
                error=float(error[pruned].mean()),
                cost=math.expm1(float(cost.mean())),
                low=math.expm1(float(cost.mean()) - half),
                high=math.expm1(min(float(cost.mean()) + half, 700.0)),
                standard_error=deviation,
                pairs=len(cost),
            )
        )
    return PruneLadder(
        n_examples=exact(table.n_examples[rows[0]]),
        cell=table.cell[dense[0]],
        size=middle(size[dense]),
        dense_error=float(error[dense].mean()),
        steps=tuple(steps),
        width=int(table.width[rows[0]]),
        depth=int(table.depth[rows[0]]),
        method=next((table.method[row] for row in rows if row not in is_dense), ""),
        free_ratio=_largest([(step.prune_ratio, step.cost) for step in steps], s.prune_cost),
        sure_ratio=_largest([(step.prune_ratio, step.high) for step in steps], s.prune_cost),
        allowed=s.prune_cost,
    )


def _largest(costs: list[tuple[float, float]], allowed: float) -> float:
    """Largest ratio before the first one that costs more than allowed; 0 if the first does."""
    free = 0.0
    for ratio, cost in costs:
        if cost > allowed:
            break
        free = ratio
    return free


def student(p: float, degrees: float) -> float:
    """Quantile of Student's t to three digits for p up to 0.99: exact for 1 and 2 degrees, then
    Abramowitz and Stegun (1964), equation 26.7.5. (SciPy's takes longer to load than all else.)
    """
    if degrees < 1.5:
        return math.tan(math.pi * (p - 0.5))
    if degrees < 2.5:
        return (2.0 * p - 1.0) / math.sqrt(2.0 * p * (1.0 - p))
    z = NormalDist().inv_cdf(p)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / degrees ** (k + 1) for k, term in enumerate(terms))
