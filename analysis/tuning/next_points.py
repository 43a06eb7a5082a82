r"""The next search point of each cell, chosen by the model of all search trials of the study.

The model is that of :mod:`analysis.tuning.pooled`. With g_c(u) what values u do in cell c, and its
winner w where the mean of g_c is lowest, a point is worth

    improvement(u) = E max(g_c(w) - g_c(u), 0)                              (expected improvement)
    gradient(u)    = mean(w) - E min_v mean(v), once u has been trained     (knowledge gradient)

Points of all cells are chosen before any is trained, one cell after the other: the points chosen
so far shrink the variance, at the errors that are expected of them.

======== ======================================================= =========
symbol   meaning                                                 shape
======== ======================================================= =========
n, K     trials; hyperparameters                                 scalar
m        points looked at                                        scalar
======== ======================================================= =========

References
----------
Jones, Schonlau and Welch (1998), "Efficient Global Optimization", section 4.1. Frazier, Powell and
Dayanik (2009), "The Knowledge-Gradient Policy for Correlated Normal Beliefs", here by Gauss-Hermite
quadrature over the points looked at. Desautels, Krause and Burdick (2014), "Parallelizing
Exploration-Exploitation Tradeoffs", section 4: a batch by the variance alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from scipy.stats import qmc

from analysis.streams import Stream, generator
from analysis.table.trials import FloatArray
from analysis.tuning.pooled import (
    GRID,
    Searched,
    _columns,
    _Model,
    bounded_above,
    near,
    pooled_best,
)
from analysis.tuning.robust import Cells

LOOKED_AT = 1024
"""Points looked at in each cell, all on the lattice of the model's winners."""
NODES = 24
"""Of the quadrature."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Belief:
    """What the model says of the points looked at in one cell."""

    mean: FloatArray
    """(m,) of g."""
    covariance: FloatArray
    """(m, m) of g."""
    told: FloatArray
    """(m, m) covariance of g at one point (rows) and of the error of a trial at another."""
    variance: FloatArray
    """(m,) of the error of a trial, its noise included."""


Worth = Callable[[Belief], FloatArray]
"""(m,) what each point is worth."""


def improvement(belief: Belief) -> FloatArray:
    """Expected improvement on the winner."""
    mean, covariance = belief.mean, belief.covariance
    best = int(np.argmin(mean))
    own = np.diag(covariance)
    spread = np.sqrt(np.maximum(own + own[best] - 2.0 * covariance[best], 1e-12))
    z = (mean[best] - mean) / spread
    density = np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    found: FloatArray = spread * (z * ndtr(z) + density)
    return found


def gradient(belief: Belief) -> FloatArray:
    """Knowledge gradient: by how much the winner's mean is expected to fall."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    moves = belief.told / np.sqrt(belief.variance)
    lowest = sum(
        weight * (belief.mean[:, None] + node * moves).min(axis=0)
        for node, weight in zip(nodes, weights / weights.sum(), strict=True)
    )
    found: FloatArray = belief.mean.min() - lowest
    return found


def next_points(trials: Searched, worth: Worth, seed: int) -> FloatArray | None:
    """Return the point of each cell to train next, (C, K); None where trials do not scatter."""
    y = bounded_above(trials.y, Cells.of(trials.cell))
    model = _Model.of(y, _columns(trials.u, trials.choices), trials.place, trials.cell)
    if model is None:
        return None
    theta = model.most_probable()
    looked = lattice(trials, seed)
    columns = _columns(looked, trials.choices)
    count = looked.shape[1]
    lengths, size = np.exp(theta[:-4]), np.exp(theta[-3])
    of_places = lengths[count : count + trials.place.shape[1]]
    of_size = lengths[count + trials.place.shape[1] :]
    signal, own, noise = np.exp(theta[[-4, -2, -1]])
    v = columns.z / lengths[columns.of]
    among = signal * near(v, v)
    u, places, cell = model.scaled(theta)[0], model.place, trials.cell
    whole, rest = model.covariance(theta), model.y
    starts = Cells.of(trials.cell).starts
    found = np.empty((len(starts), count))
    rng = generator(seed, Stream.NEXT_POINTS)
    for c in rng.permutation(len(starts)):
        here = trials.place[starts[c]]
        close = near(here[None] / of_places, places / of_places)
        of_g = signal * near(v, u) * close
        level = size * near(here[None] / of_size, places / of_size) + own * (cell == c)
        of_y = of_g + level + model.flat
        solved = np.linalg.solve(whole, np.column_stack([rest, of_g.T, of_y.T]))
        half = 1 + len(v)
        belief = Belief(
            mean=of_g @ solved[:, 0],
            covariance=among - of_g @ solved[:, 1:half],
            told=among - of_g @ solved[:, half:],
            variance=np.diag(among) + size + own + model.flat + noise
            - np.einsum("ij,ji->i", of_y, solved[:, half:]),
        )  # fmt: skip
        best = int(np.argmax(worth(belief)))
        found[c] = looked[best]
        # The point as if trained, with the error that is expected of it: only variances change.
        column = of_y[best]
        expected = float(column @ solved[:, 0])
        diagonal = signal + size + own + model.flat + noise
        whole = np.block([[whole, column[:, None]], [column[None], np.array([[diagonal]])]])
        rest = np.append(rest, expected)
        u, places = np.vstack([u, v[best]]), np.vstack([places, here])
        cell = np.append(cell, c)
    return found


def lattice(trials: Searched, seed: int) -> FloatArray:
    """Points looked at, (m, K): spread evenly and moved to the lattice, and the cells' winners."""
    count = trials.u.shape[1]
    units = qmc.Sobol(count, rng=generator(seed, Stream.NEXT_POINTS, 1)).random(LOOKED_AT)
    columns = [
        np.minimum(np.floor(units[:, k] * many), many - 1)
        if many
        else np.round(units[:, k] * (GRID - 1)) * 2.0 / (GRID - 1) - 1.0
        for k, many in enumerate(trials.choices)
    ]
    winners = pooled_best(trials)
    assert winners is not None  # there was a model
    kept = winners[np.isfinite(winners).all(axis=1)]
    return np.unique(np.concatenate([np.stack(columns, axis=1), kept]), axis=0)
