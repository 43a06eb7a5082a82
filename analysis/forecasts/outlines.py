r"""Outlines: the courses a curve may take over its whole range, as linear combinations.

In logs (v = log size, 0 at the largest size; w = log of the error above its floor) an outline is

    w(v) = level + sum_j slope_j ramp_j(v) + height bump(v)

with ramps that share out the range between smooth breaks. *Straight* has one ramp, *bend* two,
*bends* three; *hump* and *step* add a bell or a smooth step to the straight line. Breaks, bells and
steps may lie beyond the largest size. Slopes, level and height are normal a priori, so that each
outline is a Gaussian model; places and widths are summed over on a grid.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis.laws.law import Array

KINDS = {"straight": 0.25, "bend": 0.25, "bends": 0.15, "hump": 0.25, "step": 0.15}
"""Prior weights of the outlines, before they are made to sum to 1."""

SLOPE, SLOPE_SD = -0.25, 0.3
"""Prior of the first slope: errors fall like the 0 to 0.6th power of the size."""
SLOPE_AFTER, KEPT = -0.12, 0.6
"""After a break the slope is expected at -0.12 + 0.6 (slope before + 0.25): curves flatten."""
LEVEL_SD = 3.0
HUMP, HUMP_SD = 0.25, 0.3
"""Prior height of a bell, in logs: double descent raises an error by a quarter or so."""
STEP, STEP_SD = -0.5, 0.6

BEND_WIDTHS, BENDS_WIDTHS = (0.1, 0.4, 1.2), (0.15, 0.6)
HUMP_WIDTHS, STEP_WIDTHS = (0.35, 0.6, 1.0, 1.6), (0.15, 0.3, 0.6, 1.2)
BEND_PLACES, BENDS_PLACES = 10, 6
AHEAD = ((0.1, 0.2), (0.3, 0.2), (0.6, 0.4))
"""Places of a break beyond the data, and the stretch each stands for, in reaches."""
PLACES_PER_RANGE = 16
"""A bell or step has a place every 0.6 widths, but no closer than a sixteenth of the range."""

RISE_FADES = 3.0
"""A rise at the end of the data that is no hump's fades at this rate per unit of log size,"""
TURN, TURN_SD = -0.25, 0.25
"""and then the error falls again with a slope of this mean and standard deviation: what rises after
a long fall is mostly the near side of double descent."""

MOST = 4
"""Most coefficients of an outline."""

Basis = Callable[[Array], list[Array]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Outlines:
    """All outlines of the grid. T outlines, n points, m sizes asked for."""

    kinds: Array
    """Names, shape (T,)."""
    log_prior: Array
    """Log prior probabilities, shape (T,)."""
    mean: Array
    """Prior means of the coefficients (the level's is 0), shape (T, 4)."""
    root: Array
    """A root of their prior covariance, shape (T, 4, 4)."""
    shown: Array
    """Basis at the points, shape (T, n, 4)."""
    asked: Array
    """Basis at the sizes asked for, shape (T, m, 4)."""
    faded: Array
    """The same where the course fades beyond the data, shape (T, m, 4)."""
    turned: Array
    """How far a faded rise has turned: log size beyond the data less what is left of it, (m,)."""
    onward: Array
    """Basis just beyond the data less that at its end, shape (T, 4)."""


def outlines(v: Array, v_new: Array, reach: float) -> Outlines:
    """Outlines of a curve at points v (rising, the last 0) and at v_new, up to about `reach`."""
    span = float(-v[0])
    ahead = np.maximum(v_new, 0.0)
    late = np.where(v_new > 0.0, -np.expm1(-RISE_FADES * ahead) / RISE_FADES, v_new)
    where = np.concatenate([v, v_new, late, [0.05, 0.0]])
    ends = np.cumsum([len(v), len(v_new), len(v_new)])
    names, priors, bases, means, roots = [], [], [], [], []
    total = sum(KINDS.values())
    for kind, weight in KINDS.items():
        members = list(_members(kind, span, reach))
        shares = np.array([share for share, _ in members])
        mean, root = _coefficients(kind)
        for share, basis in zip(shares / shares.sum(), members, strict=True):
            columns = [np.ones_like(where), *basis[1](where)]
            padded = np.zeros((len(where), MOST))
            padded[:, : len(columns)] = np.stack(columns, axis=1)
            bases.append(padded)
            names.append(kind)
            priors.append(np.log(weight / total * share))
            means.append(mean)
            roots.append(root)
    shown, asked, faded, onward = np.split(np.array(bases), ends, axis=1)
    return Outlines(
        kinds=np.array(names),
        log_prior=np.array(priors),
        mean=np.array(means),
        root=np.array(roots),
        shown=shown,
        asked=asked,
        faded=faded,
        turned=np.where(v_new > 0.0, v_new - late, 0.0),
        onward=onward[:, 0] - onward[:, 1],
    )


def _coefficients(kind: str) -> tuple[Array, Array]:
    """Prior mean and root of the covariance of an outline's coefficients."""
    mean, root = np.zeros(MOST), np.zeros((MOST, MOST))
    root[0, 0] = LEVEL_SD
    slopes = {"bend": 2, "bends": 3}.get(kind, 1)
    mean[1], root[1, 1] = SLOPE, SLOPE_SD
    for i in range(2, slopes + 1):
        mean[i] = SLOPE_AFTER + KEPT * (mean[i - 1] - SLOPE)
        root[i] = KEPT * root[i - 1]
        root[i, i] = SLOPE_SD * np.sqrt(1.0 - KEPT**2)
    if kind == "hump":
        mean[2], root[2, 2] = HUMP, HUMP_SD
    if kind == "step":
        mean[2], root[2, 2] = STEP, STEP_SD
    return mean, root


def _members(kind: str, span: float, reach: float) -> Iterator[tuple[float, Basis]]:
    """Each outline of a kind: the stretch of the range that it stands for, and its basis."""
    if kind == "straight":
        yield 1.0, lambda t: [t]
    elif kind == "bend":
        for place, stretch in _places(span, reach, BEND_PLACES, AHEAD):
            for width in BEND_WIDTHS:
                yield stretch, _ramps((place,), width)
    elif kind == "bends":
        places = _places(span, reach, BENDS_PLACES, ((0.3, 0.6),))
        for i, (first, stretch) in enumerate(places):
            for second, other in places[i + 1 :]:
                for width in BENDS_WIDTHS:
                    yield stretch * other, _ramps((first, second), width)
    else:
        yield from _bumps(kind, span, reach)


def _places(
    span: float, reach: float, n: int, ahead: tuple[tuple[float, float], ...]
) -> list[tuple[float, float]]:
    inside = [(-span * (i + 0.5) / n, span / n) for i in reversed(range(n))]
    return inside + [(reach * place, reach * stretch) for place, stretch in ahead]


def _ramps(places: tuple[float, ...], width: float) -> Basis:
    """Ramps that are 0 at v = 0; their slopes sum to 1 everywhere."""

    def basis(t: Array) -> list[Array]:
        softs = [
            width * (np.logaddexp(0.0, (t - place) / width) - np.logaddexp(0.0, -place / width))
            for place in places
        ]
        edges = [t, *softs, np.zeros_like(t)]
        return [before - after for before, after in itertools.pairwise(edges)]

    return basis


def _bumps(kind: str, span: float, reach: float) -> Iterator[tuple[float, Basis]]:
    hump = kind == "hump"
    for width in HUMP_WIDTHS if hump else STEP_WIDTHS:
        step = max(0.6 * width, span / PLACES_PER_RANGE)
        for place in np.arange(-span, reach + (1.5 * width if hump else 0.0), step):
            yield step, _bump(hump, float(place), width)


def _bump(hump: bool, place: float, width: float) -> Basis:
    def shape(t: Array) -> Array:
        z = (t - place) / width
        bell = np.exp(-0.5 * z**2) if hump else 0.5 * (1.0 + np.tanh(0.5 * z))
        return np.asarray(bell)

    return lambda t: [t, shape(t) - shape(np.zeros(1))]
