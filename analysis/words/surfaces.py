"""Surfaces of size and data in words: numbers with their intervals, or why there are none."""

from __future__ import annotations

import math
from collections.abc import Mapping

from analysis.findings import Estimate as Interval
from analysis.forecasts.estimates import Estimate
from analysis.forecasts.frontier import FrontierPoint
from analysis.forecasts.support import Caution
from analysis.words.reasons import what_next, why
from analysis.words.rounding import Measured, significant

NOT_IDENTIFIED = "not identified"
DIGITS = 3
"""Of a number whose noise is not known."""


def estimated(one: Estimate) -> str:
    """A number with its interval; what is not identified says so, why, and what to do."""
    if one.identified and one.standard_error > 0.0:
        told = Measured.of(
            Interval(value=one.value, low=one.lower, high=one.upper, level=one.level)
        )
        return f"{told.concise}, {one.level:.0%} interval {told.interval}"
    if one.identified and one.why is None:  # a budget that was given
        return significant(one.value, DIGITS)
    value = significant(one.value, DIGITS) if math.isfinite(one.value) else NOT_IDENTIFIED
    ends = [
        f"{side} {significant(end, 2)}"
        for side, end in (("at least", one.lower), ("at most", one.upper))
        if math.isfinite(end)
    ]
    if math.isfinite(one.value):
        ends = ends or [f"interval {NOT_IDENTIFIED}"]
    told_value = ", ".join([value, *ends])
    return told_value + _because(why(one.why), what_next(one.next_step))


def caution(one: Caution, n_asked: int) -> str:
    """Why runs cannot support what was asked of a surface at so many points."""
    where = "" if n_asked == 1 else f"{one.n_asked} of {n_asked} points: "
    number = f"{NOT_IDENTIFIED}: " if one.without_number else ""
    step = what_next(one.next_step)
    return where + number + why(one.why) + (f" ({step})" if step else "")


def listed(estimates: Mapping[str, Estimate]) -> list[str]:
    """Lines of numbers by name; those that are not identified for one reason share a line."""
    told = {name: estimated(one) for name, one in estimates.items()}
    lines = []
    for text in dict.fromkeys(told.values()):
        names = ", ".join(name for name, other in told.items() if other == text)
        lines.append(f"{names} = {text}" if not text.startswith(NOT_IDENTIFIED) else
                     f"{names}: {text}")  # fmt: skip
    return lines


def placed(point: FrontierPoint) -> list[str]:
    """Lines about what a budget buys at best."""
    parts = {name: getattr(point, name) for name in ("n_parameters", "n_examples", "flops")}
    given = {name: one for name, one in parts.items() if one.identified and one.why is None}
    lines = [f"best for {name} = {estimated(one)}:" for name, one in given.items()
             if one.standard_error == 0.0]  # fmt: skip
    rest = {name: one for name, one in parts.items() if one.standard_error != 0.0}
    lines += [f"    {line}" for line in listed(rest | {"error": point.error})]
    if point.run.identified:
        lower, upper = (significant(end, 2) for end in (point.run.lower, point.run.upper))
        lines.append(f"    one run: {point.run.level:.0%} interval {lower} to {upper}")
    return lines + [f"    caution: {caution(one, 1)}" for one in point.cautions]


def _because(reason: str, step: str) -> str:
    return (f": {reason}" if reason else "") + (f"; {step}" if step else "")
