"""POW4: a power law with a floor whose size is counted from an offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.laws.law import EXPONENT_MAX, Array, Law, clip_into, column, log_line
from analysis.laws.power import scale_bounds
from analysis.laws.power_floor import FLOOR_FRACTIONS

SHIFT_FACTORS = np.array([0.0, 0.3, 3.0])
"""Starting offsets as multiples of the (geometric) middle size."""


@dataclass(frozen=True)
class ShiftedPower(Law):
    """error = E + A * (m + d)**-alpha; theta = (log A, alpha, E, d)."""

    name: ClassVar[str] = "pow4"
    formula: ClassVar[str] = r"E + A\,(m + d)^{-\alpha}"
    source: ClassVar[str] = "Mohr et al. 2022 (LCDB 1.0, ECML PKDD), table 1, there for accuracy"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Scale, exponent, floor and offset."""
        return ("A", "alpha", "E", "d")

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`."""
        alpha = column(theta, 1)
        moved = x + column(theta, 3)
        log_moved = np.log(moved)
        fall = np.exp(column(theta, 0) - alpha * log_moved)
        value = fall + column(theta, 2)
        if not with_gradient:
            return value, None
        gradient = [fall, -fall * log_moved, np.ones_like(fall), -fall * alpha / moved]
        return value, np.stack(gradient, axis=-2)

    def starts(self, x: Array, y: Array) -> Array:
        """A line in logs for each of several floors and offsets."""
        floors = FLOOR_FRACTIONS[[0, 2, 4, 5]] * float(y.min())
        rows = []
        for shift in SHIFT_FACTORS * float(np.exp(np.log(x).mean())):
            intercept, slope = log_line(x + shift, y - floors[:, None])
            extra = np.full_like(floors, shift)
            rows.append(np.stack([intercept, slope, floors, extra], axis=-1))
        return clip_into(np.vstack(rows), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`."""
        shift = 10.0 * float(x.max())
        low, high = scale_bounds(np.append(x, shift + x.max()), y)
        lower = [low, 0.0, 0.0, 0.0]
        upper = [high, EXPONENT_MAX, float(y.max()), shift]
        return np.array(lower), np.array(upper)

    def natural(self, theta: Array) -> Array:
        """A, alpha, E and d."""
        return np.concatenate([np.exp(theta[..., :1]), theta[..., 1:]], axis=-1)


LAWS = (ShiftedPower(),)
