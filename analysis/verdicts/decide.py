"""From a distribution of payoff points to a verdict that a person can act on.

A verdict is given when its probability reaches ``settings.confidence`` and the interval says
something; otherwise it is "cannot tell", with the reason and with what to run next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.curves.curve import Curve
from analysis.curves.noise import Noise
from analysis.settings import AnalysisSettings, Rule
from analysis.verdicts.rules import Distribution, Outcome

VerdictKind = Literal[
    "pays_off_until", "still_paying", "flat", "hurts_beyond", "no_upturn", "cannot_tell"
]
KINDS: dict[Outcome, VerdictKind] = {
    "flat": "flat",
    "inside": "pays_off_until",
    "still": "still_paying",
    "hurts": "hurts_beyond",
    "hump": "hurts_beyond",
    "none": "no_upturn",
}

LEAST_SIZES = 4
"""Fewer sizes cannot show where a curve bends: a power law with a floor fits any three."""
LEAST_RANGE = 4.0
"""Least ratio of the largest to the smallest size: two doublings, so that one can be compared with
the next."""
LEAST_SIZES_UNREPLICATED = 6
"""Without replicates the noise is read off the scatter about the curve, which takes more sizes."""
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
    why: str
    """Why it cannot be told; empty otherwise."""
    next_step: str
    """What to run next; empty where nothing is needed."""
    probabilities: tuple[tuple[Outcome, float], ...]

    @property
    def confident(self) -> bool:
        """Whether a verdict was given."""
        return self.kind != "cannot_tell"


def decide(
    curve: Curve, noise: Noise, found: Distribution | None, rule: Rule, s: AnalysisSettings
) -> PayoffPoint:
    """The verdict of one rule; ``found`` is None where the curve could not be fitted at all."""
    why, next_step = too_little(curve, noise)
    if found is None:
        return _point(rule, s, found, kind="cannot_tell", why=why, next_step=next_step)
    if why:
        return _point(rule, s, found, kind="cannot_tell", why=why, next_step=next_step)
    by_kind: dict[VerdictKind, float] = {}
    for outcome, p in found.probabilities:
        by_kind[KINDS[outcome]] = by_kind.get(KINDS[outcome], 0.0) + p
    kind, probability = max(by_kind.items(), key=lambda item: item[1])
    why = next_step = ""
    if probability < s.confidence:
        why, next_step = _torn(curve, found, by_kind, s)
        kind = "cannot_tell"
    elif kind in ("pays_off_until", "hurts_beyond") and _width(found) > WIDEST_INTERVAL * _span(
        curve
    ):
        why = (
            f"the {found.level:.0%} interval, {interval(found.low, found.high)}, covers most of "
            "the range of sizes tried"
        )
        next_step = _more_replicates(curve, 4)
        kind = "cannot_tell"
    elif kind == "still_paying":
        next_step = f"try sizes up to {format_size(4.0 * curve.size[-1])}"
    return _point(rule, s, found, kind=kind, why=why, next_step=next_step, probability=probability)


def too_little(curve: Curve, noise: Noise) -> tuple[str, str]:
    """Why the data cannot carry any verdict, and what to run; two empty strings if they can."""
    n = curve.n_sizes
    if n == 0:
        return "no replicate trial is left for this curve", "run replicate trials"
    if n < LEAST_SIZES:
        what = "there is only one size" if n == 1 else f"there are only {n} sizes"
        return (
            f"{what}, and fewer than {LEAST_SIZES} cannot show where a curve bends",
            f"add sizes until there are at least {LEAST_SIZES}, better 8, each about double the "
            "one before",
        )
    ratio = float(curve.size[-1] / curve.size[0])
    if ratio < LEAST_RANGE:
        return (
            f"the largest size is only {ratio:.3g} times the smallest, less than two doublings",
            f"widen the range to {format_size(curve.size[0] / 2)} - "
            f"{format_size(curve.size[-1] * 4)}",
        )
    if noise.degrees <= 0 and n < LEAST_SIZES_UNREPLICATED:
        return (
            f"no size was trained twice, and {n} sizes cannot tell noise from shape",
            "train each size with at least 3 seeds",
        )
    if noise.lifted > len(curve) / 2:
        return (
            "more than half of the sizes made no error at all on the test examples",
            "use more test examples, or smaller sizes",
        )
    return "", ""


def _torn(
    curve: Curve, found: Distribution, by_kind: dict[VerdictKind, float], s: AnalysisSettings
) -> tuple[str, str]:
    """Between which answers the data leave the choice, and what would settle it."""
    first, second = sorted(by_kind, key=lambda kind: -by_kind[kind])[:2]
    words = {
        "flat": "the smallest size is already enough",
        "pays_off_until": "the payoff point lies inside the range",
        "still_paying": "the largest size still pays",
        "hurts_beyond": "the error turns up again",
        "no_upturn": "it never does" if first == "hurts_beyond" else "the error never turns up",
        "cannot_tell": "",
    }
    if first == "no_upturn" and second == "hurts_beyond":
        words["hurts_beyond"] = "it does"
    why = (
        f"{words[first]} ({by_kind[first]:.0%}) or {words[second]} ({by_kind[second]:.0%}): "
        f"neither reaches {s.confidence:.0%}"
    )
    pair = {first, second}
    if pair == {"pays_off_until", "still_paying"}:
        step = f"add sizes up to {format_size(4.0 * curve.size[-1])}"
    elif pair == {"pays_off_until", "flat"}:
        step = f"add sizes down to {format_size(curve.size[0] / 4.0)}"
    elif pair == {"hurts_beyond", "no_upturn"} and math.isfinite(found.low):
        step = (
            f"{_more_replicates(curve, 3)}, above all from {format_size(found.low)} to "
            f"{format_size(curve.size[-1])}"
        )
    else:
        step = _more_replicates(curve, 3)
    return why, step


def _more_replicates(curve: Curve, factor: int) -> str:
    now = max(int(np.median(curve.replicates)), 1)
    return f"train {factor * now} replicates of each size instead of {now}"


def _span(curve: Curve) -> float:
    return math.log(curve.size[-1] / curve.size[0])


def _width(found: Distribution) -> float:
    return math.log(found.high / found.low) if found.low > 0.0 else math.inf


def _point(
    rule: Rule,
    s: AnalysisSettings,
    found: Distribution | None,
    *,
    kind: VerdictKind,
    why: str,
    next_step: str,
    probability: float = 0.0,
) -> PayoffPoint:
    if found is None:
        values = {"marginal": s.marginal, "plateau": s.plateau, "overfit": s.upturn}
        return PayoffPoint(
            rule=rule,
            parameter=values.get(rule, math.nan if s.price is None else s.price),
            kind=kind,
            size=math.nan,
            low=math.nan,
            high=math.nan,
            low_open=False,
            high_open=False,
            level=s.level,
            probability=0.0,
            peak=math.nan,
            rise=math.nan,
            falls_again=False,
            why=why,
            next_step=next_step,
            probabilities=(),
        )
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


def describe(point: PayoffPoint, size_name: str) -> str:
    """The verdict in words, without a full stop.

    Parameters
    ----------
    point : PayoffPoint
        The verdict.
    size_name : str
        What the x axis counts.
    """
    unit = f" {size_name}" if size_name else ""
    if point.kind == "pays_off_until":
        return f"pays off until {format_size(point.size)}{unit} ({_interval_words(point)})"
    if point.kind == "still_paying":
        return "still paying at the largest size tried"
    if point.kind == "flat":
        return "flat: the smallest size tried is enough"
    if point.kind == "hurts_beyond":
        text = f"hurts beyond {format_size(point.size)}{unit} ({_interval_words(point)})"
        if point.falls_again:
            text += (
                f": error turns up inside the range, peaks near {format_size(point.peak)} "
                f"(+{point.rise:.0%}) and falls again"
            )
        return text
    if point.kind == "no_upturn":
        return "error does not turn up in the range tried"
    return f"cannot tell: {point.why}"


def _interval_words(point: PayoffPoint) -> str:
    ends = interval(point.low, point.high, point.low_open, point.high_open)
    return f"{point.level:.0%} interval {ends}"


def interval(low: float, high: float, low_open: bool = False, high_open: bool = False) -> str:
    """An interval of sizes in words; open ends say that it reaches out of the range."""
    left = f"below {format_size(low)}" if low_open else format_size(low)
    right = f"beyond {format_size(high)}" if high_open else format_size(high)
    return f"{left} to {right}"


def format_size(size: float) -> str:
    """A size with three digits and a suffix a person can read.

    Examples
    --------
    >>> format_size(266610), format_size(1_240_000), format_size(850), format_size(0.0123)
    ('267k', '1.24M', '850', '0.0123')
    """
    if not math.isfinite(size):
        return "-"
    for scale, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= 0.9995 * scale:
            return f"{_three(size / scale)}{suffix}"
    return _three(size)


def _three(value: float) -> str:
    """Three significant digits, never in exponents for what fits."""
    if value >= 99.95 or value == 0.0:
        return f"{value:.0f}"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
