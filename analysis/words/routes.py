"""Pruning, distillation and the comparison of routes in words."""

from __future__ import annotations

import math

from analysis.findings import Count, Finding
from analysis.routes.crossings import Crossing, Saving
from analysis.routes.fronts import MaskCost
from analysis.routes.laws import RouteLaw
from analysis.routes.pruning import PruneLadder
from analysis.routes.teachers import StudentGain, TeacherLadder
from analysis.table.names import format_size, plain_name
from analysis.verdicts.decide import LEAST_SIZES, PayoffPoint
from analysis.words.reasons import interval, what_next, why
from analysis.words.told import Told, at, capital
from analysis.words.verdicts import phrase


def pruning(f: Finding[PruneLadder]) -> Told:
    """How much of a model can go."""
    ladder = f.facts
    n = "" if f.n_examples is None else f"{f.n_examples:,} examples and "
    start = f"at {n}{format_size(ladder.size)} {plain_name(f.size)}, "
    if ladder.free_ratio == 0.0:
        least = ladder.steps[0]
        text = (
            f"even the smallest ratio tried, {least.prune_ratio:.0%}, costs more than "
            f"{ladder.allowed:.0%} more error ({least.cost:+.0%})"
        )
        return Told(label="Pruning: ", text=start + text)
    shown = (
        "shown by the interval too"
        if ladder.sure_ratio >= ladder.free_ratio
        else f"shown up to {ladder.sure_ratio:.0%}"
        if ladder.sure_ratio
        else "not shown yet: the interval reaches higher"
    )
    text = (
        f"up to {ladder.free_ratio:.0%} of the weights can go for at most "
        f"{ladder.allowed:.0%} more error ({shown})"
    )
    return Told(label="Pruning: ", text=start + text)


def route(f: Finding[PayoffPoint]) -> Told:
    """The payoff point of one route."""
    return Told(
        label=f"Route {f.about}{at(f.n_examples)}: ", text=phrase(f.facts, plain_name(f.size))
    )


def saving(f: Finding[Saving]) -> Told:
    """How much size a route saves at equal error."""
    found, size = f.facts, plain_name(f.size)
    level = f"{found.level:.0%} interval"
    need = f"At equal error, {found.route} models need"
    if found.saves:
        return Told(
            text=f"{need} {_times(found.ratio)} times fewer {size} than {found.base} ones "
            f"({level} {_times(found.low)} to {_times(found.high)})"
        )
    low, high = _times(_inverse(found.high)), _times(_inverse(found.low))
    if found.saves is None:
        return Told(
            text=f"{need} {low} to {high} times as many {size} as {found.base} ones "
            f"({level}): no clear difference"
        )
    return Told(
        text=f"{need} {_times(_inverse(found.ratio))} times more {size} than {found.base} ones "
        f"({level} {low} to {high})"
    )


def crossing(f: Finding[Crossing]) -> Told:
    """Which of two routes is better where."""
    c, size = f.facts, plain_name(f.size)
    if c.kind == "crosses":
        ends = interval(c.low, c.high, c.low_open, c.high_open)
        return Told(
            text=f"{capital(c.better_below)} is better below about {format_size(c.size)} "
            f"{size} ({c.level:.0%} interval {ends}), {c.better_above} above"
        )
    if c.kind in ("first_better", "second_better"):
        first = c.kind == "first_better"
        better, worse = (c.first, c.second) if first else (c.second, c.first)
        spans = f"{format_size(c.range_low)} to {format_size(c.range_high)} {size}"
        return Told(
            text=f"{capital(better)} is better than {worse} at both ends of {spans}: no crossing "
            f"in that range (probability {c.probability:.0%})"
        )
    clear = ""
    if math.isfinite(c.clear_until):
        clear = (
            f"{capital(c.clear_first)} is clearly better up to about "
            f"{format_size(c.clear_until)} {size}; past that "
        )
    return Told(
        text=f"{clear}whether {c.first} and {c.second} cross cannot be told: {why(c.why)}",
        tail=f"; {what_next(c.next_step)}",
    )


def short_routes(f: Finding[tuple[str, ...]]) -> Told:
    """Routes that have no curve."""
    return Told(
        label=f"Routes with fewer than {LEAST_SIZES} sizes{at(f.n_examples)}, too few for a "
        "curve: ",
        text=", ".join(f.facts),
    )


def open_crossings(f: Finding[Count]) -> Told:
    """Pairs of routes that are counted only."""
    return Told(
        text=f"Of {f.facts.n} more pairs of routes it cannot be told yet whether they cross"
    )


def students(f: Finding[tuple[StudentGain, ...]]) -> Told:
    """Whether students beat models of their size, said either way."""
    n, better = len(f.facts), [gain for gain in f.facts if gain.low > 0.0]
    worse = sum(gain.high < 0.0 for gain in f.facts)
    if better:
        shown = max(better, key=lambda gain: gain.gain)
        text = (
            f"better at {len(better)} of {n} sizes, most at {format_size(shown.size)} "
            f"parameters, where {shown.gain:.0%} of the error is saved "
            f"({shown.low:.0%} to {shown.high:.0%})"
        )
    else:
        shown = min(f.facts, key=lambda gain: gain.size)
        text = (
            f"at none of {n} sizes better by more than the interval (at "
            f"{format_size(shown.size)} parameters the error is {-shown.gain:+.0%}, "
            f"{-shown.high:+.0%} to {-shown.low:+.0%})"
        )
    text += f"; worse at {worse}" if worse else ""
    return Told(label=f"Distilled against trained alone{at(f.n_examples)}: ", text=text)


def teachers(f: Finding[TeacherLadder]) -> Told:
    """Whether the strongest teacher hurts a student."""
    ladder = f.facts
    first, last = ladder.steps[0].teacher_size, ladder.steps[-1].teacher_size
    verdict = {
        "hurts": "the strongest teacher hurts",
        "helps": "the strongest teacher helps",
        "no_difference_seen": "the strongest teacher and a weaker one make no difference seen",
    }[ladder.verdict]
    return Told(
        label=f"Students of {format_size(ladder.size)} parameters{at(f.n_examples)}, teachers of "
        f"{format_size(first)} to {format_size(last)}: ",
        text=f"{verdict} ({ladder.change:+.0%} error, "
        f"{ladder.level:.0%} interval {ladder.change_low:+.0%} to {ladder.change_high:+.0%})",
    )


def law(f: Finding[RouteLaw]) -> Told:
    """What a law predicted of points hidden from it."""
    method = f" ({f.facts.method})" if f.facts.method else ""
    label = f"{capital(f.about)} law{method}{at(f.n_examples)}: "
    if f.why is not None:
        return Told(label=label, text=f"not fitted, {not_fitted(f.facts)}")
    parts = []
    for score in f.facts.scores:
        noise = "" if math.isnan(score.noise) else f", noise alone {score.noise:.1%}"
        parts.append(
            f"{score.kind} of {score.points} hidden points with mean relative error "
            f"{score.mean_relative_error:.1%}{noise}"
        )
    return Told(label=label, text="; ".join(parts) or "too few points to hide any")


def not_fitted(found: RouteLaw) -> str:
    """Why a law has no fit, and what would give it one; empty where it has one."""
    return "; ".join(filter(None, (why(found.why), what_next(found.next_step))))


def masks(f: Finding[MaskCost]) -> Told:
    """Whether masks alone save a cost."""
    mask, what = f.facts, plain_name(f.about)
    ends = f"{mask.ratio:.2f} of the dense model's, {mask.low:.2f} to {mask.high:.2f}"
    if mask.verdict == "saves_nothing":
        return Told(
            text=f"Masks alone save no {what} ({ends}): zeros are stored and multiplied all the "
            "same"
        )
    return Told(text=f"Masks alone lower {what} ({ends})")


def _inverse(value: float) -> float:
    return 1.0 / value if value > 0.0 else math.inf


def _times(value: float) -> str:
    return "any number of" if math.isinf(value) else f"{value:.2g}"
