"""The first sizes: spread over the range, the small ones more often than the large ones.

Before a curve has as many sizes as show where it bends, nothing says what another one would tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.curves.curve import Curve
from analysis.design.candidates import Candidate

SIZES = 6
"""Sizes to begin with: as many as are enough where most have no replicates."""
MOST_RUNS = 4
"""Runs of the cheapest one; a size that costs four times as much has half as many."""


def coarse(
    curve: Curve | None, candidates: Sequence[Candidate], budget: float = math.inf
) -> list[tuple[Candidate, int]]:
    """Candidates to begin with, and how many packets of each, the smallest size first.

    Parameters
    ----------
    curve : Curve or None
        What was run already; None: nothing.
    candidates : sequence of Candidate
        What may be run, of one dataset size.
    budget : float
        What it may cost; the largest sizes are left out first.
    """
    tried = [] if curve is None else [float(x) for x in np.log(curve.size)]
    had = {} if curve is None else dict(zip(tried, curve.replicates.tolist(), strict=True))
    fresh: dict[float, Candidate] = {}
    for one in sorted(candidates, key=lambda c: (c.size, c.cost)):
        fresh.setdefault(math.log(one.size), one)
    if not fresh:
        return []
    places = sorted({*fresh, *tried})
    wanted = np.linspace(places[0], places[-1], SIZES)
    picked: list[float] = []
    for place in wanted:
        nearest = min(places, key=lambda x: abs(x - float(place)))
        if nearest not in picked:
            picked.append(nearest)
    dearest = max((fresh[x].cost / fresh[x].runs for x in picked if x in fresh), default=1.0)
    found, spent = [], 0.0
    for x in picked:
        if x not in fresh:
            continue
        one = fresh[x]
        runs = round(math.sqrt(dearest / (one.cost / one.runs)))
        runs = min(max(runs, 1), MOST_RUNS) - had.get(x, 0)
        packets = min(math.ceil(runs / one.runs), one.most)
        cost = packets * one.cost + one.setup
        if packets > 0 and spent + cost <= budget:
            found.append((one, packets))
            spent += cost
    return found
