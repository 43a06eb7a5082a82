"""How far an answer is: decided, open, not to be told yet, or beyond what more runs can do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.curves.noise import gaussian
from analysis.design.answers import asked_settings
from analysis.design.candidates import Target
from analysis.design.signals import Signals
from analysis.design.support import supported
from analysis.findings import VerdictKind
from analysis.streams import Stream, generator
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.decide import PLACED, PayoffPoint, too_little
from analysis.verdicts.rules import apply_rule

State = Literal["decided", "open", "cannot_tell", "would_not_help"]
Obstacle = Literal["", "test_set", "rule", "test_errors"]
NEAR = 1.5
"""Times the limit that the test examples set, below which runs hardly narrow an interval."""
LUCKS = 400
"""Draws of the test set's luck."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far the answer of one dataset size is."""

    n_examples: float
    state: State
    point: PayoffPoint
    """The answer as it is now."""
    factor: float
    """Upper end of its interval over the lower one; infinite where it is open or there is none."""
    limit: float
    """What that factor stays at, however many runs are made: the luck of the test examples."""
    obstacle: Obstacle = ""
    """What stands in the way where more runs would not help."""
    supported: bool = True
    """Whether an answer that is narrow enough is borne by runs where it lies."""

    @property
    def settled(self) -> bool:
        """Whether runs are no use: it is decided, or as narrow as runs can make it."""
        if self.state == "would_not_help":
            return self.obstacle != "test_set" or self.factor <= NEAR * self.limit
        return self.state == "decided"

    @property
    def kind(self) -> VerdictKind:
        """The verdict."""
        return self.point.kind

    @property
    def probability(self) -> float:
        """Of the verdict; of the likeliest one where it can't be told."""
        return self.point.probability


def standing(fits: FittedCurve | Sequence[FittedCurve], target: Target) -> tuple[Standing, ...]:
    """How far the answer is, for each dataset size that is asked about.

    *Decided* is an answer that names a size with a closed interval at most ``target.factor`` wide,
    and one that says that the point lies beyond an end of the range, as surely as intervals are;
    both only where runs bear it (:mod:`analysis.design.support`).
    """
    return tuple(_one(fit, target) for fit in listed(fits) if target.asks(fit.curve.n_examples))


def listed(fits: FittedCurve | Sequence[FittedCurve]) -> tuple[FittedCurve, ...]:
    """One fit, or those of several dataset sizes."""
    return (fits,) if isinstance(fits, FittedCurve) else tuple(fits)


def _one(fit: FittedCurve, target: Target) -> Standing:
    settings = asked_settings(fit, target)
    changes = {"marginal": settings.marginal, "plateau": settings.plateau,
               "upturn": settings.upturn}  # fmt: skip
    if settings.price is not None:
        changes["price"] = settings.price
    point = fit.payoff(settings.rule, **changes)
    closed = not (point.low_open or point.high_open) and point.low > 0.0
    factor = point.high / point.low if closed and math.isfinite(point.high) else math.inf
    if point.kind in PLACED:
        done = factor <= target.factor
    else:
        done = point.confident and point.probability >= settings.level
    borne = not done or supported(fit, point)
    limit = _limit(fit, target) if fit.draws is not None else 1.0
    state, obstacle = _state(fit, point, done and borne, borne and limit > target.factor)
    return Standing(
        n_examples=fit.curve.n_examples,
        state=state,
        point=point,
        factor=factor,
        limit=limit,
        obstacle=obstacle,
        supported=borne,
    )


def _state(
    fit: FittedCurve, point: PayoffPoint, done: bool, limited: bool
) -> tuple[State, Obstacle]:
    if done:
        return "decided", ""
    why = point.why
    if why is not None and why.kind == "falls_slowly":
        return "would_not_help", "rule"
    if why is not None and why.kind == "no_errors_made":
        return "would_not_help", "test_errors"
    if limited:
        return "would_not_help", "test_set"
    if too_little(fit.curve, fit.noise)[0] is not None or not point.confident:
        return "cannot_tell", ""
    return "open", ""


def _limit(fit: FittedCurve, target: Target) -> float:
    """The factor that the luck of the test examples alone leaves of the interval."""
    noise, draws = fit.noise, fit.draws
    if draws is None or not noise.test_covariance.any():
        return 1.0
    settings = asked_settings(fit, target)
    inside = slice(0, draws.n_inside)
    middle = np.median(draws.log_error[:, inside], axis=0)
    rng = generator(settings.seed, Stream.NEXT_RUNS, fit.curve.n_examples, 1)
    # Of test sets that rotate, only what they have in common stays.
    at = draws.x[inside]
    basis = np.stack([np.ones_like(at), at - np.log(fit.curve.size).mean()])
    luck = gaussian(Signals(fit=fit).luck, LUCKS, rng) @ basis
    found = apply_rule(draws.x[inside], middle + luck, settings.rule, settings).location
    found = found[np.isfinite(found)]
    if not len(found):
        return 1.0
    tail = (1.0 - settings.level) / 2.0
    low, high = np.quantile(found, [tail, 1.0 - tail])
    return float(math.exp(high - low))
