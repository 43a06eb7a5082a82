r"""The payoff point under each rule, on every curve that the data leave possible.

A rule is a function of one curve. Applied to all drawn curves it gives a distribution, and from it
the estimate, the interval and the probability of each answer; no rule ever sees a fitted parameter,
so that none depends on one law being right.

========= ======================================================================================
rule      payoff point m* within the range of sizes tried, m_1 to m_K
========= ======================================================================================
marginal  the last size at which doubling still lowers the error by the stated amount
          (:mod:`analysis.verdicts.gains`: of the error, of what is above its floor, ...)
plateau   the first size whose error is within epsilon of the best in the range
overfit   the size of the minimum from which the error then rises by the stated fraction
economic  the size that minimises error + price x size
========= ======================================================================================

Outcomes: *flat* where the smallest size tried is already enough, *still* where the last doubling
within the range still pays, *inside* between them; for the overfit rule *hurts* (the error is up at
the end of the range), *hump* (it turns up inside the range and comes down again) or *none*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from analysis.metric import Metric
from analysis.posterior.curves import CurveDraws
from analysis.settings import AnalysisSettings, Rule
from analysis.table.trials import FloatArray, IntArray
from analysis.verdicts.gains import Gauge

Outcome = Literal["flat", "inside", "still", "hurts", "hump", "none"]
OUTCOMES: tuple[Outcome, ...] = ("flat", "inside", "still", "hurts", "hump", "none")
NEGLIGIBLE = 0.05
"""Economic rule: the smallest size is enough when error and price together are within this fraction
of their least; without it a flat curve could never be called flat."""
SURE = 0.95
"""Probability with which a curve falls that is said to fall clearly."""
FLAT, INSIDE, STILL, HURTS, HUMP, NONE = range(6)


@dataclass(frozen=True, kw_only=True, eq=False)
class RuleDraws:
    """A rule applied to R curves."""

    outcome: IntArray
    """(R,) index into :data:`OUTCOMES`."""
    location: FloatArray
    """(R,) log of the payoff point; the ends of the range for flat and still, NaN for none."""
    peak: FloatArray = field(default_factory=lambda: np.empty(0))
    """(R,) overfit rule: log of the size at which the error is highest after its minimum."""
    rise: FloatArray = field(default_factory=lambda: np.empty(0))
    """(R,) overfit rule: rise from the minimum, as a log ratio."""
    step: FloatArray = field(default_factory=lambda: np.empty(0))
    """(R,) marginal rule: the most that any doubling gains."""


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """What R curves say about one rule's payoff point."""

    rule: Rule
    parameter: float
    """The rule's number: gain per doubling, epsilon, rise, or price."""
    probabilities: tuple[tuple[Outcome, float], ...] = ()
    """Each outcome with its probability, the likeliest first."""
    estimate: float = math.nan
    """Median payoff point, a size; NaN where there is none."""
    low: float = math.nan
    high: float = math.nan
    """Ends of the central interval."""
    low_open: bool = False
    """The interval reaches below the smallest size tried."""
    high_open: bool = False
    """The interval reaches beyond the largest size tried."""
    level: float
    peak: float = math.nan
    """Overfit rule: median size of the highest error after the minimum; NaN otherwise."""
    rise: float = math.nan
    """Overfit rule: median rise from the minimum, as a fraction; NaN otherwise."""
    fall: float = 0.0
    """Median fall from the smallest size to the best one, as a fraction of e."""
    least_fall: float = 0.0
    """What it is at least, with the probability of :data:`SURE`."""
    best_step: float = math.nan
    """Marginal rule: the most that any doubling gains (median), as the rule counts it."""

    def probability(self, *outcomes: Outcome) -> float:
        """Probability of any of the outcomes."""
        return sum(p for outcome, p in self.probabilities if outcome in outcomes)


def apply_rule(x: FloatArray, log_error: FloatArray, rule: Rule, s: AnalysisSettings) -> RuleDraws:
    """Apply one rule to curves ``log_error`` (R, G) over log sizes ``x`` (G,).

    The sizes are evenly spaced and span the range tried.
    """
    if rule == "marginal":
        return _marginal(x, log_error, s.marginal, Gauge.of_settings(s))
    if rule == "plateau":
        return _plateau(x, log_error, Gauge.of_settings(s).near(log_error, s.plateau))
    if rule == "overfit":
        return _overfit(x, log_error, s.upturn)
    return _economic(x, log_error, math.nan if s.price is None else s.price, s.scale)


def apply_to(draws: CurveDraws, rule: Rule, s: AnalysisSettings) -> RuleDraws:
    """Apply one rule to drawn curves within the range tried."""
    inside = slice(0, draws.n_inside)
    return apply_rule(draws.x[inside], draws.log_error[:, inside], rule, s)


def rule_parameter(rule: Rule, s: AnalysisSettings) -> float:
    """The number that a rule turns on."""
    values = {"marginal": s.marginal, "plateau": s.plateau, "overfit": s.upturn}
    return values.get(rule, math.nan if s.price is None else s.price)


def payoff_distribution(draws: CurveDraws, rule: Rule, s: AnalysisSettings) -> Distribution:
    """The payoff point under one rule, with its interval and the chance of each outcome."""
    applied = apply_to(draws, rule, s)
    share = np.bincount(applied.outcome, minlength=len(OUTCOMES)) / len(applied.outcome)
    order = np.argsort(-share, kind="stable")
    located = applied.location[np.isfinite(applied.location)]
    tail = (1.0 - s.level) / 2.0
    low = middle = high = math.nan
    if len(located):
        low, middle, high = np.exp(np.quantile(located, [tail, 0.5, 1.0 - tail], method="linear"))
    risen = np.isin(applied.outcome, (HURTS, HUMP))
    peak = rise = math.nan
    if risen.any():
        peak = float(np.exp(np.median(applied.peak[risen])))
        rise = float(np.expm1(np.median(applied.rise[risen])))
    inside = draws.log_error[:, : draws.n_inside]
    fall = -np.expm1(inside.min(axis=1) - inside[:, 0])
    return Distribution(
        rule=rule,
        parameter=rule_parameter(rule, s),
        probabilities=tuple((OUTCOMES[k], float(share[k])) for k in order if share[k] > 0.0),
        estimate=float(middle),
        low=float(low),
        high=float(high),
        low_open=bool(share[FLAT] > tail),
        high_open=bool(share[STILL] > tail),
        level=s.level,
        peak=peak,
        rise=rise,
        fall=float(np.median(fall)),
        least_fall=float(np.quantile(fall, 1.0 - SURE)),
        best_step=float(np.median(applied.step)) if len(applied.step) else math.nan,
    )


def _marginal(x: FloatArray, log_error: FloatArray, least: float, gauge: Gauge) -> RuleDraws:
    """The last size at which doubling still pays."""
    step = x[1] - x[0]
    doubling = math.log(2.0) / step
    starts = np.arange(len(x) - math.ceil(doubling))
    if not len(starts):
        starts = np.array([0])
    ahead = np.minimum(starts + doubling, len(x) - 1.0)
    left = np.minimum(np.floor(ahead).astype(np.int64), len(x) - 2)
    part = ahead - left
    after = log_error[:, left] * (1.0 - part) + log_error[:, left + 1] * part
    before = log_error[:, starts]
    gain = gauge.gain(log_error, before, after)
    pays = gain >= least
    last = len(starts) - 1 - np.argmax(pays[:, ::-1], axis=1)
    some = pays.any(axis=1)
    still = some & (last == len(starts) - 1)
    inside = some & ~still
    # Between the last start that pays and the next one, the gain falls through the threshold.
    rows = np.arange(len(gain))
    after_last = np.minimum(last + 1, len(starts) - 1)
    g0, g1 = gain[rows, last], gain[rows, after_last]
    fraction = np.clip((g0 - least) / np.maximum(g0 - g1, 1e-300), 0.0, 1.0)
    location = np.where(inside, x[0] + (last + fraction) * step, x[0])
    location = np.where(still, x[-1], location)
    outcome = np.where(still, STILL, np.where(inside, INSIDE, FLAT))
    return RuleDraws(outcome=outcome, location=location, step=gain.max(axis=1))


def _plateau(x: FloatArray, log_error: FloatArray, target: FloatArray) -> RuleDraws:
    """The first size whose log error is at most the ``target`` (R,)."""
    good = log_error <= target[:, None]
    first = np.argmax(good, axis=1)
    rows = np.arange(len(first))
    before = np.maximum(first - 1, 0)
    y0, y1 = log_error[rows, before], log_error[rows, first]
    fraction = np.where(first > 0, (y0 - target) / np.maximum(y0 - y1, 1e-300), 1.0)
    location = x[before] + np.clip(fraction, 0.0, 1.0) * (x[first] - x[before])
    still = location > x[-1] - math.log(2.0)
    outcome = np.where(first == 0, FLAT, np.where(still, STILL, INSIDE))
    return RuleDraws(outcome=outcome, location=location)


def _overfit(x: FloatArray, log_error: FloatArray, least: float) -> RuleDraws:
    """The minimum from which the error rises the most, if it rises enough."""
    lowest = np.minimum.accumulate(log_error, axis=1)
    rise = log_error - lowest
    top = np.argmax(rise, axis=1)
    rows = np.arange(len(top))
    most = rise[rows, top]
    before = np.arange(len(x))[None, :] <= top[:, None]
    bottom = np.argmin(np.where(before, log_error, np.inf), axis=1)
    enough = most >= math.log1p(least)
    step = x[1] - x[0]
    at_end = rise[:, -1] >= math.log1p(least)
    outcome = np.where(enough, np.where(at_end, HURTS, HUMP), NONE)
    return RuleDraws(
        outcome=outcome,
        location=np.where(enough, x[bottom] + step * _between(log_error, bottom), np.nan),
        peak=np.where(enough, x[top] + step * _between(-log_error, top), np.nan),
        rise=most,
    )


def _economic(x: FloatArray, log_error: FloatArray, price: float, metric: Metric) -> RuleDraws:
    """The size that minimises error + price x size, the error as people are shown it."""
    plain = metric.kind in ("error", "perplexity")
    error = np.exp(log_error) if plain else log_error / metric.per_unit
    cost = error + price * np.exp(x)[None, :]
    best = np.argmin(cost, axis=1)
    least = cost[np.arange(len(best)), best]
    slack = least * NEGLIGIBLE if plain else math.log1p(NEGLIGIBLE) / metric.per_unit
    flat = cost[:, 0] <= least + slack
    outcome = np.where(flat, FLAT, np.where(best == len(x) - 1, STILL, INSIDE))
    location = x[best] + (x[1] - x[0]) * _between(cost, best)
    return RuleDraws(outcome=outcome, location=np.where(flat, x[0], location))


def _between(curves: FloatArray, lowest: IntArray) -> FloatArray:
    """(R,) how far from its lowest grid point each curve (R, G) is lowest, in steps of the grid.

    A parabola through the point and its neighbours; 0 at the ends of the grid.
    """
    rows, middle = np.arange(len(lowest)), np.clip(lowest, 1, curves.shape[1] - 2)
    left, centre, right = (curves[rows, middle + k] for k in (-1, 0, 1))
    bend = np.maximum(left - 2.0 * centre + right, 1e-300)
    shift = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    return np.where(middle == lowest, shift, 0.0)
