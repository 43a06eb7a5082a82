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
from analysis.forecasts.bands import ResampledSurface
from analysis.forecasts.coordinates import (
    FLOPS_PER_PARAMETER_AND_EXAMPLE,
    Given,
    sizes_and_data,
)
from analysis.forecasts.estimates import Estimate, estimate
from analysis.forecasts.identification import (
    identify,
    no_scatter,
    parameter_estimates,
)
from analysis.forecasts.support import Caution, beyond
from analysis.laws import LAWS, law_named
from analysis.laws.fitting import check_positive, fit_law
from analysis.laws.law import Array, Law
from analysis.laws.solution import BatchFit
from analysis.laws.surfaces import INPUTS, SurfaceLaw
from analysis.streams import Stream, generator
from analysis.table.trials import read_only

SURFACE_LAWS = tuple(name for name, law in LAWS.items() if law.inputs == INPUTS)
"""Laws of (n_parameters, n_examples)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedSurface(ResampledSurface):
    """A fitted surface. Arrays are read-only."""

    parameters: Mapping[str, Estimate]
    """Each parameter of the law by name; without numbers where the runs do not identify it."""
    n_failed: int
    """Resamples without a usable fit; they are left out of the intervals."""

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
        value = np.where(self.numbered(at), self.fit.predict(at)[0], np.nan)
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
        ends = self.ends(at, inner, kind)
        ends[:, ~self.numbered(at)] = np.nan
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
        draws = self.log_draws(at)[:, 0]
        spread = float(np.exp(draws + self.run_noise(len(draws))).std(ddof=1))
        lower, upper = (float(end[0]) for end in np.exp(self.ends(at, self.level, "run")))
        return replace(mean, standard_error=spread, lower=lower, upper=upper)

    def _unknown(self, at: Array) -> tuple[Caution, ...]:
        """What has no number, or no band."""
        known = self.identified
        missing = int((~self.numbered(at)).sum())
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
