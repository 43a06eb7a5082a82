r"""The size-and-data surface of Rosenfeld et al. 2020, with the passage from chance.

With u = A m^-alpha + B n^-beta + c, the error is e0 * u / sqrt(1 + u^2): equation 5 with its eta
set to 1, since it only rescales A, B and c (see `analysis.laws.passage`).
"""

from __future__ import annotations

import numpy as np

from analysis.laws.chinchilla import Chinchilla
from analysis.laws.law import Array, Curve, Ranges, Rows
from analysis.laws.passage import chance_starts, log_chance_range
from analysis.laws.surfaces import SurfaceLaw

_INNER = Chinchilla()


class SizeData(SurfaceLaw):
    """error = e0 * u / sqrt(1 + u^2); theta = (log A, log B, c, alpha, beta, log e0).

    The natural floor is the error where u = c.
    """

    name = "size_data"
    formula = r"\varepsilon_0\,u/\sqrt{1+u^2},\quad u = A\,m^{-\alpha} + B\,n^{-\beta} + c"
    source = "Rosenfeld et al. 2020, arXiv:1909.12673, equation 5"
    names = ("A", "B", "E", "alpha", "beta", "chance")
    logs = (0, 1, 5)
    term_parameters = ("A", "B", "alpha", "beta")

    def terms(self, theta: Array) -> Array:
        """See `SurfaceLaw.terms`."""
        return _INNER.terms(theta)

    def with_terms(self, theta: Array, terms: Array) -> Array | None:
        """See `SurfaceLaw.with_terms`."""
        return _INNER.with_terms(theta, terms)

    def curve(self, theta: Array, x: Array) -> Curve:
        u, inner = _INNER.curve(theta[:5], x)
        chance = np.exp(theta[5])
        root = np.hypot(1.0, u)
        value = chance * (u / root)

        def derivatives() -> list[Array]:
            by_u = chance / root**3
            return [*(by_u * derivative for derivative in inner()), value]

        return value, derivatives

    def guesses(self, x: Array, y: Array) -> Rows:
        """Undo the passage for several chance levels; start as the surface without it."""
        rows = []
        for chance in chance_starts(y):
            ratio = np.minimum(y / chance, 0.999)
            inner = _INNER.starts(x, ratio / np.sqrt(1.0 - ratio**2))
            rows += [[*row, np.log(chance)] for row in inner]
        return rows

    def ranges(self, x: Array, y: Array) -> Ranges:
        a, b, _, *exponents = _INNER.ranges(x, y / float(y.max()))
        return [a, b, (0.0, 1e3), *exponents, log_chance_range(y)]

    def natural(self, theta: Array) -> Array:
        out = super().natural(theta)
        c = theta[..., 2]
        out[..., 2] = out[..., 5] * c / np.hypot(1.0, c)
        return out


LAWS = (SizeData(),)
