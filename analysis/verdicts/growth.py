r"""How the payoff point grows with the dataset size, and where it would lie with more data.

    log m*_i = a + gamma log n_i + u_i + e_i,    u_i ~ Normal(0, tau^2)

over the dataset sizes n_i whose payoff point m*_i lies inside the range tried: e_i is the
uncertainty of each curve's payoff point, which its drawn curves carry whole (skewed as they may
be), and u_i what the points scatter beyond it about any power law. tau is not known from a few
points, so it is summed over; a and gamma are free (flat priors).

======== ============================================== =========
symbol   meaning                                        shape
======== ============================================== =========
K        dataset sizes                                  scalar
R        draws                                          scalar
y        log payoff points drawn                        (R, K)
s        their standard deviation, curve by curve       (K,)
======== ============================================== =========

References
----------
Gelman et al. (2013), *Bayesian Data Analysis*, section 5.4: the marginal posterior of tau.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.findings import Estimate
from analysis.settings import AnalysisSettings
from analysis.streams import Stream, generator
from analysis.table.trials import UNKNOWN, FloatArray, exact, read_only
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.rules import INSIDE, apply_to

SCATTERS = ((0.0, 0.3), (0.1, 0.2), (0.2, 0.2), (0.4, 0.2), (0.8, 0.1))
"""tau with its prior weight: payoff points that lie off the line by nothing, or by a factor of
about 1.1, 1.2, 1.5, 2.2."""

LEAST_SIZES = 3
"""Two points are always on a line: they say nothing of how well one holds."""

LEAST_SPREAD = 1e-3
"""Least s: a payoff point is never known better than to a thousandth of itself."""

FORECASTS = (2, 4)
"""How many times the largest dataset the report looks ahead."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Where the payoff point would lie at a dataset size, if the growth goes on as it did."""

    n_examples: float
    size: float
    """Median."""
    low: float
    high: float
    level: float
    reach: float
    """Dataset size over the largest one that growth was measured at; above 1 extrapolates."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Growth:
    """How the payoff point grows with the dataset size: m* ~ n^exponent."""

    exponent: float
    low: float
    high: float
    level: float
    n_examples: tuple[float, ...]
    """Dataset sizes whose payoff point lies inside the range tried, smallest first."""
    slopes: FloatArray
    """(R,) exponents drawn."""
    levels: FloatArray
    """(R,) log payoff point at the middle of the log dataset sizes, drawn with the exponent."""
    scatter: FloatArray
    """(R,) tau drawn."""
    seed: int

    @property
    def estimate(self) -> Estimate:
        """The exponent."""
        return Estimate(value=self.exponent, low=self.low, high=self.high, level=self.level)

    @property
    def n_sizes(self) -> int:
        """How many dataset sizes the growth was measured at."""
        return len(self.n_examples)

    def forecast(self, n_examples: float) -> Forecast:
        """Payoff point at a dataset size that was, or was not, tried.

        The interval holds the uncertainty of every curve, of the exponent, and the scatter of
        single dataset sizes about the power law. That the power law goes on is an assumption.

        Raises
        ------
        AnalysisError
            If ``n_examples`` is not positive.
        """
        if not (math.isfinite(n_examples) and n_examples > 0):
            raise AnalysisError(f"n_examples: must be positive, got {n_examples}")
        at = math.log(n_examples) - float(
            np.log(np.asarray(self.n_examples, dtype=np.float64)).mean()
        )
        rng = generator(self.seed, Stream.FORECAST)
        drawn = (
            self.levels + at * self.slopes + self.scatter * rng.standard_normal(len(self.slopes))
        )
        low, middle, high = np.exp(_interval(drawn, self.level))
        return Forecast(
            n_examples=exact(n_examples),
            size=float(middle),
            low=float(low),
            high=float(high),
            level=self.level,
            reach=n_examples / max(self.n_examples),
        )

    def as_dict(self) -> dict[str, Any]:
        """What was found, and forecasts for more data, as plain values."""
        return {
            "exponent": self.exponent,
            "low": self.low,
            "high": self.high,
            "level": self.level,
            "n_sizes": self.n_sizes,
            "n_examples": list(self.n_examples),
            "forecast": [vars(self.forecast(times * max(self.n_examples))) for times in FORECASTS],
        }


def measure_growth(fits: Sequence[FittedCurve], settings: AnalysisSettings) -> Growth | None:
    """Growth of the headline rule's payoff point over the fitted curves.

    None where fewer than three dataset sizes have a payoff point inside the range tried, and for
    the overfit rule, whose point is no need for capacity.
    """
    found = [
        (fit.curve.n_examples, fit.draws)
        for fit in fits
        if fit.draws is not None
        and fit.verdict.kind == "pays_off_until"
        and fit.curve.n_examples != UNKNOWN
    ]
    if len(found) < LEAST_SIZES or settings.rule == "overfit":
        return None
    rng = generator(settings.seed, Stream.PAYOFF_POINTS)
    columns = []
    for _, draws in found:
        applied = apply_to(draws, settings.rule, settings)
        located = applied.location[applied.outcome == INSIDE]
        columns.append(rng.permutation(np.resize(located, settings.resamples)))
    n_examples = tuple(n for n, _ in found)
    return grow(n_examples, np.array(columns).T, level=settings.level, seed=settings.seed)


def grow(n_examples: Sequence[float], log_size: FloatArray, *, level: float, seed: int) -> Growth:
    """Growth from log payoff points (R, K) drawn for each of K distinct dataset sizes.

    Their columns are independent of each other; ``level`` is the intervals', ``seed`` the draws'.
    """
    rng = generator(seed, Stream.GROWTH)
    log_n = np.log(np.asarray(n_examples, dtype=np.float64))
    x = log_n - log_n.mean()
    middle = np.median(log_size, axis=0)
    variance = np.maximum(log_size.std(axis=0), LEAST_SPREAD) ** 2
    # By tau: marginal likelihood, and the matrix that gives level and slope of a drawn line.
    basis = np.stack([np.ones_like(x), x], axis=1)
    log_weight, solvers = [], []
    for tau, prior in SCATTERS:
        weight = 1.0 / (variance + tau**2)
        information = basis.T @ (weight[:, None] * basis)
        solver = np.linalg.solve(information, basis.T * weight)
        rest = middle - basis @ (solver @ middle)
        log_weight.append(
            math.log(prior)
            + 0.5 * float(np.log(weight).sum())
            - 0.5 * float(np.linalg.slogdet(information)[1])
            - 0.5 * float((weight * rest**2).sum())
        )
        solvers.append(solver)
    chance = np.exp(np.array(log_weight) - max(log_weight))
    which = rng.choice(len(SCATTERS), size=len(log_size), p=chance / chance.sum())
    scatter: FloatArray = np.array([tau for tau, _ in SCATTERS])[which]
    drawn = log_size + scatter[:, None] * rng.standard_normal(log_size.shape)
    lines = np.einsum("rpk,rk->rp", np.array(solvers)[which], drawn)
    low, exponent, high = _interval(lines[:, 1], level)
    return Growth(
        exponent=float(exponent),
        low=float(low),
        high=float(high),
        level=level,
        n_examples=tuple(exact(n) for n in n_examples),
        slopes=read_only(lines[:, 1].copy()),
        levels=read_only(lines[:, 0].copy()),
        scatter=read_only(scatter),
        seed=seed,
    )


def _interval(drawn: FloatArray, level: float) -> FloatArray:
    """Lower end, median and upper end."""
    tail = (1.0 - level) / 2.0
    ends: FloatArray = np.quantile(drawn, [tail, 0.5, 1.0 - tail])
    return ends
