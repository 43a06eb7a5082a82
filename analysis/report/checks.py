"""Does the curve hold? What it misses of the points, and what it foretold of sizes held out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.errors import AnalysisError
from analysis.forecasts.extrapolation import EXTRAPOLATION_LAWS, extrapolate
from analysis.laws.law import Law
from analysis.laws.selection import choose_law
from analysis.laws.solution import BatchFit
from analysis.table.trials import FloatArray
from analysis.verdicts.curve_fit import FittedCurve

HOLD_OUT_RATIO = 4.0
"""Sizes within this factor of the largest are held out: two doublings, as far as curves reach."""

ROUNDING = 1.05
"""Doubling the width does not quite double the size: biases and the last layer grow less."""

LEAST_SHOWN = 5
"""Fewest sizes that a forecast is made from; where fewer remain, only one doubling is held out."""


@dataclass(frozen=True, kw_only=True)
class Miss:
    """What the fitted curve misses of one cell."""

    cell: str
    size: float
    ratio: float
    """Measured error over the curve's."""
    spread: float
    """Standard deviation of its logarithm that replicates, draws and test examples explain."""


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """One held-out cell: what the smaller sizes foretold, and what was measured."""

    cell: str
    size: float
    measured: float
    forecast: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the band holds what was measured."""
        return self.low <= self.measured <= self.high


@dataclass(frozen=True, kw_only=True)
class HoldOut:
    """An extrapolation check of one dataset size."""

    n_examples: int
    shown_up_to: float
    """Largest size that the forecast saw; NaN where nothing could be held out."""
    cells: tuple[Foretold, ...]
    error: float
    """Root mean square log error of the forecast; NaN where there is none."""
    why: str
    """Why nothing could be held out; empty otherwise."""

    @property
    def inside(self) -> int:
        """How many of the cells lie within the band."""
        return sum(cell.inside for cell in self.cells)


@dataclass(frozen=True, kw_only=True, eq=False)
class LawFit:
    """One law fitted to all points of a curve, and how it foretells the largest ones."""

    law: Law
    fit: BatchFit
    weight: float
    """Share that it would have if laws alone were averaged; NaN if none fits."""
    score: float
    """Root mean square log error on held-out sizes; infinite if not scored."""
    reason: str
    """Why it is out; empty otherwise."""


def misses(fit: FittedCurve) -> tuple[Miss, ...]:
    """What the curve misses of each of its cells; none without a fit."""
    if fit.draws is None:
        return ()
    curve, spread = fit.curve, _spread(fit)
    ratio = np.exp(fit.noise.log_error) / fit.predict(curve.size)
    return tuple(
        Miss(cell=cell, size=float(size), ratio=float(r), spread=float(s))
        for cell, size, r, s in zip(curve.cell, curve.size, ratio, spread, strict=True)
    )


def hold_out(fit: FittedCurve, level: float) -> HoldOut:
    """Hide the largest sizes of a curve, forecast them from the smaller ones, compare."""
    curve = fit.curve
    n = curve.n_examples
    error = np.exp(fit.noise.log_error)
    for ratio in (HOLD_OUT_RATIO, HOLD_OUT_RATIO / 2.0):
        if not len(curve):
            break
        shown = curve.size <= curve.size[-1] / ratio * ROUNDING
        if len(np.unique(np.round(np.log(curve.size[shown]), 2))) >= LEAST_SHOWN:
            break
    else:
        shown = np.zeros(len(curve), dtype=bool)
    if not (len(curve) and shown.any()):
        return _nothing(n, f"fewer than {LEAST_SHOWN} sizes would remain to forecast from")
    try:
        found = extrapolate(curve.size[shown], error[shown], curve.size[~shown], level=level)
    except AnalysisError as reason:
        return _nothing(n, str(reason))
    cells = tuple(
        Foretold(
            cell=curve.cell[k],
            size=float(curve.size[k]),
            measured=float(error[k]),
            forecast=float(found.prediction[j]),
            low=float(found.lower[j]),
            high=float(found.upper[j]),
        )
        for j, k in enumerate(np.flatnonzero(~shown))
    )
    squares = [math.log(cell.forecast / cell.measured) ** 2 for cell in cells]
    return HoldOut(
        n_examples=n,
        shown_up_to=float(curve.size[shown].max()),
        cells=cells,
        error=math.sqrt(sum(squares) / len(squares)),
        why="",
    )


def law_fits(fit: FittedCurve) -> tuple[LawFit, ...]:
    """Each law that forecasts average over, alone, with its score on held-out sizes.

    None where there is too little to fit.
    """
    if fit.draws is None:
        return ()
    error = np.exp(fit.noise.log_error)
    try:
        choice = choose_law(fit.curve.size, error, EXTRAPOLATION_LAWS, noise=_spread(fit))
    except AnalysisError:
        return ()
    return tuple(
        LawFit(
            law=law,
            fit=choice.fits[k],
            weight=float(choice.weights[k]),
            score=float(choice.scores[k]),
            reason=choice.reasons[k],
        )
        for k, law in enumerate(choice.laws)
    )


def _spread(fit: FittedCurve) -> FloatArray:
    covariance = fit.noise.mean_covariance(fit.curve.replicates)
    return np.sqrt(np.diag(covariance))


def _nothing(n_examples: int, why: str) -> HoldOut:
    return HoldOut(n_examples=n_examples, shown_up_to=math.nan, cells=(), error=math.nan, why=why)
