r"""The shapes of the law on a grid: coarse everywhere, fine where the data point.

    ln s(x) = p - ln(1 + e^(q p)) / q,    r p = ln(e^(-r alpha (x - u)) + e^(-r alpha (c - u)))

over x = ln(size): the passage from chance ends near u, the floor takes over near c, and between
them the error is a power law of exponent alpha. With q = 2 and r = 1 this is Rosenfeld et al.
(2020), equation 5, with eta = 1 absorbed by u. Curves are seen to pass more slowly (q = 1 is the
logistic curve in x) and to bend more sharply (r = 3, 9) than that: both are on the grid. Without u
it is a power law with a floor, without c it has no floor, and with alpha = 0 it is flat. Exponents
are spread by their logarithm, u and c evenly over the range of x.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from analysis.table.trials import FloatArray, IntArray, read_only

EXPONENTS = np.array([0.02, 0.05, 0.08, 0.12, 0.17, 0.23, 0.3, 0.4, 0.5, 0.65, 0.85, 1.2, 1.8])
"""Exponents alpha of the coarse grid; published fits in size lie between 0.05 and 1 (Rosenfeld
2020, table 1; Hestness 2017, table 1)."""
PASSAGES = np.linspace(-0.1, 0.75, 8)
"""Ends u of the passage from chance, in units of the range of x."""
FLOORS = np.linspace(0.1, 1.5, 11)
"""Beginnings c of the floor, in the same units."""
PASSAGE_SHARPNESS = ((2.0, 0.6), (1.0, 0.4))
"""Sharpness q of the passage from chance, with its prior weight."""
FLOOR_SHARPNESS = ((1.0, 0.6), (3.0, 0.22), (9.0, 0.18))
"""Sharpness r of the bend into the floor, with its prior weight."""
FLAT_PRIOR = 0.2
"""Prior weight of the flat curve."""
FINE_SHAPES = 1200
"""Shapes of the fine grid."""
COARSE_SHARE = 1e-6
"""A coarse shape below this share of the best one's weight is left out of the fine grid."""


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
    """(T,) r."""
    log_prior: FloatArray
    """(T,) log prior weight."""

    def only(self, keep: IntArray) -> Shapes:
        """The shapes at these places."""
        return Shapes(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})

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
        result: FloatArray = shape - shape[:, :1]
        return result


def coarse_shapes(x: FloatArray) -> Shapes:
    """The coarse grid for points at log sizes ``x``, in order."""
    low, span = float(x[0]), max(float(x[-1] - x[0]), 1e-9)
    exponent, passage, floor, passing, bending, prior = _unit_grid()
    return Shapes(
        exponent=exponent,
        passage=low + span * passage,
        floor=low + span * floor,
        passage_sharpness=passing,
        floor_sharpness=bending,
        log_prior=np.log(prior),
    )


@lru_cache(maxsize=1)
def _unit_grid() -> FloatArray:
    """(6, T) alpha, u, c, q, r and prior of the coarse grid, for points from 0 to 1."""
    passages = [-math.inf, *PASSAGES]
    floors = [*FLOORS, math.inf]
    rows = [(0.0, -math.inf, math.inf, 2.0, 1.0, FLAT_PRIOR)]
    for alpha, u, c in itertools.product(EXPONENTS, passages, floors):
        if c <= u:
            continue
        passing = PASSAGE_SHARPNESS if math.isfinite(u) else ((2.0, 1.0),)
        bending = FLOOR_SHARPNESS if math.isfinite(c) else ((1.0, 1.0),)
        for (q, w_q), (r, w_r) in itertools.product(passing, bending):
            rows.append((float(alpha), u, c, q, r, w_q * w_r))
    columns = np.array(rows).T.copy()
    prior = columns[5]
    prior[1:] *= (1.0 - FLAT_PRIOR) / prior[1:].sum()
    return read_only(columns)


def refine_shapes(
    coarse: Shapes, log_evidence: FloatArray, x: FloatArray, rng: np.random.Generator
) -> Shapes:
    """A fine grid: each coarse shape splits into children, more where the evidence is.

    Children lie at random within the coarse shape's cell and share its prior, so that sums over
    them stand for the same integral. How many there are changes precision, never the prior.
    ``log_evidence`` (T,) is the rough log marginal likelihood of each coarse shape, ``x`` (K,) the
    log sizes of the points.
    """
    span = max(float(x[-1] - x[0]), 1e-9)
    log_weight = coarse.log_prior + log_evidence
    weight = np.exp(log_weight - log_weight.max())
    kept = weight > COARSE_SHARE
    # The coarse grid judges cells roughly: the root spreads children over all that may count.
    share = np.where(kept, np.sqrt(weight), 0.0)
    children = np.where(kept, np.maximum(np.round(FINE_SHAPES * share / share.sum()), 1.0), 0.0)
    children[coarse.exponent == 0.0] = 1.0
    parent = np.repeat(np.arange(len(weight)), children.astype(np.int64))
    n = len(parent)
    ratio = np.gradient(np.log(EXPONENTS))
    where = np.searchsorted(EXPONENTS, coarse.exponent[parent]).clip(0, len(EXPONENTS) - 1)
    exponent = coarse.exponent[parent] * np.exp(ratio[where] * (rng.random(n) - 0.5))
    passage = coarse.passage[parent] + span * (PASSAGES[1] - PASSAGES[0]) * (rng.random(n) - 0.5)
    floor = coarse.floor[parent] + span * (FLOORS[1] - FLOORS[0]) * (rng.random(n) - 0.5)
    return Shapes(
        exponent=exponent,
        passage=passage,
        floor=floor,
        passage_sharpness=coarse.passage_sharpness[parent],
        floor_sharpness=coarse.floor_sharpness[parent],
        log_prior=coarse.log_prior[parent] - np.log(children[parent]),
    )
