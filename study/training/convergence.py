"""What a validation curve says: the run diverged, or would have gone on improving."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from study.training.settings import CurvePoint

EXPLODED = 100.0
"""A mean training loss this many times that of the best constant answer is an explosion. Training
loss, because a network that overfits may rightly have a large validation loss."""

WINDOW = 0.5
"""Share of the curve that is looked at. Not less: the steps of a cosine schedule are so small in
its last quarter that the loss lies still there however far it has to go."""

MIN_POINTS = 4
MIN_FALL = 0.03
MIN_T = 2.0
BEST_WITHIN = 0.1
"""Measured on 90 MLPs (digits, 80 to 1,280 examples, widths 2 to 256, 100 to 400 steps, learning
rates 3e-4 to 0.05, cosine): training twice as long lowered the validation loss by more than 10% for
91% of those flagged; 79% of all for which it did were flagged, and 11% of the others."""


def divergence(point: CurvePoint, chance_loss: float) -> str:
    """Reason why the run has diverged at this evaluation, or an empty string."""
    for name, value in (("training", point.train_loss), ("validation", point.val_loss)):
        if not math.isfinite(value):
            return f"{name} loss became {value} by step {point.step}"
    if point.train_loss > EXPLODED * chance_loss:
        return (
            f"training loss exploded to {point.train_loss:.3g} by step {point.step} "
            f"({EXPLODED:g} times that of a constant answer is the limit)"
        )
    return ""


def still_improving(curve: Sequence[CurvePoint]) -> bool:
    """Whether the validation loss was still falling at the end of the curve.

    A straight line is fitted to the second half of the evaluations (at least four). The run was
    still improving if, along that line, the loss falls by more than 3% of its mean there; the slope
    is more than two standard errors below zero, the errors being the scatter around the line; and
    the best evaluation of the whole curve lies in its last tenth.
    """
    n = max(MIN_POINTS, math.ceil(WINDOW * len(curve)))
    if len(curve) < n:
        return False
    steps = np.array([point.step for point in curve[-n:]], dtype=np.float64)
    losses = np.array([point.val_loss for point in curve[-n:]])
    centred = steps - steps.mean()
    slope = float(centred @ losses / (centred @ centred))
    fall = -slope * float(steps[-1] - steps[0])
    scatter = losses - losses.mean() - slope * centred
    error = math.sqrt(float(scatter @ scatter) / (n - 2) / float(centred @ centred))
    best = min(curve, key=lambda point: point.val_loss).step
    return (
        fall > MIN_FALL * float(losses.mean())
        and -slope > MIN_T * error
        and best >= (1 - BEST_WITHIN) * curve[-1].step
    )
