"""A law that falls by the same amount with every doubling: a law in one file."""

from __future__ import annotations

import numpy as np

from analysis.laws.law import Array, Curve, Law, Ranges, Rows


class Logarithmic(Law):
    """error = a - b * log(m); theta = (a, b)."""

    name = "logarithmic"
    formula = r"a - b\,\log m"
    source = "nowhere"
    names = ("a", "b")
    logs = ()

    def curve(self, theta: Array, x: Array) -> Curve:
        """See `Law.curve`."""
        return theta[0] - theta[1] * np.log(x), lambda: [1.0, -np.log(x)]

    def guesses(self, x: Array, y: Array) -> Rows:
        """The line through the first and the last point."""
        b = (y[0] - y[-1]) / np.log(x[-1] / x[0])
        return [[y[0] + b * np.log(x[0]), b]]

    def ranges(self, x: Array, y: Array) -> Ranges:
        """See `Law.ranges`."""
        return [(0.0, 100.0), (0.0, 10.0)]


LAWS = (Logarithmic(),)
