r"""The error as a surface over parameters and training examples, and the best size for a budget.

Uncertainty is that of a bootstrap over runs: each resample draws the runs with replacement, which
is a weight per run, so that all resamples are one batched fit started at the point fit's optimum.
What the runs do not identify has no number (`analysis.forecasts.identification`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, Self

import numpy as np

from analysis.errors import AnalysisError
from analysis.findings import NextStep, Reason
from analysis.forecasts.coordinates import (
    FLOPS_PER_PARAMETER_AND_EXAMPLE,
    Given,
    sizes_and_data,
)
from analysis.forecasts.estimates import Estimate, estimate
from analysis.forecasts.identification import (
    Identification,
    identify,
    no_scatter,
    parameter_estimates,
    spread_of,
)
from analysis.forecasts.support import Caution, beyond, inside
from analysis.laws import LAWS, law_named
from analysis.laws.fitting import check_positive, fit_law
from analysis.laws.law import Array, Law
from analysis.laws.solution import BatchFit
from analysis.laws.surfaces import INPUTS, SurfaceLaw
from analysis.streams import Stream, generator
from analysis.table.trials import BoolArray, read_only

SURFACE_LAWS = tuple(name for name, law in LAWS.items() if law.inputs == INPUTS)
"""Laws of (n_parameters, n_examples)."""

OWN_RESIDUALS = 10
"""Runs for each parameter from which on a new run scatters as the residuals do; of fewer, many lie
on the law because it was fitted to them, and Student's t stands in for what they hide."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedSurface:
    """A fitted surface. Arrays are read-only."""

    law: Law
    fit: BatchFit
    """The point fit (one row): objective, status, starts, conditioning. Its numbers stand whether
    or not the data identify them; `parameters` says which do."""
    parameters: Mapping[str, Estimate]
    """Each parameter of the law by name."""
    resampled: BatchFit
    """The fits of the resamples that the standard errors and intervals come from."""
    n_failed: int
    """Resamples without a usable fit; they are left out of the intervals."""
    identified: Identification
    """What the runs tell."""
    x: Array
    """Columns n_parameters and n_examples, shape (n, 2)."""
    y: Array
    """Errors, shape (n,)."""
    level: float
    seed: int

    @classmethod
    def of(
        cls, law: str | Law, x: Array, y: Array, *, delta: float, n_resamples: int, level: float,
        seed: int,
    ) -> Self:  # fmt: skip
        """Fit a law to runs x (n, 2), y (n,)."""
        # Validate
        law = law_named(law)
        if law.inputs != INPUTS:
            raise AnalysisError(f"law: must be one of {', '.join(SURFACE_LAWS)}, got {law.name!r}")
        if n_resamples < 2:
            raise AnalysisError(f"n_resamples: must be at least 2, got {n_resamples}")
        if not 0.0 < level < 1.0:
            raise AnalysisError(f"level: must be between 0 and 1, got {level}")

        # Compute
        fit = fit_law(law, x, y, delta=delta)
        resampled = _resample(law, x, y, fit, n_resamples, seed) if fit.ok[0] else fit
        identified = identify(law, x, y, fit, resampled, level)
        return cls(
            law=law,
            fit=fit,
            parameters=MappingProxyType(parameter_estimates(fit, resampled, identified, level)),
            resampled=resampled,
            n_failed=int((~resampled.ok).sum()),
            identified=identified,
            x=read_only(x),
            y=read_only(y),
            level=level,
            seed=seed,
        )

    def predict(
        self,
        n_parameters: Given = None,
        n_examples: Given = None,
        *,
        flops: Given = None,
        examples_per_parameter: Given = None,
        flops_per: float = FLOPS_PER_PARAMETER_AND_EXAMPLE,
    ) -> Array:
        """Predicted error where any two of the four say; NaN where the runs do not tell it.

        The arguments are broadcast against each other.
        """
        n, d = sizes_and_data(
            n_parameters, n_examples, flops=flops, examples_per_parameter=examples_per_parameter,
            flops_per=flops_per,
        )  # fmt: skip
        at = _rows(n, d)
        value = np.where(self._numbered(at), self.fit.predict(at)[0], np.nan)
        return np.asarray(value.reshape(n.shape))

    def band(
        self,
        n_parameters: Given = None,
        n_examples: Given = None,
        *,
        flops: Given = None,
        examples_per_parameter: Given = None,
        flops_per: float = FLOPS_PER_PARAMETER_AND_EXAMPLE,
        level: float | None = None,
        kind: Literal["mean", "run"] = "mean",
    ) -> tuple[Array, Array]:
        """Lower and upper end of a band where any two of the four say.

        Parameters
        ----------
        n_parameters, n_examples, flops, examples_per_parameter : array-like, positive
            Two of them, broadcast against each other.
        flops_per : float
            FLOPs of training per parameter and example.
        level : float, optional
            Probability that the band holds; the surface's level if not given.
        kind : {"mean", "run"}
            Where the mean error of many runs lies, or where one new run will land.

        Returns
        -------
        tuple of two arrays
            NaN where the runs set no band: :meth:`cautions` says why.
        """
        # Validate
        if kind not in ("mean", "run"):
            raise AnalysisError(f"kind: must be 'mean' or 'run', got {kind!r}")
        inner = self.level if level is None else level
        if not 0.0 < inner < 1.0:
            raise AnalysisError(f"level: must lie between 0 and 1, got {inner}")
        n, d = sizes_and_data(
            n_parameters, n_examples, flops=flops, examples_per_parameter=examples_per_parameter,
            flops_per=flops_per,
        )  # fmt: skip

        # Compute
        at = _rows(n, d)
        ends = self._ends(at, inner, kind)
        ends[:, ~self._numbered(at)] = np.nan
        low, high = (np.asarray(np.exp(end).reshape(n.shape)) for end in ends)
        return low, high

    def cautions(
        self,
        n_parameters: Given = None,
        n_examples: Given = None,
        *,
        flops: Given = None,
        examples_per_parameter: Given = None,
        flops_per: float = FLOPS_PER_PARAMETER_AND_EXAMPLE,
    ) -> tuple[Caution, ...]:
        """Why the runs cannot support what is asked there; empty where they can."""
        n, d = sizes_and_data(
            n_parameters, n_examples, flops=flops, examples_per_parameter=examples_per_parameter,
            flops_per=flops_per,
        )  # fmt: skip
        at = _rows(n, d)
        return self._unknown(at) + beyond(self.x, at, flops_per)

    def resample(self, n: int, seed: int) -> BatchFit:
        """Fit ``n`` bootstrap resamples of the runs; one row each."""
        if n < 1:
            raise AnalysisError(f"n: must be at least 1 resample, got {n}")
        return _resample(self.law, self.x, self.y, self.fit, n, seed)

    def best_size(
        self, flops: float, flops_per: float = FLOPS_PER_PARAMETER_AND_EXAMPLE
    ) -> tuple[Estimate, Estimate]:
        """Parameters and examples with the least error for ``flops = flops_per * N * D``.

        Hoffmann et al. 2022, equation 4. The passage from chance does not move the optimum.
        """
        if not (np.isfinite(flops) and flops > 0.0 and flops_per > 0.0):
            raise AnalysisError(f"flops: must be finite and positive, got {flops}")
        product = float(np.log(flops / flops_per))

        def log_n(theta: Array) -> Array:
            return best_log_size(self.law, theta, product)

        terms = self.term_parameters
        return (
            self.estimated(log_n, terms),
            self.estimated(lambda theta: product - log_n(theta), terms),
        )

    @property
    def term_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that the terms of size and of data are made of."""
        return self.law.term_parameters if isinstance(self.law, SurfaceLaw) else ()

    def estimated(
        self, log_quantity: Callable[[Array], Array], needs: tuple[str, ...] = ()
    ) -> Estimate:
        """A quantity of the law, from its logarithm as a function of theta (R, P) -> (R,).

        It has no number where parameters that it ``needs`` have none, and no interval where one of
        them has an open end.
        """
        known, theta = self.identified, self.fit.theta[0]
        with np.errstate(all="ignore"):
            value = log_quantity(theta[None])[0]
            draws = log_quantity(self.resampled.theta[self.resampled.ok])
            found = estimate(float(np.exp(value)), np.exp(draws), self.level)
            found = found.reaching(np.exp(log_quantity(known.fitting(self.level))))
            told = bool(known.knows(log_quantity, theta)) and not set(needs) & set(known.free)
        if known.why is not None:
            return found.without(known.why, known.next_step)
        if not told:
            return found.without(*known.untold)
        if open_ones := tuple(n for n in needs if {(n, "low"), (n, "high")} & known.open_ends):
            why = Reason(kind="open_end", about=open_ones)
            return found.without(why, NextStep(kind="wider_surface"), keep=True)
        return found.without(*no_scatter(len(self.y)), keep=True) if known.exact else found

    def of_a_run(self, mean: Estimate, at: Array) -> Estimate:
        """Error of one run at a point (1, 2) whose mean error was estimated."""
        if not mean.identified:
            return mean
        draws = self._log_draws(at)[:, 0]
        spread = float(np.exp(draws + self._run_noise(len(draws))).std(ddof=1))
        lower, upper = (float(end[0]) for end in np.exp(self._ends(at, self.level, "run")))
        return replace(mean, standard_error=spread, lower=lower, upper=upper)

    def _ends(self, at: Array, level: float, kind: str) -> Array:
        """Logarithms of both ends, shape (2, m)."""
        draws = self._log_draws(at)
        if self.identified.why is not None or self.identified.exact or len(draws) < 2:
            return np.full((2, len(at)), np.nan)
        shares = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
        ends: Array = np.quantile(draws, shares, axis=0)
        reach = np.zeros_like(ends)
        if len(walked := self._log_errors(self.identified.fitting(level), at)):
            reach[0] = np.minimum(walked.min(axis=0) - ends[0], 0.0)
            reach[1] = np.maximum(walked.max(axis=0) - ends[1], 0.0)
        if kind == "run":
            ends = np.quantile(draws + self._run_noise(len(draws))[:, None], shares, axis=0)
        return ends + reach

    def _log_draws(self, at: Array) -> Array:
        """Log errors of all usable resamples, shape (R, m)."""
        return self._log_errors(self.resampled.theta[self.resampled.ok], at)

    def _log_errors(self, theta: Array, at: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.log(self.law.predict(theta, at))

    def _run_noise(self, n: int) -> Array:
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
            draws = self._log_draws(at)
            if len(draws) >= 2:
                alpha = (1.0 - self.level) / 2.0
                slack = np.diff(np.quantile(draws, [alpha, 1.0 - alpha], axis=0), axis=0)[0] / 2.0
        return self.identified.knows(
            lambda theta: self._log_errors(theta, at), self.fit.theta[0], slack
        )

    def _numbered(self, at: Array) -> BoolArray:
        """Whether there is a number at all, shape (m,); without freedom only among the runs."""
        told = self._told(at)
        return told if self.identified.why is None else told & inside(self.x, at)

    def _unknown(self, at: Array) -> tuple[Caution, ...]:
        """What has no number, or no band."""
        known = self.identified
        missing = int((~self._numbered(at)).sum())
        if known.why is not None:
            return (
                Caution(
                    why=known.why,
                    next_step=known.next_step,
                    n_asked=len(at),
                    without_number=missing > 0,
                ),
            )
        found = []
        if missing:
            why, step = known.untold
            found.append(Caution(why=why, next_step=step, n_asked=missing, without_number=True))
        if known.exact:
            why, step = no_scatter(len(self.y))
            found.append(Caution(why=why, next_step=step, n_asked=len(at)))
        return tuple(found)


def runs_of(n_parameters: Array, n_examples: Array, error: Array) -> tuple[Array, Array]:
    """Rows x (n, 2) and errors y (n,) of runs.

    Raises
    ------
    AnalysisError
        If they are not one-dimensional and equally long, or a value is not finite and positive.
    """
    arrays = {"n_parameters": n_parameters, "n_examples": n_examples, "error": error}
    shape = error.shape
    for key, array in arrays.items():
        if array.ndim != 1 or array.shape != shape or not len(array):
            raise AnalysisError(
                f"{key}: n_parameters, n_examples and error must be one-dimensional and equally "
                f"long, got {', '.join(str(a.shape) for a in arrays.values())}"
            )
        check_positive(key, array, "in run", "runs")
    return np.stack([n_parameters, n_examples], axis=1), error


def best_log_size(law: Law, theta: Array, log_product: float) -> Array:
    """log N of the least error where log N + log D is given, for theta of shape (R, P)."""
    log_a, log_b, alpha, beta = terms_of(law, theta)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(alpha) + log_a - np.log(beta) - log_b
        return np.asarray((ratio + beta * log_product) / (alpha + beta))


def terms_of(law: Law, theta: Array) -> tuple[Array, Array, Array, Array]:
    """log A, log B, alpha and beta, each (R,).

    Raises
    ------
    AnalysisError
        If the law has no term of size and term of data.
    """
    if not isinstance(law, SurfaceLaw):
        raise AnalysisError(f"law: {law.name} has no term of size alone; a frontier needs one")
    log_a, log_b, alpha, beta = np.moveaxis(law.terms(theta), -1, 0)
    return log_a, log_b, alpha, beta


def _rows(n: Array, d: Array) -> Array:
    at = np.stack([n.ravel(), d.ravel()], axis=1)
    for key, values in zip(INPUTS, at.T, strict=True):
        bad = values[~(np.isfinite(values) & (values > 0.0))]
        if len(bad):
            raise AnalysisError(f"{key}: must be finite and positive, got {bad[0]}")
    return at


def _resample(law: Law, x: Array, y: Array, fit: BatchFit, n: int, seed: int) -> BatchFit:
    count = len(y)
    rng = generator(seed, Stream.DATA)
    weights = rng.multinomial(count, np.full(count, 1.0 / count), size=n).astype(np.float64)
    return fit_law(law, x, y, weights=weights, delta=fit.delta, theta0=fit.theta[0])
