r"""The passage from chance: small models guess, large ones follow a power law with a floor.

With u(m) = B m^-alpha + c, the error is

    e(m) = e0 * | u / (u - i) | = e0 * u / sqrt(1 + u^2),

equation 5 of Rosenfeld et al. 2020 in one variable. Their eta is set to 1: it only rescales B and c
(u and eta enter as u / eta), so that a free eta could not be identified.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.laws.law import EXPONENT_MAX, Array, Law, clip_into, column
from analysis.laws.power import scale_bounds
from analysis.laws.power_floor import floor_starts

CHANCE_FACTORS = np.array([1.001, 1.05, 1.3, 3.0])
"""Starting chance levels as multiples of the largest error seen."""

CHANCE_ROOM = 10.0
"""How far above the largest value seen the chance level may lie where values exceed 1 (losses)."""


def chance_bounds(y: Array) -> tuple[float, float]:
    """Bounds of the chance level: an error rate cannot exceed 1."""
    top = float(y.max())
    return 0.8 * top, (1.0 if top < 1.0 else CHANCE_ROOM * top)


@dataclass(frozen=True)
class Passage(Law):
    """error = e0 * u / sqrt(1 + u^2), u = B m^-alpha + c; theta = (log B, alpha, c, log e0).

    With a known ``chance`` level e0 is fixed and theta has three parameters.
    """

    name: ClassVar[str] = "passage"
    words: ClassVar[str] = "passage from chance"
    formula: ClassVar[str] = r"\varepsilon_0\,u/\sqrt{1+u^2},\quad u = B\,m^{-\alpha} + c"
    source: ClassVar[str] = "Rosenfeld et al. 2020, arXiv:1909.12673, equation 5"
    weighed: ClassVar[bool] = True

    chance: float | None = None
    """The error of guessing, where it is known; otherwise it is fitted."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Scale, exponent, floor (as an error) and chance level (as an error, if fitted)."""
        names = ("B", "alpha", "E")
        return names if self.chance is not None else (*names, "chance")

    def _chance(self, theta: Array) -> Array:
        if self.chance is not None:
            return np.full(theta.shape[:-1], float(self.chance))
        return np.exp(theta[..., 3])

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`."""
        log_x = np.log(x)
        fall = np.exp(column(theta, 0) - column(theta, 1) * log_x)
        u = fall + column(theta, 2)
        chance = self._chance(theta)[..., None]
        root = np.hypot(1.0, u)
        value = chance * (u / root)
        if not with_gradient:
            return value, None
        by_u = chance / root**3
        parts = [by_u * fall, -by_u * fall * log_x, by_u]
        if self.chance is None:
            parts.append(value)
        return value, np.stack(parts, axis=-2)

    def starts(self, x: Array, y: Array) -> Array:
        """Undo the passage for several chance levels, then a line above several floors."""
        top = float(y.max())
        low, high = chance_bounds(y)
        if self.chance is not None:
            levels = np.array([float(self.chance)])
        else:
            levels = np.unique(np.clip(CHANCE_FACTORS * top, low, high))
        rows = []
        for level in levels:
            ratio = np.minimum(y / level, 0.999)
            lines = floor_starts(x, ratio / np.sqrt(1.0 - ratio**2))
            extra = np.full((len(lines), 1), np.log(level))
            rows.append(lines if self.chance is not None else np.hstack([lines, extra]))
        return clip_into(np.vstack(rows), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`."""
        low, high = scale_bounds(x, y / float(y.max()))
        lower = [low, 0.0, 0.0]
        upper = [high, EXPONENT_MAX, 1e3]
        if self.chance is None:
            chance = chance_bounds(y)
            lower.append(np.log(chance[0]))
            upper.append(np.log(chance[1]))
        return np.array(lower), np.array(upper)

    def natural(self, theta: Array) -> Array:
        """B, alpha, the floor as an error (where u = c), and the chance level if it was fitted."""
        c = theta[..., 2]
        chance = self._chance(theta)
        parts = [np.exp(theta[..., 0]), theta[..., 1], chance * c / np.hypot(1.0, c)]
        if self.chance is None:
            parts.append(chance)
        return np.stack(parts, axis=-1)


LAWS = (Passage(),)
