"""Energy of the training, its parent's and its teacher's included."""

from __future__ import annotations

import math

from analysis.table.fields import Cost
from analysis.table.made import Made


def measure(made: Made) -> float:
    """Sum what the whole route took."""
    joules = made.result.energy_joules
    joules += 0.0 if made.parent is None else made.parent.energy_joules
    joules += 0.0 if made.teacher is None else made.teacher.get("energy_joules", math.nan)
    return joules


COST = Cost(plain="joules of training", unit="joule", measure=measure)
