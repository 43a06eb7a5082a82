"""The power law with a floor: what extra capacity can save, and what it never will."""

from __future__ import annotations

import numpy as np

from analysis.laws.law import EXPONENTS, Array, Curve, Law, Ranges, Rows, log_line, scale_range

FLOOR_FRACTIONS = np.array([0.0, 0.25, 0.5, 0.7, 0.85, 0.95, 0.99])
"""Starting floors as fractions of the smallest error seen."""
FEW_FLOORS = FLOOR_FRACTIONS[[0, 2, 4, 5]]
"""The same where other parameters have several starts too."""


def floor_starts(x: Array, y: Array, fractions: Array = FLOOR_FRACTIONS) -> Array:
    """(log A, alpha, floor) of lines through log(y - floor), one row per starting floor."""
    floors = fractions * float(y.min())
    intercept, slope = log_line(x, y - floors[:, None])
    return np.stack([intercept, slope, floors], axis=-1)


class PowerFloor(Law):
    """error = E + A * m**-alpha; theta = (log A, alpha, E)."""

    name = "power_floor"
    words = "power law with a floor"
    formula = r"E + A\,m^{-\alpha}"
    source = "Cortes et al. 1994 (NIPS 6); M2 of arXiv:2209.06640"
    names = ("A", "alpha", "E")
    weighed = True

    def curve(self, theta: Array, x: Array) -> Curve:
        log_x = np.log(x)
        fall = np.exp(theta[0] - theta[1] * log_x)
        return fall + theta[2], lambda: [fall, -fall * log_x, 1.0]

    def guesses(self, x: Array, y: Array) -> Rows:
        """A line in logs above each of several floors."""
        return floor_starts(x, y)

    def ranges(self, x: Array, y: Array) -> Ranges:
        return [scale_range(x, y), EXPONENTS, (0.0, float(y.max()))]


LAWS = (PowerFloor(),)
