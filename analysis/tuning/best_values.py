r"""The best value of each searched hyperparameter by size and data, and what a wrong one costs.

From search trials and their validation errors alone: the test set chooses nothing. What the error
answers to all hyperparameters together is drawn from a posterior
(:mod:`analysis.tuning.responses`); of each draw, the best values are those that are best together,
at a dataset size and a capacity:

    v*(s, d) = argmin over the range searched of sum_j f_j(v_j; s, d) + sum_{j<k} q_jk u_j u_k

The cost of a wrong value is what the log error of the *same* value, the middle of all draws' best,
rises by when it is moved: each draw's own best would always win, even where nothing matters.

A best value is told where an effect is (an F test that is wrong once in a hundred) and where its
interval is shorter than most of the range. A move with size or data is told where as many draws
agree on its direction.

======== ======================================================= =============
symbol   meaning                                                 shape
======== ======================================================= =============
K        hyperparameters                                         scalar
D        draws                                                   scalar
M        places: dataset sizes x capacities                      scalar
G        values looked at, evenly spaced over the range          scalar
u        values, -1 and 1 at the ends of the range               (G,)
v*       best values, as u                                       (K, D, M)
======== ======================================================= =============
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from analysis.findings import Estimate, Finding, NextStep, Reason
from analysis.settings import AnalysisSettings
from analysis.streams import Stream, generator
from analysis.table.trials import FloatArray, TrialTable, known
from analysis.tuning.responses import Responses, Trials, fit_responses
from analysis.tuning.searched import Scale, SearchedCell, searched_trials
from analysis.tuning.sensitivity import CLAIM_LEVEL
from analysis.tuning.widening import widening

GRID = 41
"""Values looked at; a parabola through the best three finds what lies between."""
SWEEPS = 3
"""Rounds in which each hyperparameter is set to its best, given the others."""
MOST_OF_RANGE = 0.8
"""An interval that spans more of the range searched tells nothing."""
EDGE = 0.02
"""A best value within this share of the range of an end lies on it."""
WRONG_FACTOR = 3.0
"""How far off a wrong value of a log scale is."""
NOTED_COST = 0.03
"""Notes tell of hyperparameters whose wrong value costs at least this."""

Capacity = Literal["small", "middle", "large"]


@dataclass(frozen=True, kw_only=True)
class BestAt:
    """The best value at one dataset size and capacity."""

    n_examples: float
    size: float
    """NaN where no trial says."""
    capacity: Capacity
    """Of the cells of the dataset size."""
    best: Estimate
    """An end is open where the interval runs into that end of the range."""
    clear: bool
    """Whether it can be told."""

    @property
    def at_edge(self) -> bool:
        """Whether the interval runs into an end of the range searched."""
        return self.best.low_open or self.best.high_open


@dataclass(frozen=True, kw_only=True)
class Move:
    """How the best value changes with each doubling."""

    by: Literal["size", "data"]
    change: Estimate
    """A fraction of the value on a log scale; else in the value's own unit."""
    probability: float
    """That it has the direction that is told."""

    @property
    def sure(self) -> bool:
        """Whether it is told at all."""
        return self.probability >= 1.0 - (1.0 - CLAIM_LEVEL) / 2.0


@dataclass(frozen=True, kw_only=True)
class BestValue:
    """What the search says of one hyperparameter."""

    hyperparameter: str
    log: bool
    """Whether values are compared by their ratios."""
    low: float
    high: float
    """Ends of the range searched."""
    trials: int
    cells: int
    chance: float
    """Probability that one that does nothing looks like this one; NaN where nothing was fitted."""
    places: tuple[BestAt, ...] = ()
    """By dataset size, then capacity."""
    cost: Estimate | None = None
    """Fraction by which a wrong value raises the error, at the largest dataset size and the middle
    capacity: the mean of both sides where it is three times too small or too large, else that of
    the worst third of the range."""
    smaller: Estimate | None = None
    """The same of one three times smaller; None where that lies outside the range, or is linear."""
    larger: Estimate | None = None
    moves: tuple[Move, ...] = ()
    end: Literal["low", "high"] | None = None
    """The end of the range at which it lies; None where it lies inside."""
    why: Reason | None = None
    """Why its best value cannot be told."""
    next_step: NextStep | None = None

    @property
    def told(self) -> BestAt | None:
        """The place that stands for all: the largest dataset size, the middle capacity."""
        if not self.places:
            return None
        n = max(place.n_examples for place in self.places)
        mine = [place for place in self.places if place.n_examples == n]
        return next((p for p in mine if p.capacity == "middle"), mine[-1])

    @property
    def estimate(self) -> Estimate | None:
        """The best value there; None where it cannot be told."""
        return None if self.told is None or self.why is not None else self.told.best

    @property
    def matters(self) -> bool:
        """Whether notes tell it: it can be told, and a wrong value costs something."""
        return self.why is None and self.cost is not None and self.cost.value >= NOTED_COST


def study_best_values(table: TrialTable, settings: AnalysisSettings) -> tuple[BestValue, ...]:
    """Find the best value of each hyperparameter that the search varied; those that cost most
    come first."""
    searched = searched_trials(table, settings)
    if searched is None:
        return ()
    trials, scales, cells = searched
    rng = generator(settings.seed, Stream.BEST_VALUES)
    answers = fit_responses(trials, rng)
    if answers is None:
        found = [_unfitted(scale, len(trials.y), len(cells)) for scale in scales]
    else:
        found = _placed(answers, trials, scales, cells, settings.level)
    return tuple(sorted(found, key=lambda one: (not one.matters, -_cost(one))))


def best_value_findings(found: tuple[BestValue, ...]) -> Iterator[Finding[BestValue]]:
    """The best values as findings; notes tell those whose wrong values cost something."""
    for one in found:
        yield Finding(
            kind="best_value",
            facts=one,
            n_examples=None if one.told is None else known(one.told.n_examples),
            about=one.hyperparameter,
            noted=one.matters,
        )


def _cost(one: BestValue) -> float:
    return -math.inf if one.cost is None else one.cost.value


# -- places -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A cell that stands for its dataset size."""

    cell: SearchedCell
    capacity: Capacity
    size: float
    """s"""
    data: float
    """d"""


def _standing(cells: list[SearchedCell], trials: Trials) -> list[_Place]:
    """Small, middle and large cell of each dataset size; one where sizes are not known."""
    first = np.flatnonzero(np.diff(trials.cell, prepend=-1))
    found = []
    for n in sorted({cell.n_examples for cell in cells}):
        mine = [c for c, cell in enumerate(cells) if cell.n_examples == n]
        if all(math.isfinite(cells[c].size) for c in mine):
            mine.sort(key=lambda c: cells[c].size)
            picked: dict[Capacity, int] = {"middle": mine[len(mine) // 2]}
            if len(mine) > 1:
                picked = {"small": mine[0], "middle": mine[len(mine) // 2], "large": mine[-1]}
            if len(mine) == 2:
                del picked["middle"]
        else:
            picked = {"middle": mine[0]}
        for capacity, c in picked.items():
            row = first[c]
            place = _Place(
                cell=cells[c],
                capacity=capacity,
                size=float(trials.size[row]),
                data=float(trials.data[row]),
            )
            found.append(place)
    return found


def _placed(
    answers: Responses,
    trials: Trials,
    scales: list[Scale],
    cells: list[SearchedCell],
    level: float,
) -> list[BestValue]:
    """The best values at all places, with what follows."""
    standing = _standing(cells, trials)
    n = standing[-1].cell.n_examples
    mine = [m for m, place in enumerate(standing) if place.cell.n_examples == n]
    told = next((m for m in mine if standing[m].capacity == "middle"), mine[-1])
    # Where the largest dataset is compared with the smallest, the capacity stays the same.
    sizes = np.array([p.size for p in standing] + 2 * [standing[told].size])
    data = np.array([p.data for p in standing] + [-1.0, 1.0])
    best = _best_together(answers, sizes, data)
    examples = [float(cell.n_examples) for cell in cells]
    first, last = standing[mine[0]].cell.size, standing[mine[-1]].cell.size
    doublings: dict[Literal["size", "data"], tuple[int, int, float]] = {
        "size": (mine[0], mine[-1], _doublings(first, last)),
        "data": (len(standing), len(standing) + 1, _doublings(min(examples), max(examples))),
    }
    if not np.ptp(trials.size) > 0.0:
        del doublings["size"]
    if not np.ptp(trials.data) > 0.0:
        del doublings["data"]
    found = []
    for k, scale in enumerate(scales):
        effect = bool(answers.chance[k] < 1.0 - CLAIM_LEVEL)
        places = tuple(
            _best_at(place, scale, best[k, :, m], effect, level) for m, place in enumerate(standing)
        )
        middle = float(np.median(best[k, :, told]))
        curve = _Curve(
            answers=answers, k=k, size=sizes[told], data=data[told], best=best[:, :, told]
        )
        why, step, end = None, None, None
        if not effect:
            why = Reason(kind="no_effect_seen", low=scale.low, high=scale.high)
        elif not places[told].clear:
            ends = places[told].best
            why = Reason(kind="wide_best", value=level, low=ends.low, high=ends.high)
        else:
            end = _end(best[k, :, told])
            step = widening(scale, end)
        found.append(
            BestValue(
                hyperparameter=scale.name,
                log=scale.log,
                low=scale.low,
                high=scale.high,
                trials=len(trials.y),
                cells=len(cells),
                chance=float(answers.chance[k]),
                places=places,
                **_costs(scale, curve, middle, level),
                moves=tuple(
                    _move(by, scale, best[k, :, a], best[k, :, b], count, level)
                    for by, (a, b, count) in doublings.items()
                    if count > 0.0
                ),
                end=end,
                why=why,
                next_step=step,
            )
        )
    return found


def _doublings(low: float, high: float) -> float:
    return math.log2(high / low) if 0.0 < low < high < math.inf else 0.0


def _best_together(answers: Responses, size: FloatArray, data: FloatArray) -> FloatArray:
    """v* (K, D, M): of each draw at each place, the values that are best together."""
    grid = np.linspace(-1.0, 1.0, GRID)
    count = len(answers.shift)
    found = np.empty((count, len(answers.main), len(size)))
    for m, (s, d) in enumerate(zip(size, data, strict=True)):
        curves = np.stack([answers.curves(k, grid, s, d) for k in range(count)])
        best = grid[np.argmin(curves, axis=-1)]
        if answers.crossed.any():
            for _ in range(SWEEPS):
                for k in range(count):
                    tilt = np.einsum("dj,jd->d", answers.crossed[:, k], best)
                    best[k] = grid[np.argmin(curves[k] + tilt[:, None] * grid, axis=-1)]
            curves += np.einsum("dkj,jd->kd", answers.crossed, best)[..., None] * grid
        found[:, :, m] = _lowest(grid, curves)
    return found


def _lowest(grid: FloatArray, curves: FloatArray) -> FloatArray:
    """Where curves (..., G) are lowest: the turn of the parabola through the lowest three."""
    lowest = np.argmin(curves, axis=-1)
    inner = np.clip(lowest, 1, len(grid) - 2)
    left, here, right = (
        np.take_along_axis(curves, (inner + step)[..., None], axis=-1)[..., 0]
        for step in (-1, 0, 1)
    )
    bend = left - 2.0 * here + right
    shift = np.where(bend > 0.0, (left - right) / (2.0 * np.where(bend > 0.0, bend, 1.0)), 0.0)
    turned = grid[inner] + np.clip(shift, -1.0, 1.0) * (grid[1] - grid[0])
    found: FloatArray = np.where(lowest == inner, turned, grid[lowest])
    return found


def _best_at(place: _Place, scale: Scale, best: FloatArray, effect: bool, level: float) -> BestAt:
    """One place; ``best`` (D,) as u."""
    tail = (1.0 - level) / 2.0
    low, middle, high = np.quantile(best, [tail, 0.5, 1.0 - tail])
    value = scale.values(np.array([low, middle, high]))
    return BestAt(
        n_examples=place.cell.n_examples,
        size=place.cell.size,
        capacity=place.capacity,
        best=Estimate(
            value=float(value[1]),
            low=float(value[0]),
            high=float(value[2]),
            level=level,
            low_open=bool(low <= -1.0 + 2.0 * EDGE),
            high_open=bool(high >= 1.0 - 2.0 * EDGE),
        ),
        clear=effect and bool(high - low <= 2.0 * MOST_OF_RANGE),
    )


def _end(best: FloatArray) -> Literal["low", "high"] | None:
    """The end of the range at which a best value lies, more likely than not."""
    middle = float(np.median(best))
    if abs(middle) < 1.0 - 2.0 * EDGE:
        return None
    return "low" if middle < 0.0 else "high"


# -- costs and moves ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class _Curve:
    """Log errors of one hyperparameter's values at one place, the others at their best."""

    answers: Responses
    k: int
    size: float
    data: float
    best: FloatArray
    """(K, D) of all."""

    def rise(self, u: FloatArray, start: float) -> FloatArray:
        """Log error at ``u`` over that at ``start``: (D, values)."""
        curve = self.answers.curves(self.k, np.append(u, start), self.size, self.data)
        tilt = np.einsum("dj,jd->d", self.answers.crossed[:, self.k], self.best)
        found: FloatArray = curve[:, :-1] - curve[:, -1:] + tilt[:, None] * (u - start)
        return found


def _costs(
    scale: Scale, curve: _Curve, start: float, level: float
) -> dict[Literal["cost", "smaller", "larger"], Any]:
    """What a wrong value costs."""
    step = 2.0 * math.log(WRONG_FACTOR) / scale.span if scale.log else math.inf
    sides = {"smaller": start - step, "larger": start + step}
    inside = {
        side: np.expm1(curve.rise(np.array([u]), start)[:, 0])
        for side, u in sides.items()
        if abs(u) <= 1.0
    }
    if inside:
        cost = np.mean(list(inside.values()), axis=0)
    else:
        thirds = np.linspace(-1.0, 1.0, 31)[:30].reshape(3, 10) + 1.0 / 30.0
        rises = [np.expm1(curve.rise(third, start).mean(axis=1)) for third in thirds]
        cost = max(rises, key=lambda rise: float(rise.mean()))
    return {
        "cost": _estimate(cost, level),
        "smaller": _estimate(inside["smaller"], level) if "smaller" in inside else None,
        "larger": _estimate(inside["larger"], level) if "larger" in inside else None,
    }


def _move(
    by: Literal["size", "data"],
    scale: Scale,
    first: FloatArray,
    last: FloatArray,
    doublings: float,
    level: float,
) -> Move:
    """How the best value moves from ``first`` (D,) to ``last``, as u, in so many doublings."""
    each = (last - first) / 2.0 * scale.span / doublings
    rises = float((each > 0.0).mean() + (each == 0.0).mean() / 2.0)
    return Move(
        by=by,
        change=_estimate(np.expm1(each) if scale.log else each, level),
        probability=max(rises, 1.0 - rises),
    )


def _estimate(draws: FloatArray, level: float) -> Estimate:
    tail = (1.0 - level) / 2.0
    low, value, high = (float(q) for q in np.quantile(draws, [tail, 0.5, 1.0 - tail]))
    return Estimate(value=value, low=low, high=high, level=level)


def _unfitted(scale: Scale, trials: int, cells: int) -> BestValue:
    """Too few trials for any answer."""
    return BestValue(
        hyperparameter=scale.name,
        log=scale.log,
        low=scale.low,
        high=scale.high,
        trials=trials,
        cells=cells,
        chance=math.nan,
        why=Reason(kind="few_search_trials", count=trials, least=cells),
        next_step=NextStep(kind="raise_search_trials"),
    )
