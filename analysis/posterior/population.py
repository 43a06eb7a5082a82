r"""A sample of a posterior, made finer where the weight is: population Monte Carlo.

Members of a sample belong to a group (which parameters they have at all) and stand at coordinates.
A next generation is drawn group by group: about the group's members that weigh most, by a normal
kernel, and a part of it anywhere in the group's box, so that nothing that the prior allows is ever
out of reach and no weight is without bound. Each child is weighed by prior over the density that it
was drawn from, that of the whole mixture; a group's children together stand for its whole prior,
however many there are. How parents are chosen, and how many children a group has, changes the
precision of a sum over them, and not what it tends to.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
N, n_g   members; children of a group                                  scalar
D        coordinates                                                   scalar
V_g      volume of a group's box                                       scalar
q_g(z)   (1 - w) sum_j p_j N(z; z_j, H_g) + w / V_g                    (n_g,)
======== ============================================================= ===========

References
----------
Cappe, Guillin, Marin and Robert (2004), "Population Monte Carlo", *Journal of Computational and
Graphical Statistics* 13(4); Hesterberg (1995), "Weighted average importance sampling and defensive
mixture distributions", *Technometrics* 37(2), for the part in the box; Veach and Guibas (1995) for
weighing by the whole mixture. Departure: weights are flattened by a power until enough members
carry them, so that a first generation that hit once does not end the search.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.table.trials import BoolArray, FloatArray, IntArray

Density = Callable[[IntArray, FloatArray], FloatArray]
"""Log prior density (N,) of groups (N,) and coordinates (N, D); -inf where the prior has none."""
Boxes = tuple[FloatArray, FloatArray]
"""Lowest and highest coordinates of each group, (groups, D) each."""

PARENTS = 160
"""At most so many members of a group have children."""
BANDWIDTH = 0.6
"""Kernel in units of the spread of the group: children spread a little wider than their parents."""
LEAST_KERNEL = 2e-3
"""A kernel is never narrower than this in any coordinate."""
CARRYING = 20.0
"""Members that should carry the flattened weights of a group, in effect."""
LEAST_POWER = 0.01
"""Weights are not flattened beyond this power."""
DEFENSIVE = 0.15
"""Share of a group's children that are drawn anywhere in its box."""
LEAST_CHILDREN = 1
"""Of a group, for each of its coordinates and one more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """N members of a sample."""

    group: IntArray
    """(N,)"""
    place: FloatArray
    """(N, D) coordinates; 0 where the group has none."""
    log_prior: FloatArray
    """(N,) log of the prior that the member stands for: its density over that of its proposal."""

    def __len__(self) -> int:
        return len(self.group)

    def only(self, keep: IntArray) -> Population:
        """The members at these places."""
        return Population(
            group=self.group[keep], place=self.place[keep], log_prior=self.log_prior[keep]
        )


def carrying(log_weight: FloatArray) -> float:
    """Members that carry the weights, in effect: (sum w)^2 / sum w^2."""
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.sum() ** 2 / (weight**2).sum())


def next_generation(
    parents: Population,
    log_weight: FloatArray,
    active: BoolArray,
    boxes: Boxes,
    density: Density,
    n: int,
    rng: np.random.Generator,
) -> Population:
    """Draw some ``n`` children about the parents that weigh most; members without places stay.

    Parameters
    ----------
    log_weight : (N,)
        Log of the members' posterior weights.
    active : (groups, D)
        Which coordinates each group has.
    boxes : lowest and highest coordinates, (groups, D) each
        Where each group's prior lies.
    density : callable
        The log prior density.
    """
    groups = np.flatnonzero(active.any(axis=1))
    weight = np.exp(log_weight - log_weight.max())
    mass = np.array([weight[parents.group == g].sum() for g in groups])
    root = np.sqrt(mass)
    if not mass.sum() > 0.0:  # all weight is on members without coordinates
        mass, root = np.ones(len(groups)), np.ones(len(groups))
    share = 0.5 * mass / mass.sum() + 0.5 * root / root.sum()
    least = LEAST_CHILDREN * (active[groups].sum(axis=1) + 1)
    counts = np.maximum(np.round(n * share).astype(np.int64), least)
    fixed = ~active[parents.group].any(axis=1)
    group, place = [parents.group[fixed]], [parents.place[fixed]]
    log_prior = [parents.log_prior[fixed]]
    for g, count in zip(groups, counts, strict=True):
        mine = parents.group == g
        used = np.flatnonzero(active[g])
        low, high = boxes[0][g, used], boxes[1][g, used]
        at, log_density = _draw(
            parents.place[np.ix_(mine, used)], log_weight[mine], low, high, int(count), rng
        )
        made = np.zeros((len(at), active.shape[1]))
        made[:, used] = at
        members = np.full(len(at), g)
        found = density(members, made) - log_density - math.log(len(at))
        kept = np.isfinite(found)
        group.append(members[kept])
        place.append(made[kept])
        log_prior.append(found[kept])
    return Population(
        group=np.concatenate(group),
        place=np.concatenate(place),
        log_prior=np.concatenate(log_prior),
    )


def _draw(
    place: FloatArray,
    log_weight: FloatArray,
    low: FloatArray,
    high: FloatArray,
    n: int,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """(n, D) children of one group, and the log density (n,) that they are drawn from."""
    anywhere = max(round(DEFENSIVE * n), 1) if len(place) > len(low) else n
    at = low + (high - low) * rng.random((n, len(low)))
    log_box = -float(np.log(high - low).sum())
    if anywhere == n:
        return at, np.full(n, log_box)
    order = rng.permutation(len(place))  # so that ticks meet no pattern of a grid
    place = place[order]
    share = _flattened(log_weight[order])
    root = _kernel(place, share)
    chosen, counts = _systematic(share, min(PARENTS, n), rng)
    weight = counts / counts.sum()
    child = chosen[rng.choice(len(chosen), n - anywhere, p=weight)]
    at[anywhere:] = place[child] + rng.standard_normal((n - anywhere, len(low))) @ root.T
    inverse = np.linalg.inv(root)
    u, v = at @ inverse.T, place[chosen] @ inverse.T
    square = (u**2).sum(axis=1)[:, None] + (v**2).sum(axis=1)[None, :] - 2.0 * u @ v.T
    kernel = np.exp(-0.5 * np.maximum(square, 0.0)) @ weight
    constant = 0.5 * len(low) * math.log(2.0 * math.pi) + math.log(abs(np.linalg.det(root)))
    inside = ((at >= low) & (at <= high)).all(axis=1)
    part = anywhere / n
    density = (1.0 - part) * kernel * math.exp(-constant) + part * math.exp(log_box) * inside
    return at, np.log(density + 1e-300)


def _flattened(log_weight: FloatArray) -> FloatArray:
    """(N,) weights that sum to 1, flattened just enough for :data:`CARRYING` members."""
    relative = log_weight - log_weight.max()
    least, most = math.log(LEAST_POWER), 0.0
    if carrying(log_weight) < CARRYING:
        for _ in range(12):
            middle = 0.5 * (least + most)
            if carrying(math.exp(middle) * relative) < CARRYING:
                most = middle
            else:
                least = middle
        most = least
    weight = np.exp(math.exp(most) * relative)
    share: FloatArray = weight / weight.sum()
    return share


def _systematic(share: FloatArray, n: int, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Members (at most n) chosen in proportion to their share, and how often each was."""
    ticks = (np.arange(n) + rng.random()) / n
    found = np.minimum(np.searchsorted(np.cumsum(share), ticks), len(share) - 1)
    chosen, counts = np.unique(found, return_counts=True)
    return chosen, counts.astype(np.float64)


def _kernel(place: FloatArray, weight: FloatArray) -> FloatArray:
    """(D, D) root of the kernel's covariance."""
    weight = weight / weight.sum()
    away = place - weight @ place
    covariance = BANDWIDTH**2 * (away.T * weight) @ away
    covariance[np.diag_indices(len(covariance))] += LEAST_KERNEL**2
    root: FloatArray = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    return root
