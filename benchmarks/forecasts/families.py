"""Families of made-up learning curves, each cut where a person would have stopped.

A curve is a mean on a log grid, noise, a cut, and the points beyond the cut (a factor of 1.5 to 6
further in size). Half of the families (`CHOSEN`) served to choose constants; the other half
(`UNSEEN`), of other formulas, chose no part of the forecast itself. The width of the bands was
set after two of them (`broken_twice`, `saturating`) were scored: for bands these are not unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from analysis.laws.law import Array

Generator = np.random.Generator


@dataclass(frozen=True, kw_only=True, eq=False)
class CutCurve:
    """Points shown, points hidden, and the truth behind the hidden ones."""

    x: Array
    y: Array
    x_new: Array
    y_new: Array
    """Single points beyond the cut."""
    truth: Array
    """Their means."""


def _further(rng: Generator, x: Array, low: float = 1.5, high: float = 6.0) -> Array:
    """A dozen or more sizes beyond the largest shown."""
    step = float(np.log(x[-1] / x[-2]))
    reach = float(np.log(rng.uniform(low, high)))
    n = max(4, min(40, round(reach / step)))
    return np.asarray(x[-1] * np.exp(reach * np.arange(1, n + 1) / n))


def _points(rng: Generator, low: int, high: int, decades: tuple[float, float]) -> Array:
    n = int(rng.integers(low, high + 1))
    start = 10.0 ** rng.uniform(2.0, 6.0)
    return np.asarray(np.geomspace(start, start * 10.0 ** rng.uniform(*decades), n))


def _noisy(
    rng: Generator, mean: Callable[[Array], Array], x: Array, x_new: Array, sd: float, memory: float
) -> CutCurve:
    """Noise of `sd` in the logs, a part of which (`memory`) lasts from point to point."""
    both = np.concatenate([x, x_new])
    fresh = rng.standard_normal(len(both))
    lasting = np.zeros(len(both))
    for i in range(1, len(both)):
        lasting[i] = 0.7 * lasting[i - 1] + np.sqrt(0.51) * rng.standard_normal()
    noise = sd * (np.sqrt(1.0 - memory) * fresh + np.sqrt(memory) * lasting)
    truth = mean(both)
    y = truth * np.exp(noise)
    n = len(x)
    return CutCurve(x=x, y=y[:n], x_new=x_new, y_new=y[n:], truth=truth[n:])


def _sd(rng: Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def power_floor(rng: Generator) -> CutCurve:
    x = _points(rng, 6, 60, (1.0, 3.0))
    t = x / x[0]
    slope, share = rng.uniform(0.1, 0.8), rng.uniform(0.0, 1.0) ** 2
    floor = share * float(t[-1] ** -slope) * 2.0
    return _noisy(
        rng,
        lambda m: floor + (m / x[0]) ** -slope,
        x,
        _further(rng, x),
        _sd(rng, 0.002, 0.05),
        rng.choice([0.0, 0.5]),
    )


def broken_once(rng: Generator) -> CutCurve:
    x = _points(rng, 10, 60, (1.5, 3.5))
    first, second = rng.uniform(0.0, 0.5), rng.uniform(0.02, 0.7)
    at, width = x[0] * (x[-1] / x[0]) ** rng.uniform(0.2, 1.1), _sd(rng, 0.1, 1.5)

    def mean(m: Array) -> Array:
        soft = width * np.logaddexp(0.0, np.log(m / at) / width)
        return np.asarray(np.exp(-first * np.log(m / x[0]) - (second - first) * soft))

    return _noisy(rng, mean, x, _further(rng, x), _sd(rng, 0.002, 0.04), rng.choice([0.0, 0.5]))


def language(rng: Generator) -> CutCurve:
    """Smooth, nearly free of noise, mostly floor."""
    x = _points(rng, 6, 30, (0.8, 2.5))
    floor, slope = rng.uniform(0.5, 2.5), rng.uniform(0.1, 0.5)
    amount = rng.uniform(0.5, 3.0)
    return _noisy(
        rng,
        lambda m: floor + amount * (m / x[0]) ** -slope,
        x,
        _further(rng, x, 1.5, 4.0),
        _sd(rng, 0.0003, 0.008),
        0.0,
    )


def image(rng: Generator) -> CutCurve:
    """Error from chance downwards, measured often, smoothed so that it never rises, thinned."""
    chance, slope = rng.uniform(0.8, 1.0), rng.uniform(0.1, 0.6)
    n_raw = int(np.exp(rng.uniform(np.log(60), np.log(1000))))
    raw = np.arange(1.0, 2.0 * n_raw + 1.0)
    at = _sd(rng, 3.0, max(4.0, 0.1 * n_raw))
    sharp = rng.uniform(0.8, 2.0)
    floor = rng.choice([0.0, rng.uniform(0.0, 0.5)])
    truth = chance * (floor + (1.0 - floor) * (1.0 + (raw / at) ** sharp) ** (-slope / sharp))
    y = truth * np.exp(_sd(rng, 0.007, 0.04) * rng.standard_normal(len(raw)))
    smooth = isotonic_regression(y[:n_raw], increasing=False).x
    n = int(rng.integers(40, 72))
    kept = np.unique(np.round(np.geomspace(1.0, float(n_raw), n)).astype(int)) - 1
    later = np.unique(np.linspace(n_raw + 0.07 * n_raw, 2.0 * n_raw - 1, 60).astype(int))
    return CutCurve(x=raw[kept], y=smooth[kept], x_new=raw[later], y_new=y[later],
                    truth=truth[later])  # fmt: skip


def hump(rng: Generator) -> CutCurve:
    """Double descent: a bump on a falling curve, cut at any place of the rise or a bit beyond."""
    x = _points(rng, 12, 60, (1.0, 2.5))
    end = float(np.log(x[-1]))
    rise = rng.uniform(0.4, 1.2)
    peak = end + rise * rng.uniform(-1.2, 1.5)
    height = rng.uniform(0.1, 0.8)
    slope, floor = rng.uniform(0.1, 0.6), rng.uniform(0.0, 0.4)
    span = float(np.log(x[-1] / x[0]))

    def mean(m: Array) -> Array:
        fall = floor + (1.0 - floor) * (m / x[0]) ** (-slope * 3.0 / (1.0 + span))
        return np.asarray(fall * np.exp(height * np.exp(-0.5 * ((np.log(m) - peak) / rise) ** 2)))

    return _noisy(rng, mean, x, _further(rng, x, 1.5, 4.0), _sd(rng, 0.003, 0.03), 0.3)


def drop(rng: Generator) -> CutCurve:
    """An S in the logs, at few points: a plateau, a drop, another plateau."""
    x = _points(rng, 6, 14, (1.0, 2.5))
    log_x = np.log(x)
    middle = log_x[0] + (log_x[-1] - log_x[0]) * rng.uniform(0.3, 1.0)
    width, depth = rng.uniform(0.2, 0.8), rng.uniform(0.4, 2.0)

    def mean(m: Array) -> Array:
        return np.asarray(np.exp(-depth / (1.0 + np.exp(-(np.log(m) - middle) / width))))

    return _noisy(rng, mean, x, _further(rng, x, 1.5, 4.0), _sd(rng, 0.005, 0.04), 0.0)


def broken_twice(rng: Generator) -> CutCurve:
    x = _points(rng, 14, 60, (1.5, 3.5))
    slopes = rng.uniform(0.0, 0.6, 3)
    log_x = np.log(x)
    span = log_x[-1] - log_x[0]
    places = log_x[0] + span * np.array([rng.uniform(0.1, 0.5), rng.uniform(0.5, 1.1)])
    widths = np.exp(rng.uniform(np.log(0.1), np.log(1.0), 2))

    def mean(m: Array) -> Array:
        u = np.log(m)
        log_y = -slopes[0] * (u - log_x[0])
        for i in (0, 1):
            soft = widths[i] * np.logaddexp(0.0, (u - places[i]) / widths[i])
            log_y = log_y - (slopes[i + 1] - slopes[i]) * soft
        return np.asarray(np.exp(log_y))

    return _noisy(rng, mean, x, _further(rng, x), _sd(rng, 0.003, 0.04), rng.choice([0.0, 0.5]))


def saturating(rng: Generator) -> CutCurve:
    """A stretched exponential that falls to a floor: no power law anywhere."""
    x = _points(rng, 8, 50, (1.0, 2.5))
    floor, rate = rng.uniform(0.05, 0.6), rng.uniform(0.3, 0.8)
    scale = x[0] * (x[-1] / x[0]) ** rng.uniform(0.2, 0.9)
    return _noisy(
        rng,
        lambda m: floor + np.exp(-((m / scale) ** rate)),
        x,
        _further(rng, x),
        _sd(rng, 0.003, 0.04),
        rng.choice([0.0, 0.5]),
    )


def language_sum(rng: Generator) -> CutCurve:
    """Two power laws and a floor, as model and data share a loss."""
    x = _points(rng, 6, 30, (0.8, 2.5))
    floor, one, two = rng.uniform(0.5, 2.5), rng.uniform(0.1, 0.3), rng.uniform(0.4, 0.8)
    first, second = rng.uniform(0.3, 2.0, 2)
    return _noisy(
        rng,
        lambda m: floor + first * (m / x[0]) ** -one + second * (m / x[0]) ** -two,
        x,
        _further(rng, x, 1.5, 4.0),
        _sd(rng, 0.0003, 0.008),
        0.0,
    )


def image_logistic(rng: Generator) -> CutCurve:
    """Error logistic in log size with a slow tail; lasting noise of a few percent, not smoothed."""
    x = _points(rng, 25, 60, (1.5, 2.8))
    log_x = np.log(x)
    middle = log_x[0] + (log_x[-1] - log_x[0]) * rng.uniform(0.2, 0.8)
    width, chance = rng.uniform(0.8, 2.5), rng.uniform(0.8, 1.0)
    floor = rng.uniform(0.0, 0.3)

    def mean(m: Array) -> Array:
        rest = 1.0 / (1.0 + np.exp((np.log(m) - middle) / width))
        return np.asarray(chance * (floor + (1.0 - floor) * rest))

    return _noisy(rng, mean, x, _further(rng, x, 1.5, 3.0), _sd(rng, 0.005, 0.04), 0.5)


def spike(rng: Generator) -> CutCurve:
    """Double descent as random features have it: a variance that peaks where x meets a threshold,
    steeper before than after."""
    x = _points(rng, 12, 60, (1.0, 2.5))
    end = float(np.log(x[-1]))
    rise, ratio = rng.uniform(0.3, 1.0), rng.uniform(0.4, 1.0)
    peak = end + rise * rng.uniform(-1.2, 1.5)
    height, slope = rng.uniform(0.1, 1.0), rng.uniform(0.1, 0.4)
    level = rng.uniform(0.1, 0.5)

    def mean(m: Array) -> Array:
        away = np.log(m) - peak
        away = away / np.where(away < 0.0, ratio * rise, rise)
        return np.asarray(level * ((m / x[-1]) ** -slope + height / (1.0 + away**2)))

    return _noisy(rng, mean, x, _further(rng, x, 1.5, 4.0), _sd(rng, 0.003, 0.03), 0.3)


def staircase(rng: Generator) -> CutCurve:
    """Straight lines in log size, joined at a kink, then flat; few points."""
    x = _points(rng, 7, 16, (1.0, 2.5))
    u = np.log(x / x[0])
    kink = u[-1] * rng.uniform(0.3, 1.2)
    first, second = rng.uniform(0.05, 0.25), rng.uniform(0.0, 0.15)

    def mean(m: Array) -> Array:
        v = np.log(m / x[0])
        fall = np.where(v < kink, first * v, first * kink + second * (v - kink))
        return np.asarray(np.maximum(1.0 - fall, 0.1))

    return _noisy(rng, mean, x, _further(rng, x, 1.5, 4.0), _sd(rng, 0.005, 0.04), 0.0)


CHOSEN = {f.__name__: f for f in (power_floor, broken_once, language, image, hump, drop)}
UNSEEN = {
    f.__name__: f
    for f in (broken_twice, saturating, language_sum, image_logistic, spike, staircase)
}


def curves(family: str, n: int) -> list[CutCurve]:
    """The first n curves of a family: always the same ones."""
    make = (CHOSEN | UNSEEN)[family]
    number = [*CHOSEN, *UNSEEN].index(family)
    return [make(np.random.default_rng([number, i])) for i in range(n)]
