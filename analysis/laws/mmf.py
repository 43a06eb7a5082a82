"""MMF4 (Morgan-Mercer-Flodin): a logistic curve in log size, from a first level to a floor."""

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
)
from analysis.laws.passage import CHANCE_FACTORS, chance_bounds
from analysis.laws.power_floor import FLOOR_FRACTIONS


@dataclass(frozen=True)
class MMF(Law):
    """error = (e0 * b + E * m**d) / (b + m**d); theta = (log b, d, E, log e0)."""

    name: ClassVar[str] = "mmf4"
    formula: ClassVar[str] = r"\frac{\varepsilon_0\,b + E\,m^{d}}{b + m^{d}}"
    source: ClassVar[str] = (
        "Mohr et al. 2022 (LCDB 1.0, ECML PKDD), table 1, there for accuracy: the best on average"
    )

    @property
    def parameters(self) -> tuple[str, ...]:
        """Scale, exponent, floor and first level."""
        return ("b", "d", "E", "chance")

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`."""
        log_x = np.log(x)
        floor, chance = column(theta, 2), np.exp(column(theta, 3))
        t = np.clip(column(theta, 0) - column(theta, 1) * log_x, -700.0, 700.0)
        share = 1.0 / (1.0 + np.exp(-t))
        value = floor + (chance - floor) * share
        if not with_gradient:
            return value, None
        by_t = (chance - floor) * share * (1.0 - share)
        return value, np.stack([by_t, -by_t * log_x, 1.0 - share, chance * share], axis=-2)

    def starts(self, x: Array, y: Array) -> Array:
        """For given levels the law is a line in logits."""
        low, high = chance_bounds(y)
        rows = []
        for chance in np.unique(np.clip(CHANCE_FACTORS * float(y.max()), low, high)):
            for floor in FLOOR_FRACTIONS * float(y.min()):
                share = np.clip((y - floor) / (chance - floor), 1e-6, 1.0 - 1e-3)
                intercept, slope = log_line(x, share / (1.0 - share))
                rows.append([float(intercept), float(slope), floor, np.log(chance)])
        return clip_into(np.array(rows), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`."""
        low, high = chance_bounds(y)
        reach = EXPONENT_MAX * float(np.abs(np.log(x)).max()) + LOG_SCALE_MARGIN
        lower = [-reach, 0.0, 0.0, np.log(low)]
        upper = [reach, EXPONENT_MAX, float(y.max()), np.log(high)]
        return np.array(lower), np.array(upper)

    def natural(self, theta: Array) -> Array:
        """b, d, E and e0."""
        out = np.array(theta, dtype=np.float64)
        out[..., [0, 3]] = np.exp(theta[..., [0, 3]])
        return out


LAWS = (MMF(),)
