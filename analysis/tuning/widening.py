"""How far a search is to be widened where the best value lies at the end of its range."""

from __future__ import annotations

import math
from typing import Literal

from analysis.findings import NextStep
from analysis.tuning.searched import Scale

FACTOR, SHARE = 3.0, 1.0 / 3.0
"""How much further on a log scale, and by what share of the range on another."""
MOST = {"dropout": 0.9, "momentum": 0.999, "label_smoothing": 0.9, "distill_mixing": 1.0}
"""Up to which a search of these may be widened; no hyperparameter is looked for below 0."""
NONE = 0.05
"""A linear range that begins within this share of itself of 0 has nothing below."""


def widening(scale: Scale, end: Literal["low", "high"] | None) -> NextStep | None:
    """Return the step to search beyond that end of the range; None where nothing lies there."""
    if end is None:
        return None
    away = 1.0 if end == "high" else -1.0
    edge = scale.high if end == "high" else scale.low
    width = scale.high - scale.low
    further = edge * FACTOR**away if scale.log else edge + away * SHARE * width
    further = min(max(float(f"{further:.2g}"), 0.0), MOST.get(scale.name, math.inf))
    from_none = end == "low" and not scale.log and abs(scale.low) <= NONE * width
    if from_none or away * (further - edge) <= 0.0:
        return None
    low, high = (further, None) if end == "low" else (None, further)
    return NextStep(kind="widen_search", about=scale.name, low=low, high=high)
