"""The learning rate of every step: a linear warm-up, then constant or a half cosine to zero."""

from __future__ import annotations

import math

from study.training.settings import TrainSettings


def learning_rates(settings: TrainSettings) -> tuple[float, ...]:
    """Learning rate of each of ``settings.steps`` steps.

    With w = round(warmup_fraction x steps) steps of warm-up, step s (from 0) takes the fraction
    (s + 1) / (w + 1) of the peak while s < w. After that a constant schedule stays at the peak, and
    a cosine one takes (1 + cos(pi (s - w) / (steps - w))) / 2 of it, which starts at the peak
    itself and would reach zero one step after the last (Loshchilov and Hutter 2017, eq. 5, with
    one period and a minimum of zero).
    """
    peak, steps = settings.learning_rate, settings.steps
    warmup = round(settings.warmup_fraction * steps)
    rising = [peak * (s + 1) / (warmup + 1) for s in range(min(warmup, steps))]
    rest = steps - len(rising)
    if settings.schedule == "constant":
        return tuple(rising + [peak] * rest)
    falling = [peak * (1 + math.cos(math.pi * s / rest)) / 2 for s in range(rest)]
    return tuple(rising + falling)
