"""The power law without a floor: each doubling of the size saves the same share of the error."""

from __future__ import annotations

import numpy as np

from analysis.laws.law import EXPONENTS, Array, Curve, Law, Ranges, Rows, log_line, scale_range


class Power(Law):
    """error = A * m**-alpha; theta = (log A, alpha)."""

    name = "power"
    words = "power law"
    formula = r"A\,m^{-\alpha}"
    source = "Hestness et al. 2017, arXiv:1712.00409; M1 of arXiv:2209.06640"
    names = ("A", "alpha")
    weighed = True

    def curve(self, theta: Array, x: Array) -> Curve:
        log_x = np.log(x)
        value = np.exp(theta[0] - theta[1] * log_x)
        return value, lambda: [value, -value * log_x]

    def guesses(self, x: Array, y: Array) -> Rows:
        """The least-squares line in logs, which is the optimum of the squared loss."""
        return [log_line(x, y)]

    def ranges(self, x: Array, y: Array) -> Ranges:
        return [scale_range(x, y), EXPONENTS]


LAWS = (Power(),)
