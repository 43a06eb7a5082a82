"""What is said of shapes, as findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from analysis.curves.points import sizes_apart
from analysis.findings import Finding, NextStep
from analysis.metric import Metric
from analysis.posterior.ladders import LEAST_RANGE, LEAST_SIZES_OF_SHAPE
from analysis.settings import AnalysisSettings
from analysis.shapes.best import LEVEL, Span, no_loss
from analysis.shapes.costs import Budget
from analysis.shapes.growing import Growth
from analysis.shapes.study import ShapeStudy
from analysis.table.shapes import MOST_SHAPES
from analysis.table.trials import known
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.gains import Gauge


@dataclass(frozen=True, kw_only=True)
class BestShape:
    """The best shape at each size of one dataset size."""

    spans: tuple[Span, ...]
    simplest: str
    most: float
    """The largest size that was compared."""
    loss: float = LEVEL
    """What the shape taken may lose, as a fraction of the error, and is still said to be enough."""
    gauge: Gauge | None = None
    """How gains are counted; None: fractions of a plain error."""


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Which way to grow, at one dataset size."""

    growths: tuple[Growth, ...]
    grown_by: str
    axes: tuple[str, ...]
    gauge: Gauge | None = None
    """How gains are counted; None: fractions of a plain error."""


@dataclass(frozen=True, kw_only=True)
class Networks:
    """The network to take within budgets of the size, one for each that is another."""

    budgets: tuple[Budget, ...]
    grown_by: str
    metric: Metric
    """What its errors are shown as."""
    enough: bool
    """Whether the largest budget buys no other network than a smaller one."""


@dataclass(frozen=True, kw_only=True)
class ShapeAtData:
    """What one dataset size says of shape."""

    n_examples: float
    taken: str
    """The shape taken at most sizes."""
    told: float
    """Share of the sizes at which it is told better than all others."""
    enough: float
    """Share at which it is that, or loses nothing."""


@dataclass(frozen=True, kw_only=True)
class ShapeAndData:
    """How the best shape changes with data."""

    by_data: tuple[ShapeAtData, ...]


@dataclass(frozen=True, kw_only=True)
class ShortLadders:
    """Shapes that were swept and cannot be compared."""

    shapes: int
    least: int
    """Sizes that two of them need."""
    most: int
    """Shapes that can be told apart at most."""
    span: float
    """Ratio of the largest to the smallest size, and what it must be at least."""
    least_span: float
    next_step: NextStep


def shape_findings(
    shapes: Sequence[ShapeStudy], fits: Sequence[FittedCurve], s: AnalysisSettings
) -> list[Finding[Any]]:
    """Best shape and ways to grow at each dataset size, noted for the largest; what data change."""
    found: list[Finding[Any]] = []
    size, counted = s.size_name, Gauge.of_settings(s)
    usual = counted.of == "whole" and not (counted.metric.additive or counted.absolute)
    gauge = None if usual else counted
    for k, one in enumerate(shapes):
        noted = k == len(shapes) - 1
        n = known(one.n_examples)
        if one.spans:
            best = BestShape(
                spans=one.spans,
                simplest=one.shapes[0],
                most=one.choices[-1].size,
                gauge=gauge,
                loss=no_loss(s),
            )
            found.append(
                Finding(kind="best_shape", facts=best, n_examples=n, size=size, noted=noted)
            )
        if one.growths:
            ways = Ways(growths=one.growths, grown_by=one.grown_by, axes=one.axes, gauge=gauge)
            found.append(
                Finding(kind="ways_to_grow", facts=ways, n_examples=n, size=size, noted=noted)
            )
        if one.budgets:
            networks = _networks(one, s.scale)
            found.append(
                Finding(kind="best_network", facts=networks, n_examples=n, size=size, noted=noted)
            )
    by_data = tuple(_at_data(one) for one in shapes if one.choices and known(one.n_examples))
    if len(by_data) > 1:
        found.append(Finding(kind="shape_and_data", facts=ShapeAndData(by_data=by_data), size=size))
    return found + _short(fits, size)


def _networks(one: ShapeStudy, metric: Metric) -> Networks:
    """Of the budgets with one network, the largest."""
    last = one.budgets[-1].cell
    told = [a for a, b in pairwise(one.budgets) if a.cell != b.cell]
    told.append(next(budget for budget in one.budgets if budget.cell == last))
    enough = told[-1].most < one.budgets[-1].most
    return Networks(budgets=tuple(told), grown_by=one.grown_by, metric=metric, enough=enough)


def _at_data(one: ShapeStudy) -> ShapeAtData:
    taken = Counter(choice.shape for choice in one.choices).most_common(1)[0][0]
    mine = [choice.standing for choice in one.choices if choice.shape == taken]
    n = len(one.choices)
    return ShapeAtData(
        n_examples=one.n_examples,
        taken=taken,
        told=mine.count("best") / n,
        enough=(len(mine) - mine.count("open")) / n,
    )


def _short(fits: Sequence[FittedCurve], size: str) -> list[Finding[ShortLadders]]:
    """Dataset sizes at which several shapes were tried and none compared."""
    found = []
    for fit in fits:
        curve = fit.curve
        if fit.ladders is not None or len(curve.shapes) < 2 or fit.law != "auto":
            continue
        x = np.log(curve.size)
        sizes = [len(sizes_apart(x[curve.shape == j])) for j in range(len(curve.shapes))]
        present = sum(n > 0 for n in sizes)
        if present < 2:
            continue
        step = NextStep(kind="sizes_of_shape", now=max(sizes), to=LEAST_SIZES_OF_SHAPE)
        low, high = float(curve.size[0]), float(curve.size[-1])
        if high < LEAST_RANGE * low:
            step = NextStep(kind="widen_range", low=low / 2.0, high=4.0 * high)
        facts = ShortLadders(
            shapes=present,
            least=LEAST_SIZES_OF_SHAPE,
            most=MOST_SHAPES,
            next_step=step,
            span=float(curve.size[-1] / curve.size[0]),
            least_span=LEAST_RANGE,
        )
        n_examples = known(curve.n_examples)
        found.append(Finding(kind="short_ladders", facts=facts, n_examples=n_examples, size=size))
    return found
