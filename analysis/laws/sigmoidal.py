r"""M4: from chance to a floor, with a bend of its own at each end.

The law is implicit: (e - E) / (e0 - e)^a = B m^-alpha has one root e in (E, e0). With
e = E + (e0 - E) s and s = 1 / (1 + exp(-t)) it reads

    h(t) = -softplus(-t) + a softplus(t) = q - alpha log m,    q = log B - (1 - a) log(e0 - E),

and h rises with a slope between 1 and a, and is convex (a > 1) or concave (a < 1), so that Newton's
method from the right side converges without a safeguard. q stands for B inside the solver: it does
not move when the levels do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.laws.law import (
    EXPONENT_MAX,
    LOG_SCALE_MARGIN,
    Array,
    Law,
    clip_into,
    column,
    log_line,
    softplus,
)
from analysis.laws.passage import CHANCE_FACTORS, chance_bounds
from analysis.laws.power_floor import FLOOR_FRACTIONS

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


@dataclass(frozen=True)
class Sigmoidal(Law):
    """(e - E) / (e0 - e)**a = B * m**-alpha; theta = (q, alpha, E, log e0, log a)."""

    name: ClassVar[str] = "sigmoidal"
    formula: ClassVar[str] = (
        r"\frac{\varepsilon - E}{(\varepsilon_0 - \varepsilon)^{a}} = B\,m^{-\alpha}"
    )
    source: ClassVar[str] = "M4 of Alabdulmohsin et al. 2022, arXiv:2209.06640, table 1"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Scale, exponent, floor, chance level and shape."""
        return ("B", "alpha", "E", "chance", "a")

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`; the derivatives are those of the implicit function."""
        log_x = np.log(x)
        floor, chance = column(theta, 2), np.exp(column(theta, 3))
        shape = np.exp(column(theta, 4))
        t = solve_sigmoid(column(theta, 0) - column(theta, 1) * log_x, shape)
        share = 1.0 / (1.0 + np.exp(-np.clip(t, -700.0, 700.0)))
        value = floor + (chance - floor) * share
        value = np.where(chance > floor, value, np.nan)
        if not with_gradient:
            return value, None
        slope = 1.0 - share + shape * share
        by_q = (chance - floor) * share * (1.0 - share) / slope
        gradient = np.stack(
            [
                by_q,
                -by_q * log_x,
                1.0 - share,
                chance * share,
                -by_q * shape * softplus(t),
            ],
            axis=-2,
        )
        return value, gradient

    def starts(self, x: Array, y: Array) -> Array:
        """For given levels and shape the law is a line in logs."""
        low, high = chance_bounds(y)
        rows = []
        for chance in np.unique(np.clip(CHANCE_FACTORS * float(y.max()), low, high)):
            for floor in FLOOR_FRACTIONS[[0, 2, 4, 5]] * float(y.min()):
                share = np.clip((y - floor) / (chance - floor), 1e-6, 1.0 - 1e-3)
                for shape in START_SHAPES:
                    intercept, slope = log_line(x, share / (1.0 - share) ** shape)
                    row = [float(intercept), float(slope), floor, np.log(chance), np.log(shape)]
                    rows.append(row)
        return clip_into(np.array(rows), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`."""
        low, high = chance_bounds(y)
        log_x = np.log(x)
        reach = EXPONENT_MAX * float(np.abs(log_x).max()) + LOG_SCALE_MARGIN
        lower = [-reach, 0.0, 0.0, np.log(low), -LOG_SHAPE_MAX]
        upper = [reach, EXPONENT_MAX, float(y.max()), np.log(high), LOG_SHAPE_MAX]
        return np.array(lower), np.array(upper)

    def natural(self, theta: Array) -> Array:
        """B, alpha, E, e0 and a."""
        floor, chance, shape = theta[..., 2], np.exp(theta[..., 3]), np.exp(theta[..., 4])
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = np.exp(theta[..., 0] + (1.0 - shape) * np.log(chance - floor))
        return np.stack([scale, theta[..., 1], floor, chance, shape], axis=-1)


LAWS = (Sigmoidal(),)
