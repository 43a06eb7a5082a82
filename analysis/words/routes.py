"""What the comparison of routes says to people: a few plain lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.table.names import plain_name
from analysis.table.trials import UNKNOWN
from analysis.verdicts.decide import LEAST_SIZES, describe, format_size, interval

if TYPE_CHECKING:
    from analysis.routes.comparison import RouteStudy
    from analysis.routes.crossings import Crossing, Saving
    from analysis.routes.fronts import MaskCost
    from analysis.routes.laws import RouteLaw
    from analysis.routes.paired import Gain
    from analysis.routes.teachers import Distilled, TeacherLadder
    from analysis.study import StudyAnalysis
    from analysis.tuning.regularisation import Regularisation


def route_lines(study: RouteStudy) -> list[str]:
    """Lines of Markdown: payoff point of each route, crossings, sizes saved."""
    size = plain_name(study.size)
    at = _at(study.n_examples)
    told = [curve for curve in study.curves if curve.fit.curve.n_sizes >= LEAST_SIZES]
    names = {curve.name for curve in told}
    lines = [f"- Route {c.name}{at}: {describe(c.fit.verdict, size)}." for c in told]
    lines += [
        f"- {saving_words(s, size)}." for s in study.savings if s.route in names and not s.why
    ]
    known = [c for c in study.crossings if c.kind != "cannot_tell"]
    open_ones = [c for c in study.crossings if c.kind == "cannot_tell" and math.isfinite(c.crosses)]
    shown = [*known, *(c for c in open_ones if "trained" in (c.first, c.second))]
    lines += [f"- {crossing_words(crossing, size)}." for crossing in shown]
    few = [curve.name for curve in study.curves if curve.name not in names]
    if few:
        lines.append(
            f"- Routes with fewer than {LEAST_SIZES} sizes{at}, too few for a curve: "
            f"{', '.join(few)}."
        )
    if len(open_ones) > len(shown) - len(known):
        rest = len(open_ones) - (len(shown) - len(known))
        lines.append(f"- Of {rest} more pairs of routes it cannot be told yet whether they cross.")
    return lines


def finding_lines(analysis: StudyAnalysis) -> list[str]:
    """Lines of Markdown on distillation, laws, regularisation and masks, where there are any."""
    lines = []
    if analysis.distilled is not None:
        lines += [f"- {student_words(analysis.distilled)}."] if analysis.distilled.gains else []
        most = max((ladder.n_examples for ladder in analysis.distilled.teachers), default=UNKNOWN)
        ladders = [t for t in analysis.distilled.teachers if t.n_examples == most]
        # The smallest and the largest student stand for those between them.
        lines += [f"- {teacher_words(t)}." for t in dict.fromkeys((*ladders[:1], *ladders[-1:]))]
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
    lines += [f"- {mask_words(mask)}." for mask in first_of_each(analysis.masks)]
    return lines


def first_of_each(masks: tuple[MaskCost, ...]) -> list[MaskCost]:
    """One cost for each verdict that was given: time if it was measured, else FLOPs."""
    by_verdict: dict[str, MaskCost] = {}
    for mask in masks:
        if mask.verdict != "cannot_tell":
            by_verdict.setdefault(mask.verdict, mask)
    return list(by_verdict.values())


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
            f"{format_size(least.size)} parameters the error is {-least.gain:+.0%}, "
            f"{-least.high:+.0%} to {-least.low:+.0%})"
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
    steps = [step for step in found.steps if step.n_examples == n]
    used = sum(step.chosen != step.weakest for step in steps)
    text = f"{plain_name(found.regulariser)}{_at(n)}"
    chosen = f", chosen on validation at {used} of {len(steps)} capacities"
    if not used:
        text += " saves nothing: at every capacity the weakest value did best on the validation set"
    elif not gain.pairs:
        text += f"{chosen}: what it saves there cannot be told, no draw was run with both values"
    elif used < len(steps):
        text += f"{chosen}, {_saved(gain, 'there ', found.level)}"
    else:
        text += f" {_saved(gain, '', found.level)}"
    shift = next((shift for shift in found.payoff if shift.n_examples == n), None)
    if shift is not None and not shift.why:
        moved = (
            f"the payoff point moves by a factor of {shift.ratio:.2g} "
            f"({shift.low:.2g} to {shift.high:.2g})"
        )
        text += f"; {moved}" + (", open-ended" if shift.open else "")
    return text[0].upper() + text[1:]


def _saved(gain: Gain, there: str, level: float) -> str:
    """A gain in words: what it saves, or by how much it raises the error."""
    if not gain.bounded:
        what = "saves" if gain.gain >= 0.0 else "raises the error"
        size = f"{gain.gain:.0%} of the error" if gain.gain >= 0.0 else f"by {-gain.gain:.0%}"
        return f"{what} {there}{size} (too few pairs of runs for an interval)"
    if gain.gain >= 0.0:
        ends = f"{gain.low:.0%} to {gain.high:.0%}"
        return f"saves {there}{gain.gain:.0%} of the error ({level:.0%} interval {ends})"
    ends = f"{-gain.high:.0%} to {-gain.low:.0%}"
    return f"raises the error {there}by {-gain.gain:.0%} ({level:.0%} interval {ends})"


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
    clear = ""
    if math.isfinite(crossing.clear_until):
        clear = f"{_start(crossing.clear_first)} is clearly better up to about "
        clear += f"{format_size(crossing.clear_until)} {size}; past that "
    start = f"whether {pair} cross cannot be told: {crossing.why}; {crossing.next_step}"
    return clear + start if clear else _start(start)


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
