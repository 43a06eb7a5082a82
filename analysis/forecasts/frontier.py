r"""The data-size frontier: for a budget of FLOPs, or of examples, the size that makes most of it.

For error(N, D) of a fitted surface and the cost ``flops = flops_per * N * D`` of training, the
error is least where a little more of either buys the same:

    alpha A N^-alpha = beta B D^-beta

Given FLOPs, this and the cost give N and D. Given D examples it gives N: a smaller model leaves
error that size would remove more cheaply than data, a larger one costs FLOPs that would buy more as
further examples. (At fixed D alone the error of these laws falls with N for ever; where that stops
paying is the payoff point of ``payoff.analyse``.)

References
----------
Hoffmann et al. (2022), "Training Compute-Optimal Large Language Models", equation 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.errors import AnalysisError
from analysis.forecasts.coordinates import FLOPS_PER_PARAMETER_AND_EXAMPLE
from analysis.forecasts.estimates import Estimate, estimate
from analysis.forecasts.support import Caution
from analysis.forecasts.surface import FittedSurface, best_log_size, terms_of
from analysis.laws.law import Array


@dataclass(frozen=True, kw_only=True)
class FrontierPoint:
    """What a budget buys at best."""

    flops: Estimate
    n_parameters: Estimate
    n_examples: Estimate
    error: Estimate
    """Mean error that the point estimate's size and data would have."""
    run: Estimate
    """The error of one run of them: the same, with the scatter of runs in its interval."""
    inside: bool
    """Whether size and data both lie within the ranges that the surface was fitted to."""
    cautions: tuple[Caution, ...]
    """Why the runs cannot support it; empty where they can, or where nothing is said."""


def frontier(
    surface: FittedSurface,
    *,
    flops: Sequence[float] | Array | None = None,
    examples: Sequence[float] | Array | None = None,
    flops_per: float = FLOPS_PER_PARAMETER_AND_EXAMPLE,
) -> tuple[FrontierPoint, ...]:
    """Best size for each budget, with intervals from the surface's resamples.

    Parameters
    ----------
    surface : SurfaceFit
        Of :func:`analysis.fit_surface`.
    flops, examples : array-like of shape (n,), positive
        Budgets: training FLOPs, or examples; one of the two.
    flops_per : float
        FLOPs of training per parameter and example; 6 for a dense network that sees each example
        once, times the epochs.

    Returns
    -------
    tuple of FrontierPoint
        One for each budget, in the order given. What the runs of the surface do not identify is
        NaN, and says why.

    Raises
    ------
    AnalysisError
        If not exactly one budget is given, or a number is not finite and positive.

    Examples
    --------
    >>> import numpy as np
    >>> from payoff import fit_surface, frontier
    >>> n, d = np.meshgrid(np.geomspace(1e4, 1e7, 5), np.geomspace(1e5, 1e8, 5))
    >>> n, d = n.ravel(), d.ravel()
    >>> surface = fit_surface(n, d, 0.3 + 50 * n**-0.35 + 200 * d**-0.4, n_resamples=20)
    >>> (point,) = frontier(surface, examples=[1e7])
    >>> f"{point.n_parameters.value:.0f} parameters for {point.flops.value:.2g} FLOPs"
    '1300581 parameters for 7.8e+13 FLOPs'
    """
    # Validate
    if (flops is None) == (examples is None):
        raise AnalysisError("frontier: give one budget, either flops or examples")
    given = "flops" if examples is None else "examples"
    budgets = np.atleast_1d(np.asarray(flops if examples is None else examples, dtype=np.float64))
    for name, values in ((given, budgets), ("flops_per", np.atleast_1d(flops_per))):
        bad = values[~(np.isfinite(values) & (values > 0.0))]
        if len(bad):
            raise AnalysisError(f"{name}: must be finite and positive, got {bad[0]}")

    # Compute
    return tuple(_point(surface, given, float(budget), flops_per) for budget in budgets)


def _point(surface: FittedSurface, given: str, budget: float, flops_per: float) -> FrontierPoint:
    log_budget = math.log(budget)

    def places(theta: Array) -> tuple[Array, Array]:
        """log N and log D of the best, each (R,)."""
        if given == "flops":
            product = log_budget - math.log(flops_per)
            log_n = best_log_size(surface.law, theta, product)
            return log_n, product - log_n
        log_a, log_b, alpha, beta = terms_of(surface.law, theta)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(alpha) + log_a - np.log(beta) - log_b
            log_d = np.full(len(theta), log_budget)
            return np.asarray((ratio + beta * log_d) / alpha), log_d

    def log_flops(theta: Array) -> Array:
        return np.asarray(math.log(flops_per) + sum(places(theta)))

    flops = surface.estimated(log_flops, surface.term_parameters)
    n_parameters = surface.estimated(lambda theta: places(theta)[0], surface.term_parameters)
    n_examples = surface.estimated(lambda theta: places(theta)[1], surface.term_parameters)
    # What was given is known, whatever the surface says.
    known = estimate(budget, np.full(2, budget), surface.level)
    known = replace(known, standard_error=0.0)
    flops, n_examples = (known, n_examples) if given == "flops" else (flops, known)
    nowhere = n_parameters if not math.isfinite(n_parameters.value) else n_examples
    if not math.isfinite(nowhere.value):
        missing = replace(nowhere, value=math.nan)
        return FrontierPoint(
            flops=flops, n_parameters=n_parameters, n_examples=n_examples, error=missing,
            run=missing, inside=False, cautions=(),
        )  # fmt: skip
    at = np.array([[n_parameters.value, n_examples.value]])
    low, high = surface.x.min(axis=0), surface.x.max(axis=0)
    error = surface.estimated(lambda theta: np.log(surface.law.predict(theta, at)[:, 0]))
    return FrontierPoint(
        flops=flops,
        n_parameters=n_parameters,
        n_examples=n_examples,
        error=error,
        run=surface.of_a_run(error, at),
        inside=bool(((at >= low) & (at <= high)).all()),
        cautions=surface.cautions(at[0, 0], at[0, 1], flops_per=flops_per),
    )
