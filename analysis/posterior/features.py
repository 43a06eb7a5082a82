r"""Departures that have a place: humps, bends, steps, and pairs of them, and their prior.

Over z = (x - c) / w, with x = ln(size) in units of the range tried:

========= =====================================================================================
kind      column
========= =====================================================================================
hump      exp(-z^2 / 2), w another on each side of c: double descent, which may rise faster than
          it falls, and sizes that train badly
bend      w ln(1 + e^z): another exponent from c on, at a corner or softly, which turns the curve
          upwards where its height is large enough; Caballero et al. (2022)
step      1 / (1 + e^-z): another level from c on, within a tenth of a step between sizes or over
          several: what emerges, and what a size makes possible
========= =====================================================================================

Heights are normal, narrow or wide. Coordinates of a feature: its centre c, ln w, the log s of the
ratio of the widths before and after a hump's peak, over 2, and c and ln w of the second of a pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from analysis.table.trials import BoolArray, FloatArray, IntArray, read_only

Kind = Literal["none", "smooth", "hump", "bend", "step", "pair"]

SKEW = 0.8
"""Largest skew of a hump: one side five times as wide as the other."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A kind of departure that has a place, and its prior."""

    kind: Kind
    prior: float
    heights: tuple[tuple[float, float], ...]
    """Spread of the height with its share of the prior; of a slope's change for a bend."""
    coarse_height: float
    """Spread of the height on the coarse grid."""
    centres: tuple[float, float, int]
    """First and last coarse centre, and how many."""
    widths: tuple[float, float, int]
    """Least and largest width, and how many cells."""
    skews: int = 1
    """Cells of the skew."""

    def axes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Coarse centres, log widths and skews."""
        first, last, n = self.centres
        low, high = np.log(self.widths[:2])
        width = low + (high - low) * (np.arange(self.widths[2]) + 0.5) / self.widths[2]
        skew = SKEW * (2.0 * (np.arange(self.skews) + 0.5) / self.skews - 1.0)
        return np.linspace(first, last, n), width, skew

    def cell(self) -> FloatArray:
        """(3,) widths of a coarse cell; 0 where there is one skew."""
        first, last, n = self.centres
        low, high = np.log(self.widths[:2])
        return np.array(
            [
                (last - first) / (n - 1),
                (high - low) / self.widths[2],
                2.0 * SKEW / self.skews if self.skews > 1 else 0.0,
            ]
        )

    def coarse(self) -> FloatArray:
        """(N, 5) coordinates of the coarse grid."""
        grid = np.stack(np.meshgrid(*self.axes(), indexing="ij"), axis=-1).reshape(-1, 3)
        return np.concatenate([grid, np.zeros((len(grid), 2))], axis=1)


HUMP = Feature(
    kind="hump", prior=0.13, heights=((0.4, 1.0),), coarse_height=0.4,
    centres=(0.06, 0.94, 12), widths=(0.035, 0.2, 3), skews=3,
)  # fmt: skip
BEND = Feature(
    kind="bend", prior=0.11, heights=((0.25, 0.6), (0.8, 0.4)), coarse_height=0.4,
    centres=(0.04, 0.96, 16), widths=(0.0003, 0.12, 3),
)  # fmt: skip
STEP = Feature(
    kind="step", prior=0.2, heights=((0.2, 0.4), (0.8, 0.6)), coarse_height=0.5,
    centres=(0.03, 0.97, 16), widths=(0.0003, 0.12, 3),
)  # fmt: skip
FEATURES = (HUMP, BEND, STEP)
"""The peaks of double descent in Nakkiran et al. (2019), figures 1-6, span a factor of 3 to 10 in
size. A width of .0003 of the range is a corner: no study has sizes that close."""
PAIRS = ((STEP, STEP), (STEP, BEND), (BEND, BEND))
PAIR_PRIOR = 0.03
PAIR_HEIGHT = 0.6
"""Spread of both heights of a pair."""
SLACKS = ((0.03, 0.35), (0.006, 0.25), (0.0, 0.4))
"""Smooth departure beside a feature, on the log of the error, with its share of the prior; the
first on the coarse grid."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Features of one kind (or two), spreads of their heights, and slack."""

    features: tuple[Feature, ...]
    heights: tuple[float, ...]
    slack: float
    prior: float

    @property
    def kind(self) -> Kind:
        """The kind of departure."""
        return self.features[0].kind if len(self.features) == 1 else "pair"


def _groups() -> tuple[Group, ...]:
    singles = [
        Group(
            features=(feature,), heights=(height,), slack=slack, prior=feature.prior * share * part
        )
        for feature in FEATURES
        for height, share in feature.heights
        for slack, part in SLACKS
    ]
    pairs = [
        Group(
            features=pair,
            heights=(PAIR_HEIGHT, PAIR_HEIGHT),
            slack=slack,
            prior=PAIR_PRIOR * part / len(PAIRS),
        )
        for pair in PAIRS
        for slack, part in SLACKS
    ]
    return (*singles, *pairs)


GROUPS = _groups()
ACTIVE: BoolArray = np.array(
    [
        [True, True, len(g.features) == 1 and g.features[0].skews > 1, *[len(g.features) > 1] * 2]
        for g in GROUPS
    ]
)
"""Which coordinates each group has."""
ALIKE: BoolArray = np.array(
    [len(g.features) > 1 and g.features[0] is g.features[1] for g in GROUPS]
)
"""Pairs of two alike: the first stands before the second."""


def groups_of(features: tuple[Feature, ...]) -> list[int]:
    """Indices of the groups of these features, that of the coarse grid first."""
    return [k for k, group in enumerate(GROUPS) if group.features == features]


def columns(
    group: IntArray, place: FloatArray, at: FloatArray, heights: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """(N, len(at)) the feature, times its spread, and the second of a pair (else 0).

    ``heights`` (N,) replaces the groups' own spreads: on the coarse grid.
    """
    kinds, spread = _KINDS, _HEIGHTS
    first_height = spread[group, 0] if heights is None else heights
    first = _column(kinds[group, 0], place[:, 0], place[:, 1], place[:, 2], at)
    second = np.zeros_like(first)
    pair = np.flatnonzero(ACTIVE[group, 3])
    if len(pair):
        made = _column(
            kinds[group[pair], 1], place[pair, 3], place[pair, 4], np.zeros(len(pair)), at
        )
        second[pair] = spread[group[pair], 1][:, None] * made
    return first_height[:, None] * first, second


_KIND = {"hump": 0, "bend": 1, "step": 2}
_KINDS: IntArray = np.array(
    [[_KIND[f.kind] for f in (g.features[0], g.features[-1])] for g in GROUPS]
)
_HEIGHTS: FloatArray = np.array([[g.heights[0], g.heights[-1]] for g in GROUPS])


def _column(
    kind: IntArray, centre: FloatArray, log_width: FloatArray, skew: FloatArray, at: FloatArray
) -> FloatArray:
    """(N, len(at)) features of height 1; a bend's in units of the range."""
    width = np.exp(log_width)[:, None]
    z = (at[None, :] - centre[:, None]) / width
    column = np.empty_like(z)
    humps, bends, steps = (np.flatnonzero(kind == k) for k in range(3))
    if len(humps):
        side = np.exp(np.where(z[humps] < 0.0, -1.0, 1.0) * skew[humps, None])
        column[humps] = np.exp(-0.5 * (z[humps] * side) ** 2)
    column[bends] = width[bends] * np.logaddexp(0.0, z[bends])
    column[steps] = 0.5 * (1.0 + np.tanh(0.5 * z[steps]))
    return column


def log_density(group: IntArray, place: FloatArray) -> FloatArray:
    """(N,) log prior density of features; -inf outside their range."""
    low, high, level = _ranges()
    inside = (((place >= low[group]) & (place <= high[group])) | ~ACTIVE[group]).all(axis=1)
    inside &= ~ALIKE[group] | (place[:, 0] < place[:, 3])
    return np.where(inside, level[group], -math.inf)


def boxes() -> tuple[FloatArray, FloatArray]:
    """Lowest and highest coordinates of each group, (groups, 5) each."""
    return _ranges()[:2]


@lru_cache(maxsize=1)
def _ranges() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lowest and highest coordinates (groups, 5), and the log density between them (groups,)."""
    low, high, level = [], [], []
    for group, active in zip(GROUPS, ACTIVE, strict=True):
        first, last = _range(group.features[0]), _range(group.features[-1])
        low.append([*first[0], -SKEW, *last[0]])
        high.append([*first[1], SKEW, *last[1]])
        volume = np.prod((np.array(high[-1]) - np.array(low[-1]))[active])
        halves = math.log(2.0) if group.features[0] is group.features[-1] and active[3] else 0.0
        level.append(math.log(group.prior) - math.log(volume) + halves)
    return read_only(np.array(low)), read_only(np.array(high)), read_only(np.array(level))


def _range(feature: Feature) -> tuple[Sequence[float], Sequence[float]]:
    """Lowest and highest centre and log width."""
    half = 0.5 * float(feature.cell()[0])
    first, last, _ = feature.centres
    least, most = (math.log(width) for width in feature.widths[:2])
    return (first - half, least), (last + half, most)
