"""Width or depth, in words: the best shape at each size, and which way to grow."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.findings import Estimate, Finding
from analysis.shapes.best import Span, Versus
from analysis.shapes.findings import BestShape, ShapeAndData, ShortLadders, Ways
from analysis.shapes.growing import Growth
from analysis.table.names import format_examples, format_size, plain_name
from analysis.words.reasons import what_next
from analysis.words.told import Told, at


def best_shape(f: Finding[BestShape]) -> Told:
    """The best shape at each size."""
    spans, size = f.facts.spans, plain_name(f.size)
    parts = [_span(one, k, spans, size, f.facts) for k, one in enumerate(spans)]
    return Told(label=f"shape{at(f.n_examples)}: ", text="; ".join(parts))


def ways_to_grow(f: Finding[Ways]) -> Told:
    """Which way to grow."""
    growths, size = f.facts.growths, plain_name(f.size)
    parts = [_way(one, f.facts, _range(one.low, one.high, k, len(growths), size))
             for k, one in enumerate(growths)]  # fmt: skip
    return Told(label=f"growing{at(f.n_examples)}: ", text="; ".join(parts))


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
    why = (
        f"at most {facts.most} can be told apart"
        if facts.shapes > facts.most
        else f"two of them need {facts.least} sizes each"
    )
    return Told(
        label=f"shape{at(f.n_examples)}: ",
        text=f"{facts.shapes} shapes were tried and cannot be compared ({why}); all scatter about "
        "one curve",
        tail=f"; {what_next(facts.next_step)}",
    )


def _span(one: Span, k: int, spans: Sequence[Span], size: str, best: BestShape) -> str:
    where = _range(one.low, one.high, k, len(spans), size)
    if one.standing == "best":
        others = ", ".join(_versus(other) for other in one.others)
        return f"{one.shape} is best {where} ({others})"
    if one.standing == "enough":
        role = ", the simplest," if one.shape == best.simplest else ""
        return (
            f"{where} {one.shape}{role} is enough: no other saves {best.loss:.0%} of the error "
            f"(probability {one.probability:.0%})"
        )
    rivals = " from ".join([one.shape, " or ".join(other.shape for other in one.others)])
    return f"{where} {rivals} cannot be told; {one.shape} is taken"


def _versus(other: Versus) -> str:
    return f"{other.shape} has {_more(other.more)}"


def _more(more: Estimate) -> str:
    return (
        f"{more.value:.0%} more error there, {more.level:.0%} interval {more.low:.0%} to "
        f"{more.high:.0%}"
    )


def _way(one: Growth, ways: Ways, where: str) -> str:
    along = ways.grown_by or "size"
    axes = " or ".join(plain_name(axis) for axis in ways.axes)
    saves = f"twice the size saves {_interval(one.keep)}"
    other = "" if one.change is None else f", with {one.other} {_interval(one.change)}"
    if one.way == "keep":
        return f"add {along}, not {axes}, {where} ({saves}{other})"
    if one.way == "change":
        change = "" if one.change is None else f"twice the size saves {_interval(one.change)}, "
        return f"go to {one.other} {where} ({change}with {one.shape} {_interval(one.keep)})"
    if one.way == "either":
        return (
            f"{where} size pays, by {along} or by {axes} alike ({saves}{other}; {along} is better "
            f"with probability {one.keeps:.0%})"
        )
    if one.way == "neither":
        return f"{where} neither {along} nor {axes} pays ({saves}{other})"
    return f"{where} whether to grow cannot be told ({saves}{other})"


def _interval(saved: Estimate) -> str:
    return f"{saved.value:.0%} ({saved.low:.0%} to {saved.high:.0%})"


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
