r"""A Bayesian forecast: all outlines of a curve, weighed by how likely they make it.

    log y(v) = log(E + exp w(v)) + g(v) + noise

w is an outline (`analysis.forecasts.outlines`), E the floor, and g a slow departure from it, which
is forgotten as the size grows: a curve that strays from its course comes back to it. A part of the
noise lasts from point to point. Given the outline, the floor as a fraction of the smallest error,
the share of lasting noise and the departure's size relative to the noise, all is normal with one
scale sigma, which is summed over a grid; so are the rest. The logs of y - E are taken as linear in
the noise.

Notation
--------
======== =================================================== ============
symbol   meaning                                             shape
======== =================================================== ============
H, F     settings of the covariance, floors
T, n, m  outlines, points, sizes asked for
S        noises sigma
W        inverse root of the covariance over sigma^2         (H, n, n)
G, c, s  Gram of whitened basis, with residual, of residual  (H, T, 4, 4)
======== =================================================== ============
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.forecasts.outlines import KINDS, MOST, TURN, TURN_SD, Outlines, outlines
from analysis.laws.law import Array

FLOORS = (0.0, 0.25, 0.5, 0.7, 0.85, 0.93, 0.98)
FLOOR_PRIOR = (0.15, 0.1, 0.14, 0.18, 0.2, 0.13, 0.1)
"""Floors as fractions of the smallest error seen."""
STEEPER = 0.5
"""Slopes above a floor of fraction f are expected (1 - f)**-0.5 times as steep."""

LASTING = (0.0, 0.4)
LASTING_PRIOR = (0.6, 0.4)
LASTING_LENGTH = 0.15
"""Share of the noise that lasts, and over which stretch of log size."""

DEPARTURES = (0.1, 0.5, 2.0, 8.0, 32.0)
"""Standard deviation of the departure over sigma."""
DEPARTURE_MIDDLE, DEPARTURE_SPREAD, DEPARTURE_LENGTH = 0.015, 1.0, 0.7

NOISES = np.geomspace(3e-4, 0.12, 10)
NOISE_MIDDLE, NOISE_SPREAD = 0.012, 1.2
"""Log-normal priors (middle; spread in natural logs)."""

TEMPER = 0.7
"""Power of the likelihood: the outlines are few, and none is quite right."""

MAX_CELLS = 60
"""Curves of more sizes are averaged into so many cells of equal width in log size."""
MAX_ASKED = 16
"""More sizes asked for are interpolated between so many."""
SMOOTHING = 0.15
"""Width, in log size, of the average that tells how far an error is above the floor."""
LEAST_REACH = 0.4
KEPT_WEIGHT, MOST_KEPT = 0.995, 1200
"""The forecast is an average of the likeliest cells: so much of the weight, at most so many."""


@dataclass(frozen=True)
class ShapesForecast:
    """Log errors at the sizes asked for."""

    mean: Array
    """Mean log error, shape (m,)."""
    sd: Array
    """Its standard deviation, shape (m,)."""
    noise: float
    """Standard deviation of one point's log error."""
    kinds: tuple[tuple[str, float], ...]
    """Posterior weight of each outline's kind."""


@dataclass(frozen=True)
class _Floor:
    """What the outlines above one floor say of the points. H settings, T outlines."""

    error: float
    above: Array
    """How log(y - E) moves with log y, shape (n,)."""
    log_y: Array
    """log(y - E), shape (n,)."""
    mean: Array
    root: Array
    values: Array
    vectors: Array
    """Eigen-decomposition of the Gram matrices, (H, T, 4) and (H, T, 4, 4)."""
    along: Array
    """The residual's products with the basis along the eigenvectors, (H, T, 4)."""


def forecast_shapes(x: Array, y: Array, x_new: Array) -> ShapesForecast:
    """Forecast a curve of at least 3 distinct sizes, given in rising order."""
    u, z, spread = _cells(x, y)
    v, v_all = u - u[-1], np.log(x_new) - u[-1]
    if not len(v_all):
        v_all = np.zeros(1)
    many = len(v_all) > MAX_ASKED
    v_new = np.linspace(v_all.min(), v_all.max(), MAX_ASKED) if many else v_all
    table = outlines(v, v_new, max(float(v_new.max()), LEAST_REACH))
    settings = [(lasting, size) for lasting in LASTING for size in DEPARTURES]
    whiten = np.stack([_whitener(v, spread, *setting) for setting in settings])
    smallest = float(np.exp(z.min()))
    floors, log_weight = [], []
    for fraction, prior in zip(FLOORS, FLOOR_PRIOR, strict=True):
        floor, likelihood = _above(fraction, smallest, v, z, table, whiten)
        floors.append(floor)
        log_weight.append(np.log(prior) + TEMPER * likelihood)
    weight = np.stack(log_weight, axis=1) + _prior(table, settings)
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    mean, sd, noise, kinds = _average(weight, floors, settings, whiten, table, v, v_new)
    if many:
        mean, sd = (np.interp(v_all, v_new, a) for a in (mean, sd))
    return ShapesForecast(mean[: len(x_new)], sd[: len(x_new)], noise, kinds)


def _cells(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Log sizes, mean log errors, 1 / points of each distinct size or cell of sizes."""
    u, z = np.log(x), np.log(y)
    place = np.unique(u, return_inverse=True)[1]
    if place.max() >= MAX_CELLS:
        edges = np.linspace(u[0], u[-1], MAX_CELLS + 1)[1:-1]
        place = np.unique(np.searchsorted(edges, u), return_inverse=True)[1]
    count = np.bincount(place).astype(np.float64)
    return np.bincount(place, u) / count, np.bincount(place, z) / count, 1.0 / count


def _departure(a: Array, b: Array) -> Array:
    """Matern covariance (3/2) of variance 1: smooth, and forgotten beyond its length."""
    away = np.sqrt(3.0) * np.abs(a[:, None] - b[None, :]) / DEPARTURE_LENGTH
    return np.asarray((1.0 + away) * np.exp(-away))


def _whitener(v: Array, spread: Array, lasting: float, departure: float) -> Array:
    """Inverse root of the covariance of the points over sigma^2."""
    near = np.exp(-np.abs(v[:, None] - v[None, :]) / LASTING_LENGTH)
    total = (1.0 - lasting) * np.diag(spread) + lasting * near
    total += departure**2 * _departure(v, v)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(total + 1e-9 * np.eye(len(v)))))


def _above(
    fraction: float, smallest: float, v: Array, z: Array, table: Outlines, whiten: Array
) -> tuple[_Floor, Array]:
    """The outlines above a floor, and the log likelihood of each: shape (H, T, S)."""
    error = fraction * smallest
    near = np.exp(-0.5 * ((v[:, None] - v[None, :]) / SMOOTHING) ** 2)
    smooth = np.maximum(np.exp(near @ z / near.sum(axis=1)), smallest)
    above = smooth / (smooth - error)
    log_y = np.log(np.exp(z) - error)
    steeper = (1.0 - fraction) ** -STEEPER
    factor = np.full((len(table.kinds), MOST), steeper)
    factor[:, 0] = 1.0
    factor[table.kinds == "hump", 2] = 1.0
    mean, root = table.mean * factor, table.root * factor[:, :, None]
    mean[:, 0] = log_y[-1]
    columns = table.shown @ root
    residual = log_y - np.einsum("tnk,tk->tn", table.shown, mean)
    joint = np.concatenate([columns, residual[:, :, None]], axis=2) / above[None, :, None]
    flat = joint.transpose(1, 0, 2).reshape(len(v), -1)
    white = (whiten @ flat).reshape(len(whiten), len(v), len(mean), MOST + 1)
    white = white.transpose(0, 2, 1, 3)
    gram = white.transpose(0, 1, 3, 2) @ white
    values, vectors = np.linalg.eigh(gram[..., :MOST, :MOST])
    values = np.maximum(values, 0.0)
    along = np.einsum("htkj,htk->htj", vectors, gram[..., :MOST, MOST])
    variance = NOISES**2
    squares = gram[..., MOST, MOST, None] - sum(
        along[..., j, None] ** 2 / (values[..., j, None] + variance) for j in range(MOST)
    )
    log_det = sum(np.log1p(values[..., j, None] / variance) for j in range(MOST))
    own = np.log(np.diagonal(whiten, axis1=1, axis2=2)).sum(axis=1)[:, None, None]
    likelihood = own - len(v) * np.log(NOISES) - 0.5 * log_det - 0.5 * squares / variance
    return _Floor(error, above, log_y, mean, root, values, vectors, along), likelihood


def _prior(table: Outlines, settings: list[tuple[float, float]]) -> Array:
    """Log prior of settings, outlines and noises, shape (H, 1, T, S)."""
    lasting = np.log([LASTING_PRIOR[LASTING.index(share)] for share, _ in settings])
    relative = np.log([size for _, size in settings])[:, None] + np.log(NOISES)
    departure = (relative - np.log(DEPARTURE_MIDDLE)) / DEPARTURE_SPREAD
    noise = (np.log(NOISES) - np.log(NOISE_MIDDLE)) / NOISE_SPREAD
    scale = -0.5 * (departure**2 + noise**2) + lasting[:, None]
    return np.asarray(scale[:, None, None, :] + table.log_prior[None, None, :, None])


def _average(
    weight: Array,
    floors: list[_Floor],
    settings: list[tuple[float, float]],
    whiten: Array,
    table: Outlines,
    v: Array,
    v_new: Array,
) -> tuple[Array, Array, float, tuple[tuple[str, float], ...]]:
    """Mean, standard deviation, noise and kinds of the likeliest cells."""
    order = np.argsort(weight.ravel())[::-1][:MOST_KEPT]
    held = np.cumsum(weight.ravel()[order])
    order = order[: int(np.searchsorted(held, KEPT_WEIGHT)) + 1]
    at_setting, at_floor, at_outline, at_noise = np.unravel_index(order, weight.shape)
    share = weight.ravel()[order] / weight.ravel()[order].sum()
    variance = NOISES[at_noise] ** 2
    means, variances = np.empty((2, len(order), len(v_new)))
    cross, own = _departure(v_new, v), np.ones(len(v_new))
    for h, (_, size) in enumerate(settings):
        pull = size**2 * cross @ (whiten[h].T @ whiten[h])
        left = np.maximum(size**2 * (own - np.einsum("mn,mn->m", pull, cross)), 0.0)
        for number, floor in enumerate(floors):
            rows = np.flatnonzero((at_setting == h) & (at_floor == number))
            if not len(rows):
                continue
            t = at_outline[rows]
            means[rows], covered = _ahead(floor, h, t, variance[rows], table, pull)
            variances[rows] = variance[rows, None] * left + covered
    mean = share @ means
    sd = np.sqrt(share @ (variances + (means - mean) ** 2))
    names = table.kinds[at_outline]
    kinds = tuple((kind, float(share[names == kind].sum())) for kind in KINDS)
    return mean, sd, float(np.sqrt(share @ variance)), kinds


def _ahead(
    floor: _Floor, h: int, t: npt.NDArray[np.intp], variance: Array, table: Outlines, pull: Array
) -> tuple[Array, Array]:
    """Log errors at the sizes asked for, and their variance from the coefficients."""
    vectors, damped = floor.vectors[h, t], floor.values[h, t] + variance[:, None]
    scaled = np.einsum("rkj,rj->rk", vectors, floor.along[h, t] / damped)
    root = floor.root[t]
    found = floor.mean[t] + np.einsum("rij,rj->ri", root, scaled)
    rising = (np.einsum("rk,rk->r", table.onward[t], found) > 0.0) & (table.kinds[t] != "hump")
    basis = np.where(rising[:, None, None], table.faded[t], table.asked[t])
    log_fall = np.clip(np.einsum("rmk,rk->rm", basis, found), -300.0, 300.0)
    total = floor.error + np.exp(log_fall)
    residual = floor.log_y - np.einsum("rnk,rk->rn", table.shown[t], found)
    mean = np.log(total) + (residual / floor.above) @ pull.T
    turned = np.where(rising[:, None], table.turned, 0.0)
    moved = basis @ root * (np.exp(log_fall) / total)[:, :, None]
    moved = moved - pull @ (table.shown[t] @ root / floor.above[None, :, None])
    covered = np.einsum("rmj,rj->rm", (moved @ vectors) ** 2, variance[:, None] / damped)
    return mean + TURN * turned, covered + (TURN_SD * turned) ** 2
