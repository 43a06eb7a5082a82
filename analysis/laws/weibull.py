"""WBL4 (Weibull): a stretched exponential; LCDB's EXP4 is the same family, written otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.laws.law import LOG_SCALE_MARGIN, Array, Law, clip_into, column
from analysis.laws.power_floor import FLOOR_FRACTIONS

START_STRETCHES = np.array([0.05, 0.2, 0.5, 1.0])
STRETCH = (0.01, 5.0)


@dataclass(frozen=True)
class Weibull(Law):
    """error = E + B * exp(-a * m**d); theta = (log B, log a, E, d).

    EXP4, ``E + exp(b - a * m**d)``, is this with B = exp(b).
    """

    name: ClassVar[str] = "wbl4"
    formula: ClassVar[str] = r"E + B\,\exp(-a\,m^{d})"
    source: ClassVar[str] = "Mohr et al. 2022 (LCDB 1.0, ECML PKDD), table 1, there for accuracy"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Scale, rate, floor and stretch."""
        return ("B", "a", "E", "d")

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`."""
        log_x = np.log(x)
        decay = np.exp(np.minimum(column(theta, 1) + column(theta, 3) * log_x, 700.0))
        fall = np.exp(column(theta, 0) - decay)
        value = fall + column(theta, 2)
        if not with_gradient:
            return value, None
        by_rate = -fall * np.minimum(decay, 1e300)
        by_rate = np.where(fall > 0.0, by_rate, 0.0)
        gradient = [fall, by_rate, np.ones_like(fall), by_rate * log_x]
        return value, np.stack(gradient, axis=-2)

    def starts(self, x: Array, y: Array) -> Array:
        """For given floor and stretch the law is a line of log error in m**d."""
        rows = []
        for stretch in START_STRETCHES:
            u = x**stretch
            spread = float(((u - u.mean()) ** 2).sum())
            for floor in FLOOR_FRACTIONS[[0, 2, 4, 5]] * float(y.min()):
                v = np.log(y - floor)
                rate = 0.0
                if spread > 0.0:
                    rate = -float(((u - u.mean()) * v).sum()) / spread
                rate = max(rate, 1e-3 / float(u.max()))
                rows.append(
                    [float(v.mean()) + rate * float(u.mean()), np.log(rate), floor, stretch]
                )
        return clip_into(np.array(rows), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`."""
        log_x = np.log(x)
        reach = STRETCH[1] * float(np.abs(log_x).max()) + LOG_SCALE_MARGIN
        low, high = float(np.log(y.min())), float(np.log(y.max()))
        lower = [low - LOG_SCALE_MARGIN, -reach, 0.0, STRETCH[0]]
        upper = [high + 4.0 * LOG_SCALE_MARGIN, reach, float(y.max()), STRETCH[1]]
        return np.array(lower), np.array(upper)

    def natural(self, theta: Array) -> Array:
        """B, a, E and d."""
        return np.concatenate([np.exp(theta[..., :2]), theta[..., 2:]], axis=-1)


LAWS = (Weibull(),)
