"""Payoff points, the answer made of them, and their growth, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.findings import Finding, VerdictKind
from analysis.settings import AnalysisSettings
from analysis.table.names import format_examples, format_size, plain_name
from analysis.verdicts.decide import PayoffPoint
from analysis.verdicts.findings import Answer
from analysis.verdicts.gains import Gauge
from analysis.verdicts.growth import Growth
from analysis.words.metrics import past_clause, turn
from analysis.words.reasons import interval, what_next, why
from analysis.words.told import Told, listed

VERDICTS: dict[VerdictKind, str] = {
    "pays_off_until": "pays off until",
    "still_paying": "still paying at the largest size tried",
    "flat": "flat: the smallest size is enough",
    "hurts_beyond": "hurts beyond",
    "no_upturn": "no upturn",
    "cannot_tell": "cannot tell",
}

SHORT: dict[VerdictKind, str] = {
    "pays_off_until": "pays off until",
    "still_paying": "still paying",
    "flat": "flat",
    "hurts_beyond": "hurts beyond",
    "no_upturn": "no upturn",
    "cannot_tell": "cannot tell",
}
"""Verdicts where there is no room for more."""

PLACES: dict[VerdictKind, str] = {
    "pays_off_until": "Payoff point",
    "hurts_beyond": "Error turns up beyond",
}
"""What a size is called that a verdict places."""


def verdict(f: Finding[PayoffPoint]) -> Told:
    """A payoff point as its cell of the table says it; the tail has what other columns hold."""
    point = f.facts
    where = "" if f.n_examples is None else f"{format_examples(f.n_examples, 'examples')}, "
    text, tail = VERDICTS[point.kind], ""
    if point.kind == "hurts_beyond" and point.falls_again:
        text, tail = "turns up, then falls again", ","
    if point.kind == "cannot_tell":
        tail = f": {why(point.why)}; {what_next(point.next_step)}"
    elif point.placed:
        tail += f" {format_size(point.size)} {plain_name(f.size)} ({_ends(point)})"
    return Told(label=f"{where}{point.rule}: ", text=text, tail=tail)


def alike(findings: Sequence[Finding[PayoffPoint]]) -> list[list[Finding[PayoffPoint]]]:
    """Verdicts of one reason and next step: of all dataset sizes where it holds for the same rules.

    Else those of each dataset size.
    """
    by_reason: dict[str, list[Finding[PayoffPoint]]] = {}
    for one in findings:
        by_reason.setdefault(verdict(one).tail, []).append(one)
    found = []
    for group in by_reason.values():
        by_data: dict[float | None, list[Finding[PayoffPoint]]] = {}
        for one in group:
            by_data.setdefault(one.n_examples, []).append(one)
        rules = {tuple(one.facts.rule for one in mine) for mine in by_data.values()}
        found += [group] if len(rules) == 1 else list(by_data.values())
    return found


def of_all(group: Sequence[Finding[PayoffPoint]], findings: Sequence[Finding[Any]]) -> str:
    """Of which dataset sizes and rules one sentence is; ``findings`` are all that there are."""
    every = [f for f in findings if isinstance(f.facts, PayoffPoint)]
    rules = list(dict.fromkeys(f.facts.rule for f in group))
    data = list(dict.fromkeys(f.n_examples for f in group))
    all_rules = len({f.facts.rule for f in every}) == len(rules) > 1
    by_rule = "every rule" if all_rules else listed(rules)
    if len({f.n_examples for f in every}) == len(data) > 1:
        return f"every dataset size, {by_rule}: "
    sizes = [format_examples(n) for n in sorted(n for n in data if n is not None)]
    return f"{listed(sizes)} examples, {by_rule}: " if sizes else f"{by_rule}: "


def phrase(point: PayoffPoint, size_name: str, gauge: Gauge | None = None) -> str:
    """The verdict in words, where no table stands beside it."""
    at = f"{format_size(point.size)} {size_name}".rstrip()
    if point.kind == "pays_off_until":
        return f"pays off until {at} ({_ends(point)})"
    if point.kind == "flat":
        return "flat: the smallest size tried is enough"
    if point.kind == "hurts_beyond":
        text = f"hurts beyond {at} ({_ends(point)})"
        if point.falls_again:
            text += (
                f": {_it(gauge)} turns {turn(gauge)} inside the range, "
                f"{'dips' if turn(gauge) == 'down' else 'peaks'} near {format_size(point.peak)} "
                f"(+{point.rise:.0%}) and {'rises' if turn(gauge) == 'down' else 'falls'} again"
            )
        return text
    if point.kind == "no_upturn":
        return f"{_it(gauge)} does not turn {turn(gauge)} in the range tried"
    if point.kind == "cannot_tell":
        return f"cannot tell: {why(point.why)}"
    return VERDICTS[point.kind]


def answer(f: Finding[Answer]) -> Told:
    """The answer for the largest dataset, in one sentence."""
    point, plateau, overfit = f.facts.point, f.facts.plateau, f.facts.overfit
    size, error = plain_name(f.size), plain_name(f.facts.error)
    start = (
        ""
        if f.n_examples is None
        else f"With {format_examples(f.n_examples, 'training examples')}, "
    )
    gauge = f.facts.gauge
    body = _clause(point, size, error, gauge, absolute=f.facts.absolute)
    if point.kind == "cannot_tell" and plateau.kind == "pays_off_until":
        body = (
            f"about {format_size(plateau.size)} {size} ({_ends(plateau)}) come "
            f"within {100 * plateau.parameter:.3g}% of the best "
            f"{'perplexity' if gauge and gauge.of == 'perplexity' else error} in the range; {body}"
        )
    if overfit.kind == "hurts_beyond" and point.rule != "overfit":
        body += f"; {_upturn(overfit, size, error, gauge)}"
    return Told(text=start + body)


def _clause(
    point: PayoffPoint, size: str, error: str, gauge: Gauge | None, *, absolute: bool
) -> str:
    """The headline verdict as a clause."""
    if point.kind == "pays_off_until":
        return (
            f"more capacity pays off until about {format_size(point.size)} {size} "
            f"({_ends(point)}); {past_clause(point, error, gauge, absolute=absolute)}"
            + (f"; {what_next(point.next_step)}" if point.next_step else "")
        )
    if point.kind == "still_paying":
        step = what_next(point.next_step)
        return f"more capacity is still paying at the largest size tried; {step}"
    if point.kind == "flat":
        past = past_clause(point, error, gauge, absolute=absolute)
        return f"the smallest size tried is enough: {past}"
    if point.kind == "hurts_beyond":
        return _upturn(point, size, error, gauge)
    if point.kind == "no_upturn":
        return f"the {error} does not turn {turn(gauge)} anywhere in the range tried"
    return (
        f"it cannot be told yet where capacity stops paying off, because {why(point.why)}; "
        f"{what_next(point.next_step)}"
    )


def _it(gauge: Gauge | None) -> str:
    return gauge.metric.name if gauge and gauge.metric.name else "error"


def _upturn(point: PayoffPoint, size: str, error: str, gauge: Gauge | None) -> str:
    at = f"{format_size(point.size)} {size} ({_ends(point)})"
    text = f"the {error} turns {turn(gauge)} beyond about {at}"
    if point.falls_again:
        again = "rises" if turn(gauge) == "down" else "falls"
        return f"{text}, inside the range, and {again} again past {format_size(point.peak)}"
    return f"{text}, so that bigger models there are worse"


def _ends(point: PayoffPoint) -> str:
    ends = interval(point.low, point.high, point.low_open, point.high_open)
    return f"{point.level:.0%} interval {ends}"


def head(point: PayoffPoint, s: AnalysisSettings) -> tuple[str, str, str]:
    """A verdict at a glance: what is given, it, and what belongs to it."""
    if not point.placed:
        return "Verdict", SHORT[point.kind], rule_name(point, s)
    size = f"{format_size(point.size)} {plain_name(s.size_name)}"
    return PLACES[point.kind], size, _ends(point)


def mark(point: PayoffPoint) -> dict[str, str]:
    """What is said at the mark of a placed verdict in a picture; nothing of others."""
    return {"name": PLACES[point.kind], "ends": _ends(point)} if point.placed else {}


def counted_in(size: str, sentence: str) -> str:
    """The answer over another size than the study's own."""
    return f"Counted in {size}: {sentence}"


def rule_name(point: PayoffPoint, s: AnalysisSettings) -> str:
    """A rule with its number."""
    if point.rule == "economic" or (point.rule == "marginal" and s.marginal_is_absolute):
        return f"{point.rule} {point.parameter:.3g}"
    return f"{point.rule} {100 * point.parameter:.3g}%"


def growth(f: Finding[Growth]) -> Told:
    """How the payoff point grows with the dataset, and where it would lie with twice as much."""
    g, last = f.facts, max(f.facts.n_examples)
    here, ahead = g.forecast(last), g.forecast(2 * last)
    moves = (
        "does not clearly change with the number of training examples: a power of"
        if g.low < 0.0 < g.high
        else f"{'grows' if g.exponent > 0 else 'shrinks'} with the number of training examples "
        "to the power"
    )
    return Told(
        text=f"The payoff point {moves} "
        f"{g.exponent:.2f} ({g.level:.0%} interval {g.low:.2f} to {g.high:.2f}). If that goes "
        f"on, with {format_examples(ahead.n_examples)} it would lie at about "
        f"{format_size(ahead.size)} "
        f"{plain_name(f.size)} ({interval(ahead.low, ahead.high)}); that line, drawn through all "
        f"dataset sizes, has {format_size(here.size)} at {format_examples(last)}"
    )
