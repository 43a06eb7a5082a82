"""M3: a power law that bends from a plateau it has not left or towards one it nears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.laws.law import EXPONENT_MAX, Array, Law, clip_into, column, log_line
from analysis.laws.power import scale_bounds

BEND_FACTORS = np.array([0.0, 0.1, 0.5, 2.0, 10.0])
"""Starting gamma as multiples of 1 / (largest size): where the curve begins to bend."""


@dataclass(frozen=True)
class Saturating(Law):
    """error = A * (1/m + gamma)**alpha; theta = (log A, alpha, gamma)."""

    name: ClassVar[str] = "saturating"
    words: ClassVar[str] = "saturating"
    formula: ClassVar[str] = r"A\,(m^{-1} + \gamma)^{\alpha}"
    source: ClassVar[str] = "M3 of Alabdulmohsin et al. 2022, arXiv:2209.06640, table 1"
    weighed: ClassVar[bool] = True

    @property
    def parameters(self) -> tuple[str, ...]:
        """Scale, exponent and bend; the floor is A * gamma**alpha."""
        return ("A", "alpha", "gamma")

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`."""
        alpha = column(theta, 1)
        inner = 1.0 / x + column(theta, 2)
        log_inner = np.log(inner)
        value = np.exp(column(theta, 0) + alpha * log_inner)
        if not with_gradient:
            return value, None
        return value, np.stack([value, value * log_inner, value * alpha / inner], axis=-2)

    def starts(self, x: Array, y: Array) -> Array:
        """A line in logs for each of several bends."""
        rows = []
        for gamma in BEND_FACTORS / x.max():
            intercept, slope = log_line(1.0 / (1.0 / x + gamma), y)
            rows.append([float(intercept), float(slope), gamma])
        return clip_into(np.array(rows), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`."""
        low, high = scale_bounds(x, y)
        return np.array([low, 0.0, 0.0]), np.array([high, EXPONENT_MAX, 1e3 / float(x.min())])

    def natural(self, theta: Array) -> Array:
        """A, alpha and gamma."""
        return np.concatenate([np.exp(theta[..., :1]), theta[..., 1:]], axis=-1)


LAWS = (Saturating(),)
