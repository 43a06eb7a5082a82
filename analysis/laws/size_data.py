r"""The size-and-data surface of Rosenfeld et al. 2020, with the passage from chance.

With u = A m^-alpha + B n^-beta + c, the error is e0 * u / sqrt(1 + u^2): equation 5 with its eta
set to 1, since it only rescales A, B and c (see `analysis.laws.passage`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.laws.chinchilla import Chinchilla
from analysis.laws.law import Array, Law, clip_into
from analysis.laws.passage import CHANCE_FACTORS, chance_bounds

_INNER = Chinchilla()


@dataclass(frozen=True)
class SizeData(Law):
    """error = e0 * u / sqrt(1 + u^2); theta = (log A, log B, c, alpha, beta, log e0)."""

    name: ClassVar[str] = "size_data"
    formula: ClassVar[str] = (
        r"\varepsilon_0\,u/\sqrt{1+u^2},\quad u = A\,m^{-\alpha} + B\,n^{-\beta} + c"
    )
    source: ClassVar[str] = "Rosenfeld et al. 2020, arXiv:1909.12673, equation 5"
    inputs: ClassVar[tuple[str, ...]] = ("n_parameters", "n_examples")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Scales, the floor (as an error), exponents, the chance level."""
        return ("A", "B", "E", "alpha", "beta", "chance")

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`; x has columns m and n."""
        u, inner = _INNER.evaluate(theta[..., :5], x, with_gradient=with_gradient)
        chance = np.exp(theta[..., 5, None])
        root = np.hypot(1.0, u)
        value = chance * (u / root)
        if inner is None:
            return value, None
        by_u = chance / root**3
        return value, np.concatenate([inner * by_u[..., None, :], value[..., None, :]], axis=-2)

    def starts(self, x: Array, y: Array) -> Array:
        """Undo the passage for several chance levels; start as the surface without it."""
        low, high = chance_bounds(y)
        rows = []
        for chance in np.unique(np.clip(CHANCE_FACTORS * float(y.max()), low, high)):
            ratio = np.minimum(y / chance, 0.999)
            inner = _INNER.starts(x, ratio / np.sqrt(1.0 - ratio**2))
            rows.append(np.hstack([inner, np.full((len(inner), 1), np.log(chance))]))
        return clip_into(np.vstack(rows), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`."""
        low, high = chance_bounds(y)
        lower, upper = _INNER.bounds(x, y / float(y.max()))
        upper[2] = 1e3
        return np.append(lower, np.log(low)), np.append(upper, np.log(high))

    def natural(self, theta: Array) -> Array:
        """A, B, the floor as an error, alpha, beta, e0."""
        out = np.array(theta, dtype=np.float64)
        out[..., [0, 1, 5]] = np.exp(theta[..., [0, 1, 5]])
        c = theta[..., 2]
        out[..., 2] = out[..., 5] * c / np.hypot(1.0, c)
        return out


LAWS = (SizeData(),)
