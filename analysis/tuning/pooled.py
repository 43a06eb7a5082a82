r"""One model of all search trials of a study: which values are best for each of its cells.

Best values move smoothly with size and data, so that the trials of all cells tell of each. The log
validation error of trial i, in cell c with values u_i at place p_i (capacity and dataset size), is
a Gaussian process:

    y_i = m + a(p_i) + e_c + g(u_i, p_i) + noise
    cov(a, a') = A exp(-|p - p'|^2 / 2 r^2)
    cov(g, g') = G exp(-|u - u'|^2 / 2 l^2 - |p - p'|^2 / 2 q^2)

a is what size and data do, e what the cell has of its own, and g what the values do, which changes
from place to place. Each coordinate has a length of its own; of a category, any two values are as
far apart as the ends of half a range. Lengths and variances are the most probable ones, under
priors that expect smooth answers. The best values are where the mean of g is lowest, within the
range searched.

A trial that diverged, failed or lies far above its cell's others counts as one at a bound above
them, so that it rules nothing but says that its values are bad.

======== ======================================================= =========
symbol   meaning                                                 shape
======== ======================================================= =========
n, C     trials; cells                                           scalar
K, P     hyperparameters; coordinates of a place                 scalar
u        values, -1 and 1 at the ends of the range               (n, K)
p        places, -1 and 1 at the ends of the study               (n, P)
y        log validation errors                                   (n,)
theta    logarithms of lengths and variances                     (K + 2 P + 4,)
======== ======================================================= =========

References
----------
Rasmussen and Williams (2006), *Gaussian Processes for Machine Learning*, chapters 2 and 5. Swersky,
Snoek and Adams (2013), "Multi-Task Bayesian Optimization"; Perrone et al. (2018), "Scalable
Hyperparameter Transfer Learning": trials of related tasks tell of each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from analysis.table.trials import FloatArray, IntArray
from analysis.tuning.robust import FAR, Cells

LENGTH_OF_VALUES, LENGTH_OF_PLACES, LENGTH_SPREAD = 1.5, 2.0, 0.7
"""Lengths that are expected, a range being 2 long, and the spread of their logarithms."""
SIGNAL, OWN, NOISE = 2.0, 0.1, 0.5
"""Variances expected of g, e and the noise, in units of the variance within cells."""
VARIANCE_SPREAD, NOISE_SPREAD = 1.5, 1.0
"""Spread of the logarithms of variances."""
FLAT = 4.0
"""Variance of m, in units of that of all trials."""
MOST_FITTED, MOST_TOLD = 240, 2000
"""Trials that find the lengths, and those that the values are found from; of more, whole cells are
left out evenly."""
LEAST_WITHIN, MOST_OFF = 1e-6, 4.0
"""Variance within cells, at least, over that of all; how far, in spreads of their priors, lengths
and variances may lie from what is expected. So covariances can be factored."""
TURNS = 40
"""Steps of the search for the lengths."""
GRID, SWEEPS = 41, 2
"""Values looked at in each range, and rounds in which each is set to its best, given the others."""
LEAST_GAIN = 0.01
"""Values matter in a cell where the log errors expected of those tried differ by more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Searched:
    """Search trials of a study, cell by cell."""

    y: FloatArray
    """(n,) log validation errors; inf of trials that diverged or failed. Every cell has one that
    did not."""
    u: FloatArray
    """(n, K) values from -1 to 1; of a category, the number of its choice."""
    choices: Sequence[int]
    """(K,) of each category, 0 of a range."""
    place: FloatArray
    """(n, P) the same in all of a cell."""
    cell: IntArray
    """(n,) cell of each, from 0, in order."""


def pooled_best(trials: Searched) -> FloatArray | None:
    """Return the best values of each cell, (C, K); NaN in cells where they hardly matter.

    None where trials do not scatter, or nothing was varied.
    """
    n, count = trials.u.shape
    if not count:
        return None
    y = bounded_above(trials.y, Cells.of(trials.cell))
    values = _columns(trials.u, trials.choices)
    first = _thinned(trials.cell, MOST_FITTED)
    told = first if len(first) == n else _thinned(trials.cell, MOST_TOLD)
    model = _Model.of(y[first], values.rows(first), trials.place[first], trials.cell[first])
    if model is None:
        return None
    theta = model.most_probable()
    if len(told) > len(first):
        model = replace(
            model,
            y=y[told] - y[told].mean(),
            values=values.rows(told),
            place=trials.place[told],
            cell=trials.cell[told],
        )
    return _lowest(trials, told, model, theta)


def bounded_above(y: FloatArray, cells: Cells) -> FloatArray:
    """Log errors, those far above their cell's others at a bound, where what diverged lies too."""
    best = np.minimum.reduceat(y, cells.starts)
    quartile = np.array([np.sort(part)[(len(part) - 1) // 4] for part in cells.parts(y)])
    quartile = np.where(np.isfinite(quartile), quartile, best)[cells.cell]
    off = y - quartile
    worse = off[(off > 0.0) & np.isfinite(off)]
    usual = float(np.median(worse)) if len(worse) else 1.0
    found: FloatArray = quartile + np.minimum(off, FAR * usual)
    return found


# -- the model ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class _Columns:
    """Coordinates as columns whose squared differences add up."""

    z: FloatArray
    """(n, columns)"""
    of: IntArray
    """(columns,) coordinate of each: a category has one column for each choice."""

    def rows(self, keep: IntArray) -> _Columns:
        return replace(self, z=self.z[keep])


def _columns(u: FloatArray, choices: Sequence[int]) -> _Columns:
    parts = [
        (u[:, k, None] == np.arange(many)) / math.sqrt(2.0) if many else u[:, k, None]
        for k, many in enumerate(choices)
    ]
    widths = [part.shape[1] for part in parts]
    return _Columns(z=np.concatenate(parts, axis=1), of=np.repeat(np.arange(len(parts)), widths))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Model:
    """The process, with its priors."""

    y: FloatArray
    """(n,) without their mean."""
    values: _Columns
    place: FloatArray
    cell: IntArray
    mean: FloatArray
    """Of the prior of theta."""
    spread: FloatArray
    flat: float
    """Variance of m."""

    @classmethod
    def of(
        cls, y: FloatArray, values: _Columns, place: FloatArray, cell: IntArray
    ) -> _Model | None:
        """Return the model of some trials; None where they do not scatter."""
        cells = Cells.of(np.unique(cell, return_inverse=True)[1])
        freedom = len(y) - cells.count
        total = float(y.var())
        within = float((cells.centred(y) ** 2).sum()) / freedom if freedom else total / 2.0
        if not within > 0.0:
            return None
        within = max(within, LEAST_WITHIN * total)
        count, places = int(values.of[-1]) + 1, place.shape[1]
        lengths = [LENGTH_OF_VALUES] * count + [LENGTH_OF_PLACES] * (2 * places)
        variances = [SIGNAL * within, max(total, within), OWN * within, NOISE * within]
        spread = [LENGTH_SPREAD] * len(lengths) + [VARIANCE_SPREAD] * 3 + [NOISE_SPREAD]
        return cls(
            y=y - y.mean(),
            values=values,
            place=place,
            cell=cell,
            mean=np.log([*lengths, *variances]),
            spread=np.array(spread),
            flat=FLAT * max(total, within),
        )

    def scaled(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Values and places in units of the lengths of g, places in those of a."""
        count, places = int(self.values.of[-1]) + 1, self.place.shape[1]
        of_values, of_places, of_size = np.split(np.exp(theta[:-4]), [count, count + places])
        return (
            self.values.z / of_values[self.values.of],
            self.place / of_places,
            self.place / of_size,
        )

    def parts(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Covariances of g, a and e, (n, n) each."""
        u, p, s = self.scaled(theta)
        signal, size, own, _ = np.exp(theta[-4:])
        both = np.concatenate([u, p], axis=1)
        same = self.cell[:, None] == self.cell
        return signal * near(both, both), size * near(s, s), own * same

    def covariance(self, theta: FloatArray) -> FloatArray:
        """Of the log errors, (n, n)."""
        found: FloatArray = sum(self.parts(theta), start=np.array(self.flat))
        found[np.diag_indices_from(found)] += math.exp(theta[-1])
        return found

    def most_probable(self) -> FloatArray:
        """Return the theta of the highest posterior density."""
        reach = MOST_OFF * self.spread
        found = minimize(
            self.loss,
            self.mean,
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(self.mean - reach, self.mean + reach, strict=True)),
            options={"maxiter": TURNS},
        )
        return np.asarray(found.x, dtype=np.float64)

    def loss(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Negative log posterior density of theta, and its gradient."""
        g, a, e = self.parts(theta)
        noise = math.exp(theta[-1])
        whole = g + a + e + self.flat
        whole[np.diag_indices_from(whole)] += noise
        root = np.linalg.cholesky(whole)
        lower = dpotri(root, lower=1)[0]  # its upper triangle is zero, as that of the root
        inverse = lower + np.tril(lower, -1).T
        weights = inverse @ self.y
        off = (theta - self.mean) / self.spread
        value = 0.5 * self.y @ weights + np.log(np.diag(root)).sum() + 0.5 * off @ off
        # d value / d theta_t = -1/2 sum of W * dK / d theta_t, with W = w w' - K^-1.
        w = np.outer(weights, weights) - inverse
        wg, wa = w * g, w * a
        u, p, s = self.scaled(theta)
        of_values = np.bincount(self.values.of, weights=_moments(wg, u))
        slopes = [of_values, _moments(wg, p), _moments(wa, s)]
        sums = [wg.sum(), wa.sum(), (w * e).sum(), noise * np.trace(w)]
        gradient = np.concatenate([*slopes, 0.5 * np.array(sums)])
        return float(value), off / self.spread - gradient


def near(x: FloatArray, y: FloatArray) -> FloatArray:
    """exp(-|x - y|^2 / 2) of all pairs of rows."""
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2.0 * x @ y.T
    found: FloatArray = np.exp(-0.5 * np.maximum(squares, 0.0))
    return found


def _moments(w: FloatArray, x: FloatArray) -> FloatArray:
    """sum_ij w_ij (x_i - x_j)^2 / 2 for each column of x; w symmetric."""
    found: FloatArray = w.sum(axis=1) @ x**2 - (x * (w @ x)).sum(axis=0)
    return found


# -- the best values ----------------------------------------------------------------------------


def _lowest(trials: Searched, told: IntArray, model: _Model, theta: FloatArray) -> FloatArray:
    """Where the mean of g is lowest, cell by cell."""
    factor = cho_factor(model.covariance(theta), lower=True)
    weights = math.exp(theta[-4]) * cho_solve(factor, model.y)
    count = trials.u.shape[1]
    lengths = np.exp(theta[: count + trials.place.shape[1]])
    starts = Cells.of(trials.cell).starts
    by_cell = near(trials.place[starts] / lengths[count:], model.place / lengths[count:]) * weights
    scaled = model.scaled(theta)[0]
    expected = by_cell @ near(scaled, scaled)
    # Values looked at, and how near each is to each trial's: (looked at, n) of each hyperparameter.
    looked = [
        np.arange(many, dtype=np.float64) if many else np.linspace(-1.0, 1.0, GRID)
        for many in trials.choices
    ]
    u = trials.u[told]
    nearness = [
        np.where(at[:, None] == u[:, k], 1.0, math.exp(-0.5 / lengths[k] ** 2))
        if trials.choices[k]
        else near(at[:, None] / lengths[k], u[:, k, None] / lengths[k])
        for k, at in enumerate(looked)
    ]
    found = np.full((len(starts), count), math.nan)
    for c, mine in enumerate(by_cell):
        if np.ptp(expected[c]) < LEAST_GAIN:
            continue
        start = u[np.argmin(expected[c])]
        best = [int(np.argmin(np.abs(at - start[k]))) for k, at in enumerate(looked)]
        for _ in range(SWEEPS):
            for k in range(count):
                others = mine.copy()
                for j in range(count):
                    if j != k:
                        others *= nearness[j][best[j]]
                best[k] = int(np.argmin(nearness[k] @ others))
        found[c] = [at[place] for at, place in zip(looked, best, strict=True)]
    return found


def _thinned(cell: IntArray, most: int) -> IntArray:
    """Rows of at most so many trials: of whole cells, evenly."""
    n, cells = len(cell), int(cell[-1]) + 1
    kept = max(1, cells * most // n)
    if kept >= cells:
        return np.arange(n)
    chosen = np.unique(np.linspace(0, cells - 1, kept).round().astype(np.int64))
    return np.flatnonzero(np.isin(cell, chosen))
