r"""A sample of a posterior, made finer where the weight is: population Monte Carlo.

Members of a sample belong to a group (which parameters they have at all) and stand at coordinates.
A next generation is drawn about the members that weigh most, by a normal kernel for each group, and
each child is weighed by prior over the density that it was drawn from. The density is that of the
whole mixture, so that no child counts for more than the place where it stands; how the parents were
chosen changes the precision of a sum over the children, never what it tends to.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
N, P     members, parents                                              scalar
D        coordinates                                                   scalar
q(z)     density that children are drawn from: sum_j p_j N(z; z_j, H)  (N,)
======== ============================================================= ===========

References
----------
Cappe, Guillin, Marin and Robert (2004), "Population Monte Carlo", *Journal of Computational and
Graphical Statistics* 13(4); Veach and Guibas (1995) for weighing by the whole mixture. Departure:
weights are flattened by a power until enough members carry them, so that a first generation that
hit once does not end the search.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.table.trials import BoolArray, FloatArray, IntArray

Density = Callable[[IntArray, FloatArray], FloatArray]
"""Log prior density (N,) of groups (N,) and coordinates (N, D); -inf where the prior has none."""

PARENTS = 160
"""At most so many members have children."""
BANDWIDTH = 0.6
"""Kernel in units of the spread of the group: children spread a little wider than their parents."""
LEAST_KERNEL = 2e-3
"""A kernel is never narrower than this in any coordinate."""
CARRYING = 40.0
"""Members that should carry the flattened weights, in effect."""
LEAST_POWER = 0.01
"""Weights are not flattened beyond this power."""


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
    density: Density,
    n: int,
    rng: np.random.Generator,
) -> Population:
    """Draw ``n`` children about the parents that weigh most; members without coordinates stay.

    Parameters
    ----------
    log_weight : (N,)
        Log of the members' posterior weights.
    active : (groups, D)
        Which coordinates each group has.
    density : callable
        The log prior density.
    """
    fixed = np.flatnonzero(~active[parents.group].any(axis=1))
    free = np.flatnonzero(active[parents.group].any(axis=1))
    if not len(free):
        return parents
    share = _flattened(log_weight[free])
    chosen, counts = _systematic(share, min(PARENTS, n), rng)
    share = counts / counts.sum()
    place, group = parents.place[free][chosen], parents.group[free][chosen]
    per_parent = np.diff(np.floor(np.concatenate([[0.0], np.cumsum(share)]) * n + rng.random()))
    child = np.repeat(np.arange(len(chosen)), per_parent.astype(np.int64))
    new_group = group[child]
    new_place = place[child].copy()
    log_density = np.full(len(child), -np.inf)
    for g in np.unique(group):
        used = np.flatnonzero(active[g])
        mine, its = new_group == g, group == g
        weight = share[its]
        root = _kernel(place[its][:, used], weight)
        steps = rng.standard_normal((int(mine.sum()), len(used))) @ root.T
        at = new_place[np.ix_(mine, used)] + steps
        new_place[np.ix_(mine, used)] = at
        inverse = np.linalg.inv(root)
        u, v = at @ inverse.T, place[its][:, used] @ inverse.T
        square = (u**2).sum(axis=1)[:, None] + (v**2).sum(axis=1)[None, :] - 2.0 * u @ v.T
        kernel = np.exp(-0.5 * np.maximum(square, 0.0)) @ weight
        constant = 0.5 * len(used) * math.log(2.0 * math.pi) + math.log(abs(np.linalg.det(root)))
        log_density[mine] = np.log(kernel + 1e-300) - constant
    log_prior = density(new_group, new_place) - log_density - math.log(len(child))
    kept = np.isfinite(log_prior)
    return Population(
        group=np.concatenate([parents.group[fixed], new_group[kept]]),
        place=np.concatenate([parents.place[fixed], new_place[kept]]),
        log_prior=np.concatenate([parents.log_prior[fixed], log_prior[kept]]),
    )


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
