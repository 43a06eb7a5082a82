"""Known truths that are smooth: the laws of the literature.

Each truth draws its own parameters, so that no method can be tuned to one curve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from analysis.table.trials import FloatArray

LN2 = math.log(2.0)

LogError = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """One true curve and the sizes that a study tries."""

    x: FloatArray
    """(K,) log sizes tried."""
    log_error: LogError
    """Log of the mean error over all trainings and test examples, at any log sizes."""


def draw_sizes(rng: np.random.Generator, least: int = 5) -> FloatArray:
    """5 to 16 log sizes, 1 to 2 doublings apart (wider apart when they are few)."""
    k = int(rng.integers(least, 13)) if rng.random() < 0.85 else int(rng.integers(13, 17))
    step = LN2 * (rng.uniform(1.5, 2.3) if k < 8 else rng.uniform(0.9, 1.7))
    return np.asarray(math.log(10.0) * rng.uniform(2.0, 6.0) + step * np.arange(k))


def power_floor(rng: np.random.Generator) -> Truth:
    """e = E (1 + (m / c)^-alpha): the floor takes over in the first half of the range."""
    x = draw_sizes(rng)
    span = x[-1] - x[0]
    alpha, floor = rng.uniform(0.3, 1.0), 10.0 ** rng.uniform(-1.5, -0.6)
    c = x[0] + span * rng.uniform(0.1, 0.5)
    return Truth(x=x, log_error=lambda z: math.log(floor) + np.log1p(np.exp(-alpha * (z - c))))


def passage(rng: np.random.Generator) -> Truth:
    """Flat near guessing, then a power law, then a floor (Rosenfeld 2020, equation 5)."""
    x = draw_sizes(rng, least=6)
    span = x[-1] - x[0]
    alpha, chance = rng.uniform(0.5, 1.3), float(rng.choice([0.5, 0.75, 0.9, 0.99]))
    u = x[0] + span * rng.uniform(0.1, 0.35)
    c = u + span * rng.uniform(0.2, 0.4)

    def log_error(z: FloatArray) -> FloatArray:
        raw = np.exp(-alpha * (z - u)) + math.exp(-alpha * (c - u))
        value: FloatArray = np.log(chance * raw / np.sqrt(1.0 + raw**2))
        return value

    return Truth(x=x, log_error=log_error)


def u_shape(rng: np.random.Generator) -> Truth:
    """Falls as a power law, rises as another: classical overfitting."""
    x = draw_sizes(rng, least=6)
    span = x[-1] - x[0]
    fall, rise = rng.uniform(0.3, 0.8), rng.uniform(0.15, 0.4)
    middle, level = x[0] + span * rng.uniform(0.3, 0.6), 10.0 ** rng.uniform(-1.3, -0.6)

    def log_error(z: FloatArray) -> FloatArray:
        d = z - middle
        shape: FloatArray = np.log(1.0 + np.exp(-fall * d) / fall + np.exp(rise * d) / rise)
        return math.log(level) + shape - math.log(1.0 + 1.0 / fall + 1.0 / rise)

    return Truth(x=x, log_error=log_error)


def double_descent(rng: np.random.Generator) -> Truth:
    """Falls, rises by 12-80% to a hump, falls again (Nakkiran 2019; on MNIST-1D by 15%)."""
    while True:
        x = draw_sizes(rng, least=8)
        span, step = x[-1] - x[0], x[1] - x[0]
        fall, height = rng.uniform(0.05, 0.2), rng.uniform(0.25, 0.6)
        peak = x[0] + span * rng.uniform(0.4, 0.6)
        width = max(span * rng.uniform(0.08, 0.13), 0.9 * step)
        level = math.log(10.0) * rng.uniform(-1.0, -0.3)
        hump = _Hump(x=x, fall=fall, height=height, peak=peak, width=width, level=level)
        z = np.linspace(x[0], x[-1], 200)
        y = hump(z)
        if np.max(y - np.minimum.accumulate(y)) >= math.log(1.12):
            return Truth(x=x, log_error=hump)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Hump:
    """A power law with a Gaussian hump on its logarithm."""

    x: FloatArray
    fall: float
    height: float
    peak: float
    width: float
    level: float

    def __call__(self, z: FloatArray) -> FloatArray:
        hump = self.height * np.exp(-0.5 * ((z - self.peak) / self.width) ** 2)
        value: FloatArray = self.level - self.fall * (z - self.x[0]) + hump
        return value


def flat(rng: np.random.Generator) -> Truth:
    """The same error at every size."""
    x = draw_sizes(rng)
    level = 10.0 ** rng.uniform(-1.3, -0.2)
    return Truth(x=x, log_error=lambda z: np.full_like(z, math.log(level)))


def still_falling(rng: np.random.Generator) -> Truth:
    """A pure power law, 16% or more lower with each doubling, without a floor in sight."""
    x = draw_sizes(rng)
    alpha = max(min(rng.uniform(0.25, 0.5), 3.5 / (x[-1] - x[0])), 0.25)
    level = rng.uniform(0.3, 0.8)
    return Truth(x=x, log_error=lambda z: math.log(level) - alpha * (z - x[0]))


SMOOTH: Mapping[str, Callable[[np.random.Generator], Truth]] = MappingProxyType(
    {
        "power law with floor": power_floor,
        "passage from chance": passage,
        "U-shape": u_shape,
        "double descent": double_descent,
        "flat": flat,
        "still falling": still_falling,
    }
)
