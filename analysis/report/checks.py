"""Does the curve hold? What it misses of the points, and what it foretold of sizes held out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.findings import Reason
from analysis.forecasts.extrapolation import EXTRAPOLATION_LAWS, extrapolate
from analysis.laws.selection import choose_law
from analysis.table.trials import FloatArray
from analysis.verdicts.curve_fit import FittedCurve
from analysis.words.reasons import why

Row = dict[str, Any]

HOLD_OUT_RATIO = 4.0
"""Sizes within this factor of the largest are held out: two doublings, as far as curves reach."""

ROUNDING = 1.05
"""Doubling the width does not quite double the size: biases and the last layer grow less."""

LEAST_SHOWN = 5
"""Fewest sizes that a forecast is made from; where fewer remain, only one doubling is held out."""


@dataclass(frozen=True, kw_only=True)
class HeldOutCell:
    """A cell that was hidden from a forecast."""

    cell: str
    size: float
    measured: float
    forecast: float
    low: float
    high: float
    """Ends of the forecast's band."""


@dataclass(frozen=True, kw_only=True)
class HoldOut:
    """What the smaller sizes of a curve foretold of the largest."""

    n_examples: float
    shown_up_to: float = math.nan
    """Largest size that the forecast saw; NaN where nothing could be held out."""
    cells: tuple[HeldOutCell, ...] = ()
    error: float = math.nan
    """Root mean square log error of the forecast; NaN likewise."""
    why: Reason | None = None
    """Why nothing could be held out; None where something was."""


def misses(fit: FittedCurve) -> list[Row]:
    """What the curve (that of its shape) misses of each cell; none without a fit.

    ``ratio`` is the measured error over the curve's, ``spread`` the standard deviation of its
    logarithm that replicates, draws and test examples explain.
    """
    if fit.draws is None:
        return []
    curve, spread = fit.curve, _spread(fit)
    ratio = np.exp(fit.noise.log_error) / fit.cell_errors()
    return [
        {"cell": cell, "size": float(size), "ratio": float(r), "spread": float(s)}
        for cell, size, r, s in zip(curve.cell, curve.size, ratio, spread, strict=True)
    ]


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
        return HoldOut(n_examples=n, why=Reason(kind="few_sizes_to_forecast", least=LEAST_SHOWN))
    found = extrapolate(curve.size[shown], error[shown], curve.size[~shown], level=level)
    cells = tuple(
        HeldOutCell(
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
    )


def law_fits(fit: FittedCurve, grid: Sequence[float] = ()) -> list[Row]:
    """Each law that forecasts average over, alone: its line, and its score on held-out sizes.

    ``weight`` is its share if laws alone were averaged, NaN if none fits; ``score`` its root mean
    square log error, infinite if not scored. None without a fit of the curve.
    """
    if fit.draws is None:
        return []
    error = np.exp(fit.noise.log_error)
    choice = choose_law(fit.curve.size, error, EXTRAPOLATION_LAWS, noise=_spread(fit))
    rows = []
    for k, law in enumerate(choice.laws):
        line: list[float] = []
        if choice.fits[k].ok.all() and len(grid):
            with np.errstate(all="ignore"):
                path = fit.shown(choice.fits[k].predict(np.array(grid))[0])
                line = [float(f"{v:.6g}") for v in path]
        rows.append(
            {
                "name": law.name,
                "words": law.words or law.name,
                "line": line,
                "weight": float(choice.weights[k]),
                "score": float(choice.scores[k]),
                "reason": why(choice.reasons[k]),
            }
        )
    return rows


def _spread(fit: FittedCurve) -> FloatArray:
    covariance = fit.noise.mean_covariance(fit.curve.replicates)
    return np.sqrt(np.diag(covariance))
