r"""The error as a surface over parameters and training examples, and the best size for a budget.

Uncertainty is that of a bootstrap over runs: each resample draws the runs with replacement, which
is a weight per run, so that all resamples are one batched fit started at the point fit's optimum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from analysis.errors import AnalysisError
from analysis.laws import LAWS, law_named
from analysis.laws.fitting import DELTA_UNKNOWN_NOISE, check_positive, fit_law
from analysis.laws.law import Array, Law
from analysis.laws.solution import BatchFit
from analysis.streams import Stream, generator
from analysis.table.trials import read_only

INPUTS = ("n_parameters", "n_examples")
SURFACE_LAWS = tuple(name for name, law in LAWS.items() if law.inputs == INPUTS)
"""Laws of (n_parameters, n_examples)."""

FLOPS_PER_PARAMETER_AND_EXAMPLE = 6.0
"""Forward and backward pass of a dense network: 2 + 4 FLOPs (Kaplan et al. 2020, section 2.1)."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its uncertainty."""

    value: float
    """Point estimate."""
    standard_error: float
    """Standard deviation over the resamples."""
    lower: float
    upper: float
    """Ends of the percentile interval."""
    level: float
    """Level of that interval, such as 0.95."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SurfaceFit:
    """A fitted surface. Arrays are read-only."""

    law: Law
    fit: BatchFit
    """The point fit (one row): objective, status, starts, conditioning."""
    parameters: Mapping[str, Estimate]
    """Each parameter of the law by name."""
    resampled: BatchFit
    """The fits of the resamples that the standard errors and intervals come from."""
    n_failed: int
    """Resamples without a usable fit; they are left out of the intervals."""
    x: Array
    """Columns n_parameters and n_examples, shape (n, 2)."""
    y: Array
    """Errors, shape (n,)."""
    level: float

    def predict(self, n_parameters: npt.ArrayLike, n_examples: npt.ArrayLike) -> Array:
        """Predicted error; the arguments are broadcast against each other."""
        n, d = np.broadcast_arrays(
            np.asarray(n_parameters, dtype=np.float64), np.asarray(n_examples, dtype=np.float64)
        )
        points = np.stack([n.ravel(), d.ravel()], axis=1)
        return np.asarray(self.fit.predict(points)[0].reshape(n.shape))

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
        product = flops / flops_per
        point = _best_log_size(self.law.natural(self.fit.theta), self.law, product)
        draws = _best_log_size(self.resampled.parameters[self.resampled.ok], self.law, product)
        sizes = estimate(np.exp(point[0]), np.exp(draws), self.level)
        examples = estimate(product / np.exp(point[0]), product / np.exp(draws), self.level)
        return sizes, examples


def fit_surface(
    n_parameters: npt.ArrayLike,
    n_examples: npt.ArrayLike,
    error: npt.ArrayLike,
    *,
    law: str | Law = "chinchilla",
    delta: float = DELTA_UNKNOWN_NOISE,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> SurfaceFit:
    """Fit the error of runs of many sizes on many amounts of data.

    Parameters
    ----------
    n_parameters, n_examples, error : arrays of shape (n,), positive
        One run each.
    law : {"chinchilla", "size_data"} or Law
    delta : float in (0, inf]
        Huber threshold in log error.
    n_resamples : int
        Bootstrap resamples for standard errors and intervals, at least 2.
    level : float in (0, 1)
        Level of the intervals.
    seed : int
        Of the resamples.

    Returns
    -------
    SurfaceFit

    Raises
    ------
    AnalysisError
        For wrong arguments, and where a value of the runs is not finite and positive.
    """
    # Validate
    law = law_named(law)
    if law.inputs != INPUTS:
        raise AnalysisError(f"law: must be one of {', '.join(SURFACE_LAWS)}, got {law.name!r}")
    if n_resamples < 2:
        raise AnalysisError(f"n_resamples: must be at least 2, got {n_resamples}")
    if not 0.0 < level < 1.0:
        raise AnalysisError(f"level: must be between 0 and 1, got {level}")
    x, y = _runs(n_parameters, n_examples, error)

    # Compute
    fit = fit_law(law, x, y, delta=delta)
    resampled = _resample(law, x, y, fit, n_resamples, seed) if fit.ok[0] else fit
    draws = resampled.parameters[resampled.ok]
    point = fit.parameters[0]
    parameters = {
        name: estimate(float(point[i]), draws[:, i], level) for i, name in enumerate(law.parameters)
    }
    return SurfaceFit(
        law=law,
        fit=fit,
        parameters=MappingProxyType(parameters),
        resampled=resampled,
        n_failed=int((~resampled.ok).sum()),
        x=read_only(x),
        y=read_only(y),
        level=level,
    )


def _runs(
    n_parameters: npt.ArrayLike, n_examples: npt.ArrayLike, error: npt.ArrayLike
) -> tuple[Array, Array]:
    given = {"n_parameters": n_parameters, "n_examples": n_examples, "error": error}
    arrays = {key: np.array(value, dtype=np.float64) for key, value in given.items()}
    shape = arrays["error"].shape
    for key, array in arrays.items():
        if array.ndim != 1 or array.shape != shape or not len(array):
            raise AnalysisError(
                f"{key}: n_parameters, n_examples and error must be one-dimensional and equally "
                f"long, got {', '.join(str(a.shape) for a in arrays.values())}"
            )
        check_positive(key, array, "in run", "runs")
    return np.stack([arrays["n_parameters"], arrays["n_examples"]], axis=1), arrays["error"]


def _resample(law: Law, x: Array, y: Array, fit: BatchFit, n: int, seed: int) -> BatchFit:
    count = len(y)
    rng = generator(seed, Stream.DATA)
    weights = rng.multinomial(count, np.full(count, 1.0 / count), size=n).astype(np.float64)
    return fit_law(law, x, y, weights=weights, delta=fit.delta, theta0=fit.theta[0])


def _best_log_size(natural: Array, law: Law, product: float) -> Array:
    """log N of the least error where N D = product, for natural parameters of shape (R, P)."""
    a, b, alpha, beta = (natural[:, law.parameters.index(k)] for k in ("A", "B", "alpha", "beta"))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            (np.log(alpha * a) - np.log(beta * b) + beta * np.log(product)) / (alpha + beta)
        )


def estimate(value: float, draws: Array, level: float) -> Estimate:
    """A point estimate with the spread and the percentile interval of its resamples."""
    draws = draws[np.isfinite(draws)]
    if len(draws) < 2:
        return Estimate(value=value, standard_error=np.nan, lower=np.nan, upper=np.nan, level=level)
    lower, upper = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Estimate(
        value=float(value),
        standard_error=float(draws.std(ddof=1)),
        lower=float(lower),
        upper=float(upper),
        level=level,
    )
