"""The points that a curve is fitted to, the grid it is drawn on, and the luck of the test examples.

Notation: K points, G grid points; x is the log of the size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.curves.curve import Curve
from analysis.curves.noise import Noise, gaussian
from analysis.table.trials import FloatArray, IntArray

MAX_POINTS = 32
"""More points than this are merged with their neighbours in size."""
MAX_POINTS_OF_SHAPES, LEAST_BINS = 48, 4
"""The same where shapes are told apart, and the fewest points that a shape is merged to."""
DOUBLING_STEPS = 16
"""Grid points per doubling of the size, at least."""
REACH = 2.0
"""Doublings beyond the largest size that curves are drawn for; no rule looks there."""


APART = 0.6
"""Sizes closer than this share of the median step count as one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """Points of the curve, merged if there are many."""

    x: FloatArray
    y: FloatArray
    covariance: FloatArray
    variance: FloatArray
    """(K,) part of the covariance's diagonal that kappa scales (seeds)."""
    cells: FloatArray
    """(K,) cells merged into the point: tau averages over them."""
    shape: IntArray


def merge_points(curve: Curve, noise: Noise, *, by_shape: bool = False) -> Points:
    """Points for the fit: cells as they are, or neighbours in size (and of one shape) merged."""
    x = np.log(curve.size)
    variance = noise.run_variance / np.maximum(curve.replicates, 1)
    rough, _ = split_test_luck(x, noise.test_covariance)
    covariance = np.diag(variance) + noise.over_draws + rough
    if len(x) <= (MAX_POINTS_OF_SHAPES if by_shape else MAX_POINTS):
        return Points(
            x=x,
            y=noise.log_error,
            covariance=covariance,
            variance=variance,
            cells=np.ones(len(x)),
            shape=curve.shape,
        )
    shape = curve.shape if by_shape else np.zeros(len(x), dtype=np.int64)
    per_shape = MAX_POINTS
    if by_shape:
        per_shape = max(MAX_POINTS_OF_SHAPES // len(np.unique(shape)), LEAST_BINS)
    edges = np.linspace(x[0], x[-1], per_shape + 1)
    place = np.searchsorted(edges[1:-1], x) * (int(shape.max()) + 1) + shape
    _, first, bins = np.unique(place, return_index=True, return_inverse=True)
    member = (bins[None, :] == np.arange(bins.max() + 1)[:, None]).astype(np.float64)
    mean = member * (1.0 / (variance + 0.05**2))
    mean /= mean.sum(axis=1, keepdims=True)
    order = np.argsort(mean @ x, kind="stable")  # shapes lie side by side
    mean, first = mean[order], first[order]
    return Points(
        x=mean @ x,
        y=mean @ noise.log_error,
        covariance=mean @ covariance @ mean.T,
        variance=np.asarray((mean**2) @ variance),
        cells=1.0 / (mean**2).sum(axis=1),
        shape=shape[first],
    )


def sizes_apart(x: FloatArray) -> FloatArray:
    """Log sizes that are apart, the first and the last among them: ladders may interleave."""
    distinct = np.unique(x)
    if len(distinct) < 3:
        return distinct
    least = APART * float(np.median(np.diff(distinct)))
    kept = [float(distinct[0])]
    for size in distinct[1:]:
        if size - kept[-1] >= least:
            kept.append(float(size))
    kept[-1] = float(distinct[-1])
    return np.array(kept)


def split_test_luck(x: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The luck of the test examples as noise of single points, and as level and tilt of the curve.

    The test examples are the same for every size, so their luck lifts or tilts the curve as a
    whole. No point can tell of it: that part is added to the drawn curves, and the fit is one of
    the curve on these test examples. What is left scatters the points and is noise of the fit.

    Returns the covariances of the rest (K, K), and of level and tilt about the middle of x (2, 2).
    """
    basis = np.stack([np.ones_like(x), x - x.mean()], axis=1)
    project = np.linalg.pinv(basis)
    rest = np.eye(len(x)) - basis @ project
    return rest @ covariance @ rest.T, project @ covariance @ project.T


def draw_test_luck(
    x: FloatArray, noise: Noise, grid: FloatArray, n: int, rng: np.random.Generator
) -> FloatArray:
    """(n, G) level and tilt that other test examples would give the curve."""
    _, covariance = split_test_luck(x, noise.test_covariance)
    luck: FloatArray = gaussian(covariance, n, rng) @ np.stack(
        [np.ones_like(grid), grid - x.mean()]
    )
    return luck


def size_grid(x: FloatArray) -> tuple[FloatArray, int]:
    """Log sizes on which curves are drawn, and how many lie in the range tried.

    The grid runs from the smallest to the largest size and :data:`REACH` doublings on.
    """
    span = float(x[-1] - x[0])
    n = int(np.clip(math.ceil(span / math.log(2.0) * DOUBLING_STEPS), 96, 320)) + 1
    step = span / (n - 1)
    beyond = int(np.clip(math.ceil(REACH * math.log(2.0) / step), 1, 160))
    return x[0] + step * np.arange(n + beyond), n


def run_spread(curve: Curve, noise: Noise, grid: FloatArray) -> FloatArray:
    """(G,) spread of one new run about the mean curve."""
    variance: FloatArray = np.exp(np.interp(grid, np.log(curve.size), np.log(noise.run_variance)))
    spread: FloatArray = np.sqrt(variance + noise.draw_variance)
    return spread
