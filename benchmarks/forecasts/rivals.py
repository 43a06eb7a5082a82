"""What a forecast is compared with: laws by bounded multi-start least squares, an average."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq, least_squares

from analysis.forecasts.extrapolation import EXTRAPOLATION_LAWS
from analysis.laws.fitting import fit_law
from analysis.laws.law import Array

STARTS = 12


def law(name: str, x: Array, y: Array, x_new: Array) -> Array:
    """Forecast of one law; the last error seen where it cannot be fitted."""
    fit = fit_law(name, x, y[None], weights=np.ones((1, len(x))), delta=np.inf)
    with np.errstate(all="ignore"):
        path = fit.predict(x_new)[0]
    return np.asarray(np.where(np.isfinite(path) & (path > 0.0), path, y[-1]))


def broken_once(x: Array, y: Array, x_new: Array) -> Array:
    """BNSL with one break (Caballero et al. 2023)."""
    return law("broken1", x, y, x_new)


def average(x: Array, y: Array, x_new: Array) -> Array:
    """Geometric mean of the monotone laws, all with the same weight."""
    logs = [np.log(law(name, x, y, x_new)) for name in EXTRAPOLATION_LAWS]
    return np.asarray(np.exp(np.mean(logs, axis=0)))


def m4(x: Array, y: Array, x_new: Array) -> Array:
    """(e - E) / (top - e)^a = b x^-c (Alabdulmohsin et al. 2022), least squares in log size.

    The law is solved for the size, log x = (log b - log(e - E) + a log(top - e)) / c; its residual
    over the curve's own slope is the residual of the log error.
    """
    log_x, least, most = np.log(x), float(y.min()), float(y.max())

    def side(e: Array | float, p: Array) -> Array:
        floor, top = least * p[0], most * (1.0 + np.exp(p[1]))
        return np.asarray(np.log(e - floor) - p[2] * np.log(top - e) - p[3])

    def moves(e: Array, p: Array) -> Array:
        floor, top = least * p[0], most * (1.0 + np.exp(p[1]))
        return np.asarray(e / (e - floor) + p[2] * e / (top - e))

    def misses(p: Array) -> Array:
        return np.asarray((side(y, p) + p[4] * log_x) / moves(y, p))

    low = np.array([0.0, -7.0, 0.0, -80.0, 0.0])
    high = np.array([0.999, 2.0, 5.0, 80.0, 5.0])
    best, cost = None, np.inf
    rng = np.random.default_rng(0)
    for _ in range(STARTS):
        floor, top, bend = rng.uniform(0.0, 0.95), rng.uniform(-4.0, 0.0), rng.uniform(0.0, 2.0)
        start = np.array([floor, top, bend, 0.0, rng.uniform(0.05, 1.0)])
        start[3] = np.clip(np.mean(side(y, start) + start[4] * log_x), -79.0, 79.0)
        found = least_squares(misses, start, bounds=(low, high), max_nfev=200)
        if found.cost < cost:
            best, cost = found.x, found.cost
    assert best is not None

    def at(size: float) -> float:
        floor, top = least * best[0], most * (1.0 + np.exp(best[1]))
        span = (top - floor) * 1e-12
        return float(brentq(lambda e: float(side(e, best)) + best[4] * np.log(size),
                            floor + span, top - span))  # fmt: skip

    return np.array([at(float(size)) for size in x_new])


RIVALS = {"M4": m4, "BNSL, one break": broken_once, "plain average": average}
