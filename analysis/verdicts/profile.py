r"""The profile-likelihood interval of a law's parameter or payoff point: a check on the bootstrap.

With the loss L of the fit (Huber, on log error in units of s times its noise) and its minimum L0,

    D(theta) = 2 c (L(theta) - L0)

is a likelihood ratio; the interval of a quantity g(theta) is the range of its values over all theta
with D(theta) <= q, the chi-squared quantile of one degree of freedom. Its ends are found as what
they are, the smallest and largest g under that constraint, in coordinates where D is a sphere.

Bootstrap and profile use different things (scatter that resamples have; the loss about one fit), so
that where they agree neither artefact decides, and where they differ the bootstrap's percentile or
the law's curvature does: then believe the wider.

======== =============================================================== =====
symbol   meaning                                                         shape
======== =============================================================== =====
c        E[psi'] / E[psi^2], 1 for least squares: the Huber loss is less  scalar
         than a squared one by that much under normal noise
s        scatter about the law over what the noise allows, at least 1    scalar
z        (theta - theta0) in units of the curvature's root               (P,)
======== =============================================================== =====

References
----------
Neale and Miller (1997), "The use of likelihood-based confidence intervals in genetic models", for
the ends as constrained optima. Schrader and Hettmansperger (1980), "Robust analysis of variance
based upon a likelihood ratio criterion", for c.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.laws import law_named
from analysis.laws.fitting import DELTA_KNOWN_NOISE, fit_law
from analysis.laws.law import Array, Law
from analysis.laws.levenberg import deviance_factor, huber
from analysis.laws.solution import BatchFit, Status
from analysis.settings import Rule
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.rules import apply_rule
from search_spaces.errors import nearest

PROFILED: tuple[Rule, ...] = ("marginal", "plateau")
"""Rules whose payoff point moves smoothly with a law's parameters; the others' points jump."""

GRID_STEPS = 64
"""Grid points per doubling of the size: the payoff point of a curve is read off it."""

BEYOND = 4.0
"""Doublings beyond the largest size that the marginal rule looks at."""

REACHED = 0.02
"""An end counts as found where D is within this fraction of q; else it is open (or on a bound)."""

START_SHARES = (1.0, 0.5, 0.1)
"""Fractions of the way to the sphere at which searches start."""


@dataclass(frozen=True, kw_only=True)
class ProfileInterval:
    """A likelihood-ratio interval."""

    quantity: str
    """Name of a natural parameter, or of a rule for its payoff point."""
    law: str
    value: float
    """At the best fit."""
    low: float
    high: float
    level: float
    low_open: bool
    """Nothing in the data ends the interval on this side: it stops at the law's bound, or at the
    smallest size tried."""
    high_open: bool
    stretch: float
    """s: above 1 where the points scatter about the law by more than their noise."""


def profile_interval(
    fit: FittedCurve,
    quantity: str | None = None,
    *,
    law: str | Law | None = None,
    level: float | None = None,
) -> ProfileInterval:
    """Likelihood-ratio interval of a payoff point or parameter of one law on a fitted curve.

    Parameters
    ----------
    fit : FittedCurve
        Of a named law, or of any with ``law`` given.
    quantity : str, optional
        A rule's name for the payoff point under it (the headline rule if not given), or the name
        of one of the law's parameters.
    law : str or Law, optional
        The law that was fitted if not given.
    level : float, optional
        The settings' level if not given.

    Raises
    ------
    AnalysisError
        If there is no such law or quantity, or the curve cannot be fitted by the law.
    """
    # Validate
    named = fit.law if law is None else law
    if named == "auto":
        raise AnalysisError("law: an average of laws has no profile; name one, such as power_floor")
    chosen = law_named(named)
    settings = fit.settings
    quantity = settings.rule if quantity is None else quantity
    rules = tuple(rule for rule in settings.rules if rule in PROFILED)
    if quantity not in (*rules, *chosen.parameters):
        known = (*rules, *chosen.parameters)
        raise AnalysisError(
            f"quantity: must be one of {', '.join(known)}, got {quantity!r}"
            f"{nearest(quantity, known)}"
        )
    inner = settings.level if level is None else level
    if not 0.0 < inner < 1.0:
        raise AnalysisError(f"level: must lie between 0 and 1, got {inner}")
    spread = np.sqrt(np.diag(fit.noise.mean_covariance(fit.curve.replicates)))
    best = fit_law(chosen, fit.curve.size, np.exp(fit.noise.log_error), noise=spread)
    if not best.ok[0]:
        outcome = Status(int(best.status[0])).name.lower().replace("_", " ")
        raise AnalysisError(
            f"law: {chosen.name} must fit the curve, and its fit is without an answer ({outcome}); "
            "add sizes or name a simpler law"
        )

    # Compute
    stretch = _stretch(best, fit, spread)
    spread = stretch * spread
    best = fit_law(
        chosen, fit.curve.size, np.exp(fit.noise.log_error), noise=spread, theta0=best.theta[0]
    )
    problem = _Likelihood(chosen, fit.curve.size, fit.noise.log_error, spread, best.theta[0])
    target = NormalDist().inv_cdf((1.0 + inner) / 2.0) ** 2
    measure = _measure(fit, chosen, quantity)
    low, low_open = problem.end(measure, target, -1.0)
    high, high_open = problem.end(measure, target, +1.0)
    value = measure(best.theta[0])
    if quantity not in chosen.parameters:
        first, last = (float(x) for x in np.log(fit.curve.size[[0, -1]]))
        # As in the rules: where the last doubling inside the range still pays, the end is open.
        still = last - math.log(2.0)
        low_open, high_open = low <= first + 1e-6, high > still
        value, low, high = (
            math.exp(x if x <= still or quantity != "marginal" else last)
            for x in (value, low, high)
        )
    return ProfileInterval(
        quantity=quantity,
        law=chosen.name,
        value=value,
        low=low,
        high=high,
        level=inner,
        low_open=bool(low_open),
        high_open=bool(high_open),
        stretch=stretch,
    )


class _Likelihood:
    """D(theta) of one curve and law, and its extremes."""

    def __init__(
        self, law: Law, size: Array, log_error: Array, spread: Array, theta: Array
    ) -> None:
        self.law, self.size, self.log_error, self.spread = law, size, log_error, spread
        self.theta = theta
        self.box = law.bounds(size, np.exp(log_error))
        residual, gradient = self.residuals(theta)
        self.least = float(huber(residual, DELTA_KNOWN_NOISE).sum())
        # Coordinates z in which D is about |z|^2; a direction that the data leave free is finite.
        curvature = gradient @ gradient.T
        values, vectors = np.linalg.eigh(curvature)
        self.root = vectors / np.sqrt(np.maximum(values, values[-1] * 1e-12))

    def residuals(self, theta: Array) -> tuple[Array, Array]:
        """Residuals (K,) in units of the noise, and their derivatives (P, K)."""
        with np.errstate(all="ignore"):
            value, gradient = self.law.evaluate_log(theta, self.size)
        assert gradient is not None
        return (value - self.log_error) / self.spread, gradient / self.spread

    def deviance(self, theta: Array) -> float:
        """D; very large where the law has no value."""
        residual, _ = self.residuals(theta)
        found = 2.0 * CORRECTION * (float(huber(residual, DELTA_KNOWN_NOISE).sum()) - self.least)
        return found if math.isfinite(found) else 1e12

    def deviance_gradient(self, theta: Array) -> Array:
        """Derivative of D by theta, (P,)."""
        residual, gradient = self.residuals(theta)
        slope = gradient @ np.clip(residual, -DELTA_KNOWN_NOISE, DELTA_KNOWN_NOISE)
        return np.nan_to_num(2.0 * CORRECTION * slope)

    def end(
        self, measure: Callable[[Array], float], target: float, sign: float
    ) -> tuple[float, bool]:
        """The largest (sign +1) or smallest (-1) value of a quantity with D <= target.

        Returns the value, and whether the interval is open there.
        """
        from scipy import optimize

        def theta_of(z: Array) -> Array:
            return np.asarray(np.clip(self.theta + self.root @ z, *self.box))

        def goal(z: Array) -> float:
            return -sign * measure(theta_of(z))

        def room(z: Array) -> float:
            return target - self.deviance(theta_of(z))

        def room_gradient(z: Array) -> Array:
            return np.asarray(-self.root.T @ self.deviance_gradient(theta_of(z)))

        def inside(z: Array) -> Array:
            theta = self.theta + self.root @ z
            return np.concatenate([theta - self.box[0], self.box[1] - theta])

        edges = np.concatenate([self.root, -self.root])
        constraints: Any = [
            {"type": "ineq", "fun": room, "jac": room_gradient},
            {"type": "ineq", "fun": inside, "jac": lambda _: edges},
        ]
        zero = np.zeros(len(self.theta))
        downhill = optimize.approx_fprime(zero, goal, 1e-5)
        length = float(np.linalg.norm(downhill))
        best, where = sign * measure(self.theta), self.theta
        for share in START_SHARES:
            start = zero if length == 0.0 else -share * math.sqrt(target) * downhill / length
            found = optimize.minimize(
                goal,
                start,
                method="SLSQP",
                constraints=constraints,
                options={"maxiter": 100, "ftol": 1e-9},
            )
            theta = theta_of(found.x)
            reached, distance = sign * measure(theta), self.deviance(theta)
            if distance <= target * (1.0 + REACHED) and reached > best:
                best, where = reached, theta
                if found.success and distance >= target * (1.0 - REACHED):
                    break
        return sign * best, self.deviance(where) < target * (1.0 - REACHED)


CORRECTION = deviance_factor(DELTA_KNOWN_NOISE)


def _measure(fit: FittedCurve, law: Law, quantity: str) -> Callable[[Array], float]:
    """A parameter, or the log payoff point of the law's curve, from the smallest size tried on.

    For the marginal rule the curve is looked at beyond the range too, so that the point does not
    jump where it leaves it.
    """
    if quantity in law.parameters:
        index = law.parameters.index(quantity)
        return lambda theta: float(law.natural(theta)[index])
    low, high = np.log(fit.curve.size[[0, -1]])
    if quantity == "marginal":
        high += BEYOND * math.log(2.0)
    steps = max(int(GRID_STEPS * (high - low) / math.log(2.0)), 2 * GRID_STEPS)
    x = np.linspace(low, high, steps + 1)
    sizes = np.exp(x)
    rule: Rule = "marginal" if quantity == "marginal" else "plateau"  # the two of PROFILED

    def measure(theta: Array) -> float:
        curve = np.log(law.predict(theta, sizes))[None]
        return float(apply_rule(x, curve, rule, fit.settings).location[0])

    return measure


def _stretch(best: BatchFit, fit: FittedCurve, spread: Array) -> float:
    """Scatter of the points about the law over their noise, at least 1."""
    residual = (np.log(best.predict(fit.curve.size))[0] - fit.noise.log_error) / spread
    freedom = max(len(spread) - best.theta.shape[1], 1)
    return max(math.sqrt(float(residual @ residual) / freedom), 1.0)
