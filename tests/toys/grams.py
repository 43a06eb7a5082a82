"""Carbon dioxide of a training, from its operations: a cost in one file."""

from __future__ import annotations

from analysis.table.fields import Cost
from analysis.table.made import Made

GRAMS_PER_FLOP = 1e-9
"""From nowhere: it is a toy."""


def measure(made: Made) -> float:
    """Sum the grams of the training and of its parent's."""
    flops = made.result.train_flops + (0.0 if made.parent is None else made.parent.train_flops)
    return GRAMS_PER_FLOP * flops


COST = Cost(plain="grams of CO2", unit="gram", measure=measure)
