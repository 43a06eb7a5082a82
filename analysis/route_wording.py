"""What the comparison of routes says to people: a few plain lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.names import plain_name
from analysis.trials import UNKNOWN
from analysis.verdict import describe, format_size, interval

if TYPE_CHECKING:
    from analysis.crossings import Crossing, Saving
    from analysis.routes import RouteStudy


def route_lines(study: RouteStudy) -> list[str]:
    """Lines of Markdown: payoff point of each route, crossings, sizes saved."""
    size = plain_name(study.size)
    n = "" if study.n_examples == UNKNOWN else f" at {study.n_examples:,} examples"
    lines = []
    for curve in study.curves:
        point = curve.fit.verdict
        lines.append(f"- Route {curve.name}{n}: {describe(point, size)}.")
    lines += [f"- {saving_words(saving, size)}." for saving in study.savings]
    lines += [f"- {crossing_words(crossing, size)}." for crossing in study.crossings]
    return lines


def crossing_words(crossing: Crossing, size: str) -> str:
    """Which of two routes is better where."""
    pair = f"{crossing.first} and {crossing.second}"
    ends = interval(crossing.low, crossing.high, crossing.low_open, crossing.high_open)
    spans = f"{format_size(crossing.range_low)} to {format_size(crossing.range_high)} {size}"
    if crossing.kind == "crosses":
        return (
            f"{_start(crossing.better_below)} is better below about {format_size(crossing.size)} "
            f"{size} ({crossing.level:.0%} interval {ends}), {crossing.better_above} above"
        )
    if crossing.kind in ("first_better", "second_better"):
        first = crossing.kind == "first_better"
        better, worse = (
            (crossing.first, crossing.second) if first else (crossing.second, crossing.first)
        )
        return (
            f"{_start(better)} is better than {worse} at both ends of {spans}: no crossing in that "
            f"range (probability {crossing.probability:.0%})"
        )
    return f"Whether {pair} cross cannot be told: {crossing.why}; {crossing.next_step}"


def saving_words(saving: Saving, size: str) -> str:
    """How much size a route saves at equal error."""
    if saving.why:
        return f"What {saving.route} saves at equal error cannot be told: {saving.why}"
    ends = f"{saving.level:.0%} interval {_times(saving.low)} to {_times(saving.high)}"
    if saving.saves is None:
        return (
            f"At equal error, {saving.route} models need {_times(_inverse(saving.high))} to "
            f"{_times(_inverse(saving.low))} times as many {size} as {saving.base} ones "
            f"({saving.level:.0%} interval): no clear difference"
        )
    if saving.saves:
        return (
            f"At equal error, {saving.route} models need {_times(saving.ratio)} times fewer {size} "
            f"than {saving.base} ones ({ends})"
        )
    return (
        f"At equal error, {saving.route} models need {_times(_inverse(saving.ratio))} times more "
        f"{size} than {saving.base} ones ({saving.level:.0%} interval "
        f"{_times(_inverse(saving.high))} to {_times(_inverse(saving.low))})"
    )


def _start(name: str) -> str:
    return name[0].upper() + name[1:]


def _inverse(value: float) -> float:
    return 1.0 / value if value > 0.0 else math.inf


def _times(value: float) -> str:
    return "any number of" if math.isinf(value) else f"{value:.2g}"
