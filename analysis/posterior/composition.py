"""Which shapes carry a posterior over curves: laws, and departures with their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from analysis.posterior.departures import FEATURED, LARGE, SMOOTH, Ways
from analysis.table.trials import FloatArray, IntArray

CarrierKind = Literal[
    "flat", "power", "floor", "passage", "linear", "smooth", "hump", "bend", "step", "pair"
]
"""Laws (a flat curve; a power law, with a floor, with the passage from chance; an error that falls
in proportion to the log of the size), and departures of 10% and more."""
CARRIERS: tuple[CarrierKind, ...] = get_args(CarrierKind)
BY_GROUP: tuple[CarrierKind, ...] = (
    "flat", "power", "floor", "floor", "passage", "passage", "passage", "linear",
)  # fmt: skip
"""Of each group of shapes (``posterior.shapes.GROUPS``)."""
LEAST_SHARE = 0.03
"""What carries less is not named."""


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """A shape, and how much of the posterior it carries."""

    kind: CarrierKind
    share: float
    near: float | None = None
    """Size at which a departure has its place; the first of a pair's. None for the others."""


def carriers(
    ways: Ways, way: IntArray, group: IntArray, weight: FloatArray, x: FloatArray
) -> tuple[Carrier, ...]:
    """What carries the posterior, the heaviest first.

    Parameters
    ----------
    way : (B,)
        The way of each combination.
    group : (T,)
        The group of each shape.
    weight : (B, T)
        Weights of the combinations and shapes.
    x : (K,)
        Log sizes of the points.
    """
    n_groups = len(BY_GROUP)
    by_group = weight @ (group[:, None] == np.arange(n_groups)).astype(np.float64)
    by_way = np.zeros((len(ways), n_groups))
    np.add.at(by_way, way, by_group)
    total = float(by_way.sum())
    featured = ways.sort == FEATURED
    smooth = (ways.sort == SMOOTH) & (ways.size >= LARGE)
    share = dict.fromkeys(CARRIERS, 0.0)
    for name, mass in zip(BY_GROUP, by_way[~featured & ~smooth].sum(axis=0), strict=True):
        share[name] += float(mass)
    share["smooth"] = float(by_way[smooth].sum())
    near: dict[CarrierKind, float] = {}
    kinds = np.array([ways.kind(k) for k in range(len(ways))])
    for kind in ("hump", "bend", "step", "pair"):
        mine = np.flatnonzero(kinds == kind)
        mass = by_way[mine].sum(axis=1)
        share[kind] = float(mass.sum())
        if share[kind] > 0.0:
            order = np.argsort(ways.place[mine, 0], kind="stable")
            middle = np.searchsorted(np.cumsum(mass[order]), 0.5 * mass.sum())
            centre = ways.place[mine[order[min(middle, len(order) - 1)]], 0]
            near[kind] = float(np.exp(x[0] + centre * (x[-1] - x[0])))
    found = [
        Carrier(kind=kind, share=mass / total, near=near.get(kind))
        for kind, mass in share.items()
        if mass > LEAST_SHARE * total
    ]
    return tuple(sorted(found, key=lambda one: -one.share))
