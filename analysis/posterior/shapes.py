r"""The shapes of the law: a coarse grid everywhere, then a sample, fine where the data point.

    ln s(x) = p - ln(1 + e^(q p)) / q,    r p = ln(e^(-r alpha (x - u)) + e^(-r alpha (c - u)))

over x = ln(size): the passage from chance ends near u, the floor takes over near c, and between
them the error is a power law of exponent alpha. With q = 2 and r = 1 this is Rosenfeld et al.
(2020), equation 5, with eta = 1 absorbed by u. Curves are seen to pass more slowly (q = 1 is the
logistic curve in x) and to meet their floor at a corner: q is free, and so is the width
w = 1 / (r alpha) of the bend into the floor.
Without u it is a power law with a floor, without c it has no floor, and with alpha = 0 it is flat.
Exponents are spread by their logarithm, u and c evenly over the range of x.

Beside these stands the law of so many figures with a logarithmic axis: the error itself falls in
proportion to x, until at c, softly or at a corner, only a share rho of it is left,

    s(x) = rho + (1 - rho) ln(1 + e^((c - x) / w)) / ln(1 + e^((c - x_1) / w))

========== ====================== ========================================
coordinate meaning                range
========== ====================== ========================================
0          ln alpha               ln .014 to ln 2.6
1          u, in units of range   -.16 to .81
2          c, likewise            .03 to 1.57, above u
3          ln q                   ln .7 to ln 2.8
4          ln w, in those units   ln .0003 (a corner) to ln .12; none where r is 1
5          ln rho                 ln .02 to ln .95
========== ====================== ========================================
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from analysis.posterior.population import Population, next_generation
from analysis.table.trials import BoolArray, FloatArray, IntArray, read_only

EXPONENTS = np.array(
    [0.02, 0.05, 0.08, 0.12, 0.17, 0.23, 0.3, 0.4, 0.5, 0.65, 0.85, 1.2, 1.8, 2.8, 4.5, 8.0]
)
"""Exponents alpha of the coarse grid; published fits in size lie between 0.05 and 1 (Rosenfeld
2020, table 1; Hestness 2017, table 1)."""
PASSAGES = np.linspace(-0.1, 0.75, 8)
"""Ends u of the passage from chance, in units of the range of x."""
FLOORS = np.linspace(0.1, 1.5, 11)
"""Beginnings c of the floor, in the same units."""
PASSING, BENDING, RESTING = 2, 4, 8
"""Cells of the sharpness q of the passage from chance, of the width w of the bend into the floor
where that is not a power law's, and of the share rho."""
GROUPS = ("flat", "power", "floor", "sharp floor", "passage", "both", "both, sharp", "linear")
GROUP_PRIOR = (0.2, 0.06, 0.22, 0.09, 0.08, 0.22, 0.06, 0.07)
"""Prior weight of each kind of shape."""
ACTIVE: BoolArray = np.array(
    [
        [0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0],
        [1, 0, 1, 0, 0, 0],
        [1, 0, 1, 0, 1, 0],
        [1, 1, 0, 1, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1, 0],
        [0, 0, 1, 0, 1, 1],
    ],
    dtype=bool,
)
"""Which coordinates each group has."""
FINE_SHAPES = 700
"""Shapes of each generation."""
COARSE_SHARE = 1e-6
"""A coarse shape below this share of the best one's weight has no children."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shapes:
    """T shapes and their prior."""

    exponent: FloatArray
    """(T,) alpha; 0 for the flat curve."""
    passage: FloatArray
    """(T,) u; -inf without a passage from chance."""
    floor: FloatArray
    """(T,) c; inf without a floor."""
    passage_sharpness: FloatArray
    """(T,) q."""
    floor_sharpness: FloatArray
    """(T,) r; of an error that falls in proportion to x, 1 / w."""
    rest: FloatArray
    """(T,) rho of an error that falls in proportion to x; NaN for the other laws."""
    members: Population
    """The same as members of a population."""

    def only(self, keep: IntArray) -> Shapes:
        """The shapes at these places."""
        columns = {f.name: getattr(self, f.name)[keep] for f in fields(self) if f.name != "members"}
        return Shapes(**columns, members=self.members.only(keep))

    def evaluate(self, at: FloatArray) -> FloatArray:
        """Log shapes at log sizes, (T, len(at)), each zero at the first of them."""
        alpha = self.exponent[:, None]
        start = np.where(np.isfinite(self.passage), self.passage, at[0])[:, None]
        power = -alpha * (at[None, :] - start)
        floor = np.where(np.isfinite(self.floor), self.floor, 0.0)[:, None]
        q, r = self.passage_sharpness[:, None], self.floor_sharpness[:, None]
        floored = np.logaddexp(r * power, -r * alpha * (floor - start)) / r
        power = np.where(np.isfinite(self.floor)[:, None], floored, power)
        passed = power - np.logaddexp(0.0, q * power) / q
        shape = np.where(np.isfinite(self.passage)[:, None], passed, power)
        shape[self.exponent == 0.0] = 0.0
        linear = np.flatnonzero(np.isfinite(self.rest))
        if len(linear):
            shape[linear] = self._linear(linear, at)
        result: FloatArray = shape - shape[:, :1]
        return result

    def _linear(self, rows: IntArray, at: FloatArray) -> FloatArray:
        """(n, len(at)) log shapes of errors that fall in proportion to x."""
        rest, floor = self.rest[rows, None], self.floor[rows, None]
        left = self.floor_sharpness[rows, None] * (floor - at[None, :])
        share = np.logaddexp(0.0, left) / np.logaddexp(0.0, left[:, :1])
        result: FloatArray = np.log(rest + (1.0 - rest) * share)
        return result

    @classmethod
    def of(cls, members: Population, x: FloatArray) -> Shapes:
        """Shapes for points at log sizes ``x`` from members of a population."""
        low, span = float(x[0]), max(float(x[-1] - x[0]), 1e-9)
        active, place = ACTIVE[members.group], members.place
        exponent = np.where(active[:, 0], np.exp(place[:, 0]), 0.0)
        width = span * np.exp(place[:, 4]) * np.where(active[:, 0], exponent, 1.0)
        return cls(
            exponent=exponent,
            passage=np.where(active[:, 1], low + span * place[:, 1], -math.inf),
            floor=np.where(active[:, 2], low + span * place[:, 2], math.inf),
            passage_sharpness=np.where(active[:, 3], np.exp(place[:, 3]), 2.0),
            floor_sharpness=np.where(active[:, 4], np.maximum(1.0 / width, 1.0), 1.0),
            rest=np.where(active[:, 5], np.exp(place[:, 5]), math.nan),
            members=members,
        )

    @property
    def log_prior(self) -> FloatArray:
        """(T,) log of the prior that the shape stands for."""
        return self.members.log_prior

    @property
    def group(self) -> IntArray:
        """(T,) index into :data:`GROUPS`."""
        return self.members.group


def coarse_shapes(x: FloatArray) -> Shapes:
    """The coarse grid for points at log sizes ``x``, in order."""
    group, place, _, log_prior = _unit_grid()
    return Shapes.of(Population(group=group, place=place, log_prior=log_prior), x)


def refine_shapes(
    coarse: Shapes, log_evidence: FloatArray, x: FloatArray, rng: np.random.Generator
) -> Shapes:
    """A first generation: each coarse shape splits into children, more where the evidence is.

    Children lie at random within the coarse shape's cell and share its prior, so that sums over
    them stand for the same integral. ``log_evidence`` (T,) is the rough log marginal likelihood of
    each coarse shape, ``x`` (K,) the log sizes of the points.
    """
    group, place, cell, log_prior = _unit_grid()
    log_weight = log_prior + log_evidence
    weight = np.exp(log_weight - log_weight.max())
    kept = weight > COARSE_SHARE
    # The coarse grid judges cells roughly: the root spreads children over all that may count.
    share = np.where(kept, np.sqrt(weight), 0.0)
    children = np.where(kept, np.maximum(np.round(FINE_SHAPES * share / share.sum()), 1.0), 0.0)
    children[group == 0] = 1.0
    parent = np.repeat(np.arange(len(weight)), children.astype(np.int64))
    spread = rng.random((len(parent), place.shape[1])) - 0.5
    members = Population(
        group=group[parent],
        place=place[parent] + cell[parent] * spread,
        log_prior=log_prior[parent] - np.log(children[parent]),
    )
    return Shapes.of(members, x)


def finer_shapes(
    shapes: Shapes, log_evidence: FloatArray, x: FloatArray, rng: np.random.Generator
) -> Shapes:
    """The next generation, about the shapes that weigh most."""
    low, high, _, _ = _ranges()
    boxes = (np.tile(low, (len(ACTIVE), 1)), np.tile(high, (len(ACTIVE), 1)))
    log_weight = shapes.log_prior + log_evidence
    children = next_generation(
        shapes.members, log_weight, ACTIVE, boxes, log_density, FINE_SHAPES, rng
    )
    return Shapes.of(children, x)


def log_density(group: IntArray, place: FloatArray) -> FloatArray:
    """(N,) log prior density of shapes; -inf outside its range."""
    low, high, middle, per_cell = _ranges()
    active = ACTIVE[group]
    inside = (((place >= low) & (place <= high)) | ~active).all(axis=1)
    both = active[:, 1] & active[:, 2]
    inside &= ~both | (place[:, 2] > place[:, 1])
    density = np.log(GROUP_PRIOR)[group]
    # The exponents' grid is closer where published ones are: so is the prior.
    density = density + np.where(active[:, 0], np.interp(place[:, 0], middle, per_cell), 0.0)
    for k in range(1, len(low)):
        density = density - np.where(active[:, k], math.log(high[k] - low[k]), 0.0)
    density = density - np.where(both, math.log(_share_above()), 0.0)
    return np.where(inside, density, -math.inf)


@lru_cache(maxsize=1)
def _ranges() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Lowest and highest coordinates (6,); log exponents, and the log of their prior density."""
    nodes = np.log(EXPONENTS)
    half = 0.5 * np.gradient(nodes)
    u, c = 0.5 * (PASSAGES[1] - PASSAGES[0]), 0.5 * (FLOORS[1] - FLOORS[0])
    low = [nodes[0] - half[0], PASSAGES[0] - u, FLOORS[0] - c, math.log(0.7), math.log(0.0003)]
    low.append(math.log(0.02))
    high = [nodes[-1] + half[-1], PASSAGES[-1] + u, FLOORS[-1] + c, math.log(2.8), math.log(0.12)]
    high.append(math.log(0.95))
    fine = np.linspace(low[0], high[0], 2001)
    density = np.interp(fine, nodes, -np.log(2.0 * half))
    norm = float(np.log(np.exp(density).mean() * (high[0] - low[0])))
    return (
        read_only(np.array(low)),
        read_only(np.array(high)),
        read_only(nodes),
        read_only(-np.log(2.0 * half) - norm),
    )


@lru_cache(maxsize=1)
def _share_above() -> float:
    """Share of the (u, c) in their ranges with c above u."""
    low, high, _, _ = _ranges()
    u = np.linspace(low[1], high[1], 2001)
    above = np.clip((high[2] - np.maximum(u, low[2])) / (high[2] - low[2]), 0.0, 1.0)
    return float(above.mean())


@lru_cache(maxsize=1)
def _unit_grid() -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Group (T,), coordinates (T, 6), cells' widths (T, 6), log prior (T,) of the coarse grid."""
    low, high, nodes, _ = _ranges()
    passing = low[3] + (high[3] - low[3]) * (np.arange(PASSING) + 0.5) / PASSING
    bending = low[4] + (high[4] - low[4]) * (np.arange(BENDING) + 0.5) / BENDING
    resting = low[5] + (high[5] - low[5]) * (np.arange(RESTING) + 0.5) / RESTING
    rows = []
    for g, has in enumerate(ACTIVE):
        axes = [
            axis if one else np.zeros(1)
            for axis, one in zip(
                (nodes, PASSAGES, FLOORS, passing, bending, resting), has, strict=True
            )
        ]
        for node in itertools.product(*axes):
            if has[1] and has[2] and node[2] <= node[1]:
                continue
            rows.append((g, *node))
    columns = np.array(rows)
    group, place = columns[:, 0].astype(np.int64), columns[:, 1:]
    active = ACTIVE[group]
    width = np.gradient(nodes)[np.searchsorted(nodes, place[:, 0]).clip(0, len(nodes) - 1)]
    cells = np.stack(
        [
            width,
            np.full(len(rows), PASSAGES[1] - PASSAGES[0]),
            np.full(len(rows), FLOORS[1] - FLOORS[0]),
            np.full(len(rows), (high[3] - low[3]) / PASSING),
            np.full(len(rows), (high[4] - low[4]) / BENDING),
            np.full(len(rows), (high[5] - low[5]) / RESTING),
        ],
        axis=1,
    )
    cells = np.where(active, cells, 0.0)
    log_prior = log_density(group, place)
    log_prior += np.where(active, np.log(np.where(active, cells, 1.0)), 0.0).sum(axis=1)
    for g, prior in enumerate(GROUP_PRIOR):  # what a midpoint rule misses
        mine = group == g
        log_prior[mine] += math.log(prior) - np.logaddexp.reduce(log_prior[mine])
    return read_only(group), read_only(place), read_only(cells), read_only(log_prior)
