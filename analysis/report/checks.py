"""Does the curve hold? What it misses of the points, and what it foretold of sizes held out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.forecasts.extrapolation import EXTRAPOLATION_LAWS, extrapolate
from analysis.laws.selection import choose_law
from analysis.table.trials import FloatArray, known
from analysis.verdicts.curve_fit import FittedCurve

Row = dict[str, Any]

HOLD_OUT_RATIO = 4.0
"""Sizes within this factor of the largest are held out: two doublings, as far as curves reach."""

ROUNDING = 1.05
"""Doubling the width does not quite double the size: biases and the last layer grow less."""

LEAST_SHOWN = 5
"""Fewest sizes that a forecast is made from; where fewer remain, only one doubling is held out."""


def misses(fit: FittedCurve) -> list[Row]:
    """What the curve misses of each of its cells; none without a fit.

    ``ratio`` is the measured error over the curve's, ``spread`` the standard deviation of its
    logarithm that replicates, draws and test examples explain.
    """
    if fit.draws is None:
        return []
    curve, spread = fit.curve, _spread(fit)
    ratio = np.exp(fit.noise.log_error) / fit.predict(curve.size)
    return [
        {"cell": cell, "size": float(size), "ratio": float(r), "spread": float(s)}
        for cell, size, r, s in zip(curve.cell, curve.size, ratio, spread, strict=True)
    ]


def hold_out(fit: FittedCurve, level: float) -> Row:
    """Hide the largest sizes of a curve, forecast them from the smaller ones, compare.

    ``shown_up_to`` is the largest size that the forecast saw, ``error`` its root mean square log
    error; ``why`` says why nothing could be held out, both are NaN then.
    """
    curve = fit.curve
    n = curve.n_examples
    nothing: Row = {"n_examples": n, "shown_up_to": math.nan, "cells": [], "error": math.nan,
                    "why": "", "n": known(n)}  # fmt: skip
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
        return nothing | {"why": f"fewer than {LEAST_SHOWN} sizes would remain to forecast from"}
    try:
        found = extrapolate(curve.size[shown], error[shown], curve.size[~shown], level=level)
    except AnalysisError as reason:
        return nothing | {"why": str(reason)}
    cells: list[Row] = [
        {
            "cell": curve.cell[k],
            "size": float(curve.size[k]),
            "measured": float(error[k]),
            "forecast": float(found.prediction[j]),
            "low": float(found.lower[j]),
            "high": float(found.upper[j]),
        }
        for j, k in enumerate(np.flatnonzero(~shown))
    ]
    squares = [math.log(cell["forecast"] / cell["measured"]) ** 2 for cell in cells]
    return nothing | {
        "shown_up_to": float(curve.size[shown].max()),
        "cells": cells,
        "error": math.sqrt(sum(squares) / len(squares)),
    }


def law_fits(fit: FittedCurve, grid: Sequence[float] = ()) -> list[Row]:
    """Each law that forecasts average over, alone: its line, and its score on held-out sizes.

    ``weight`` is its share if laws alone were averaged, NaN if none fits; ``score`` its root mean
    square log error, infinite if not scored. None where there is too little to fit.
    """
    if fit.draws is None:
        return []
    error = np.exp(fit.noise.log_error)
    try:
        choice = choose_law(fit.curve.size, error, EXTRAPOLATION_LAWS, noise=_spread(fit))
    except AnalysisError:
        return []
    rows = []
    for k, law in enumerate(choice.laws):
        line: list[float] = []
        if choice.fits[k].ok.all() and len(grid):
            with np.errstate(all="ignore"):
                line = [float(f"{v:.6g}") for v in choice.fits[k].predict(np.array(grid))[0]]
        rows.append(
            {
                "name": law.name,
                "words": law.words or law.name,
                "line": line,
                "weight": float(choice.weights[k]),
                "score": float(choice.scores[k]),
                "reason": choice.reasons[k],
            }
        )
    return rows


def _spread(fit: FittedCurve) -> FloatArray:
    covariance = fit.noise.mean_covariance(fit.curve.replicates)
    return np.sqrt(np.diag(covariance))
