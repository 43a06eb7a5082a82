"""Known truths that bend, step, wiggle and lean: what smooth laws do not have.

Each draws its own parameters. Sizes, slopes and places are drawn wide, and a corner's place never
looks at the sizes that the study tries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from analysis.table.trials import FloatArray
from benchmarks.simulation.truths import LN2, Truth, draw_sizes


def two_stage(rng: np.random.Generator) -> Truth:
    """A power law that goes on as a shallower one from a sharp bend."""
    x, place = _inside(rng, 0.25, 0.75)
    steep, shallow = rng.uniform(0.25, 0.8), rng.uniform(0.01, 0.1)
    width = LN2 * rng.uniform(0.02, 0.4)
    level = math.log(rng.uniform(0.3, 0.8))

    def log_error(z: FloatArray) -> FloatArray:
        turned = width * np.logaddexp(0.0, (z - place) / width)
        value: FloatArray = level - steep * (z - x[0]) + (steep - shallow) * turned
        return value

    return Truth(x=x, log_error=log_error)


def step_drop(rng: np.random.Generator) -> Truth:
    """Nearly level, then lower by a factor within a fraction of a doubling, then nearly level."""
    x, place = _inside(rng, 0.25, 0.75)
    factor, slope = rng.uniform(1.4, 4.0), rng.uniform(0.0, 0.07)
    width = LN2 * rng.uniform(0.05, 0.3)
    level = math.log(rng.uniform(0.2, 0.7))

    def log_error(z: FloatArray) -> FloatArray:
        value: FloatArray = level - slope * (z - x[0]) - math.log(factor) * _up(z, place, width)
        return value

    return Truth(x=x, log_error=log_error)


def kink(rng: np.random.Generator) -> Truth:
    """The error itself falls in proportion to the log of the size, to a kink, and is flat on."""
    x, place = _inside(rng, 0.3, 0.8)
    first, last = rng.uniform(0.4, 0.9), rng.uniform(0.03, 0.2)
    slope = (first - last) / (place - x[0])
    rest = rng.uniform(0.0, 0.03)

    def log_error(z: FloatArray) -> FloatArray:
        falling = np.log(np.maximum(first - slope * (z - x[0]), last))
        value: FloatArray = falling - rest * np.maximum(z - place, 0.0)
        return value

    return Truth(x=x, log_error=log_error)


def wiggles(rng: np.random.Generator) -> Truth:
    """A power law with a floor, and waves of a few per cent about it."""
    x, place = _inside(rng, 0.2, 0.6)
    alpha, height = rng.uniform(0.3, 0.9), rng.uniform(0.015, 0.05)
    wave, phase = LN2 * rng.uniform(2.0, 6.0), rng.uniform(0.0, 2.0 * math.pi)
    floor = math.log(10.0) * rng.uniform(-1.5, -0.6)

    def log_error(z: FloatArray) -> FloatArray:
        law = floor + np.log1p(np.exp(-alpha * (z - place)))
        value: FloatArray = law + height * np.sin(2.0 * math.pi * z / wave + phase)
        return value

    return Truth(x=x, log_error=log_error)


def skewed_descent(rng: np.random.Generator) -> Truth:
    """Double descent whose hump rises fast and falls slowly, or the other way round."""
    while True:
        x = draw_sizes(rng, least=8)
        span, step = x[-1] - x[0], x[1] - x[0]
        fall, height = rng.uniform(0.05, 0.2), rng.uniform(0.25, 0.7)
        peak = x[0] + span * rng.uniform(0.35, 0.6)
        narrow = max(span * rng.uniform(0.04, 0.08), 0.6 * step)
        wide = narrow * rng.uniform(2.0, 4.0)
        before, after = (narrow, wide) if rng.random() < 0.6 else (wide, narrow)
        level = math.log(10.0) * rng.uniform(-1.0, -0.3)

        def log_error(
            z: FloatArray,
            x: FloatArray = x,
            parts: tuple[float, ...] = (level, fall, height, peak, before, after),
        ) -> FloatArray:
            level, fall, height, peak, before, after = parts
            width = np.where(z < peak, before, after)
            hump = height * np.exp(-0.5 * ((z - peak) / width) ** 2)
            value: FloatArray = level - fall * (z - x[0]) + hump
            return value

        fine = np.linspace(x[0], x[-1], 300)
        y = log_error(fine)
        if np.max(y - np.minimum.accumulate(y)) >= math.log(1.12):
            return Truth(x=x, log_error=log_error)


def emergence(rng: np.random.Generator) -> Truth:
    """At the error of guessing, until within a doubling or so it falls to a power law far below."""
    x, place = _inside(rng, 0.25, 0.6)
    chance, low = float(rng.choice([0.5, 0.75, 0.9])), rng.uniform(0.03, 0.2)
    slope, width = rng.uniform(0.02, 0.35), LN2 * rng.uniform(0.15, 0.7)

    def log_error(z: FloatArray) -> FloatArray:
        after = np.log(low) - slope * np.maximum(z - place, 0.0)
        share = _up(z, place, width)
        value: FloatArray = np.log((1.0 - share) * chance + share * np.exp(after))
        return value

    return Truth(x=x, log_error=log_error)


def two_drops(rng: np.random.Generator) -> Truth:
    """Falls, rests on a plateau, and falls once more."""
    x = draw_sizes(rng, least=7)
    span = x[-1] - x[0]
    first, second = x[0] + span * rng.uniform(0.1, 0.3), x[0] + span * rng.uniform(0.55, 0.8)
    one, two = math.log(rng.uniform(1.5, 4.0)), math.log(rng.uniform(1.4, 3.0))
    widths = LN2 * rng.uniform(0.3, 1.0, 2)
    level, slope = math.log(rng.uniform(0.3, 0.8)), rng.uniform(0.0, 0.05)

    def log_error(z: FloatArray) -> FloatArray:
        drops = one * _up(z, first, widths[0]) + two * _up(z, second, widths[1])
        value: FloatArray = level - slope * (z - x[0]) - drops
        return value

    return Truth(x=x, log_error=log_error)


def early_floor(rng: np.random.Generator) -> Truth:
    """A steep power law whose floor takes over between the second and the fourth size."""
    x = draw_sizes(rng)
    alpha, floor = rng.uniform(0.6, 1.6), math.log(10.0) * rng.uniform(-1.5, -0.5)
    place = float(x[0]) + (x[1] - x[0]) * rng.uniform(0.3, 1.8)
    return Truth(x=x, log_error=lambda z: floor + np.log1p(np.exp(-alpha * (z - place))))


def bias_variance(rng: np.random.Generator) -> Truth:
    """Noise + bias that falls as a power of the size + variance that grows as another."""
    x, middle = _inside(rng, 0.3, 0.7)
    fall, rise = rng.uniform(0.3, 1.0), rng.uniform(0.2, 0.8)
    noise = rng.uniform(0.2, 2.0)
    level = math.log(rng.uniform(0.05, 0.3))

    def log_error(z: FloatArray) -> FloatArray:
        d = z - middle
        parts = noise + np.exp(-fall * d) / fall + np.exp(rise * d) / rise
        value: FloatArray = np.log(parts) - math.log(noise + 1.0 / fall + 1.0 / rise) + level
        return value

    return Truth(x=x, log_error=log_error)


def exponential(rng: np.random.Generator) -> Truth:
    """E + A exp(-size / c): nothing happens, then all of it within three doublings."""
    x, place = _inside(rng, 0.2, 0.75)
    floor, part = rng.uniform(0.03, 0.3), rng.uniform(1.0, 8.0)
    return Truth(
        x=x, log_error=lambda z: np.log(floor) + np.log1p(part * np.exp(-np.exp(z - place)))
    )


def logistic(rng: np.random.Generator) -> Truth:
    """E + A / (1 + (size / c)^k): an S between two levels of the error itself."""
    x, place = _inside(rng, 0.2, 0.7)
    floor, part, k = rng.uniform(0.03, 0.3), rng.uniform(1.0, 10.0), rng.uniform(0.7, 2.5)
    return Truth(
        x=x,
        log_error=lambda z: (
            np.log(floor) + np.log1p(part * np.exp(-np.logaddexp(0.0, k * (z - place))))
        ),
    )


def _inside(rng: np.random.Generator, low: float, high: float) -> tuple[FloatArray, float]:
    """Sizes tried, and a place at a random share of their range."""
    x = draw_sizes(rng, least=6)
    return x, float(x[0] + (x[-1] - x[0]) * rng.uniform(low, high))


def _up(z: FloatArray, place: float, width: float) -> FloatArray:
    """From 0 to 1 about a place."""
    value: FloatArray = 0.5 * (1.0 + np.tanh((z - place) / (2.0 * width)))
    return value


CORNERS: Mapping[str, Callable[[np.random.Generator], Truth]] = MappingProxyType(
    {
        "two-stage power law": two_stage,
        "step": step_drop,
        "kink, then flat": kink,
        "wiggles": wiggles,
        "skewed double descent": skewed_descent,
        "emergence": emergence,
        "plateau, then a drop": two_drops,
        "floor reached early": early_floor,
        "bias and variance": bias_variance,
        "exponential": exponential,
        "logistic": logistic,
    }
)
