"""The power law without a floor: each doubling of the size saves the same share of the error."""

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


def scale_bounds(x: Array, y: Array) -> tuple[float, float]:
    """Bounds of log A in A * x**-alpha, for any alpha in [0, EXPONENT_MAX]."""
    log_x = np.log(x)
    low = float(np.log(y.min())) + min(0.0, EXPONENT_MAX * float(log_x.min()))
    high = float(np.log(y.max())) + max(0.0, EXPONENT_MAX * float(log_x.max()))
    return low - LOG_SCALE_MARGIN, high + LOG_SCALE_MARGIN


@dataclass(frozen=True)
class Power(Law):
    """error = A * m**-alpha; theta = (log A, alpha)."""

    name: ClassVar[str] = "power"
    words: ClassVar[str] = "power law"
    formula: ClassVar[str] = r"A\,m^{-\alpha}"
    source: ClassVar[str] = "Hestness et al. 2017, arXiv:1712.00409; M1 of arXiv:2209.06640"
    weighed: ClassVar[bool] = True

    @property
    def parameters(self) -> tuple[str, ...]:
        """Scale and exponent."""
        return ("A", "alpha")

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`."""
        log_x = np.log(x)
        value = np.exp(column(theta, 0) - column(theta, 1) * log_x)
        if not with_gradient:
            return value, None
        return value, np.stack([value, -value * log_x], axis=-2)

    def starts(self, x: Array, y: Array) -> Array:
        """The least-squares line in logs, which is the optimum of the squared loss."""
        intercept, slope = log_line(x, y)
        return clip_into(np.array([[intercept, slope]]), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`: the exponent is not negative."""
        low, high = scale_bounds(x, y)
        return np.array([low, 0.0]), np.array([high, EXPONENT_MAX])

    def natural(self, theta: Array) -> Array:
        """A and alpha."""
        return np.stack([np.exp(theta[..., 0]), theta[..., 1]], axis=-1)


LAWS = (Power(),)
