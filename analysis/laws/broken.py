r"""The broken neural scaling law: power laws joined by smooth breaks; it may turn up.

    e(m) = E + A m^-c0 prod_i (1 + (m / d_i)^(1/f_i))^(-c_i f_i)

After break i the exponent is larger by c_i, which may be negative; f_i is the width of the break in
log size.
"""

from __future__ import annotations

import itertools
from typing import ClassVar

import numpy as np

from analysis.laws.law import (
    LOG_SCALE_MARGIN,
    Array,
    Curve,
    Law,
    Ranges,
    Rows,
    logistic,
    softplus,
)

SLOPE_MAX = 5.0
LOG_WIDTH = (float(np.log(0.05)), float(np.log(3.0)))
"""A break narrower than 0.05 in log size is a kink between two points; one wider than 3 (two
factors of twenty in size) is a bend of the whole curve."""

START_FLOORS = np.array([0.0, 0.6, 0.95])
"""Starting floors as fractions of the smallest error seen."""
START_WIDTHS = np.array([0.15, 0.8])
START_PLACES = 7
"""Candidate places of a break: equally spaced in log size, the ends left out."""


class Broken(Law):
    """Power law with breaks; theta = (log A, c0, E, then c_i, log d_i, log f_i for each break)."""

    monotone = False
    weighed = True
    formula = r"E + A\,m^{-c_0}\prod_i\bigl(1 + (m/d_i)^{1/f_i}\bigr)^{-c_i f_i}"
    source = "Caballero et al. 2023, arXiv:2210.14891, equation 1"

    breaks: ClassVar[int]
    """Number of breaks."""

    def curve(self, theta: Array, x: Array) -> Curve:
        log_x = np.log(x)
        log_fall = theta[0] - theta[1] * log_x
        ends = []
        for i in range(3, 3 + 3 * self.breaks, 3):
            change, width = theta[i], np.exp(theta[i + 2])
            z = (log_x - theta[i + 1]) / width
            soft = softplus(z)
            log_fall = log_fall - change * width * soft
            ends.append((change, width, z, soft))
        fall = np.exp(np.minimum(log_fall, 700.0))

        def derivatives() -> list[Array | float]:
            parts: list[Array | float] = [fall, -fall * log_x, 1.0]
            for change, width, z, soft in ends:
                share = logistic(z)
                by_width = -fall * change * width * (soft - z * share)
                parts += [-fall * width * soft, fall * change * share, by_width]
            return parts

        return fall + theta[2], derivatives

    def guesses(self, x: Array, y: Array) -> Rows:
        """For given floor, places and widths the law is linear in log A and the exponents."""
        log_x = np.log(x)
        places = np.linspace(log_x.min(), log_x.max(), START_PLACES + 2)[1:-1]
        rows = []
        for at in itertools.combinations(places, self.breaks):
            for width in START_WIDTHS:
                ramps = [width * softplus((log_x - place) / width) for place in at]
                basis = np.stack([np.ones_like(log_x), -log_x, *(-r for r in ramps)], axis=1)
                for floor in START_FLOORS * float(y.min()):
                    found = np.linalg.lstsq(basis, np.log(y - floor), rcond=None)[0]
                    row = [found[0], found[1], floor]
                    for change, place in zip(found[2:], at, strict=True):
                        row += [change, place, np.log(width)]
                    rows.append(row)
        return rows

    def ranges(self, x: Array, y: Array) -> Ranges:
        """Breaks lie inside the range of the sizes."""
        log_x = np.log(x)
        reach = 2.0 * SLOPE_MAX * float(np.abs(log_x).max()) + LOG_SCALE_MARGIN
        reach += float(np.abs(np.log(y)).max())
        places = (float(log_x.min()), float(log_x.max()))
        a_break = [(-2.0 * SLOPE_MAX, 2.0 * SLOPE_MAX), places, LOG_WIDTH]
        first = [(-reach, reach), (-SLOPE_MAX, SLOPE_MAX), (0.0, float(y.max()))]
        return first + a_break * self.breaks


class BrokenOnce(Broken):
    """One break: a U-shape, or a change of exponent."""

    name = "broken1"
    names = ("A", "c0", "E", "c1", "d1", "f1")
    logs = (0, 4, 5)
    breaks = 1


class BrokenTwice(Broken):
    """Two breaks: double descent."""

    name = "broken2"
    names = (*BrokenOnce.names, "c2", "d2", "f2")
    logs = (*BrokenOnce.logs, 7, 8)
    breaks = 2


LAWS = (BrokenOnce(), BrokenTwice())
