r"""The passage from chance: small models guess, large ones follow a power law with a floor.

With u(m) = B m^-alpha + c, the error is

    e(m) = e0 * | u / (u - i) | = e0 * u / sqrt(1 + u^2),

equation 5 of Rosenfeld et al. 2020 in one variable. Their eta is set to 1: it only rescales B and c
(u and eta enter as u / eta), so that a free eta could not be identified.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.laws.law import EXPONENTS, Array, Curve, Law, Ranges, Rows, scale_range
from analysis.laws.power_floor import floor_starts

CHANCE_FACTORS = np.array([1.001, 1.05, 1.3, 3.0])
"""Starting chance levels as multiples of the largest error seen."""

CHANCE_ROOM = 10.0
"""How far above the largest value seen the chance level may lie where values exceed 1 (losses)."""


def chance_bounds(y: Array) -> tuple[float, float]:
    """Bounds of the chance level: an error rate cannot exceed 1."""
    top = float(y.max())
    return 0.8 * top, (1.0 if top < 1.0 else CHANCE_ROOM * top)


def log_chance_range(y: Array) -> tuple[float, float]:
    """Bounds of the log of the chance level."""
    low, high = chance_bounds(y)
    return float(np.log(low)), float(np.log(high))


def chance_starts(y: Array) -> Array:
    """Starting chance levels."""
    return np.unique(np.clip(CHANCE_FACTORS * float(y.max()), *chance_bounds(y)))


def level_starts(y: Array, fractions: Array) -> Iterator[tuple[float, float, Array]]:
    """Log chance level, floor, and where between them the errors lie, of many starts."""
    for chance in chance_starts(y):
        for floor in fractions * float(y.min()):
            share = np.clip((y - floor) / (chance - floor), 1e-6, 1.0 - 1e-3)
            yield np.log(chance), floor, share


@dataclass(frozen=True)
class Passage(Law):
    """error = e0 * u / sqrt(1 + u^2), u = B m^-alpha + c; theta = (log B, alpha, c, log e0).

    With a known ``chance`` level e0 is fixed and theta has three parameters. The natural floor is
    the error where u = c.
    """

    name = "passage"
    words = "passage from chance"
    formula = r"\varepsilon_0\,u/\sqrt{1+u^2},\quad u = B\,m^{-\alpha} + c"
    source = "Rosenfeld et al. 2020, arXiv:1909.12673, equation 5"
    names = ("B", "alpha", "E", "chance")
    weighed = True

    chance: float | None = None
    """The error of guessing, where it is known; otherwise it is fitted."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those that are fitted."""
        return self.names if self.chance is None else self.names[:3]

    def curve(self, theta: Array, x: Array) -> Curve:
        log_x = np.log(x)
        fall = np.exp(theta[0] - theta[1] * log_x)
        u = fall + theta[2]
        chance = np.exp(theta[3]) if self.chance is None else self.chance
        root = np.hypot(1.0, u)
        value = chance * (u / root)

        def derivatives() -> list[Array]:
            by_u = chance / root**3
            parts = [by_u * fall, -by_u * fall * log_x, by_u, value]
            return parts[: len(self.parameters)]

        return value, derivatives

    def guesses(self, x: Array, y: Array) -> Rows:
        """Undo the passage for several chance levels, then a line above several floors."""
        rows: list[list[float]] = []
        for level in chance_starts(y) if self.chance is None else [self.chance]:
            ratio = np.minimum(y / level, 0.999)
            lines = floor_starts(x, ratio / np.sqrt(1.0 - ratio**2))
            rows += [[*line, np.log(level)][: len(self.parameters)] for line in lines]
        return rows

    def ranges(self, x: Array, y: Array) -> Ranges:
        scale = scale_range(x, y / float(y.max()))
        return [scale, EXPONENTS, (0.0, 1e3), log_chance_range(y)][: len(self.parameters)]

    def natural(self, theta: Array) -> Array:
        out = super().natural(theta)
        if self.chance is None:
            out[..., 3] = np.exp(out[..., 3])
        c = out[..., 2].copy()
        out[..., 2] = (out[..., 3] if self.chance is None else self.chance) * c / np.hypot(1.0, c)
        return out


LAWS = (Passage(),)
