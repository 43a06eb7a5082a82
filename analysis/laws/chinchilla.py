"""The Chinchilla surface: error from parameters and training examples (tokens), with a floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.laws.law import EXPONENT_MAX, Array, Law, clip_into, column
from analysis.laws.power import scale_bounds

START_EXPONENTS = np.array([0.1, 0.35, 0.7])
START_FLOORS = np.array([0.0, 0.5, 0.9])
"""Starting floors as fractions of the smallest error seen."""


@dataclass(frozen=True)
class Chinchilla(Law):
    """error = E + A / N**alpha + B / D**beta; theta = (log A, log B, E, alpha, beta)."""

    name: ClassVar[str] = "chinchilla"
    formula: ClassVar[str] = r"E + A\,N^{-\alpha} + B\,D^{-\beta}"
    source: ClassVar[str] = (
        "Hoffmann et al. 2022, arXiv:2203.15556, equation 2; refitted by Besiroglu et al. 2024, "
        "arXiv:2404.10102"
    )
    inputs: ClassVar[tuple[str, ...]] = ("n_parameters", "n_examples")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Two scales, the floor, two exponents."""
        return ("A", "B", "E", "alpha", "beta")

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`; x has columns N and D."""
        log_x = np.log(x)
        log_n, log_d = log_x[:, 0], log_x[:, 1]
        by_n = np.exp(column(theta, 0) - column(theta, 3) * log_n)
        by_d = np.exp(column(theta, 1) - column(theta, 4) * log_d)
        value = by_n + by_d + column(theta, 2)
        if not with_gradient:
            return value, None
        gradient = np.empty((*value.shape[:-1], 5, value.shape[-1]))
        gradient[..., 0, :] = by_n
        gradient[..., 1, :] = by_d
        gradient[..., 2, :] = 1.0
        np.multiply(by_n, -log_n, out=gradient[..., 3, :])
        np.multiply(by_d, -log_d, out=gradient[..., 4, :])
        return value, gradient

    def evaluate_log(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate_log`: the shares of the three terms, in few passes over memory."""
        if not with_gradient:
            return np.log(self.evaluate(theta, x, with_gradient=False)[0]), None
        log_x = np.log(x)
        log_n, log_d = log_x[:, 0], log_x[:, 1]
        gradient = np.empty((*theta.shape[:-1], 5, len(x)))
        by_n, by_d, inverse = (gradient[..., i, :] for i in range(3))
        np.exp(column(theta, 0) - column(theta, 3) * log_n, out=by_n)
        np.exp(column(theta, 1) - column(theta, 4) * log_d, out=by_d)
        value = by_n + by_d
        value += column(theta, 2)
        np.divide(1.0, value, out=inverse)
        by_n *= inverse
        by_d *= inverse
        np.multiply(by_n, -log_n, out=gradient[..., 3, :])
        np.multiply(by_d, -log_d, out=gradient[..., 4, :])
        return np.log(value, out=value), gradient

    def starts(self, x: Array, y: Array) -> Array:
        """Given both exponents and a floor, the scales come from a linear least-squares fit."""
        rows = []
        floor = float(y.min())
        for alpha in START_EXPONENTS:
            for beta in START_EXPONENTS:
                basis = np.stack([x[:, 0] ** -alpha, x[:, 1] ** -beta], axis=1)
                for share in START_FLOORS:
                    scaled = basis / y[:, None]
                    scale = np.linalg.lstsq(scaled, 1.0 - share * floor / y, rcond=None)[0]
                    least = 1e-3 * floor / basis.max(0)
                    log_a, log_b = np.log(np.maximum(scale, least))
                    rows.append([log_a, log_b, share * floor, alpha, beta])
        return clip_into(np.array(rows), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`: exponents and floor are not negative."""
        a_low, a_high = scale_bounds(x[:, 0], y)
        b_low, b_high = scale_bounds(x[:, 1], y)
        lower = np.array([a_low, b_low, 0.0, 0.0, 0.0])
        upper = np.array([a_high, b_high, float(y.max()), EXPONENT_MAX, EXPONENT_MAX])
        return lower, upper

    def natural(self, theta: Array) -> Array:
        """A, B, E, alpha and beta."""
        return np.concatenate([np.exp(theta[..., :2]), theta[..., 2:]], axis=-1)


LAWS = (Chinchilla(),)
