"""The first sizes: spread over the range, the small ones more often than the large ones.

Before a curve has as many sizes as show where it bends, nothing says what another one would tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.curves.curve import Curve
from analysis.design.candidates import Candidate

STEP = 1.0
"""Least doublings between sizes to begin with."""
EXPONENT = 0.55
"""Runs of a size go as its cost to the power of less this: of simulated studies whose sizes were
all tried at once, intervals at a given cost were narrowest for 0.5 to 0.9, and with as many sizes
as an even grid has; six sizes were worse than nine."""
MOST_RUNS = 16
"""Of a size to begin with."""
LEAST = 6
"""Sizes, if there are so many: as many as are enough where most have no replicates."""


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
    picked = _spread(places)
    dearest = max((fresh[x].cost / fresh[x].runs for x in picked if x in fresh), default=1.0)
    found, spent = [], 0.0
    for x in picked:
        if x not in fresh:
            continue
        one = fresh[x]
        runs = round((dearest / (one.cost / one.runs)) ** EXPONENT)
        runs = min(max(runs, 1), MOST_RUNS) - had.get(x, 0)
        packets = min(math.ceil(runs / one.runs), one.most)
        cost = packets * one.cost + one.setup
        if packets > 0 and spent + cost <= budget:
            found.append((one, packets))
            spent += cost
    return found


def _spread(places: Sequence[float]) -> list[float]:
    """Log sizes from the largest down, a step or more apart, the smallest among them."""
    for share in (1.0, 0.75, 0.5, 0.25, 0.0):
        picked = [places[-1]]
        for x in reversed(places[:-1]):
            step = math.log(2.0) * share * STEP
            if picked[-1] - x >= step - 1e-9:
                picked.append(x)
        if picked[-1] != places[0]:
            picked[-1 if len(picked) > 1 else 1 :] = [places[0]]
        if len(picked) >= min(LEAST, len(places)):
            break
    return picked[::-1]
