"""From a distribution of payoff points to a verdict that a person can act on.

A verdict is given when its probability reaches ``settings.confidence`` and the interval says
something; otherwise it is "cannot tell", with the reason and with what to run next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.curves.curve import Curve
from analysis.curves.noise import Noise
from analysis.curves.points import sizes_apart
from analysis.findings import Estimate, NextStep, Reason, VerdictKind
from analysis.settings import AnalysisSettings, Rule
from analysis.verdicts.rules import Distribution, Outcome, rule_parameter

KINDS: dict[Outcome, VerdictKind] = {
    "flat": "flat",
    "inside": "pays_off_until",
    "still": "still_paying",
    "hurts": "hurts_beyond",
    "hump": "hurts_beyond",
    "none": "no_upturn",
}

PLACED: tuple[VerdictKind, ...] = ("pays_off_until", "hurts_beyond")
"""Verdicts that name a size."""

LEAST_SIZES = 4
"""Fewer sizes cannot show where a curve bends: a power law with a floor fits any three."""
ENOUGH_SIZES = 8
"""So many show it well."""
LEAST_RANGE = 4.0
"""Least ratio of the largest to the smallest size: two doublings, so that one can be compared with
the next."""
LEAST_SIZES_UNREPLICATED = 6
"""Without replicates the noise is read off the scatter about the curve, which takes more sizes."""
LEAST_SEEDS = 3
"""Of each size, where the noise is to be read off replicates."""
CLEAR_FALL = 0.002
"""A curve that surely falls by this fraction of its error from the smallest size to its best is not
flat, whatever its single doublings bring. Of 160 simulated flat curves, with noise from 0.1% to
10%, one was taken to fall so."""
ANYWHERE, OUTSIDE = 0.5, 0.2
"""An interval over at least this share of one step between sizes, and at most that much beyond it,
says that the point lies between the two and not where."""
RISE_SHOWN = 1.0 / 3.0
"""Share of the drawn curves' median rise that the sizes tried must show themselves."""
WIDEST_INTERVAL = 0.8
"""An interval over more than this share of the range (of log size) says nothing."""


@dataclass(frozen=True, kw_only=True)
class PayoffPoint:
    """The answer of one rule for one curve."""

    rule: Rule
    parameter: float
    """The rule's number: gain per doubling, epsilon, rise, or price."""
    kind: VerdictKind
    size: float
    """The payoff point (median); NaN where the verdict has none."""
    low: float
    high: float
    """Ends of its interval; NaN where the verdict has none."""
    low_open: bool
    """The interval reaches below the smallest size tried."""
    high_open: bool
    """The interval reaches beyond the largest size tried."""
    level: float
    probability: float
    """Of the verdict; of the likeliest one where it is "cannot tell"."""
    peak: float
    """Overfit rule: size of the highest error after the minimum; NaN otherwise."""
    rise: float
    """Overfit rule: rise from the minimum, as a fraction; NaN otherwise."""
    falls_again: bool
    """Overfit rule: the error comes down again after its peak, inside the range."""
    why: Reason | None
    """Why it cannot be told; None otherwise."""
    next_step: NextStep | None
    """What to run next; None where nothing is needed."""
    probabilities: tuple[tuple[Outcome, float], ...]

    @property
    def confident(self) -> bool:
        """Whether a verdict was given."""
        return self.kind != "cannot_tell"

    @property
    def placed(self) -> bool:
        """Whether the verdict names a size."""
        return self.kind in PLACED and math.isfinite(self.size)

    @property
    def estimate(self) -> Estimate | None:
        """The payoff point with its interval; None where the verdict has none."""
        if not self.placed:
            return None
        return Estimate(
            value=self.size, low=self.low, high=self.high, level=self.level,
            low_open=self.low_open, high_open=self.high_open,
        )  # fmt: skip


def decide(
    curve: Curve, noise: Noise, found: Distribution | None, rule: Rule, s: AnalysisSettings
) -> PayoffPoint:
    """The verdict of one rule; ``found`` is None where the curve could not be fitted at all."""
    why, next_step = too_little(curve, noise)
    if found is None and why is None:
        why = Reason(kind="law_misfits", about=(s.law,))
        next_step = NextStep(kind="another_law")
    if found is None or why is not None:
        return _point(rule, s, found, kind="cannot_tell", why=why, next_step=next_step)
    by_kind: dict[VerdictKind, float] = {}
    for outcome, p in found.probabilities:
        by_kind[KINDS[outcome]] = by_kind.get(KINDS[outcome], 0.0) + p
    kind, probability = max(by_kind.items(), key=lambda item: item[1])
    if probability < s.confidence:
        why, next_step = _torn(curve, found, by_kind, s)
        kind = "cannot_tell"
    elif kind == "flat" and rule != "economic" and falls_clearly(found):
        why = Reason(kind="falls_slowly", about=(rule,), value=found.fall, least=found.parameter)
        next_step = NextStep(kind="ask_less", low=_less(found))
        kind = "cannot_tell"
    elif kind in PLACED and _width(found) > WIDEST_INTERVAL * math.log(
        curve.size[-1] / curve.size[0]
    ):
        why = Reason(kind="wide_interval", value=found.level, low=found.low, high=found.high)
        next_step = _more_replicates(curve, 4)
        kind = "cannot_tell"
    elif kind == "hurts_beyond" and not rise_shown(curve, noise, found):
        why = Reason(kind="rises_between")
        next_step = _around(curve, found.peak)
        kind = "cannot_tell"
    elif kind in PLACED:
        next_step = _between(curve, found)
    elif kind == "still_paying":
        next_step = NextStep(kind="try_larger", high=4.0 * float(curve.size[-1]))
    return _point(rule, s, found, kind=kind, why=why, next_step=next_step, probability=probability)


def rise_shown(curve: Curve, noise: Noise, found: Distribution) -> bool:
    """Whether sizes tried show a part of the rise that the drawn curves have.

    A smooth curve through steps rings between them: what rises there alone was never measured. Of
    several shapes each that was tried on both sides of the minimum must show it: the best network
    of each size is no worse for another shape that is.
    """
    shapes = np.unique(curve.shape)
    rises = []
    for shape in shapes:
        mine = curve.shape == shape
        below = curve.size[mine] <= found.estimate * (1.0 + 1e-9)
        if len(shapes) == 1 or (below.any() and not below.all()):
            error = noise.log_error[mine]
            rises.append(float((error - np.minimum.accumulate(error)).max()))
    return min(rises, default=0.0) >= RISE_SHOWN * math.log1p(found.rise)


def falls_clearly(found: Distribution) -> bool:
    """Whether the curve surely falls, by more than nothing.

    A rule that asks more of each doubling than the curve gives to any of them would call it flat,
    and "the smallest size is enough" would be said of a curve that all larger sizes are better on:
    that is a question of the rule's number, which whoever asks must answer. Not so where the price
    of size is known: then it is the price that makes small models best.
    """
    return found.least_fall >= min(CLEAR_FALL, found.parameter)


def _between(curve: Curve, found: Distribution) -> NextStep | None:
    """A size to try where the point lies within one step between sizes, anywhere in it.

    More replicates of the sizes around would not say where in it; a size between them does.
    """
    step_asked = _around(curve, found.estimate)
    low, high = step_asked.low, step_asked.high
    assert low is not None and high is not None
    step = math.log(high / low)
    room = OUTSIDE * step
    within = math.log(found.low / low) > -room and math.log(high / found.high) > -room
    if not within or _width(found) < ANYWHERE * step:
        return None
    return step_asked


def _around(curve: Curve, size: float) -> NextStep:
    """A size between the two that were tried on either side of one."""
    x = np.log(curve.size)
    sizes = curve.size[np.isin(x, sizes_apart(x))]
    index = int(np.clip(np.searchsorted(sizes, size) - 1, 0, len(sizes) - 2))
    return NextStep(kind="size_between", low=float(sizes[index]), high=float(sizes[index + 1]))


def _less(found: Distribution) -> float:
    """A number of the rule, one digit, of which the curve can say where it is reached."""
    most = found.best_step if math.isfinite(found.best_step) else found.fall
    if not most > 0.0:
        return found.parameter / 10.0
    return float(f"{min(most, found.parameter) / 2.0:.0e}")


def too_little(curve: Curve, noise: Noise) -> tuple[Reason, NextStep] | tuple[None, None]:
    """Why the data cannot carry any verdict, and what to run; None if they can."""
    n = curve.n_sizes
    if n == 0:
        return Reason(kind="no_replicates"), NextStep(kind="run_replicates")
    if n < LEAST_SIZES:
        return (
            Reason(kind="few_sizes", count=n, least=LEAST_SIZES),
            NextStep(kind="add_sizes", to=LEAST_SIZES, better=ENOUGH_SIZES),
        )
    least, most = float(curve.size[0]), float(curve.size[-1])
    if most / least < LEAST_RANGE:
        return (
            Reason(kind="narrow_range", value=most / least),
            NextStep(kind="widen_range", low=least / 2, high=most * 4),
        )
    if noise.degrees <= 0 and n < LEAST_SIZES_UNREPLICATED:
        return Reason(kind="unreplicated", count=n), NextStep(kind="train_seeds", to=LEAST_SEEDS)
    if noise.lifted > len(curve) / 2:
        return Reason(kind="no_errors_made"), NextStep(kind="more_test_examples")
    return None, None


def _torn(
    curve: Curve, found: Distribution, by_kind: dict[VerdictKind, float], s: AnalysisSettings
) -> tuple[Reason, NextStep]:
    """Between which answers the data leave the choice, and what would settle it."""
    first, second = sorted(by_kind, key=lambda kind: -by_kind[kind])[:2]
    chances = tuple((kind, by_kind[kind]) for kind in (first, second))
    least, most = float(curve.size[0]), float(curve.size[-1])
    pair = {first, second}
    if pair == {"pays_off_until", "still_paying"}:
        step = NextStep(kind="add_larger", high=4.0 * most)
    elif pair == {"pays_off_until", "flat"}:
        step = NextStep(kind="add_smaller", low=least / 4.0)
    elif pair == {"hurts_beyond", "no_upturn"} and math.isfinite(found.low):
        step = _more_replicates(curve, 3, found.low, most)
    else:
        step = _more_replicates(curve, 3)
    return Reason(kind="torn", least=s.confidence, chances=chances), step


def _more_replicates(
    curve: Curve, factor: int, low: float | None = None, high: float | None = None
) -> NextStep:
    now = max(int(np.median(curve.replicates)), 1)
    return NextStep(kind="more_replicates", now=now, to=factor * now, low=low, high=high)


def _width(found: Distribution) -> float:
    return math.log(found.high / found.low) if found.low > 0.0 else math.inf


def _point(
    rule: Rule,
    s: AnalysisSettings,
    found: Distribution | None,
    *,
    kind: VerdictKind,
    why: Reason | None,
    next_step: NextStep | None,
    probability: float = 0.0,
) -> PayoffPoint:
    if found is None:
        found = Distribution(rule=rule, parameter=rule_parameter(rule, s), level=s.level)
    placed = kind != "no_upturn"
    hump, hurts = found.probability("hump"), found.probability("hurts")
    return PayoffPoint(
        rule=rule,
        parameter=found.parameter,
        kind=kind,
        size=found.estimate if placed else math.nan,
        low=found.low if placed else math.nan,
        high=found.high if placed else math.nan,
        low_open=found.low_open,
        high_open=found.high_open,
        level=found.level,
        probability=probability or (found.probabilities[0][1] if found.probabilities else 0.0),
        peak=found.peak,
        rise=found.rise,
        falls_again=hump > hurts,
        why=why,
        next_step=next_step,
        probabilities=found.probabilities,
    )
