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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import AnalysisError
from analysis.forecasts.surface import (
    FLOPS_PER_PARAMETER_AND_EXAMPLE,
    Estimate,
    SurfaceFit,
    estimate,
)
from analysis.laws.law import Array


@dataclass(frozen=True, kw_only=True)
class FrontierPoint:
    """What a budget buys at best."""

    flops: Estimate
    n_parameters: Estimate
    n_examples: Estimate
    error: Estimate
    """Error that the point estimate's size and data would have."""
    inside: bool
    """Whether size and data both lie within the ranges that the surface was fitted to."""


def frontier(
    surface: SurfaceFit,
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
        One for each budget, in the order given. Numbers are NaN where the surface has no fit.

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


def _point(surface: SurfaceFit, given: str, budget: float, flops_per: float) -> FrontierPoint:
    usable = surface.resampled.ok
    natural = np.concatenate([surface.fit.parameters, surface.resampled.parameters[usable]])
    a, b, alpha, beta = (
        natural[:, surface.law.parameters.index(k)] for k in ("A", "B", "alpha", "beta")
    )
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.log(alpha * a) - np.log(beta * b)
        if given == "flops":
            log_product = np.full(len(natural), np.log(budget / flops_per))
            log_n = (ratio + beta * log_product) / (alpha + beta)
            log_d = log_product - log_n
        else:
            log_d = np.full(len(natural), np.log(budget))
            log_n = (ratio + beta * log_d) / alpha
        sizes, data = np.exp(log_n), np.exp(log_d)
    at = np.array([[sizes[0], data[0]]])
    if np.isfinite(at).all():
        theta = np.concatenate([surface.fit.theta, surface.resampled.theta[usable]])
        errors = surface.law.predict(theta, at)[:, 0]
    else:
        errors = np.full(len(natural), np.nan)
    low, high = surface.x.min(axis=0), surface.x.max(axis=0)

    def of(values: Array) -> Estimate:
        return estimate(float(values[0]), values[1:], surface.level)

    return FrontierPoint(
        flops=of(flops_per * sizes * data),
        n_parameters=of(sizes),
        n_examples=of(data),
        error=of(errors),
        inside=bool(((at >= low) & (at <= high)).all()),
    )
