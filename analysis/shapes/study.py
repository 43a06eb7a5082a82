"""All that is said of shape at one dataset size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.curves.points import sizes_apart
from analysis.posterior.ladders import LadderDraws
from analysis.settings import AnalysisSettings
from analysis.shapes.best import Choice, Span, choose, no_loss, spans, taken
from analysis.shapes.costs import Budget, CostShapes, budgets, shapes_by_cost
from analysis.shapes.growing import Growth, Step, steps, ways_to_grow
from analysis.streams import Stream, generator
from analysis.table.trials import FloatArray, TrialTable
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.decide import too_little


@dataclass(frozen=True, kw_only=True, eq=False)
class ShapeStudy:
    """Width or depth, at one dataset size."""

    n_examples: float
    axes: tuple[str, ...]
    """Columns that say the shape."""
    grown_by: str
    """The axis that grows a ladder; empty where it is not known."""
    shapes: tuple[str, ...]
    """The simpler first."""
    choices: tuple[Choice, ...]
    """The shape to take at each size tried."""
    spans: tuple[Span, ...]
    """The same, neighbours that say the same as one."""
    growths: tuple[Growth, ...]
    """What twice the size brings, by keeping the shape or by changing it."""
    steps: tuple[Step, ...]
    """What the steps that the study tried bring."""
    costs: tuple[CostShapes, ...]
    """The best shape by other costs."""
    budgets: tuple[Budget, ...]
    """The network to take within budgets of the size."""
    level: float
    """Of the intervals."""


def study_shapes(
    table: TrialTable, fits: Sequence[FittedCurve], s: AnalysisSettings
) -> tuple[ShapeStudy, ...]:
    """Compare shapes at every dataset size whose ladders were drawn."""
    return tuple(
        _one(table, fit, s)
        for fit in fits
        if fit.ladders is not None and too_little(fit.curve, fit.noise)[0] is None
    )


def choices_of(fit: FittedCurve) -> tuple[Choice, ...]:
    """The shape to take at each size of a curve; none where shapes cannot be compared."""
    ladders = fit.ladders
    if ladders is None or too_little(fit.curve, fit.noise)[0] is not None:
        return ()
    names = tuple(shape.name for shape in ladders.shapes)
    x, s = _sizes(fit, ladders), fit.settings
    return choose(ladders.at(x), ladders.tried(x), np.exp(x), names, s.level, no_loss(s))


def _sizes(fit: FittedCurve, ladders: LadderDraws) -> FloatArray:
    """Log sizes tried up to the frontier's end: past it a shape that ended is the better one."""
    x = sizes_apart(np.log(fit.curve.size))
    return np.asarray(x[x <= ladders.x[ladders.frontier().n_inside - 1] + 1e-9])


def _one(table: TrialTable, fit: FittedCurve, s: AnalysisSettings) -> ShapeStudy:
    ladders, curve = fit.ladders, fit.curve
    assert ladders is not None
    choices, loss = choices_of(fit), no_loss(s)
    return ShapeStudy(
        n_examples=curve.n_examples,
        axes=tuple(axis for axis, _ in ladders.shapes[0].values),
        grown_by=curve.grown_by,
        shapes=tuple(shape.name for shape in ladders.shapes),
        choices=choices,
        spans=spans(choices),
        growths=ways_to_grow(ladders, np.exp(_sizes(fit, ladders)), s),
        steps=steps(curve, ladders, s.level),
        costs=shapes_by_cost(curve, ladders, table, s.size, s.level, loss),
        budgets=budgets(
            curve,
            fit.noise,
            ladders,
            table,
            s.size,
            generator(s.seed, Stream.BUDGETS, curve.n_examples),
            s.level,
        ),
        level=s.level,
    )


def nearest_cell(fit: FittedCurve, size: float) -> str:
    """Name of the cell nearest to a size, of the shape that is taken there.

    Of all cells where shapes are not compared.
    """
    curve, ladders = fit.curve, fit.ladders
    away = np.abs(np.log(curve.size / size))
    if ladders is None:
        return curve.cell[int(away.argmin())]
    x = np.clip(np.log([size]), ladders.x[0], ladders.x[-1])
    here = np.flatnonzero(ladders.tried(x)[:, 0])
    if not len(here):
        return curve.cell[int(away.argmin())]
    which = int(here[taken(ladders.at(x)[:, here, 0])[0]]) if len(here) > 1 else int(here[0])
    mine = np.array([curve.shapes[j] == ladders.shapes[which] for j in curve.shape])
    return curve.cell[int(np.flatnonzero(mine)[away[mine].argmin()])]
