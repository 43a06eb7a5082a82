"""What could be run for the curves of a table: more of what there is, and sizes beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from analysis.curves.curve import Curve
from analysis.design.candidates import Candidate
from analysis.design.prices import CostOf
from analysis.design.signals import SAME

APART = math.log(1.5)
"""Sizes further apart than this have room for one between them."""
BEYOND = 2.0
"""A size beyond the range is valued at so many times the largest one."""


def offers(
    curve: Curve, cost: CostOf, *, sizes: Sequence[float] = (), searched: float = 0.0
) -> list[Candidate]:
    """Candidates of one curve, the smallest size first.

    Parameters
    ----------
    curve : Curve
        Whose cells may have more runs.
    cost : callable
        Of one run of a size on so many examples.
    sizes : sequence of float
        Sizes that can be made; none: it is not known, and between those that were tried any is
        offered, by the sizes on either side.
    searched : float
        Search trials that a new size gets before its replicates.
    """
    n = curve.n_examples
    found = [
        Candidate(size=float(size), n_examples=n, cost=cost(float(size), n), shape=_shape(curve, k))
        for k, size in enumerate(curve.size)
    ]
    tried = np.log(curve.size)
    fresh: list[tuple[float, str, tuple[float, float] | None]] = [
        (float(size), "", None)
        for size in sizes
        if not len(tried) or np.abs(tried - math.log(size)).min() > SAME
    ]
    if not len(sizes):
        fresh = [(math.sqrt(low * high), shape, (low, high)) for low, high, shape in _gaps(curve)]
    for size, shape, between in fresh:
        one = cost(size, n)
        found.append(
            Candidate(
                size=size, n_examples=n, cost=one, setup=searched * one, kind="size", shape=shape,
                between=between,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.size, one.shape))


def _shape(curve: Curve, k: int) -> str:
    return curve.shapes[curve.shape[k]].name if curve.shapes else ""


def _gaps(curve: Curve) -> list[tuple[float, float, str]]:
    """Pairs of neighbours of a shape between which a size may be, and beyond its largest."""
    found = []
    for shape in np.unique(curve.shape):
        cells = np.flatnonzero(curve.shape == shape)
        name = _shape(curve, int(cells[0]))
        for one, other in pairwise(cells.tolist()):
            low, high = float(curve.size[one]), float(curve.size[other])
            steps = math.inf if curve.grown is None else curve.grown[other] - curve.grown[one]
            if math.log(high / low) > APART and steps > 1.0:
                found.append((low, high, name))
        largest = float(curve.size[cells[-1]])
        found.append((largest, BEYOND**2 * largest, name))
    return found
