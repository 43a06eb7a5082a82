r"""M4: from chance to a floor, with a bend of its own at each end.

The law is implicit: (e - E) / (e0 - e)^a = B m^-alpha has one root e in (E, e0). With
e = E + (e0 - E) s and s = 1 / (1 + exp(-t)) it reads

    h(t) = -softplus(-t) + a softplus(t) = q - alpha log m,    q = log B - (1 - a) log(e0 - E),

and h rises with a slope between 1 and a, and is convex (a > 1) or concave (a < 1), so that Newton's
method from the right side converges without a safeguard. q stands for B inside the solver: it does
not move when the levels do.
"""

from __future__ import annotations

import numpy as np

from analysis.laws.law import (
    EXPONENT_MAX,
    EXPONENTS,
    Array,
    Curve,
    Law,
    Ranges,
    Rows,
    log_line,
    logistic,
    softplus,
    symmetric_range,
)
from analysis.laws.passage import level_starts, log_chance_range
from analysis.laws.power_floor import FEW_FLOORS

START_SHAPES = np.array([0.4, 1.0, 2.5])
LOG_SHAPE_MAX = 3.0
"""The shape a lies between e^-3 and e^3."""

NEWTON_STEPS = 60
NEWTON_TOLERANCE = 1e-9  # of the last step: Newton's next one is of the order of its square


def solve_sigmoid(q: Array, shape: Array) -> Array:
    """Root t of ``-softplus(-t) + shape * softplus(t) = q``; all of shape (...)."""
    # The two asymptotes of h bound the root: min for a convex h, max for a concave one.
    t = np.where(shape >= 1.0, np.minimum(q, q / shape), np.maximum(q, q / shape))
    for _ in range(NEWTON_STEPS):
        small = np.exp(-np.abs(t))
        soft = np.maximum(t, 0.0) + np.log1p(small)
        share = np.where(t >= 0.0, 1.0, small) / (1.0 + small)
        # softplus(-t) = softplus(t) - t
        step = ((shape - 1.0) * soft + t - q) / (1.0 - share + shape * share)
        t = t - step
        if np.nanmax(np.abs(step) / (1.0 + np.abs(t)), initial=0.0) < NEWTON_TOLERANCE:
            break
    return t


class Sigmoidal(Law):
    """(e - E) / (e0 - e)**a = B * m**-alpha; theta = (q, alpha, E, log e0, log a)."""

    name = "sigmoidal"
    formula = r"\frac{\varepsilon - E}{(\varepsilon_0 - \varepsilon)^{a}} = B\,m^{-\alpha}"
    source = "M4 of Alabdulmohsin et al. 2022, arXiv:2209.06640, table 1"
    names = ("B", "alpha", "E", "chance", "a")

    def curve(self, theta: Array, x: Array) -> Curve:
        log_x = np.log(x)
        floor, chance, shape = theta[2], np.exp(theta[3]), np.exp(theta[4])
        t = solve_sigmoid(theta[0] - theta[1] * log_x, shape)
        share = logistic(t)
        value = floor + (chance - floor) * share

        def derivatives() -> list[Array]:  # those of the implicit function
            slope = 1.0 - share + shape * share
            by_q = (chance - floor) * share * (1.0 - share) / slope
            by_shape = -by_q * shape * softplus(t)
            return [by_q, -by_q * log_x, 1.0 - share, chance * share, by_shape]

        return np.where(chance > floor, value, np.nan), derivatives

    def guesses(self, x: Array, y: Array) -> Rows:
        """For given levels and shape the law is a line in logs."""
        return [
            [*log_line(x, share / (1.0 - share) ** shape), floor, log_chance, np.log(shape)]
            for log_chance, floor, share in level_starts(y, FEW_FLOORS)
            for shape in START_SHAPES
        ]

    def ranges(self, x: Array, y: Array) -> Ranges:
        scale, top = symmetric_range(x, EXPONENT_MAX), float(y.max())
        shapes = (-LOG_SHAPE_MAX, LOG_SHAPE_MAX)
        return [scale, EXPONENTS, (0.0, top), log_chance_range(y), shapes]

    def natural(self, theta: Array) -> Array:
        floor, chance, shape = theta[..., 2], np.exp(theta[..., 3]), np.exp(theta[..., 4])
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = np.exp(theta[..., 0] + (1.0 - shape) * np.log(chance - floor))
        return np.stack([scale, theta[..., 1], floor, chance, shape], axis=-1)


LAWS = (Sigmoidal(),)
