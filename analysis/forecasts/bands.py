"""Where the mean error of a surface lies, and where one new run will land, from its resamples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.forecasts.identification import Identification, spread_of
from analysis.forecasts.support import inside, off_the_line
from analysis.laws.law import Array, Law
from analysis.laws.solution import BatchFit
from analysis.streams import Stream, generator
from analysis.table.trials import BoolArray

OWN_RESIDUALS = 10
"""Runs for each parameter from which on a new run scatters as the residuals do; of fewer, many lie
on the law because it was fitted to them, and Student's t stands in for what they hide."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ResampledSurface:
    """A law fitted to runs, and to resamples of them. Arrays are read-only."""

    law: Law
    fit: BatchFit
    """The point fit (one row): objective, status, starts, conditioning. Its numbers stand whether
    or not the runs identify them."""
    resampled: BatchFit
    """The fits of the resamples that the standard errors and intervals come from."""
    identified: Identification
    """What the runs tell."""
    x: Array
    """Columns n_parameters and n_examples, shape (n, 2)."""
    y: Array
    """Errors, shape (n,)."""
    level: float
    """Of the intervals."""
    seed: int

    def ends(self, at: Array, level: float, kind: str) -> Array:
        """Logarithms of both ends, shape (2, m)."""
        draws = self.log_draws(at)
        if self.identified.why is not None or self.identified.exact or len(draws) < 2:
            return np.full((2, len(at)), np.nan)
        shares = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
        ends: Array = np.quantile(draws, shares, axis=0)
        reach = np.zeros_like(ends)
        if len(walked := self._log_errors(self.identified.fitting(level), at)):
            reach[0] = np.minimum(walked.min(axis=0) - ends[0], 0.0)
            reach[1] = np.maximum(walked.max(axis=0) - ends[1], 0.0)
        if kind == "run":
            ends = np.quantile(draws + self.run_noise(len(draws))[:, None], shares, axis=0)
        return ends + reach

    def log_draws(self, at: Array) -> Array:
        """Log errors of all usable resamples, shape (R, m)."""
        return self._log_errors(self.resampled.theta[self.resampled.ok], at)

    def _log_errors(self, theta: Array, at: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.log(self.law.predict(theta, at))

    def run_noise(self, n: int) -> Array:
        """How a new run's log error would scatter, shape (n,)."""
        rng = generator(self.seed, Stream.NEW_RUN)
        fitted = self.law.evaluate_log(self.fit.theta[0], self.x, with_gradient=False)[0]
        residuals = np.log(self.y) - fitted
        runs, count = len(residuals), len(self.law.parameters)
        if runs >= OWN_RESIDUALS * count:
            return np.asarray(rng.choice(residuals, n) * np.sqrt(runs / (runs - count)))
        return np.asarray(spread_of(residuals, count) * rng.standard_t(max(runs - count, 1), n))

    def _told(self, at: Array) -> BoolArray:
        """Whether all parameters that fit alike predict the same, shape (m,)."""
        if not self.fit.ok[0]:
            return np.zeros(len(at), dtype=np.bool_)

        slack: Array | float = 0.0
        if self.identified.other is not None and not self.identified.exact:
            draws = self.log_draws(at)
            if len(draws) >= 2:
                alpha = (1.0 - self.level) / 2.0
                slack = np.diff(np.quantile(draws, [alpha, 1.0 - alpha], axis=0), axis=0)[0] / 2.0
        return self.identified.knows(
            lambda theta: self._log_errors(theta, at), self.fit.theta[0], slack
        )

    def numbered(self, at: Array) -> BoolArray:
        """Whether there is a number at all, shape (m,); without freedom only among the runs."""
        told = self._told(at)
        if self.identified.on_a_line:
            told &= ~off_the_line(self.x, at)
        return told if self.identified.why is None else told & inside(self.x, at)
