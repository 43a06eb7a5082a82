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

    n_examples: int
    first: str
    second: str
    """Names of the routes."""
    kind: CrossingKind
    better_below: str
    """Crossing: the route that is better at smaller sizes (the likelier way round)."""
    better_above: str
    size: float
    """Median size of the crossing; NaN where there is none."""
    low: float
    high: float
    low_open: bool
    """The interval reaches below the range that both routes span."""
    high_open: bool
    level: float
    probability: float
    """Of the kind; of the likeliest one where it cannot be told."""
    crosses: float
    """Probability that the order at the small end is not that at the large end."""
    first_better: float
    """Probability that the first route is better at both ends."""
    second_better: float
    range_low: float
    range_high: float
    """Sizes that both routes span."""
    clear_first: str
    """Route that is better at small sizes with the intervals' level; empty if neither is."""
    clear_until: float
    """Size up to which it is; NaN if neither is."""
    why: Reason | None
    """Why it cannot be told; None otherwise."""
    next_step: NextStep | None

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

    n_examples: int
    route: str
    base: str
    """The route compared with: usually ``"trained"``."""
    steps: tuple[SavingStep, ...]
    """Over the errors that both routes reach, from the largest."""
    ratio: float
    """Geometric mean over those errors of base size over size; NaN where there is none."""
    low: float
    high: float
    level: float
    why: Reason | None
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
    first: RouteCurve, second: RouteCurve, n_examples: int, s: AnalysisSettings
) -> Crossing:
    """Where the curves of two routes cross, from their paired draws."""
    why, next_step = _obstacle(first, second)
    if why is not None or first.drawn is None or second.drawn is None:
        return _crossing(first, second, n_examples, s, why=why, next_step=next_step)
    x = _common_grid(first.drawn, second.drawn)
    if x[-1] - x[0] < LEAST_OVERLAP:
        return _crossing(
            first, second, n_examples, s,
            why=Reason(kind="no_overlap", about=(first.name, second.name)),
            next_step=NextStep(kind="same_sizes"),
        )  # fmt: skip
    difference = _on(first.drawn, x) - _on(second.drawn, x)
    starts, ends = difference[:, 0] < 0.0, difference[:, -1] < 0.0
    rising, falling = float((starts & ~ends).mean()), float((~starts & ends).mean())
    up = rising >= falling  # the first route is better at small sizes
    location = _locations(x, difference, up=up)
    seen = location[~np.isnan(location)]
    tail = (1.0 - s.level) / 2.0
    low, middle, high = np.quantile(seen, [tail, 0.5, 1.0 - tail], method="inverted_cdf")
    return _crossing(
        first, second, n_examples, s,
        up=up,
        quantiles=(float(low), float(middle), float(high)),
        clear=_clear(difference, s.level),
        shares=(rising + falling, float((starts & ends).mean()), float((~starts & ~ends).mean())),
        x=x,
    )  # fmt: skip


def find_saving(
    route: RouteCurve, base: RouteCurve, n_examples: int, s: AnalysisSettings
) -> Saving:
    """How many times smaller one route's model is than another's of the same error."""
    why, _ = _obstacle(route, base)
    if why is not None or route.drawn is None or base.drawn is None:
        return _no_saving(route, base, n_examples, s, why)
    own, other = _falling(route.drawn), _falling(base.drawn)
    top = min(float(np.median(own[:, 0])), float(np.median(other[:, 0])))
    bottom = max(float(np.median(own[:, -1])), float(np.median(other[:, -1])))
    if not top - bottom > 0.02:
        return _no_saving(route, base, n_examples, s, Reason(kind="no_common_error"))
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
    return Saving(
        n_examples=n_examples,
        route=route.name,
        base=base.name,
        steps=tuple(steps),
        ratio=_power(middle),
        low=_power(low),
        high=_power(high),
        level=s.level,
        why=None,
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


def _crossing(
    first: RouteCurve,
    second: RouteCurve,
    n_examples: int,
    s: AnalysisSettings,
    *,
    up: bool = True,
    quantiles: tuple[float, float, float] = (math.nan, math.nan, math.nan),
    shares: tuple[float, float, float] = (math.nan, math.nan, math.nan),
    clear: tuple[int, int] = (0, 0),
    x: FloatArray | None = None,
    why: Reason | None = None,
    next_step: NextStep | None = None,
) -> Crossing:
    low, middle, high = quantiles
    kind: CrossingKind = "cannot_tell"
    probability = math.nan
    if x is not None:
        kinds: tuple[CrossingKind, ...] = ("crosses", "first_better", "second_better")
        probability, kind = max(zip(shares, kinds, strict=True))
        if probability < s.confidence:
            kind = "cannot_tell"
            why = Reason(
                kind="crossing_torn",
                about=(first.name, second.name),
                least=s.confidence,
                chances=tuple(zip(kinds, shares, strict=True)),
            )
            next_step = NextStep(kind="more_or_further")
    nowhere = shares[0] < (1.0 - s.level) / 2.0  # then which way round they would cross is unknown
    ends = (math.nan, math.nan) if x is None else (math.exp(x[0]), math.exp(x[-1]))
    return Crossing(
        n_examples=n_examples,
        first=first.name,
        second=second.name,
        kind=kind,
        better_below=first.name if up else second.name,
        better_above=second.name if up else first.name,
        size=math.exp(middle) if math.isfinite(middle) else math.nan,
        low=math.exp(low) if math.isfinite(low) else ends[0],
        high=math.exp(high) if math.isfinite(high) else ends[1],
        low_open=low == -math.inf or nowhere,
        high_open=high == math.inf or nowhere,
        level=s.level,
        probability=probability,
        crosses=shares[0],
        first_better=shares[1],
        second_better=shares[2],
        range_low=ends[0],
        range_high=ends[1],
        clear_first="" if not clear[1] else (first.name if clear[0] < 0 else second.name),
        clear_until=math.nan if x is None or not clear[1] else math.exp(x[clear[1] - 1]),
        why=why,
        next_step=next_step,
    )


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


def _no_saving(
    route: RouteCurve, base: RouteCurve, n_examples: int, s: AnalysisSettings, why: Reason | None
) -> Saving:
    return Saving(
        n_examples=n_examples, route=route.name, base=base.name, steps=(), ratio=math.nan,
        low=math.nan, high=math.nan, level=s.level, why=why,
    )  # fmt: skip
