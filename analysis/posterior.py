r"""Every curve that the points leave possible, weighed: laws, averaged, with smooth departures.

The log of the error over x = ln(size) is

    f(x) = L + s_theta(x) + g(x),      y = f(x) + depth offset + noise

where ``s_theta`` is the shape of a law (a power law with a floor and the passage from chance,
constants and pure power laws being its edges; ``analysis.shapes``), L a free level, and g a
departure from it (none, smooth, a hump, a bend; ``analysis.departures``), which is how an upturn or
a law that nobody thought of is seen and not smoothed away. All parameters live on a grid that is
summed, so that there is no optimum to miss and no start to choose: each combination's marginal
likelihood is a few matrix products.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
K        points of the curve                                           scalar
G        grid of x on which curves are drawn                           scalar
T        shapes of the law on its grid                                 scalar
x, y     log size, log error                                           (K,)
C        covariance of y given L and theta                             (K, K)
tau      scatter of cells beyond what replicates show (tuning luck)    scalar
kappa    true over estimated spread of replicates                      scalar
======== ============================================================= ===========

References
----------
Rosenfeld et al. (2020), "A Constructive Prediction of the Generalization Error Across Scales",
equations 4-5, for the passage from chance: e = e0 e~ / |e~ - i eta| with e~ = b m^-alpha + c.
Rasmussen and Williams (2006), *Gaussian Processes for Machine Learning*, section 5.4, for the
marginal likelihood. Departure from both: everything is integrated on a grid, nothing is maximised.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from analysis.curve import Curve
from analysis.departures import Departure, Departures
from analysis.points import Points, draw_test_luck, merge_points, run_spread, size_grid
from analysis.shapes import Shapes, coarse_shapes, refine_shapes
from analysis.trials import FloatArray, IntArray, read_only
from analysis.uncertainty import Noise

SCATTERS = ((0.0, 0.0, 0.6), (0.015, 0.015, 0.25), (0.04, 0.04, 0.12), (0.1, 0.1, 0.03))
"""Scatter tau of cells beyond replicates at the smallest and at the largest size (log-linear in
between), with its prior weight: the luck of tuning each cell."""
SHAPE_SCATTERS = (
    (0.0, 0.0, 0.35), (0.02, 0.02, 0.2), (0.05, 0.05, 0.15), (0.1, 0.1, 0.08), (0.25, 0.25, 0.02),
    (0.25, 0.03, 0.12), (0.6, 0.03, 0.08),
)  # fmt: skip
"""The same where cells of several depths sit side by side: shapes differ more than luck does, and
most where networks are small (two hidden layers of two units hardly train)."""
OFFSETS = ((0.0, 0.5), (0.1, 0.3), (0.4, 0.2))
"""Spread of a depth's constant offset from the common curve, with its prior weight."""
UNKNOWN_SPREADS = np.geomspace(0.003, 0.5, 9)
"""Relative spreads tried where no cell has replicates."""
SPREAD_KNOWN = 24.0
"""Degrees of freedom beyond which the spread of replicates is taken as known: it is, to 14%."""
KEPT_WEIGHT = 1e-4
"""Combinations below this share of the best one's weight draw no curves."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveDraws:
    """Curves that the data leave possible, drawn with their probability."""

    x: FloatArray
    """(G,) log sizes, evenly spaced from the smallest size tried."""
    n_inside: int
    """Grid points within the range tried; those after it reach beyond it."""
    log_error: FloatArray
    """(R, G) log of the mean error of each drawn curve."""
    run_spread: FloatArray
    """(G,) standard deviation of one new run (seed and subset draw) about the mean, on the log."""
    departure: float
    """Probability that the curve departs from the laws by 10% or more."""
    exponent: tuple[float, float, float]
    """Median and central interval (5%, 95%) of the law's exponent alpha."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Combination:
    """One choice of everything that enters the covariance, and its log prior weight."""

    departure: Departure
    scatter_index: int
    scatter: FloatArray
    """(K,) variance of the points beyond what replicates show."""
    offset: float
    kappa: float
    log_prior: float


def draw_curves(
    curve: Curve, noise: Noise, *, resamples: int, level: float, rng: np.random.Generator
) -> CurveDraws:
    """Draw mean curves from all that the points leave possible.

    Parameters
    ----------
    curve, noise : Curve, Noise
        At least two distinct sizes.
    resamples : int
        R, curves to draw.
    level : float
        Of the interval of the exponent.
    rng : Generator
        Source of the draws.
    """
    points = merge_points(curve, noise)
    grid, n_inside = size_grid(points.x)
    departures = Departures(points.x, grid)
    ways = departures.coarse()
    rough = _rough(_combinations(points, noise, ways))
    coarse = coarse_shapes(points.x)
    simple = [c for c in rough if c.departure.simple]
    log_weight = _log_weight(points, simple, coarse)
    shapes = refine_shapes(coarse, _log_sum(log_weight, axis=0), points.x, rng)
    total = _log_sum(_log_weight(points, rough, shapes) + shapes.log_prior, axis=1)
    ways = departures.refine(ways, _by_departure(rough, ways, total), rng)
    alive = _likely_scatters(rough, total)
    combinations = [c for c in _combinations(points, noise, ways) if c.scatter_index in alive]
    at_points, on_grid = np.split(
        shapes.evaluate(np.concatenate([points.x, grid])), [len(points.x)], axis=1
    )
    log_weight = _log_weight(points, combinations, shapes) + shapes.log_prior
    weight = np.exp(log_weight - log_weight.max())
    by_combination = weight.sum(axis=1)
    kept = np.flatnonzero(by_combination >= KEPT_WEIGHT * by_combination.max())
    combinations, weight = [combinations[k] for k in kept], weight[kept]
    weight /= weight.sum()
    counts = _systematic(weight.ravel(), resamples, rng).reshape(weight.shape)
    drawn = [
        _sample(points, combination, count, at_points, on_grid, rng)
        for combination, count in zip(combinations, counts, strict=True)
        if count.any()
    ]
    by_exponent = np.repeat(shapes.exponent, counts.sum(axis=0))
    tail = (1.0 - level) / 2.0
    low, middle, high = np.quantile(by_exponent, [tail, 0.5, 1.0 - tail])
    away = np.array([c.departure.size >= 0.1 for c in combinations])
    log_error = np.concatenate(drawn)
    log_error += draw_test_luck(np.log(curve.size), noise, grid, len(log_error), rng)
    return CurveDraws(
        x=read_only(grid),
        n_inside=n_inside,
        log_error=read_only(log_error[rng.permutation(len(log_error))]),
        run_spread=read_only(run_spread(curve, noise, grid)),
        departure=float(weight[away].sum()),
        exponent=(float(middle), float(low), float(high)),
    )


def _combinations(points: Points, noise: Noise, ways: list[Departure]) -> list[_Combination]:
    """Every choice of departure, scatter, depth offset and spread, with its prior."""
    depths, per_depth = np.unique(points.shape, return_counts=True)
    offsets = OFFSETS if len(depths) > 1 and per_depth.min() >= 2 else ((0.0, 1.0),)
    scatters: tuple[tuple[float, float, float], ...]
    scatters = SHAPE_SCATTERS if len(depths) > 1 else SCATTERS
    if noise.degrees <= 0:  # then kappa alone stands for all scatter
        scatters = ((0.0, 0.0, 1.0),)
    place = (points.x - points.x[0]) / max(float(points.x[-1] - points.x[0]), 1e-9)
    return [
        _Combination(
            departure=way,
            scatter_index=index,
            scatter=_scatter(first, last, place) / points.cells,
            offset=offset,
            kappa=kappa,
            log_prior=math.log(way.prior * w_tau * w_offset * w_kappa),
        )
        for way, (index, (first, last, w_tau)), (offset, w_offset), (
            kappa,
            w_kappa,
        ) in itertools.product(ways, enumerate(scatters), offsets, _kappas(points, noise))
    ]


def _rough(combinations: list[_Combination]) -> list[_Combination]:
    """A few combinations that tell where fine grids are needed."""
    kappas = sorted({c.kappa for c in combinations})
    middle = kappas[len(kappas) // 2]
    if not any(c.scatter.any() for c in combinations):  # nothing is known of the noise
        return combinations
    offsets = sorted({c.offset for c in combinations})
    offset = offsets[len(offsets) // 2]
    return [c for c in combinations if c.kappa == middle and c.offset == offset]


def _log_sum(log_weight: FloatArray, axis: int) -> FloatArray:
    """Log of the sum of the weights along an axis."""
    top = log_weight.max()
    total: FloatArray = top + np.log(np.exp(log_weight - top).sum(axis=axis) + 1e-300)
    return total


def _by_departure(
    combinations: list[_Combination], ways: list[Departure], log_weight: FloatArray
) -> FloatArray:
    """Log marginal likelihood of each departure, everything else summed; its prior taken out."""
    by_way = np.full(len(ways), -np.inf)
    index = {id(way): k for k, way in enumerate(ways)}
    for c, total in zip(combinations, log_weight, strict=True):
        k = index[id(c.departure)]
        by_way[k] = np.logaddexp(by_way[k], total - math.log(c.departure.prior))
    return by_way


def _likely_scatters(combinations: list[_Combination], log_weight: FloatArray) -> set[int]:
    """Scatters that hold at least :data:`KEPT_WEIGHT` of the weight, roughly."""
    weight = np.exp(log_weight - log_weight.max())
    index = np.array([c.scatter_index for c in combinations])
    share = np.bincount(index, weight)
    return set(np.flatnonzero(share >= KEPT_WEIGHT * share.sum()).tolist())


def _scatter(first: float, last: float, place: FloatArray) -> FloatArray:
    """(K,) variance of cells beyond replicates; ``place`` runs from 0 to 1 over the range."""
    if first == 0.0:
        return np.zeros_like(place)
    variance: FloatArray = (first * (last / first) ** place) ** 2
    return variance


def _log_weight(points: Points, combinations: list[_Combination], shapes: Shapes) -> FloatArray:
    """(B, T) log of prior (of the combination) times marginal likelihood."""
    basis, coefficients = _factor(shapes.evaluate(points.x))
    covariances = np.array([_covariance(points, c) for c in combinations])
    log_prior = np.array([c.log_prior for c in combinations])
    weight: FloatArray = (
        _log_evidence(covariances, points.y, basis, coefficients) + log_prior[:, None]
    )
    return weight


def _kappas(points: Points, noise: Noise) -> list[tuple[float, float]]:
    """Nodes for the true over the estimated spread: the log of a chi with ``degrees`` freedom."""
    if noise.degrees <= 0:
        now = math.sqrt(float(np.mean(points.variance)))
        return [(spread / now, 1.0 / len(UNKNOWN_SPREADS)) for spread in UNKNOWN_SPREADS]
    if noise.degrees > SPREAD_KNOWN:
        return [(1.0, 1.0)]
    spread = 1.0 / math.sqrt(2.0 * max(noise.degrees, 1.0))
    nodes = ((-math.sqrt(3.0), 1.0 / 6.0), (0.0, 2.0 / 3.0), (math.sqrt(3.0), 1.0 / 6.0))
    return [(math.exp(spread * node), weight) for node, weight in nodes]


def _noise_covariance(points: Points, c: _Combination) -> FloatArray:
    """Covariance of the points about the curve."""
    covariance = points.covariance + np.diag(points.variance * (c.kappa**2 - 1.0) + c.scatter)
    if c.offset:
        covariance = covariance + c.offset**2 * (points.shape[:, None] == points.shape[None, :])
    return covariance


def _covariance(points: Points, c: _Combination) -> FloatArray:
    """C: covariance of the points given level and shape."""
    root = c.departure.at_points
    return _noise_covariance(points, c) + root @ root.T


def _log_evidence(
    covariances: FloatArray, y: FloatArray, basis: FloatArray, coefficients: FloatArray
) -> FloatArray:
    """(B, T) log marginal likelihood of each covariance and shape, the level integrated out.

    The level has a flat prior. The shapes are ``coefficients @ basis``: a thousand smooth curves
    span few dimensions, so that each costs a handful of products instead of a solve.
    """
    k = len(y)
    lower = np.linalg.cholesky(covariances)
    right = np.concatenate([np.ones((1, k)), y[None, :], basis]).T
    z = np.linalg.solve(lower, np.broadcast_to(right, (len(lower), *right.shape)))
    ones, rest = z[:, :, :1], z[:, :, 1:]
    information = (ones**2).sum(axis=1)[:, 0]
    rest = rest - ones * (ones.transpose(0, 2, 1) @ rest) / information[:, None, None]
    target, directions = rest[:, :, :1], rest[:, :, 1:]
    gram = (directions.transpose(0, 2, 1) @ directions).reshape(len(lower), -1)
    pairs = (coefficients[:, :, None] * coefficients[:, None, :]).reshape(len(coefficients), -1)
    linear = (directions.transpose(0, 2, 1) @ target)[:, :, 0]
    chi2 = (target**2).sum(axis=1) - 2.0 * linear @ coefficients.T + gram @ pairs.T
    log_root = np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    evidence: FloatArray = -(log_root + 0.5 * np.log(information))[:, None] - 0.5 * chi2
    return evidence


def _factor(shapes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Basis (rank, K) and coefficients (T, rank) of the shapes, to a ten-thousandth."""
    left, values, right = np.linalg.svd(shapes, full_matrices=False)
    rank = max(int((values > 1e-4 * max(float(values[0]), 1e-12)).sum()), 1)
    return right[:rank], left[:, :rank] * values[:rank]


def _systematic(weight: FloatArray, n: int, rng: np.random.Generator) -> IntArray:
    """Counts that add up to ``n`` and differ from ``n * weight`` by less than one each."""
    edges = np.concatenate([[0.0], np.cumsum(weight)])
    edges *= n / edges[-1]
    ticks = np.floor(edges + rng.random()).astype(np.int64)
    ticks[-1] = ticks[0] + n
    return np.diff(ticks)


def _sample(
    points: Points,
    c: _Combination,
    counts: IntArray,
    at_points: FloatArray,
    on_grid: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """(counts.sum(), G) curves from one combination's conditional distribution.

    The departure is drawn from its prior and corrected by what the points say of it (Matheron's
    rule), which costs no factorisation over the grid.
    """
    which = np.repeat(np.arange(len(counts)), counts)
    k = len(points.x)
    inverse = np.linalg.inv(_covariance(points, c))
    solved = inverse.sum(axis=0)
    information = float(solved.sum())
    residual = points.y - at_points[which]
    spread = 1.0 / math.sqrt(information)
    level = residual @ solved / information + spread * rng.standard_normal(len(which))
    curves: FloatArray = level[:, None] + on_grid[which]
    if c.departure.size:
        root = c.departure
        prior = rng.standard_normal((len(which), root.at_points.shape[1]))
        noise = np.linalg.cholesky(_noise_covariance(points, c))
        seen = prior @ root.at_points.T + rng.standard_normal((len(which), k)) @ noise.T
        gain = inverse @ root.at_points @ root.on_grid.T
        curves += prior @ root.on_grid.T + (residual - level[:, None] - seen) @ gain
    return curves
