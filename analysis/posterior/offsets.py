r"""Curves of a metric that has a floor of its own: losses, log-likelihoods, rewards.

The values v = ln e of an additive metric (:mod:`analysis.metric`) fall towards a floor E that may
lie anywhere, below zero too, and most of v is floor: v = E + A n^-alpha. Taken from a number F that
lies below all values, v - F is a power law with a floor again, one of the shapes that are summed
over anyway, and exactly so for every F <= E:

    ln(v - F) = f(ln n),    F = min v - delta x (max v - min v)

Which F is fit to be taken is one more thing that nobody knows: curves are drawn for each delta of a
grid and weighed by their marginal likelihood, that of ln(v - F) times the Jacobian 1 / (v - F) of
each point, so that all are densities of the same v. A curve that falls by a small part of its value
is then drawn as what it is; with v, or ln v, in the place of ln(v - F), a floor that takes over
below the smallest size is none of the shapes, and intervals hold the truth too seldom (simulated:
0.70 instead of 0.90; with F summed over, 0.95).

Noise is that of v: seeds and subset draws move it by as much everywhere, so that the spread of
ln(v - F) is theirs divided by v - F.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
K, R, G  points of the curve, curves drawn, grid                       scalar
v        mean of ln e over the replicates of each point                (K,)
delta    how far F lies below the least v, in units of their range     scalar
======== ============================================================= ===========
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from analysis.curves.curve import Curve
from analysis.curves.noise import Noise
from analysis.curves.points import run_spread
from analysis.posterior.curves import CurveDraws
from analysis.table.trials import FloatArray, read_only

DELTAS = (0.3, 1.0, 0.1, 8.0)
"""The middle first, then the ends; the last is as good as none: ln(v - F) is then nearly linear."""
BEYOND = 2.0
"""An end is left out where the evidence falls by this much on the way to it."""
CLEAR = 4.0
"""Standard errors by which each point must lie above F: nearer, its logarithm is not normal."""


Drawn = TypeVar("Drawn", bound=CurveDraws)


def draw_additive(
    draw: Callable[..., Drawn],
    curve: Curve,
    noise: Noise,
    *,
    resamples: int,
    level: float,
    rng: np.random.Generator,
) -> Drawn:
    """Draw R = ``resamples`` curves of ln e as ``draw`` does (``draw_curves``, ``draw_ladders``).

    The other arguments are those that it takes.
    """
    value = _means(curve)
    if noise.adjusted is not None:
        value = value + noise.adjusted
    covariance = noise.mean_covariance(curve.replicates)
    spread = np.sqrt(np.diag(covariance))
    extent = max(float(value.max() - value.min()), float(np.median(spread)))
    found: list[tuple[float, Drawn]] = []
    evidence: dict[float, float] = {}
    for delta in DELTAS:
        floor = float(value.min()) - delta * extent
        above = value - floor
        if delta != DELTAS[-1] and (above < CLEAR * spread).any():
            continue
        if _falls_off(evidence, delta):
            continue
        offset = replace(curve, error=read_only(above))
        seen = _of_offset(noise, above, extent)
        draws = draw(offset, seen, resamples=resamples, level=level, rng=rng)
        found.append((floor, draws))
        evidence[delta] = draws.evidence - draws.jacobian
    weights = np.array(list(evidence.values()))
    counts = _shares(weights, resamples, rng)
    picked = [
        floor + np.exp(draws.log_error[:n]) for (floor, draws), n in zip(found, counts, strict=True)
    ]
    mixed = np.concatenate(picked)
    best = found[int(np.argmax(weights))][1]
    return replace(
        best,
        log_error=read_only(mixed[rng.permutation(len(mixed))]),
        run_spread=read_only(run_spread(curve, noise, best.x)),
        evidence=float(np.logaddexp.reduce(weights)),
    )


def _falls_off(evidence: dict[float, float], delta: float) -> bool:
    """Whether the two offsets in the middle say that an end weighs next to nothing."""
    middle = [evidence.get(one) for one in DELTAS[:2]]
    if delta in DELTAS[:2] or middle[0] is None or middle[1] is None:
        return False
    fall = middle[1] - middle[0]
    return (fall if delta < DELTAS[0] else -fall) > BEYOND


def _means(curve: Curve) -> FloatArray:
    """(K,) mean of ln e over each point's replicates."""
    total = np.zeros(len(curve))
    np.add.at(total, curve.run_cell, np.log(curve.run_error))
    mean: FloatArray = total / np.maximum(curve.replicates, 1)
    return mean


def _of_offset(noise: Noise, above: FloatArray, extent: float) -> Noise:
    """The noise of ln(v - F), from that of v; (K,) ``above`` is v - F, ``extent`` the range of v.

    What moves all points by as much moves their logarithms by different amounts: it joins what the
    points have in common.
    """
    shared = (noise.test_covariance + noise.over_draws) / np.outer(above, above)
    return replace(
        noise.given_draws(),
        log_error=read_only(np.log(above)),
        run_variance=read_only(noise.run_variance / above**2),
        test_covariance=read_only(shared),
        guess=extent * float(np.sqrt(np.mean(above**-2.0))),
    )


def _shares(log_weight: FloatArray, n: int, rng: np.random.Generator) -> list[int]:
    """How many of n curves each offset gives: as its weight says, to less than one."""
    weight = np.exp(log_weight - log_weight.max())
    edges = np.concatenate([[0.0], np.cumsum(weight)]) * (n / weight.sum())
    edges[-1] = n
    places = np.floor(edges + rng.random())
    places[0], places[-1] = 0.0, n
    return [int(k) for k in np.diff(places)]
