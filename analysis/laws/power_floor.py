"""The power law with a floor: what extra capacity can save, and what it never will."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.laws.law import EXPONENT_MAX, Array, Law, clip_into, column, log_line
from analysis.laws.power import scale_bounds

FLOOR_FRACTIONS = np.array([0.0, 0.25, 0.5, 0.7, 0.85, 0.95, 0.99])
"""Starting floors as fractions of the smallest error seen."""


def floor_starts(x: Array, y: Array) -> Array:
    """(log A, alpha, floor) of lines through log(y - floor), one row per starting floor."""
    floors = FLOOR_FRACTIONS * float(y.min())
    intercept, slope = log_line(x, y - floors[:, None])
    return np.stack([intercept, slope, floors], axis=-1)


@dataclass(frozen=True)
class PowerFloor(Law):
    """error = E + A * m**-alpha; theta = (log A, alpha, E)."""

    name: ClassVar[str] = "power_floor"
    words: ClassVar[str] = "power law with a floor"
    formula: ClassVar[str] = r"E + A\,m^{-\alpha}"
    source: ClassVar[str] = "Cortes et al. 1994 (NIPS 6); M2 of arXiv:2209.06640"
    weighed: ClassVar[bool] = True

    @property
    def parameters(self) -> tuple[str, ...]:
        """Scale, exponent and floor."""
        return ("A", "alpha", "E")

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`."""
        log_x = np.log(x)
        fall = np.exp(column(theta, 0) - column(theta, 1) * log_x)
        value = fall + column(theta, 2)
        if not with_gradient:
            return value, None
        return value, np.stack([fall, -fall * log_x, np.ones_like(fall)], axis=-2)

    def starts(self, x: Array, y: Array) -> Array:
        """A line in logs above each of several floors."""
        return clip_into(floor_starts(x, y), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`: exponent and floor are not negative."""
        low, high = scale_bounds(x, y)
        return (
            np.array([low, 0.0, 0.0]),
            np.array([high, EXPONENT_MAX, float(y.max())]),
        )

    def natural(self, theta: Array) -> Array:
        """A, alpha and E."""
        return np.stack([np.exp(theta[..., 0]), theta[..., 1], theta[..., 2]], axis=-1)


LAWS = (PowerFloor(),)
