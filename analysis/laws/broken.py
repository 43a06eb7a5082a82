r"""The broken neural scaling law: power laws joined by smooth breaks; it may turn up.

    e(m) = E + A m^-c0 prod_i (1 + (m / d_i)^(1/f_i))^(-c_i f_i)

After break i the exponent is larger by c_i, which may be negative; f_i is the width of the break in
log size.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.laws.law import LOG_SCALE_MARGIN, Array, Law, clip_into, column, softplus

SLOPE_MAX = 5.0
LOG_WIDTH = (np.log(0.05), np.log(3.0))
"""A break narrower than 0.05 in log size is a kink between two points; one wider than 3 (two
factors of twenty in size) is a bend of the whole curve."""

START_FLOORS = np.array([0.0, 0.6, 0.95])
"""Starting floors as fractions of the smallest error seen."""
START_WIDTHS = np.array([0.15, 0.8])
START_PLACES = 7
"""Candidate places of a break: equally spaced in log size, the ends left out."""


@dataclass(frozen=True)
class Broken(Law):
    """Power law with breaks; theta = (log A, c0, E, then c_i, log d_i, log f_i for each break)."""

    monotone: ClassVar[bool] = False
    weighed: ClassVar[bool] = True
    formula: ClassVar[str] = r"E + A\,m^{-c_0}\prod_i\bigl(1 + (m/d_i)^{1/f_i}\bigr)^{-c_i f_i}"
    source: ClassVar[str] = "Caballero et al. 2023, arXiv:2210.14891, equation 1"

    breaks: ClassVar[int]
    """Number of breaks."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Scale, first exponent, floor; per break the change of exponent, the place, the width."""
        tail = [f"{letter}{i}" for i in range(1, self.breaks + 1) for letter in "cdf"]
        return ("A", "c0", "E", *tail)

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`."""
        log_x = np.log(x)
        log_fall = column(theta, 0) - column(theta, 1) * log_x
        ends = []
        for i in range(3, 3 + 3 * self.breaks, 3):
            change, width = column(theta, i), np.exp(column(theta, i + 2))
            z = (log_x - column(theta, i + 1)) / width
            soft = softplus(z)
            log_fall = log_fall - change * width * soft
            ends.append((change, width, z, soft))
        fall = np.exp(np.minimum(log_fall, 700.0))
        value = fall + column(theta, 2)
        if not with_gradient:
            return value, None
        parts = [fall, -fall * log_x, np.ones_like(fall)]
        for change, width, z, soft in ends:
            share = 1.0 / (1.0 + np.exp(-np.clip(z, -700.0, 700.0)))
            parts.append(-fall * width * soft)
            parts.append(fall * change * share)
            parts.append(-fall * change * width * (soft - z * share))
        return value, np.stack(parts, axis=-2)

    def starts(self, x: Array, y: Array) -> Array:
        """For given floor, places and widths the law is linear in log A and the exponents."""
        log_x = np.log(x)
        places = np.linspace(log_x.min(), log_x.max(), START_PLACES + 2)[1:-1]
        rows = []
        for at in itertools.combinations(places, self.breaks):
            for width in START_WIDTHS:
                ramps = [width * softplus((log_x - place) / width) for place in at]
                basis = np.stack([np.ones_like(log_x), -log_x, *(-r for r in ramps)], axis=1)
                for floor in START_FLOORS * float(y.min()):
                    found = np.linalg.lstsq(basis, np.log(y - floor), rcond=None)[0]
                    row = [found[0], found[1], floor]
                    for change, place in zip(found[2:], at, strict=True):
                        row += [change, place, np.log(width)]
                    rows.append(row)
        return clip_into(np.array(rows), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`: breaks lie inside the range of the sizes."""
        log_x = np.log(x)
        reach = 2.0 * SLOPE_MAX * float(np.abs(log_x).max()) + LOG_SCALE_MARGIN
        reach += float(np.abs(np.log(y)).max())
        lower = [-reach, -SLOPE_MAX, 0.0]
        upper = [reach, SLOPE_MAX, float(y.max())]
        for _ in range(self.breaks):
            lower += [-2.0 * SLOPE_MAX, float(log_x.min()), LOG_WIDTH[0]]
            upper += [2.0 * SLOPE_MAX, float(log_x.max()), LOG_WIDTH[1]]
        return np.array(lower), np.array(upper)

    def natural(self, theta: Array) -> Array:
        """A, c0, E and for each break c, d and f."""
        out = np.array(theta, dtype=np.float64)
        for i in [0, *(j for b in range(self.breaks) for j in (4 + 3 * b, 5 + 3 * b))]:
            out[..., i] = np.exp(theta[..., i])
        return out


@dataclass(frozen=True)
class BrokenOnce(Broken):
    """One break: a U-shape, or a change of exponent."""

    name: ClassVar[str] = "broken1"
    breaks: ClassVar[int] = 1


@dataclass(frozen=True)
class BrokenTwice(Broken):
    """Two breaks: double descent."""

    name: ClassVar[str] = "broken2"
    breaks: ClassVar[int] = 2


LAWS = (BrokenOnce(), BrokenTwice())
