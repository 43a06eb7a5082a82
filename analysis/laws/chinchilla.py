"""The Chinchilla surface: error from parameters and training examples (tokens), with a floor."""

from __future__ import annotations

import itertools

import numpy as np

from analysis.laws.law import EXPONENTS, Array, Curve, Ranges, Rows, scale_range
from analysis.laws.surfaces import SurfaceLaw

START_EXPONENTS = np.array([0.1, 0.35, 0.7])
START_FLOORS = np.array([0.0, 0.5, 0.9])
"""Starting floors as fractions of the smallest error seen."""

TERMS = (0, 1, 3, 4)
"""Where log A, log B, alpha and beta stand in theta."""


class Chinchilla(SurfaceLaw):
    """error = E + A / N**alpha + B / D**beta; theta = (log A, log B, E, alpha, beta)."""

    name = "chinchilla"
    formula = r"E + A\,N^{-\alpha} + B\,D^{-\beta}"
    source = (
        "Hoffmann et al. 2022, arXiv:2203.15556, equation 2; refitted by Besiroglu et al. 2024, "
        "arXiv:2404.10102"
    )
    names = ("A", "B", "E", "alpha", "beta")
    logs = (0, 1)
    term_parameters = ("A", "B", "alpha", "beta")

    def terms(self, theta: Array) -> Array:
        """See `SurfaceLaw.terms`."""
        return np.asarray(theta[..., list(TERMS)])

    def with_terms(self, theta: Array, terms: Array) -> Array | None:
        """See `SurfaceLaw.with_terms`."""
        out = np.array(theta)
        out[..., list(TERMS)] = terms
        return out

    def curve(self, theta: Array, x: Array) -> Curve:
        log_n, log_d = np.log(x).T
        by_n = np.exp(theta[0] - theta[3] * log_n)
        by_d = np.exp(theta[1] - theta[4] * log_d)
        value = by_n + by_d + theta[2]
        return value, lambda: [by_n, by_d, 1.0, by_n * -log_n, by_d * -log_d]

    def evaluate_log(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate_log`: the shares of the three terms, in few passes over memory."""
        if not with_gradient:
            return np.log(self.evaluate(theta, x, with_gradient=False)[0]), None
        log_n, log_d = np.log(x).T
        gradient = np.empty((*theta.shape[:-1], 5, len(x)))
        by_n, by_d, inverse = (gradient[..., i, :] for i in range(3))
        np.exp(theta[..., 0, None] - theta[..., 3, None] * log_n, out=by_n)
        np.exp(theta[..., 1, None] - theta[..., 4, None] * log_d, out=by_d)
        value = by_n + by_d
        value += theta[..., 2, None]
        np.divide(1.0, value, out=inverse)
        by_n *= inverse
        by_d *= inverse
        np.multiply(by_n, -log_n, out=gradient[..., 3, :])
        np.multiply(by_d, -log_d, out=gradient[..., 4, :])
        return np.log(value, out=value), gradient

    def guesses(self, x: Array, y: Array) -> Rows:
        """Given both exponents and a floor, the scales come from a linear least-squares fit."""
        rows = []
        floor = float(y.min())
        for alpha, beta in itertools.product(START_EXPONENTS, repeat=2):
            basis = np.stack([x[:, 0] ** -alpha, x[:, 1] ** -beta], axis=1)
            for share in START_FLOORS:
                scaled = basis / y[:, None]
                scale = np.linalg.lstsq(scaled, 1.0 - share * floor / y, rcond=None)[0]
                least = 1e-3 * floor / basis.max(0)
                rows.append([*np.log(np.maximum(scale, least)), share * floor, alpha, beta])
        return rows

    def ranges(self, x: Array, y: Array) -> Ranges:
        scales = [scale_range(one, y) for one in x.T]
        return [*scales, (0.0, float(y.max())), EXPONENTS, EXPONENTS]


LAWS = (Chinchilla(),)
