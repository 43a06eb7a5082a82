"""MMF4 (Morgan-Mercer-Flodin): a logistic curve in log size, from a first level to a floor."""

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
    symmetric_range,
)
from analysis.laws.passage import level_starts, log_chance_range
from analysis.laws.power_floor import FLOOR_FRACTIONS


class MMF(Law):
    """error = (e0 * b + E * m**d) / (b + m**d); theta = (log b, d, E, log e0)."""

    name = "mmf4"
    formula = r"\frac{\varepsilon_0\,b + E\,m^{d}}{b + m^{d}}"
    source = (
        "Mohr et al. 2022 (LCDB 1.0, ECML PKDD), table 1, there for accuracy: the best on average"
    )
    names = ("b", "d", "E", "chance")
    logs = (0, 3)

    def curve(self, theta: Array, x: Array) -> Curve:
        log_x = np.log(x)
        floor, chance = theta[2], np.exp(theta[3])
        share = logistic(theta[0] - theta[1] * log_x)

        def derivatives() -> list[Array]:
            by_t = (chance - floor) * share * (1.0 - share)
            return [by_t, -by_t * log_x, 1.0 - share, chance * share]

        return floor + (chance - floor) * share, derivatives

    def guesses(self, x: Array, y: Array) -> Rows:
        """For given levels the law is a line in logits."""
        return [
            [*log_line(x, share / (1.0 - share)), floor, log_chance]
            for log_chance, floor, share in level_starts(y, FLOOR_FRACTIONS)
        ]

    def ranges(self, x: Array, y: Array) -> Ranges:
        scale = symmetric_range(x, EXPONENT_MAX)
        return [scale, EXPONENTS, (0.0, float(y.max())), log_chance_range(y)]


LAWS = (MMF(),)
