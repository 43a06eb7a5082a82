r"""How a curve may depart from the law: not at all, smoothly, by a hump, a bend, a step, or two.

A departure is added to the log of the error. Each is Gaussian with a covariance ``root @ root.T``
over the points and the grid alike, so that all are treated by the same few products. Over
x = ln(size), in units of the range tried:

========= =====================================================================================
kind      departure
========= =====================================================================================
none      0
smooth    GP(0, a^2 exp(-(x - x')^2 / 2 l^2)), waves as short as a step between sizes among them
feature   a hump, a bend, a step or a pair (``posterior.features``), its height normal, with a
          small smooth departure beside it, or none: few curves are exactly of these forms
========= =====================================================================================

Pairs are looked at only where one feature and the law leave much to a smooth departure; elsewhere
their share could not count.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
W        ways to depart                                                scalar
K, G     points, grid points                                           scalar
======== ============================================================= ===========
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.curves.points import sizes_apart
from analysis.posterior.features import (
    ACTIVE,
    BEND,
    FEATURES,
    GROUPS,
    PAIR_PRIOR,
    PAIRS,
    STEP,
    Kind,
    boxes,
    columns,
    groups_of,
    log_density,
)
from analysis.posterior.population import Population, next_generation
from analysis.table.trials import BoolArray, FloatArray, IntArray

NONE_PRIOR = 0.4
"""Prior weight of the law as it is, relative to those of the departures (which add up to some .8):
published curves of size mostly follow one."""
SMOOTH_PRIORS = ((0.02, 0.08), (0.05, 0.1), (0.15, 0.06), (0.4, 0.02), (1.0, 0.01))
"""Amplitude a of a smooth departure, on the log of the error, with its prior weight."""
LENGTHS = (0.15, 0.3, 0.6)
"""Length l of a smooth departure, in units of the range of x; the first beside a feature."""
WAVE_PRIORS = ((0.015, 0.05), (0.04, 0.04))
"""Amplitude of short waves, with its prior weight."""
WAVE_LENGTH = 0.8
"""Their length, in steps between sizes."""
SHORTEST = 1.0 / 64.0
"""Shortest step that waves follow, in units of the range."""
INDUCING = 0.4
"""A smooth departure is made of normal bumps this far apart, in units of its length: its
covariance is then right to one part in ten thousand."""
LARGE = 0.1
"""A departure of this size on the log of the error is worth a word."""
FINE_DEPARTURES = 80
"""Features of each generation."""
DEPARTURE_SHARE = 1e-4
"""A coarse departure below this share of the best one's weight is left out."""
PAIR_PARENTS = 2
"""Single features of each kind that pairs are first made of, with all others."""
PAIRS_NEEDED = 0.03
"""Share of smooth departures of 10% and more from which pairs are looked at."""

NONE, SMOOTH, FEATURED = 0, 1, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Ways:
    """W ways to depart, as columns."""

    sort: IntArray
    """(W,) none, smooth or featured."""
    size: FloatArray
    """(W,) typical size on the log of the error; a bend's is its change of slope."""
    length: FloatArray
    """(W,) length of a smooth departure; 0 for the others."""
    group: IntArray
    """(W,) group of a feature; 0 for the others."""
    place: FloatArray
    """(W, 5) coordinates of a feature."""
    log_prior: FloatArray
    """(W,)"""
    covariance: FloatArray
    """(W, K, K) at the points."""

    def __len__(self) -> int:
        return len(self.sort)

    def only(self, keep: BoolArray | IntArray) -> Ways:
        """The ways at these places."""
        return Ways(
            sort=self.sort[keep], size=self.size[keep], length=self.length[keep],
            group=self.group[keep], place=self.place[keep], log_prior=self.log_prior[keep],
            covariance=self.covariance[keep],
        )  # fmt: skip

    def and_also(self, others: Ways) -> Ways:
        """Both."""
        return Ways(
            sort=np.concatenate([self.sort, others.sort]),
            size=np.concatenate([self.size, others.size]),
            length=np.concatenate([self.length, others.length]),
            group=np.concatenate([self.group, others.group]),
            place=np.concatenate([self.place, others.place]),
            log_prior=np.concatenate([self.log_prior, others.log_prior]),
            covariance=np.concatenate([self.covariance, others.covariance]),
        )

    @property
    def simple(self) -> BoolArray:
        """(W,) whether it helps to tell roughly which laws may hold."""
        found: BoolArray = (self.sort == NONE) | (
            (self.sort == SMOOTH) & (self.length == LENGTHS[1]) & (self.size < 0.2)
        )
        return found

    def kind(self, k: int) -> Kind:
        """The kind of one of them."""
        if self.sort[k] == FEATURED:
            kind: Kind = GROUPS[self.group[k]].kind
            return kind
        return "none" if self.sort[k] == NONE else "smooth"


class Departures:
    """All departures for points at log sizes ``x`` (K,) and curves drawn on ``grid`` (G,)."""

    def __init__(self, x: FloatArray, grid: FloatArray) -> None:
        self._span = max(float(x[-1] - x[0]), 1e-9)
        self._at = (x - x[0]) / self._span
        self._grid = (grid - x[0]) / self._span
        step = float(np.median(np.diff(sizes_apart(x)))) / self._span if x[-1] > x[0] else 1.0
        self._wave = WAVE_LENGTH * max(step, SHORTEST)
        self._roots: dict[float, tuple[FloatArray, FloatArray]] = {}

    def coarse(self) -> Ways:
        """The law itself, smooth departures, and features on a coarse grid."""
        smooth = [
            (length, a, prior / len(LENGTHS)) for length in LENGTHS for a, prior in SMOOTH_PRIORS
        ] + [(self._wave, a, prior) for a, prior in WAVE_PRIORS]
        lengths, sizes, priors = (np.array(column) for column in zip(*smooth, strict=True))
        covariances = np.stack([a**2 * self._smooth(length) for length, a, _ in smooth])
        k = len(self._at)
        nothing = Ways(
            sort=np.zeros(1, dtype=np.int64), size=np.zeros(1), length=np.zeros(1),
            group=np.zeros(1, dtype=np.int64), place=np.zeros((1, 5)),
            log_prior=np.log([NONE_PRIOR]), covariance=np.zeros((1, k, k)),
        )  # fmt: skip
        n = len(smooth)
        found = nothing.and_also(
            Ways(
                sort=np.full(n, SMOOTH),
                size=sizes,
                length=lengths,
                group=np.zeros(n, dtype=np.int64),
                place=np.zeros((n, 5)),
                log_prior=np.log(priors),
                covariance=covariances,
            )
        )
        for feature in FEATURES:
            place = feature.coarse()
            group = np.full(len(place), groups_of((feature,))[0])
            log_prior = np.full(len(place), math.log(feature.prior / len(place)))
            heights = np.full(len(place), feature.coarse_height)
            found = found.and_also(self._featured(group, place, log_prior, heights))
        return found

    def refine(self, coarse: Ways, log_evidence: FloatArray, rng: np.random.Generator) -> Ways:
        """Split features into children at random places in their cells, where they count.

        Children share their parent's prior, so that sums over them stand for the same integral.
        """
        log_weight = log_evidence + coarse.log_prior
        weight = np.exp(log_weight - log_weight.max())
        kept = weight > DEPARTURE_SHARE
        featured = coarse.sort == FEATURED
        share = np.where(kept & featured, np.sqrt(weight), 0.0)
        children = np.maximum(np.round(FINE_DEPARTURES * share / max(share.sum(), 1e-300)), 1.0)
        children = np.where(kept & featured, children, 0.0).astype(np.int64)
        fine = coarse.only((coarse.sort == NONE) | (kept & ~featured))
        parent = np.repeat(np.arange(len(coarse)), children)
        if len(parent):
            fine = fine.and_also(self._children(coarse, parent, children, rng))
        smooth = (coarse.sort == SMOOTH) & (coarse.size >= LARGE)
        if weight[smooth].sum() > PAIRS_NEEDED * weight.sum():
            fine = fine.and_also(self._pairs(coarse, log_weight, rng))
        return fine

    def finer(self, ways: Ways, log_evidence: FloatArray, rng: np.random.Generator) -> Ways:
        """The next generation of features, about those that weigh most; the others as they are."""
        featured = np.flatnonzero(ways.sort == FEATURED)
        rest = ways.only(ways.sort != FEATURED)
        log_weight = log_evidence + ways.log_prior
        least = log_weight.max() + math.log(DEPARTURE_SHARE)
        if not len(featured) or log_weight[featured].max() < least:
            return rest
        parents = Population(
            group=ways.group[featured],
            place=ways.place[featured],
            log_prior=ways.log_prior[featured],
        )
        children = next_generation(
            parents, log_weight[featured], ACTIVE, boxes(), log_density, FINE_DEPARTURES, rng
        )
        return rest.and_also(self._featured(children.group, children.place, children.log_prior))

    def roots(self, ways: Ways, k: int) -> tuple[FloatArray, FloatArray]:
        """(K, rank) and (G, rank) root of one way's covariance at the points and on the grid."""
        if ways.sort[k] == NONE:
            return np.zeros((len(self._at), 0)), np.zeros((len(self._grid), 0))
        if ways.sort[k] == SMOOTH:
            at_points, on_grid = self._root(float(ways.length[k]))
            return ways.size[k] * at_points, ways.size[k] * on_grid
        group = GROUPS[ways.group[k]]
        one = slice(k, k + 1)
        n = len(group.features)
        parts = []
        for at, smooth in zip((self._at, self._grid), self._root(LENGTHS[0]), strict=True):
            made = np.concatenate(columns(ways.group[one], ways.place[one], at)[:n])
            made = made * self._units(group.features[0].kind, group.features[-1].kind, n)[:, None]
            root = made.T
            if group.slack:
                root = np.concatenate([root, group.slack * smooth], axis=1)
            parts.append(root)
        return parts[0], parts[1]

    def _units(self, first: Kind, second: Kind, n: int) -> FloatArray:
        """(n,) a bend's slope is per unit of log size, its column in units of the range."""
        return np.array([self._span if kind == "bend" else 1.0 for kind in (first, second)][:n])

    def _children(
        self, coarse: Ways, parent: IntArray, children: IntArray, rng: np.random.Generator
    ) -> Ways:
        """Features at random places in their parents' cells, of any height and slack."""
        group, place = coarse.group[parent].copy(), coarse.place[parent].copy()
        for feature in FEATURES:
            alike = groups_of((feature,))
            mine = np.flatnonzero(np.isin(group, alike))
            prior = np.array([GROUPS[k].prior for k in alike])
            group[mine] = rng.choice(alike, len(mine), p=prior / prior.sum())
            place[mine, :3] += feature.cell() * (rng.random((len(mine), 3)) - 0.5)
        return self._featured(group, place, coarse.log_prior[parent] - np.log(children[parent]))

    def _pairs(self, coarse: Ways, log_weight: FloatArray, rng: np.random.Generator) -> Ways:
        """The best steps and bends, each with every other one, of any slack."""
        featured = coarse.sort == FEATURED
        of = {
            f.kind: np.flatnonzero(featured & np.isin(coarse.group, groups_of((f,))))
            for f in (STEP, BEND)
        }
        group, place, log_prior = [], [], []
        for one, other in PAIRS:
            heaviest = np.argsort(-log_weight[of[one.kind]], kind="stable")[:PAIR_PARENTS]
            firsts, seconds = of[one.kind][heaviest], of[other.kind]
            left, right = np.repeat(firsts, len(seconds)), np.tile(seconds, len(firsts))
            made = np.zeros((len(left), 5))
            made[:, :2], made[:, 3:] = coarse.place[left, :2], coarse.place[right, :2]
            # Of two alike the first stands before the second: half the cells, twice the prior.
            ordered = np.ones(len(made), dtype=bool)
            if one is other:
                ordered = made[:, 0] < made[:, 3]
                swapped = made[:, [3, 4, 2, 0, 1]]
                made = np.unique(np.concatenate([made[ordered], swapped[~ordered]]), axis=0)
                made = made[made[:, 0] < made[:, 3]]
            cells = len(one.coarse()) * len(other.coarse()) / (2 if one is other else 1)
            alike = groups_of((one, other))
            prior = np.array([GROUPS[k].prior for k in alike])
            group.append(rng.choice(alike, len(made), p=prior / prior.sum()))
            place.append(made)
            log_prior.append(np.full(len(made), math.log(PAIR_PRIOR / len(PAIRS) / cells)))
        return self._featured(
            np.concatenate(group), np.concatenate(place), np.concatenate(log_prior)
        )

    def _featured(
        self,
        group: IntArray,
        place: FloatArray,
        log_prior: FloatArray,
        heights: FloatArray | None = None,
    ) -> Ways:
        first, second = columns(group, place, self._at, heights)
        bends = np.array(
            [[f.kind == "bend" for f in (g.features[0], g.features[-1])] for g in GROUPS]
        )[group]
        first = first * np.where(bends[:, 0], self._span, 1.0)[:, None]
        second = second * np.where(bends[:, 1], self._span, 1.0)[:, None]
        slack = np.array([g.slack for g in GROUPS])[group]
        covariance = first[:, :, None] * first[:, None, :] + second[:, :, None] * second[:, None, :]
        covariance += (slack**2)[:, None, None] * self._smooth(LENGTHS[0])
        size = np.array([g.heights[0] for g in GROUPS])[group]
        return Ways(
            sort=np.full(len(group), FEATURED), size=size, length=np.zeros(len(group)),
            group=group, place=place, log_prior=log_prior, covariance=covariance,
        )  # fmt: skip

    def _smooth(self, length: float) -> FloatArray:
        """(K, K) covariance of a smooth departure of amplitude 1 at the points."""
        root, _ = self._root(length)
        covariance: FloatArray = root @ root.T
        return covariance

    def _root(self, length: float) -> tuple[FloatArray, FloatArray]:
        """(K, rank) and (G, rank) root of a smooth departure of amplitude 1."""
        if length not in self._roots:
            first, last = min(0.0, self._grid[0]), max(1.0, self._grid[-1])
            n = math.ceil((last - first) / (INDUCING * length)) + 5
            step = INDUCING * length
            bumps = first - 2.0 * step + step * np.arange(n)
            inner = np.exp(-0.5 * ((bumps[:, None] - bumps[None, :]) / length) ** 2)
            lower = np.linalg.cholesky(inner + 1e-10 * np.eye(n))
            made = []
            for at in (self._at, self._grid):
                across = np.exp(-0.5 * ((at[:, None] - bumps[None, :]) / length) ** 2)
                made.append(np.linalg.solve(lower, across.T).T)
            self._roots[length] = (made[0], made[1])
        return self._roots[length]
