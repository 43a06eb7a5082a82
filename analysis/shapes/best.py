"""The best shape at each size, as far as it can be told; where it can't, the simpler one.

Shapes are judged on curves drawn together (:mod:`analysis.posterior.ladders`), at sizes near those
that each was tried at. Of two that are not told apart the simpler is taken, and it is said whether
anything may be lost by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from analysis.findings import Estimate
from analysis.settings import AnalysisSettings
from analysis.table.trials import BoolArray, FloatArray

TOLD = 0.9
"""Probability with which one shape is said to be better than all others. In simulated studies it
was wrongly said at one of a thousand sizes compared (``benchmarks.shapes``)."""
LIKELY = 0.65
"""A shape that is worse than the likeliest with this probability is not taken, however simple."""
LEVEL = 0.05
"""An error higher by less than this fraction is no loss: the seeds of one small network differ by
as much."""
MATERIAL = 0.2
"""Share of that by which a shape must be better to be called so: level ones are, by nothing."""
ENOUGH = 0.9
"""Probability with which the simpler shape is said to lose nothing."""

Standing = Literal["best", "enough", "open"]
"""Of the shape taken: told better than all others; not told, but nothing of :data:`LEVEL` is lost
by it; not told, and something may be."""


@dataclass(frozen=True, kw_only=True)
class Versus:
    """Another shape at the same size."""

    shape: str
    more: Estimate
    """Its error over that of the shape taken, less 1."""
    worse: float
    """Probability that it is worse."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The shape taken at one size."""

    size: float
    shape: str
    standing: Standing
    probability: float
    """Of the standing: that it is the best of all; that nothing is lost; for an open one, that it
    is the best."""
    error: Estimate
    """Of the network of that size and shape."""
    others: tuple[Versus, ...]


@dataclass(frozen=True, kw_only=True)
class Span:
    """Neighbouring sizes at which the same shape has the same standing."""

    low: float
    high: float
    shape: str
    standing: Standing
    probability: float
    """The least at any of its sizes."""
    others: tuple[Versus, ...]
    """In its middle."""
    first: tuple[Versus, ...]
    """At its smallest size."""
    last: tuple[Versus, ...]
    """At its largest."""


def choose(
    log_error: FloatArray,
    tried: BoolArray,
    sizes: FloatArray,
    names: Sequence[str],
    level: float,
    loss: float = LEVEL,
) -> tuple[Choice, ...]:
    """The shape to take at each size; sizes at which fewer than two were tried have none.

    Parameters
    ----------
    log_error : (R, J, S)
        Curves drawn together, of every shape at the sizes; the simpler shapes come first.
    tried : (J, S)
        Which shapes may be named there.
    sizes : (S,)
    names : J words
    level : float
        Of the intervals.
    loss : float
        What a shape that is enough may lose, as a fraction of the error (:func:`no_loss`).
    """
    found = []
    for s, size in enumerate(sizes.tolist()):
        here = np.flatnonzero(tried[:, s]).tolist()
        if len(here) > 1:
            own = [names[j] for j in here]
            found.append(_choice(log_error[:, here, s], size, own, level, loss))
    return tuple(found)


def spans(choices: Sequence[Choice]) -> tuple[Span, ...]:
    """Neighbouring choices that say the same, as one."""
    found = []
    for (shape, standing, _), group in groupby(choices, key=_says):
        same = list(group)
        found.append(
            Span(
                low=same[0].size,
                high=same[-1].size,
                shape=shape,
                standing=standing,
                probability=min(one.probability for one in same),
                others=same[len(same) // 2].others,
                first=same[0].others,
                last=same[-1].others,
            )
        )
    return tuple(found)


def no_loss(s: AnalysisSettings) -> float:
    """What a shape that is enough may lose: of a metric with a floor, half of a gain that pays."""
    return LEVEL if s.scale.kind == "error" else min(0.5 * s.marginal, LEVEL)


def taken(log_error: FloatArray, loss: float = LEVEL) -> tuple[int, Standing, float]:
    """Which of J shapes, drawn (R, J) at one size, is taken; its standing, and how sure that is."""
    likely = int(np.argmin(log_error.mean(axis=0)))
    others = np.delete(np.arange(log_error.shape[1]), likely)
    ahead = log_error[:, others] - log_error[:, likely, None]
    least = float((ahead > MATERIAL * np.log1p(loss)).all(axis=1).mean())
    if least >= TOLD:
        return likely, "best", least
    excess = log_error - log_error.min(axis=1)[:, None]
    enough = (excess <= np.log1p(loss)).mean(axis=0)
    if (enough >= ENOUGH).any():
        simplest = int(np.flatnonzero(enough >= ENOUGH)[0])
        return simplest, "enough", float(enough[simplest])
    worse = (log_error > log_error[:, likely, None]).mean(axis=0)
    worse[likely] = 0.0
    simplest = int(np.flatnonzero(worse < LIKELY)[0])
    return simplest, "open", float((excess[:, simplest] <= 0.0).mean())


def _says(one: Choice) -> tuple[str, Standing, frozenset[str]]:
    """What neighbouring choices must have alike to be told as one."""
    return one.shape, one.standing, frozenset(other.shape for other in one.others)


def _choice(
    log_error: FloatArray, size: float, names: Sequence[str], level: float, loss: float
) -> Choice:
    which, standing, probability = taken(log_error, loss)
    own = log_error[:, which]
    return Choice(
        size=size,
        shape=names[which],
        standing=standing,
        probability=probability,
        error=estimate(np.exp(own), level),
        others=tuple(
            Versus(
                shape=name,
                more=estimate(np.expm1(log_error[:, j] - own), level),
                worse=float((log_error[:, j] > own).mean()),
            )
            for j, name in enumerate(names)
            if j != which
        ),
    )


def estimate(drawn: FloatArray, level: float) -> Estimate:
    """Median and central interval of what was drawn."""
    tail = (1.0 - level) / 2.0
    low, middle, high = np.quantile(drawn, [tail, 0.5, 1.0 - tail])
    return Estimate(value=float(middle), low=float(low), high=float(high), level=level)
