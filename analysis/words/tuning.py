"""Tuning, hyperparameters and regularisation in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.findings import Count, Estimate, Finding
from analysis.metric import Metric
from analysis.routes.paired import Gain
from analysis.table.names import format_examples, format_size, plain_name
from analysis.tuning.best_values import BestAt, BestValue, Move
from analysis.tuning.findings import Enough, Worth
from analysis.tuning.longer import Longer
from analysis.tuning.sensitivity import Effect, Seen
from analysis.words.reasons import what_next, why
from analysis.words.rounding import short, span
from analysis.words.told import Told, at
from analysis.words.verdicts import SHORT

SEEN: dict[Seen, str] = {
    "best_inside": "best inside the range",
    "less_is_better": "less is better on the whole",
    "more_is_better": "more is better on the whole",
    "unclear": "no clear effect",
}


MORE_PAYS = {True: "more trials would still pay", False: "enough"}
"""Of one cell: whether another doubling of its search trials would pay."""


def tuning(f: Finding[Enough]) -> Told:
    """What the last doubling of the search trials saved, and where another would pay."""
    step = what_next(f.next_step)
    return Told(
        label="Tuning: ",
        text=f"the last doubling of the search trials {_doubled(f.facts)}",
        tail=f"; {step}" if step else "",
    )


def longer(f: Finding[Longer]) -> Told:
    """What twice the training would save, and what it would do to the verdict."""
    found, step = f.facts, what_next(f.next_step)
    saved = f"would {_saves(found.saved, found.metric)}"
    ratio = _times_as_large(found.estimate)
    before, after = found.before, found.after
    if found.effect == "verdict":
        does = f'and change the verdict from "{SHORT[before.kind]}" to "{SHORT[after.kind]}"'
        does += f" {format_size(after.size)} {plain_name(f.size)}" if after.placed else ""
    elif found.effect == "moves":
        does = f"and move the payoff point to {format_size(after.size)} {plain_name(f.size)}, "
        does += ratio
    elif not before.confident:
        does = "; the payoff point cannot be told either way"
    elif not before.placed:
        does = "and leave the verdict what it is"
    elif found.effect == "stays":
        does = f"and move the payoff point by less than a factor of two: {ratio}"
    else:
        does = f"; whether the payoff point would move cannot be told: {ratio}"
    return Told(
        label=f"Training twice as long{at(f.n_examples)} ",
        text=f"{saved}{'' if does.startswith(';') else ' '}{does}",
        tail=f" ({found.pairs:,} networks were){f'; {step}' if step else ''}",
    )


def _saves(saved: Estimate, metric: Metric) -> str:
    """What is saved of errors or perplexities, or by how much other values change."""
    worse = saved.high < 0.0
    sign = -1.0 if worse else 1.0
    ends = [saved.value, *sorted((saved.low, saved.high), key=lambda end: sign * end)]
    if not metric.additive or metric.kind == "perplexity":
        what = "perplexity" if metric.additive else "error"
        value, low, high = (f"{sign * end:.0%}" for end in ends)
        numbers = f"{value} ({low} to {high})"
        return f"add {numbers} to the {what}" if worse else f"save {numbers} of the {what}"
    value, low, high = (
        short(-sign * math.log1p(-min(end, 0.999)) / metric.per_unit) for end in ends
    )
    unit = f" {metric.kind}" if metric.kind in ("nats", "bits") else ""
    way = "raise" if (metric.shown_better == "higher") != worse else "lower"
    name = plain_name(metric.name) if metric.name else "loss" if unit else "value"
    return f"{way} the {name} by {value}{unit} ({low} to {high})"


def _times_as_large(ratio: Estimate) -> str:
    value, low, high = (f"{x:.2f}" if x < 9.995 else f"{x:.2g}"
                        for x in (ratio.value, ratio.low, ratio.high))  # fmt: skip
    ends = f"{low}{' or less' * ratio.low_open} to {high}{' or more' * ratio.high_open}"
    return f"{value} times as large ({ratio.level:.0%} interval {ends})"


POOLED = (
    "not judged cell by cell: the best values of each cell come from a model of all search trials, "
    "which more trials of any cell improve"
)
"""Whether tuning was enough where replicates have values that no trial of their cell had."""


def tuned_enough(found: Sequence[Finding[Enough]], *, elsewhere: bool = False) -> str:
    """Whether tuning was enough, as the answer to that question."""
    if elsewhere:
        return POOLED
    if not found:
        return "cannot be judged: too few search trials"
    return f"the last doubling of the search {_doubled(found[-1].facts)}"


def _doubled(enough: Enough) -> str:
    return (
        f"saved {enough.saved:.1%} of the error on average; another would still pay in "
        f"{enough.short} of {enough.judged} cells"
    )


def tuning_unjudged(f: Finding[Count]) -> Told:
    """Too few trials to say anything."""
    return Told(
        text=f"Tuning cannot be judged: {f.facts.n} search trials a cell at most, and fewer "
        f"than {f.facts.of} say nothing. The error of a cell, and any rise from one to the "
        "next, may be the luck of its search",
        tail=f"; {what_next(f.next_step)}",
    )


def hyperparameters(f: Finding[tuple[Effect, ...]]) -> Told:
    """What each hyperparameter did."""
    return Told(
        label=f"Hyperparameters in the range searched{at(f.n_examples)}: ",
        text="; ".join(f"{one.hyperparameter}: {SEEN[one.seen]}" for one in f.facts),
    )


def best_value(f: Finding[BestValue]) -> Told:
    """The best value of a hyperparameter, what a wrong one costs, and what moves it."""
    found, name = f.facts, plain_name(f.about)
    step = what_next(f.next_step)
    tail = f"; {step}" if step else ""
    if found.why is not None or found.told is None:
        text = f"the best {name} cannot be told{at(f.n_examples)}: {why(found.why)}"
        return Told(text=text, tail=tail)
    best, moves = found.told.best, [move for move in found.moves if move.sure]
    text = "" if f.n_examples is None else f"with {format_examples(f.n_examples, 'examples')} "
    text += f"the best {name} is {_about(found)}"
    text += " at the middle size" if any(move.by == "size" for move in moves) else ""
    if short(best.low) != short(best.high):
        text += f" ({best.level:.0%} interval {span(best.low, best.high)})"
    if found.cost is not None:
        text += f"; {wrong_value(found)} costs {percent(found.cost)}"
    if moves:
        text += "; it " + " and ".join(moved(move, found.log) for move in moves)
    return Told(text=text, tail=tail)


def _about(found: BestValue) -> str:
    """The best value, or the end of the range at which it lies."""
    if found.end is not None:
        return f"at the {found.end} end of the range searched, {short(getattr(found, found.end))}"
    return "" if found.told is None else f"about {short(found.told.best.value)}"


def wrong_value(found: BestValue) -> str:
    """Which wrong value a cost is of."""
    sides = [("large", found.larger), ("small", found.smaller)]
    named = " or ".join(name for name, cost in sides if cost is not None)
    return f"one three times too {named}" if named else "one of the worst third of the range"


def percent(cost: Estimate) -> str:
    """A share with its interval."""
    return f"{cost.value:.0%} ({cost.low:.0%} to {cost.high:.0%})"


def moved(move: Move, log: bool) -> str:
    """How a best value changes with each doubling."""
    c = move.change
    sign = 1.0 if c.value >= 0.0 else -1.0
    numbers = [sign * c.value, *sorted((sign * c.low, sign * c.high))]
    value, low, high = (f"{one:.0%}" if log else short(one) for one in numbers)
    way = "rises" if sign > 0.0 else "falls"
    what = "size" if move.by == "size" else "data"
    return f"{way} by {value} ({low} to {high}) with each doubling of the {what}"


def best_at(place: BestAt, *, interval: bool = True) -> str:
    """A best value as a cell of a table; open ends say that its interval reaches out of the
    range."""
    if not place.clear:
        return "cannot tell"
    best = place.best
    if not interval:
        return short(best.value)
    ends = f"{'<' * best.low_open}{short(best.low)} to {'>' * best.high_open}{short(best.high)}"
    return f"{short(best.value)} ({ends})"


def regulariser(f: Finding[Worth]) -> Told:
    """What a regulariser is worth at one dataset size, and what it does to the payoff point."""
    worth, gain, shift = f.facts, f.facts.gain, f.facts.shift
    text = f"{plain_name(f.about)}{at(f.n_examples)}"
    chosen = f", chosen on validation at {worth.used} of {worth.capacities} capacities"
    if not worth.used:
        text += " saves nothing: at every capacity the weakest value did best on the validation set"
    elif not gain.pairs:
        text += f"{chosen}: what it saves there cannot be told, no draw was run with both values"
    elif worth.used < worth.capacities:
        text += f"{chosen}, {_saved(gain, 'there ', worth.level)}"
    else:
        text += f" {_saved(gain, '', worth.level)}"
    if shift is not None and shift.why is None:
        text += (
            f"; the payoff point moves by a factor of {shift.ratio:.2g} "
            f"({shift.low:.2g} to {shift.high:.2g})"
        )
        text += ", open-ended" if shift.open else ""
    return Told(text=text)


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
