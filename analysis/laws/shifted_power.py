"""POW4: a power law with a floor whose size is counted from an offset."""

from __future__ import annotations

import numpy as np

from analysis.laws.law import EXPONENTS, Array, Curve, Law, Ranges, Rows, scale_range
from analysis.laws.power_floor import FEW_FLOORS, floor_starts

SHIFT_FACTORS = np.array([0.0, 0.3, 3.0])
"""Starting offsets as multiples of the (geometric) middle size."""


class ShiftedPower(Law):
    """error = E + A * (m + d)**-alpha; theta = (log A, alpha, E, d)."""

    name = "pow4"
    formula = r"E + A\,(m + d)^{-\alpha}"
    source = "Mohr et al. 2022 (LCDB 1.0, ECML PKDD), table 1, there for accuracy"
    names = ("A", "alpha", "E", "d")

    def curve(self, theta: Array, x: Array) -> Curve:
        alpha = theta[1]
        moved = x + theta[3]
        log_moved = np.log(moved)
        fall = np.exp(theta[0] - alpha * log_moved)
        return fall + theta[2], lambda: [fall, -fall * log_moved, 1.0, -fall * alpha / moved]

    def guesses(self, x: Array, y: Array) -> Rows:
        """A line in logs for each of several floors and offsets."""
        shifts = SHIFT_FACTORS * float(np.exp(np.log(x).mean()))
        return [[*row, d] for d in shifts for row in floor_starts(x + d, y, FEW_FLOORS)]

    def ranges(self, x: Array, y: Array) -> Ranges:
        shift = 10.0 * float(x.max())
        scale = scale_range(np.append(x, shift + x.max()), y)
        return [scale, EXPONENTS, (0.0, float(y.max())), (0.0, shift)]


LAWS = (ShiftedPower(),)
