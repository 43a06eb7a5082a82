"""A law that falls by the same amount with every doubling: a law in one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.laws.law import Array, Law, clip_into, column


@dataclass(frozen=True)
class Logarithmic(Law):
    """error = a - b * log(m); theta = (a, b)."""

    name: ClassVar[str] = "logarithmic"
    formula: ClassVar[str] = r"a - b\,\log m"
    source: ClassVar[str] = "nowhere"

    @property
    def parameters(self) -> tuple[str, ...]:
        """See `Law.parameters`."""
        return ("a", "b")

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`."""
        value = column(theta, 0) - column(theta, 1) * np.log(x)
        if not with_gradient:
            return value, None
        return value, np.stack([np.ones_like(value), np.broadcast_to(-np.log(x), value.shape)], -2)

    def starts(self, x: Array, y: Array) -> Array:
        """The line through the first and the last point."""
        b = (y[0] - y[-1]) / np.log(x[-1] / x[0])
        return clip_into(np.array([[y[0] + b * np.log(x[0]), b]]), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`."""
        return np.array([0.0, 0.0]), np.array([100.0, 10.0])


LAWS = (Logarithmic(),)
