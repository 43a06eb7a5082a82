r"""How far the points of a curve may be off, level by level, and what moves them together.

The error of replicate r of cell k, trained on subset draw d and scored on the study's test
examples, is taken apart as

    ln y_kr = ln e(m_k) + b_d + eps_kr + t_k

======== ==================================================================== =====
symbol   meaning                                                              shape
======== ==================================================================== =====
K, N     cells and replicates
y        mean error of a cell                                                 (K,)
b_d      shift of a subset draw, shared by every cell trained on it           (D,)
eps      what a new seed changes; variance v_k, shrunk over cells             (N,)
t_k      the luck of the test examples; shared by all cells, so correlated    (K,)
nu       degrees of freedom behind v
======== ==================================================================== =====

Three replicates say little about a variance, so the variances of all cells are pooled along a
trend and each is shrunk towards it by as much as the cells agree (limma's moderation of variances:
Smyth 2004, *Statistical Applications in Genetics and Molecular Biology* 3(1), section 6; departure:
the prior degrees of freedom are chosen from a short list by marginal likelihood).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from analysis.curves.curve import Curve
from analysis.curves.draws import Draws
from analysis.curves.examples import luck_of_examples
from analysis.table.trials import FloatArray, IntArray, read_only

LEAST_DEGREES, SHARE_REPLICATED = 3.0, 0.25
"""Fewer degrees of freedom than this, or than this share of the sizes, and the noise is read off
the scatter about the curve, as where no size has two runs."""
SPREAD_FLOOR = 1e-3
"""Least relative spread of a replicate: identical replicates don't make a curve exact."""
WIDE_SPREAD = 0.3
"""Spread of log errors from which they, and not relative deviations, measure the noise."""
LEAST_OWN = 0.3
"""Least share of a run's variance that is its own, whatever the test examples explain."""
LEAST_SHARE = 0.5
"""Least variance of a cell as a share of the pooled one."""
TOLD_DEGREES = 4.0
"""Degrees of freedom behind a spread that the table tells (``0.31±0.02``): as of five runs."""
MOST_RESAMPLED = 20_000_000
"""Residuals drawn at most; beyond, means are normal."""
PRIOR_DF = (2.0, 4.0, 8.0, 16.0, 64.0, 1e6)
TREND = np.linspace(-1.5, 0.5, 21)
"""Exponents b tried for v ~ e^b: -1 is binomial counting noise, 0 a constant relative spread."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Noise:
    """Noise of a curve's points, on the log of the error."""

    log_error: FloatArray
    """(K,) log of each cell's mean error, zeros lifted to half a test example."""
    run_variance: FloatArray
    """(K,) variance of one replicate about its cell, subset draws apart."""
    degrees: float
    """Degrees of freedom behind ``run_variance``; 0 if no cell has two replicates."""
    draw_variance: float
    """Variance of a subset draw's shift; 0 if it cannot be told."""
    n_draws: int
    test_covariance: FloatArray
    """(K, K) covariance of the cells' luck on the test examples."""
    lifted: int
    """Cells whose mean error was 0."""
    guess: float = 1.0
    """Of spreads that are tried where no cell has replicates, the unit."""
    draw_covariance: FloatArray | None = None
    """(K, K) covariance of the points over subset draws, where cells were trained on other ones;
    None where all share all: then it is ``draw_variance / n_draws`` everywhere."""

    adjusted: FloatArray | None = None
    """(K,) what ``log_error`` was changed by for that; None: nothing."""

    @property
    def over_draws(self) -> FloatArray:
        """(K, K) covariance of the points over subset draws; () where all share it."""
        if self.draw_covariance is not None:
            return self.draw_covariance
        return np.asarray(self.draw_variance / max(self.n_draws, 1))

    def mean_covariance(self, replicates: IntArray) -> FloatArray:
        """(K, K) covariance of the points: seeds, subset draws, test examples."""
        seeds: FloatArray = np.diag(self.run_variance / np.maximum(replicates, 1))
        return seeds + self.over_draws + self.test_covariance

    def given_draws(self) -> Noise:
        """The same for curves given their draws: as if these were all that there are."""
        return replace(self, draw_variance=0.0, draw_covariance=None)


def measure_noise(curve: Curve) -> Noise:
    """Take the scatter of a curve's replicates apart."""
    error, lifted = _lift_zeros(curve)
    relative = curve.run_error / error[curve.run_cell] - 1.0
    relative[curve.error[curve.run_cell] == 0.0] = 0.0
    draws = Draws.of(curve)
    shifts = None if draws is None else draws.shifts(curve, relative)
    residual = relative if shifts is None else shifts.residual
    used = 0 if shifts is None else shifts.used
    degrees: FloatArray = np.maximum(curve.replicates - 1, 0).astype(np.float64)
    squares: FloatArray = np.zeros(len(curve))
    np.add.at(squares, curve.run_cell, residual**2)
    squares = np.maximum(squares, _log_squares(curve))
    if 0.0 < degrees.sum() - used < max(LEAST_DEGREES, SHARE_REPLICATED * len(curve)):
        # One size that happens to have two rows says nothing of the noise of all.
        degrees, squares = np.zeros(len(curve)), np.zeros(len(curve))
        used = 0
    if degrees.sum() > used:  # draws took some of the freedom
        squares = squares * degrees.sum() / (degrees.sum() - used)
    variance = _moderate(squares, degrees, error)
    several = degrees > 0
    told = None if several.any() else curve.spread
    if told is not None:
        variance = np.maximum((told / error) ** 2, SPREAD_FLOOR**2)
    if several.any():
        # Where noise is this wide, neither a trend nor a cell's own luck makes it narrower.
        usual = float(np.median(squares[several] / degrees[several]))
        if usual > WIDE_SPREAD**2:
            variance = np.maximum(variance, usual)
    if curve.n_test:
        rounding = 1.0 / (12.0 * (curve.n_test * error) ** 2)
        variance = np.maximum(variance, rounding)
    luck = luck_of_examples(curve, error, draws)
    variance = np.maximum(variance - luck.in_runs, LEAST_OWN * variance)
    variance = np.maximum(variance, SPREAD_FLOOR**2)
    log_error = np.log(error)
    adjusted, draw_covariance = None, None
    if draws is not None and shifts is not None and shifts.variance and not draws.shared:
        adjusted, draw_covariance = draws.adjust(curve, relative, shifts.variance, variance)
        log_error = log_error + adjusted
    return Noise(
        log_error=read_only(log_error),
        run_variance=read_only(variance),
        degrees=float(degrees.sum() - used) if told is None else TOLD_DEGREES * len(curve),
        draw_variance=0.0 if shifts is None else shifts.variance,
        n_draws=1 if draws is None else draws.share.shape[1],
        test_covariance=read_only(luck.covariance),
        lifted=lifted,
        draw_covariance=None if draw_covariance is None else read_only(draw_covariance),
        adjusted=None if adjusted is None else read_only(adjusted),
    )


def resample(curve: Curve, noise: Noise, resamples: int, rng: np.random.Generator) -> FloatArray:
    """(resamples, K) errors of a hierarchical bootstrap: draws, then seeds, then test examples.

    Residuals are pooled over cells, each in units of its cell's moderated spread and stretched by
    ``sqrt(n / (n - 1))``, so that three replicates do not make intervals too narrow. All sizes of
    one resample share its subset draws and its test examples: comparisons stay paired.
    """
    spread = np.sqrt(noise.run_variance / np.maximum(curve.replicates, 1))
    log_error = noise.log_error + spread * _seed_scores(curve, noise, resamples, rng)
    if noise.draw_covariance is None:
        common = np.sqrt(noise.draw_variance / max(noise.n_draws, 1))
        log_error = log_error + common * rng.standard_normal((resamples, 1))
    else:
        log_error = log_error + gaussian(noise.draw_covariance, resamples, rng)
    if noise.test_covariance.any():
        log_error = log_error + gaussian(noise.test_covariance, resamples, rng)
    errors: FloatArray = np.exp(log_error)
    return errors


def gaussian(covariance: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """(n, d) draws; a covariance that is not quite one is made so."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    drawn: FloatArray = rng.standard_normal((n, len(covariance))) @ root.T
    return drawn


def _seed_scores(
    curve: Curve, noise: Noise, resamples: int, rng: np.random.Generator
) -> FloatArray:
    """(resamples, K) means of resampled seed residuals, of unit variance."""
    k = len(curve)
    counts = curve.replicates
    error = np.exp(noise.log_error)
    several = counts[curve.run_cell] >= 2
    many = counts.max() > 50 or resamples * int(counts.sum()) > MOST_RESAMPLED
    if noise.degrees < 8 or many or not several.any():
        return rng.standard_normal((resamples, k))  # too few to resample, or the mean is normal
    relative = curve.run_error[several] / error[curve.run_cell[several]] - 1.0
    n = counts[curve.run_cell[several]]
    pool = relative * np.sqrt(n / (n - 1.0) / noise.run_variance[curve.run_cell[several]])
    pool /= max(float(np.sqrt(np.mean(pool**2))), 1e-12)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    drawn = pool[rng.integers(len(pool), size=(resamples, int(counts.sum())))]
    scores: FloatArray = np.add.reduceat(drawn, starts, axis=1) / np.sqrt(counts)
    return scores


def _log_squares(curve: Curve) -> FloatArray:
    """(K,) sums of squares of log errors about each cell's mean; 0 for cells with a zero.

    The mean of three runs that differ tenfold is ruled by one of them, and relative deviations from
    it are bounded: their squares then understate the noise. Where runs differ little both agree.
    """
    positive = curve.run_error > 0.0
    log_error = np.log(np.where(positive, curve.run_error, 1.0))
    mean = np.zeros(len(curve))
    np.add.at(mean, curve.run_cell, log_error)
    mean /= np.maximum(curve.replicates, 1)
    squares = np.zeros(len(curve))
    np.add.at(squares, curve.run_cell, (log_error - mean[curve.run_cell]) ** 2)
    wide = squares > WIDE_SPREAD**2 * np.maximum(curve.replicates - 1, 1)
    squares[~wide] = 0.0
    squares[np.unique(curve.run_cell[~positive])] = 0.0
    return squares


def _lift_zeros(curve: Curve) -> tuple[FloatArray, int]:
    """Mean errors with zeros replaced by half a test example (or half the least error seen)."""
    error = curve.error.copy()
    zero = error <= 0.0
    positive = error[~zero]
    least = float(positive.min()) if len(positive) else 1.0
    if curve.n_test:
        runs = np.maximum(curve.replicates, 1)
        error[zero] = np.minimum(0.5 / (curve.n_test * runs[zero]), least)
    else:
        error[zero] = least / 2.0
    return error, int(zero.sum())


def _moderate(squares: FloatArray, degrees: FloatArray, error: FloatArray) -> FloatArray:
    """(K,) variances of cells, shrunk towards a pooled trend in the error.

    ``squares`` are the sums of squares about each cell's mean, ``degrees`` their freedom.
    """
    some = degrees > 0
    if not some.any():
        return np.full(len(error), SPREAD_FLOOR**2)
    floor = SPREAD_FLOOR**2
    s2 = np.maximum(squares[some] / degrees[some], floor / 10.0)
    nu = degrees[some]
    lean = np.log(error) - np.log(error[some]).mean()
    trend = _trend(s2, nu, lean[some])
    centre = np.exp(trend * lean[some])
    best, prior_df, scale = -np.inf, PRIOR_DF[-1], 1.0
    for d0 in PRIOR_DF:
        for s0 in np.average(s2 / centre, weights=nu) * np.geomspace(0.05, 1.5, 18):
            score = float(_log_f(s2 / (centre * s0), nu, d0).sum() - np.log(centre * s0).sum())
            if score > best:
                best, prior_df, scale = score, d0, float(s0)
    pooled = scale * np.exp(trend * lean)
    # The mean of an inverse chi-square prior: d0 / (d0 - 2), bounded where it does not exist.
    pooled = pooled * min(prior_df / max(prior_df - 2.0, 1.0), 2.0)
    variance: FloatArray = (prior_df * pooled + np.maximum(squares, 0.0)) / (prior_df + degrees)
    # A cell whose few replicates happen to agree is not known as well as it looks.
    least: FloatArray = np.maximum(np.maximum(variance, LEAST_SHARE * pooled), floor)
    return least


def _trend(s2: FloatArray, nu: FloatArray, lean: FloatArray) -> float:
    """Exponent b of the variance in the error, by likelihood with a prior centred on -1/2."""
    scores = []
    for b in TREND:
        scaled = s2 * np.exp(-b * lean)
        level = np.average(scaled, weights=nu)
        fit = -0.5 * float((nu * (b * lean + np.log(level) + scaled / level)).sum())
        scores.append(fit - 0.5 * ((b + 0.5) / 0.5) ** 2)
    return float(TREND[int(np.argmax(scores))])


def _log_f(ratio: FloatArray, nu: FloatArray, d0: float) -> FloatArray:
    """Log density of an F variable with ``nu`` and ``d0`` degrees of freedom."""
    a, b = nu / 2.0, d0 / 2.0
    ones = [math.lgamma(n + b) - math.lgamma(n) - math.lgamma(b) for n in a]
    constant = np.array(ones) + a * np.log(a / b)
    density: FloatArray = constant + (a - 1.0) * np.log(ratio) - (a + b) * np.log1p(a * ratio / b)
    return density
