"""Width or depth, in words: the best shape at each size, and which way to grow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.findings import Estimate, Finding
from analysis.shapes.best import Span
from analysis.shapes.findings import BestShape, Networks, ShapeAndData, ShortLadders, Ways
from analysis.shapes.growing import ALIKE, Growth
from analysis.table.names import format_examples, format_size, plain_name
from analysis.words.reasons import what_next
from analysis.words.told import Told, at, listed

MOST_LISTED = 5
"""Shapes that one sentence names."""


def best_shape(f: Finding[BestShape]) -> Told:
    """The best shape at each size."""
    best, size = f.facts, plain_name(f.size)
    simple = all(one.shape == best.simplest for one in best.spans)
    say = _of_simplest if simple else _span
    parts = [
        say(one, _range(one.low, one.high, k, len(best.spans), size), best)
        for k, one in enumerate(best.spans)
    ]
    standings = {one.standing for one in best.spans}
    if simple and standings != {"open"}:
        rivals = list(dict.fromkeys(other.shape for one in best.spans for other in one.others))
        verb, is_ = ("pay", "are") if len(rivals) > 1 else ("pays", "is")
        lead = f"{_named(rivals)} {verb} at no size compared, {best.simplest} is enough: "
        if "open" in standings:
            lead = f"{_named(rivals)} {is_} nowhere seen to pay, {best.simplest} is taken: "
        parts[0] = lead + parts[0]
    return Told(label=f"shape{at(f.n_examples)}: ", text="; ".join(parts))


def ways_to_grow(f: Finding[Ways]) -> Told:
    """Which way to grow."""
    growths, size = f.facts.growths, plain_name(f.size)
    parts = [
        _way(one, f.facts, _range(one.low, one.high, k, len(growths), size))
        for k, one in enumerate(growths)
    ]
    return Told(label=f"growing{at(f.n_examples)}: ", text="; ".join(parts))


def best_network(f: Finding[Networks]) -> Told:
    """The network to take within budgets of the size."""
    size = plain_name(f.size)
    parts = []
    for k, one in enumerate(f.facts.budgets):
        grown = f"{f.facts.grown_by} {one.grown:g}, " if math.isfinite(one.grown) else ""
        most = f"up to {format_size(one.most)}" + (f" {size}" if k == 0 else "")
        name = f"{grown}{one.shape}"
        if not grown:
            name += f" at {format_size(one.size)}"
        error = float(f.facts.metric.shown(np.array(one.error.value)))
        parts.append(f"{most} {name} ({error:.3g})")
    tail = "; no larger one is likely better" if f.facts.enough else ""
    return Told(label=f"networks{at(f.n_examples)}: ", text="; ".join(parts), tail=tail)


def shape_and_data(f: Finding[ShapeAndData]) -> Told:
    """How the best shape changes with data."""
    parts = [
        f"{format_examples(one.n_examples)}: {one.taken}"
        + (
            f" (told at {one.told:.0%} of the sizes)" if one.told > 0.0
            else " (loses nothing)" if one.enough > 0.5
            else " (cannot be told)"
        )
        for one in f.facts.by_data
    ]  # fmt: skip
    return Told(label="shape by training examples: ", text=", ".join(parts))


def short_ladders(f: Finding[ShortLadders]) -> Told:
    """Shapes that cannot be compared."""
    facts = f.facts
    why = f"two of them need {facts.least} sizes each"
    if facts.shapes > facts.most:
        why = f"at most {facts.most} can be told apart"
    elif facts.span < facts.least_span:
        why = f"the largest size is only {facts.span:.3g} times the smallest"
    return Told(
        label=f"shape{at(f.n_examples)}: ",
        text=f"{facts.shapes} shapes were tried and cannot be compared ({why}); all scatter about "
        "one curve",
        tail=f"; {what_next(facts.next_step)}",
    )


def _of_simplest(one: Span, where: str, best: BestShape) -> str:
    """One span of a study in which the simplest shape is taken everywhere."""
    rivals = _named([other.shape for other in one.others], "or")
    if one.standing == "best":
        return f"{where} {_others(one, best)}"
    if one.standing == "enough":
        return f"{where} {rivals} saves less than {_loss(best)} (probability {one.probability:.0%})"
    return f"{where} it cannot be told whether {rivals} saves anything"


def _span(one: Span, where: str, best: BestShape) -> str:
    if one.standing == "best":
        return f"{where} {one.shape} is best ({_others(one, best)})"
    if one.standing == "enough":
        role = ", the simplest," if one.shape == best.simplest else ""
        return (
            f"{where} {one.shape}{role} is enough: no other saves {_loss(best)} (probability "
            f"{one.probability:.0%})"
        )
    rivals = _named([one.shape, *(other.shape for other in one.others)])
    return f"{where} {rivals} cannot be told apart; {one.shape} is taken"


def _others(one: Span, best: BestShape) -> str:
    """How much worse the other shapes are: in the middle, or at both ends where that differs."""
    ends = [{other.shape: other.more for other in end} for end in (one.first, one.last)]
    parts = []
    for other in one.others:
        low, high = (end.get(other.shape) for end in ends)
        held = other.more
        if low and high and not all(held.low <= end.value <= held.high for end in (low, high)):
            sizes = (format_size(one.low), format_size(one.high))
            parts.append(f"{other.shape} {_at_ends(low, high, sizes, best)}")
        else:
            parts.append(f"{other.shape} {_more(held, best)}")
    return ", ".join(parts)


def _at_ends(low: Estimate, high: Estimate, sizes: tuple[str, str], best: BestShape) -> str:
    metric = None if best.gauge is None else best.gauge.metric
    if metric is None or not metric.additive or metric.kind == "perplexity":
        what = "perplexity" if metric and metric.kind == "perplexity" else "error"
        first, second = (
            f"{one.value:.0%} ({one.low:.0%} to {one.high:.0%})" for one in (low, high)
        )
        return f"has {first} more {what} at {sizes[0]}, {second} at {sizes[1]}"
    first, second = (
        f"{_units(one.value, best):.2g}{_unit(best)} ({_units(one.low, best):.2g} to "
        f"{_units(one.high, best):.2g})"
        for one in (low, high)
    )
    way = "higher" if metric.better == "lower" else "lower"
    return f"is {first} {way} at {sizes[0]}, {second} at {sizes[1]}"


def _more(more: Estimate, best: BestShape) -> str:
    """How much worse another shape is: a share of a plain error, or in units of the metric."""
    metric = None if best.gauge is None else best.gauge.metric
    if metric is None or not metric.additive or metric.kind == "perplexity":
        what = "perplexity" if metric and metric.kind == "perplexity" else "error"
        return (
            f"has {more.value:.0%} more {what} ({more.level:.0%} interval {more.low:.0%} to "
            f"{more.high:.0%})"
        )
    value, low, high = (_units(one, best) for one in (more.value, more.low, more.high))
    way = "higher" if metric.better == "lower" else "lower"
    return f"is {value:.2g}{_unit(best)} {way} ({more.level:.0%} interval {low:.2g} to {high:.2g})"


def _loss(best: BestShape) -> str:
    """What a shape that is enough may lose."""
    metric = None if best.gauge is None else best.gauge.metric
    if metric is None or not metric.additive:
        return f"{best.loss:.0%} of the error"
    if metric.kind == "perplexity":
        return f"{best.loss:.0%} of the perplexity"
    return f"{_units(best.loss, best):.2g}{_unit(best)}"


def _units(more: float, best: BestShape) -> float:
    """A ratio of errors less 1, as a difference of the metric's values."""
    assert best.gauge is not None
    return math.log1p(max(more, -0.999)) / abs(best.gauge.metric.per_unit)


def _unit(best: BestShape) -> str:
    assert best.gauge is not None
    kind = best.gauge.metric.kind
    return f" {kind}" if kind in ("nats", "bits") else ""


def _way(one: Growth, ways: Ways, where: str) -> str:
    along = ways.grown_by or "size at the same shape"
    axes = " or ".join(plain_name(axis) for axis in ways.axes)
    numbers = (
        f"twice {format_size(one.at)} saves {_interval(one.keep, ways)}{_of(ways)} with "
        f"{one.shape}, {_interval(one.change, ways)} with {one.other}"
    )
    if one.way == "keep":
        return f"{where} add {along}, not {axes} (probability {one.keeps:.0%}): {numbers}"
    if one.way == "change":
        return f"{where} go on to {one.other} (probability {one.changes:.0%}): {numbers}"
    if one.way == "either":
        alike = "alike" if one.alike >= ALIKE else "which is better cannot be told"
        return f"{where} more size pays, by {along} or by {axes}, {alike}: {numbers}"
    if one.way == "neither":
        return f"{where} neither more {along} nor more {axes} pays: {numbers}"
    return f"{where} it cannot be told whether to grow: {numbers}"


def _of(ways: Ways) -> str:
    """What a gain is a share of, where it is not the error."""
    if ways.gauge is None or ways.gauge.absolute:
        return ""
    return {
        "perplexity": " of the perplexity",
        "span": " of what is gained over the sizes tried",
        "reducible": " of what lies above the floor",
    }.get(ways.gauge.of, "")


def _interval(saved: Estimate, ways: Ways) -> str:
    if ways.gauge is not None and ways.gauge.absolute:
        return f"{saved.value:.2g} ({saved.low:.2g} to {saved.high:.2g})"
    value, low, high = (
        f"{round(one, 2) + 0.0:.0%}" for one in (saved.value, saved.low, saved.high)
    )
    return f"{value} ({low} to {high})"


def _named(names: Sequence[str], word: str = "and") -> str:
    """Shapes as a sentence has them, not all of many; those of several axes in brackets."""
    shown = [f"({name})" if ", " in name else name for name in names[:MOST_LISTED]]
    if len(names) > MOST_LISTED:
        shown = [*shown[: MOST_LISTED - 1], f"{len(names) - MOST_LISTED + 1} others"]
    return listed(shown, word)


def _range(low: float, high: float, k: int, n: int, size: str) -> str:
    if n == 1:
        return "at every size compared"
    if k == 0:
        return f"up to {format_size(high)} {size}"
    if k == n - 1:
        return f"from {format_size(low)} on"
    return f"at {format_size(low)}" if low == high else (
        f"from {format_size(low)} to {format_size(high)}"
    )  # fmt: skip
