"""Where two routes cross, and how much size one saves over the other at equal error.

Both are functions of a pair of curves. Applied to the paired draws of
:mod:`analysis.routes.curves` they give distributions, and from these estimates, intervals and the
probability of each answer. A crossing that is not seen in the range tried is no number: the routes
then keep their order there, and the interval is open.

======== ======================================================== ========
symbol   meaning                                                  shape
======== ======================================================== ========
G        log sizes on which the difference is looked at           scalar
d        log error of the first route minus that of the second    (R, G)
E        levels of error that both routes reach                   scalar
======== ======================================================== ========
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.findings import Estimate, NextStep, Reason
from analysis.posterior.curves import CurveDraws
from analysis.routes.curves import RouteCurve
from analysis.settings import AnalysisSettings
from analysis.table.trials import FloatArray
from analysis.verdicts.decide import too_little

GRID = 193
"""Sizes at which the difference of two routes is looked at."""
LEVELS = 9
"""Levels of error at which sizes are compared, evenly spaced on a log scale."""
LEAST_OVERLAP = math.log(1.5)
"""Two routes are compared where their ranges of size share at least this factor."""

CrossingKind = Literal["crosses", "first_better", "second_better", "cannot_tell"]


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """Which of two routes has the lower error, by size."""

    n_examples: float
    first: str
    second: str
    """Names of the routes."""
    kind: CrossingKind
    better_below: str
    """Crossing: the route that is better at smaller sizes (the likelier way round)."""
    better_above: str
    size: float = math.nan
    """Median size of the crossing; NaN where there is none."""
    low: float = math.nan
    high: float = math.nan
    low_open: bool = False
    """The interval reaches below the range that both routes span."""
    high_open: bool = False
    level: float
    probability: float = math.nan
    """Of the kind; of the likeliest one where it cannot be told."""
    crosses: float = math.nan
    """Probability that the order at the small end is not that at the large end."""
    first_better: float = math.nan
    """Probability that the first route is better at both ends."""
    second_better: float = math.nan
    range_low: float = math.nan
    range_high: float = math.nan
    """Sizes that both routes span."""
    clear_first: str = ""
    """Route that is better at small sizes with the intervals' level; empty if neither is."""
    clear_until: float = math.nan
    """Size up to which it is; NaN if neither is."""
    why: Reason | None = None
    """Why it cannot be told; None otherwise."""
    next_step: NextStep | None = None

    @property
    def estimate(self) -> Estimate | None:
        """Where they cross; None where they do not, or it cannot be told."""
        if self.kind != "crosses":
            return None
        return Estimate(
            value=self.size, low=self.low, high=self.high, level=self.level,
            low_open=self.low_open, high_open=self.high_open,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SavingStep:
    """One level of error."""

    error: float
    size: float
    """Median size that the route needs for it."""
    base_size: float
    """The same of the route compared with."""
    ratio: float
    """Median of base size over size: 3 means that the route needs a third."""
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Saving:
    """Size saved by one route over another at equal error."""

    n_examples: float
    route: str
    base: str
    """The route compared with: usually ``"trained"``."""
    steps: tuple[SavingStep, ...] = ()
    """Over the errors that both routes reach, from the largest."""
    ratio: float = math.nan
    """Geometric mean over those errors of base size over size; NaN where there is none."""
    low: float = math.nan
    high: float = math.nan
    level: float
    why: Reason | None = None
    """Why there is no number; None otherwise."""

    @property
    def estimate(self) -> Estimate | None:
        """How many times smaller its models are; None where there is no number."""
        if math.isnan(self.ratio):
            return None
        return Estimate(value=self.ratio, low=self.low, high=self.high, level=self.level)

    @property
    def saves(self) -> bool | None:
        """True or False where the interval leaves no doubt, None where it holds both."""
        if self.low > 1.0:
            return True
        return False if self.high < 1.0 else None


def find_crossing(
    first: RouteCurve, second: RouteCurve, n_examples: float, s: AnalysisSettings
) -> Crossing:
    """Where the curves of two routes cross, from their paired draws."""
    pair = (first.name, second.name)
    untold = Crossing(
        n_examples=n_examples, first=first.name, second=second.name, kind="cannot_tell",
        better_below=first.name, better_above=second.name, level=s.level,
    )  # fmt: skip
    why, next_step = _obstacle(first, second)
    if why is not None or first.drawn is None or second.drawn is None:
        return replace(untold, why=why, next_step=next_step)
    x = _common_grid(first.drawn, second.drawn)
    if x[-1] - x[0] < LEAST_OVERLAP:
        why = Reason(kind="no_overlap", about=pair)
        return replace(untold, why=why, next_step=NextStep(kind="same_sizes"))
    difference = _on(first.drawn, x) - _on(second.drawn, x)
    starts, ends = difference[:, 0] < 0.0, difference[:, -1] < 0.0
    rising, falling = float((starts & ~ends).mean()), float((~starts & ends).mean())
    up = rising >= falling  # the first route is better at small sizes
    tail = (1.0 - s.level) / 2.0
    low, middle, high = _quantiles(_locations(x, difference, up=up), tail)
    shares = (rising + falling, float((starts & ends).mean()), float((~starts & ~ends).mean()))
    kinds: tuple[CrossingKind, ...] = ("crosses", "first_better", "second_better")
    probability, kind = max(zip(shares, kinds, strict=True))
    if probability < s.confidence:
        kind = "cannot_tell"
        chances = tuple(zip(kinds, shares, strict=True))
        why = Reason(kind="crossing_torn", about=pair, least=s.confidence, chances=chances)
        next_step = NextStep(kind="more_or_further")
    nowhere = shares[0] < tail  # then which way round they would cross is unknown
    range_low, range_high = math.exp(x[0]), math.exp(x[-1])
    sign, until = _clear(difference, s.level)
    return replace(
        untold,
        kind=kind,
        better_below=pair[0] if up else pair[1],
        better_above=pair[1] if up else pair[0],
        size=math.exp(middle) if math.isfinite(middle) else math.nan,
        low=math.exp(low) if math.isfinite(low) else range_low,
        high=math.exp(high) if math.isfinite(high) else range_high,
        low_open=low == -math.inf or nowhere,
        high_open=high == math.inf or nowhere,
        probability=probability,
        crosses=shares[0],
        first_better=shares[1],
        second_better=shares[2],
        range_low=range_low,
        range_high=range_high,
        clear_first="" if not until else (pair[0] if sign < 0 else pair[1]),
        clear_until=math.nan if not until else math.exp(x[until - 1]),
        why=why,
        next_step=next_step,
    )


def find_saving(
    route: RouteCurve, base: RouteCurve, n_examples: float, s: AnalysisSettings
) -> Saving:
    """How many times smaller one route's model is than another's of the same error."""
    why, _ = _obstacle(route, base)
    untold = Saving(n_examples=n_examples, route=route.name, base=base.name, level=s.level, why=why)
    if why is not None or route.drawn is None or base.drawn is None:
        return untold
    own, other = _falling(route.drawn), _falling(base.drawn)
    top = min(float(np.median(own[:, 0])), float(np.median(other[:, 0])))
    bottom = max(float(np.median(own[:, -1])), float(np.median(other[:, -1])))
    if not top - bottom > 0.02:
        return replace(untold, why=Reason(kind="no_common_error"))
    levels = np.linspace(top, bottom, LEVELS + 2)[1:-1]
    size = _first_size(route.drawn, own, levels)
    base_size = _first_size(base.drawn, other, levels)
    with np.errstate(invalid="ignore"):
        gain = base_size - size  # +inf where only the route reaches the error, NaN where none does
    tail = (1.0 - s.level) / 2.0
    steps = []
    for k, level in enumerate(levels):
        low, middle, high = _quantiles(gain[:, k], tail)
        steps.append(
            SavingStep(
                error=math.exp(float(level)),
                size=math.exp(_quantiles(size[:, k], tail)[1]),
                base_size=math.exp(_quantiles(base_size[:, k], tail)[1]),
                ratio=_power(middle),
                low=_power(low),
                high=_power(high),
            )
        )
    held = np.where(np.isfinite(gain), gain, np.nan)
    some = np.isfinite(held).any(axis=1)
    low, middle, high = _quantiles(np.nanmean(held[some], axis=1), tail)
    return replace(
        untold, steps=tuple(steps), ratio=_power(middle), low=_power(low), high=_power(high)
    )


def _obstacle(first: RouteCurve, second: RouteCurve) -> tuple[Reason, NextStep] | tuple[None, None]:
    """Why two routes cannot be compared, and what to run."""
    for route in (first, second):
        why, next_step = too_little(route.fit.curve, route.fit.noise)
        if why is not None and next_step is not None:
            return replace(why, of_route=route.name), next_step
    return None, None


def _common_grid(first: CurveDraws, second: CurveDraws) -> FloatArray:
    low = max(float(first.x[0]), float(second.x[0]))
    high = min(float(first.x[first.n_inside - 1]), float(second.x[second.n_inside - 1]))
    return np.linspace(low, max(low, high), GRID)


def _on(draws: CurveDraws, x: FloatArray) -> FloatArray:
    """(R, G) the drawn curves at other log sizes."""
    place = np.interp(x, draws.x, np.arange(len(draws.x), dtype=np.float64))
    left = np.minimum(place.astype(np.int64), len(draws.x) - 2)
    share = place - left
    curves: FloatArray = (
        draws.log_error[:, left] * (1.0 - share) + draws.log_error[:, left + 1] * share
    )
    return curves


def _locations(x: FloatArray, difference: FloatArray, *, up: bool) -> FloatArray:
    """(R,) log size of each draw's crossing, of those that cross the likelier way.

    A draw in which one route is better throughout puts the crossing beyond the range: below it or
    above it, as the order of the routes says. A draw that crosses the other way has none (NaN).
    """
    d = difference if up else -difference  # then negative below the crossing, positive above
    starts, ends = d[:, 0] < 0.0, d[:, -1] < 0.0
    location = np.full(len(d), np.nan)
    location[starts & ends] = np.inf
    location[~starts & ~ends] = -np.inf
    for k in np.flatnonzero(starts & ~ends):
        change = np.flatnonzero((d[k, :-1] < 0.0) != (d[k, 1:] < 0.0))
        at = int(change[len(change) // 2])  # an odd number: the middle one
        step = d[k, at] / (d[k, at] - d[k, at + 1])
        location[k] = x[at] + step * (x[at + 1] - x[at])
    return location


def _clear(difference: FloatArray, level: float) -> tuple[int, int]:
    """Which sign the difference surely has at small sizes, and how many grid points keep it."""
    share = (difference < 0.0).mean(axis=0)
    for sign, chance in ((-1, share), (1, 1.0 - share)):
        if chance[0] >= level:
            lost = np.flatnonzero(chance < level)
            return sign, int(lost[0]) if len(lost) else difference.shape[1]
    return 0, 0


def _falling(draws: CurveDraws) -> FloatArray:
    """(R, G) the least error reached up to each size, over the range tried."""
    inside = draws.log_error[:, : draws.n_inside]
    least: FloatArray = np.minimum.accumulate(inside, axis=1)
    return least


def _first_size(draws: CurveDraws, least: FloatArray, levels: FloatArray) -> FloatArray:
    """(R, E) log of the first size that reaches each error; infinite where none in the range does.

    Where the smallest size is already that good, the size is not known to be smaller: it is taken.
    """
    x = draws.x[: draws.n_inside]
    found = np.full((len(least), len(levels)), np.inf)
    for column, level in enumerate(levels):
        at = np.count_nonzero(least > level, axis=1)
        hit = np.flatnonzero(at < len(x))
        k = np.maximum(at[hit], 1)
        above, below = least[hit, k - 1], least[hit, k]
        drop = above - below
        share = np.where(drop > 0.0, (above - level) / np.maximum(drop, 1e-300), 0.0)
        place = x[k - 1] + np.clip(share, 0.0, 1.0) * (x[k] - x[k - 1])
        found[hit, column] = np.where(at[hit] == 0, x[0], place)
    return found


def _quantiles(values: FloatArray, tail: float) -> tuple[float, float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan, math.nan, math.nan
    low, middle, high = np.quantile(known, [tail, 0.5, 1.0 - tail], method="inverted_cdf")
    return float(low), float(middle), float(high)


def _power(value: float) -> float:
    return math.exp(value) if value < 700.0 else math.inf
