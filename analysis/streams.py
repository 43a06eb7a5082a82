"""Where the draws of an analysis come from: one seed, and from it one stream for each purpose."""

from __future__ import annotations

import enum

import numpy as np


class Stream(enum.Enum):
    """What is drawn. The numbers are part of what a seed means: new streams take new ones."""

    DATA = ()
    """Curves that the data of one dataset size leave possible; runs of a surface, resampled."""
    NEW_RUN = (1,)
    """How a run that nobody made would scatter."""
    FORECAST = (2,)
    """How payoff points scatter about their trend, in a forecast for more data."""
    PAYOFF_POINTS = (3,)
    """Which payoff points, one a dataset size, lie in one world."""
    GROWTH = (4,)
    """Trends through payoff points."""
    EFFECTS = (5,)
    """Search trials, resampled."""
    ROUTE = (7,)
    """Curves of one route at one dataset size, the luck of its draws and test examples apart."""
    LUCK = (8,)
    """That luck, shared among the routes."""
    FRONT = (9,)
    """Errors and costs of the models on a front."""
    BEST_VALUES = (10,)
    """How the error answers the hyperparameters that were searched."""
    BUDGETS = (11,)
    """How the runs of a network scatter, which is judged by them."""
    NEXT_RUNS = (12,)
    """What runs that nobody made yet may show."""
    LONGER = (13,)
    """What twice the training would change."""
    NEXT_POINTS = (14,)
    """Which values of hyperparameters are looked at, and in which order cells are given theirs."""


def generator(
    seed: int, stream: Stream, n_examples: float | None = None, *place: int
) -> np.random.Generator:
    """Return a fresh generator of one stream, for one dataset size (-1: unknown) where it has one.

    Examples
    --------
    >>> int(generator(0, Stream.GROWTH).integers(100))
    45
    """
    size = () if n_examples is None else (_whole(n_examples),)
    return np.random.default_rng([seed, *size, *stream.value, *place])


def _whole(n_examples: float) -> int:
    """A whole number of its own for each dataset size: the size itself where it is one."""
    if float(n_examples).is_integer():
        return max(int(n_examples), 0)
    return int(np.float64(n_examples).view(np.uint64))
