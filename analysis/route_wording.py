"""What the comparison of routes says to people: a few plain lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.names import plain_name
from analysis.trials import UNKNOWN
from analysis.verdict import describe, format_size, interval

if TYPE_CHECKING:
    from analysis.crossings import Crossing, Saving
    from analysis.paired import Gain
    from analysis.pareto import MaskCost
    from analysis.regularisation import Regularisation
    from analysis.route_laws import RouteLaw
    from analysis.routes import RouteStudy
    from analysis.study import StudyAnalysis
    from analysis.teachers import Distilled, TeacherLadder


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


def finding_lines(analysis: StudyAnalysis) -> list[str]:
    """Lines of Markdown on distillation, laws, regularisation and masks, where there are any."""
    lines = []
    if analysis.distilled is not None:
        lines += [f"- {student_words(analysis.distilled)}."] if analysis.distilled.gains else []
        lines += [f"- {teacher_words(ladder)}." for ladder in analysis.distilled.teachers]
    largest = max((law.n_examples for law in analysis.laws), default=UNKNOWN)
    lines += [
        f"- {law_words(law)}."
        for law in analysis.laws
        if law.n_examples in (UNKNOWN, largest) and (law.scores or not law.asked_little)
    ]
    lines += [
        f"- {regulariser_words(found, n, gain)}."
        for found in analysis.regularisation
        for n, gain in found.by_data[-1:]
    ]
    lines += [f"- {mask_words(mask)}." for mask in analysis.masks if mask.verdict != "cannot_tell"]
    return lines


def student_words(distilled: Distilled) -> str:
    """Whether students beat models of their size at the largest dataset, said either way."""
    largest = max(gain.n_examples for gain in distilled.gains)
    gains = [gain for gain in distilled.gains if gain.n_examples == largest]
    better = [gain for gain in gains if gain.low > 0.0]
    worse = [gain for gain in gains if gain.high < 0.0]
    start = "Distilled against trained alone" + _at(largest)
    if better:
        best = max(better, key=lambda gain: gain.gain)
        text = (
            f"better at {len(better)} of {len(gains)} sizes, most at {format_size(best.size)} "
            f"parameters, where {best.gain:.0%} of the error is saved "
            f"({best.low:.0%} to {best.high:.0%})"
        )
    else:
        least = min(gains, key=lambda gain: gain.size)
        text = (
            f"at none of {len(gains)} sizes better by more than the interval (at "
            f"{format_size(least.size)} parameters it saves {least.gain:.0%} of the error, "
            f"{least.low:.0%} to {least.high:.0%})"
        )
    return f"{start}: {text}" + (f"; worse at {len(worse)}" if worse else "")


def teacher_words(ladder: TeacherLadder) -> str:
    """Whether the strongest teacher hurts a student."""
    first, last = ladder.steps[0].teacher_size, ladder.steps[-1].teacher_size
    verdict = {
        "hurts": "the strongest teacher hurts",
        "helps": "the strongest teacher helps",
        "no_difference_seen": "the strongest teacher and a weaker one make no difference seen",
    }[ladder.verdict]
    return (
        f"Students of {format_size(ladder.size)} parameters{_at(ladder.n_examples)}, teachers of "
        f"{format_size(first)} to {format_size(last)}: {verdict} ({ladder.change:+.0%} error, "
        f"{ladder.level:.0%} interval {ladder.change_low:+.0%} to {ladder.change_high:+.0%})"
    )


def law_words(law: RouteLaw) -> str:
    """What a law predicted of points hidden from it."""
    name = f"{law.law[0].upper()}{law.law[1:]} law" + (f" ({law.method})" if law.method else "")
    name += _at(law.n_examples)
    if law.why:
        return f"{name}: not fitted, {law.why}"
    parts = []
    for score in law.scores:
        noise = "" if math.isnan(score.noise) else f", noise alone {score.noise:.1%}"
        parts.append(
            f"{score.kind} of {score.points} hidden points with mean relative error "
            f"{score.mean_relative_error:.1%}{noise}"
        )
    return f"{name}: {'; '.join(parts) or 'too few points to hide any'}"


def regulariser_words(found: Regularisation, n: int, gain: Gain) -> str:
    """What a regulariser is worth at one dataset size, and what it does to the payoff point."""
    text = (
        f"{plain_name(found.regulariser)}{_at(n)} saves {gain.gain:.0%} of the error "
        f"({found.level:.0%} interval {gain.low:.0%} to {gain.high:.0%})"
    )
    shift = next((shift for shift in found.payoff if shift.n_examples == n), None)
    if shift is not None and not shift.why:
        moved = (
            f"the payoff point moves by a factor of {shift.ratio:.2g} "
            f"({shift.low:.2g} to {shift.high:.2g})"
        )
        text += f"; {moved}" + (", open-ended" if shift.open else "")
    return text[0].upper() + text[1:]


def mask_words(mask: MaskCost) -> str:
    """Whether masks alone save a cost."""
    what = plain_name(mask.cost)
    ends = f"{mask.ratio:.2f} of the dense model's, {mask.low:.2f} to {mask.high:.2f}"
    if mask.verdict == "saves_nothing":
        return f"Masks alone save no {what} ({ends}): zeros are stored and multiplied all the same"
    return f"Masks alone lower {what} ({ends})"


def _at(n_examples: int) -> str:
    return "" if n_examples == UNKNOWN else f" at {n_examples:,} examples"


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
