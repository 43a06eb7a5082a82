"""How well a curve's own small sizes foretell its large ones: the extrapolation score."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from analysis.forecasts.extrapolation import extrapolate
from analysis.verdicts.curve_fit import FittedCurve

LEAST_KNOWN = 5
"""Fewest sizes that a forecast is made from."""
REACH = 4.0
"""The forecast reaches up to so many times the largest size that it knows: two doublings."""


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Forecast of the largest sizes of a curve from the others."""

    n_examples: int
    known: float
    """Largest size that the forecast was made from."""
    hidden: int
    """Points beyond it."""
    error: float
    """Root mean square of log(forecast / measured)."""
    inside: int
    """Points whose measured error the band of the forecast mean holds, their own noise allowed."""
    level: float


def held_out(fit: FittedCurve) -> HeldOut | None:
    """Hide the sizes within two doublings of the largest; None where too few would be left."""
    curve, level = fit.curve, fit.settings.level
    if not len(curve):
        return None
    known = curve.size < curve.size[-1] / REACH
    if np.unique(curve.size[known]).size < LEAST_KNOWN:
        return None
    error = np.exp(fit.noise.log_error)
    found = extrapolate(curve.size[known], error[known], curve.size[~known], level=level)
    miss = np.log(found.prediction) - np.log(error[~known])
    own = np.sqrt(np.diag(fit.noise.mean_covariance(curve.replicates)))[~known]
    half = (np.log(found.upper) - np.log(found.lower)) / 2.0
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    return HeldOut(
        n_examples=curve.n_examples,
        known=float(curve.size[known][-1]),
        hidden=int((~known).sum()),
        error=float(np.sqrt((miss**2).mean())),
        inside=int((np.abs(miss) <= np.hypot(half, z * own)).sum()),
        level=level,
    )
