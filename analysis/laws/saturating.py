"""M3: a power law that bends from a plateau it has not left or towards one it nears."""

from __future__ import annotations

import numpy as np

from analysis.laws.law import EXPONENTS, Array, Curve, Law, Ranges, Rows, log_line, scale_range

BEND_FACTORS = np.array([0.0, 0.1, 0.5, 2.0, 10.0])
"""Starting gamma as multiples of 1 / (largest size): where the curve begins to bend."""


class Saturating(Law):
    """error = A * (1/m + gamma)**alpha; theta = (log A, alpha, gamma); its floor A gamma**alpha."""

    name = "saturating"
    words = "saturating"
    formula = r"A\,(m^{-1} + \gamma)^{\alpha}"
    source = "M3 of Alabdulmohsin et al. 2022, arXiv:2209.06640, table 1"
    names = ("A", "alpha", "gamma")
    weighed = True

    def curve(self, theta: Array, x: Array) -> Curve:
        alpha = theta[1]
        inner = 1.0 / x + theta[2]
        log_inner = np.log(inner)
        value = np.exp(theta[0] + alpha * log_inner)
        return value, lambda: [value, value * log_inner, value * alpha / inner]

    def guesses(self, x: Array, y: Array) -> Rows:
        """A line in logs for each of several bends."""
        bends = BEND_FACTORS / x.max()
        return [[*log_line(1.0 / (1.0 / x + gamma), y), gamma] for gamma in bends]

    def ranges(self, x: Array, y: Array) -> Ranges:
        return [scale_range(x, y), EXPONENTS, (0.0, 1e3 / float(x.min()))]


LAWS = (Saturating(),)
