"""WBL4 (Weibull): a stretched exponential; LCDB's EXP4 is the same family, written otherwise."""

from __future__ import annotations

import numpy as np

from analysis.laws.law import LOG_SCALE_MARGIN, Array, Curve, Law, Ranges, Rows, symmetric_range
from analysis.laws.power_floor import FEW_FLOORS

START_STRETCHES = np.array([0.05, 0.2, 0.5, 1.0])
STRETCH = (0.01, 5.0)


class Weibull(Law):
    """error = E + B * exp(-a * m**d); theta = (log B, log a, E, d).

    EXP4, ``E + exp(b - a * m**d)``, is this with B = exp(b).
    """

    name = "wbl4"
    formula = r"E + B\,\exp(-a\,m^{d})"
    source = "Mohr et al. 2022 (LCDB 1.0, ECML PKDD), table 1, there for accuracy"
    names = ("B", "a", "E", "d")
    logs = (0, 1)

    def curve(self, theta: Array, x: Array) -> Curve:
        log_x = np.log(x)
        decay = np.exp(np.minimum(theta[1] + theta[3] * log_x, 700.0))
        fall = np.exp(theta[0] - decay)

        def derivatives() -> list[Array | float]:
            by_rate = np.where(fall > 0.0, -fall * np.minimum(decay, 1e300), 0.0)
            return [fall, by_rate, 1.0, by_rate * log_x]

        return fall + theta[2], derivatives

    def guesses(self, x: Array, y: Array) -> Rows:
        """For given floor and stretch the law is a line of log error in m**d."""
        rows = []
        for stretch in START_STRETCHES:
            u = x**stretch
            spread = float(((u - u.mean()) ** 2).sum())
            for floor in FEW_FLOORS * float(y.min()):
                v = np.log(y - floor)
                rate = 0.0
                if spread > 0.0:
                    rate = -float(((u - u.mean()) * v).sum()) / spread
                rate = max(rate, 1e-3 / float(u.max()))
                log_b = float(v.mean()) + rate * float(u.mean())
                rows.append([log_b, np.log(rate), floor, stretch])
        return rows

    def ranges(self, x: Array, y: Array) -> Ranges:
        low = float(np.log(y.min())) - LOG_SCALE_MARGIN
        high = float(np.log(y.max())) + 4.0 * LOG_SCALE_MARGIN
        return [(low, high), symmetric_range(x, STRETCH[1]), (0.0, float(y.max())), STRETCH]


LAWS = (Weibull(),)
