"""What to run next, in words and in rows."""

from __future__ import annotations

import math
from typing import Any

from analysis.design.candidates import Target
from analysis.design.plans import Plan, Valued
from analysis.design.standings import Obstacle, Standing
from analysis.findings import VerdictKind
from analysis.table.names import format_size
from analysis.words.reasons import interval
from analysis.words.rows import plain

OBSTACLES: dict[Obstacle, str] = {
    "": "",
    "test_set": "the luck of the test examples alone leaves more than is asked; test on more, or, "
    "where all share one test set, on other ones for each draw",
    "rule": "no doubling gains what the rule asks, though larger sizes are better; ask for less",
    "test_errors": "most sizes make no error on the test examples; test on more",
}
ENDS: dict[VerdictKind, str] = {
    "flat": "the smallest size is enough",
    "still_paying": "the largest size still pays",
    "no_upturn": "the error does not turn up",
}
PARTS, MORE = (0.6, 1.0), 1.5
"""Of the whole plan, for which is said what it is expected to bring, where they cost so many times
more than the batch."""


def plan_lines(
    plan: Plan, size_name: str, cost_name: str, spent: float, target: Target
) -> list[str]:
    """A plan in lines of Markdown: how far it is, what to run, what more would bring."""
    lines = [f"{_which(one)}{_state(one, size_name, target)}" for one in plan.standings]
    if plan.chosen:
        share = f" ({100 * plan.cost / spent:.2g}% of what all runs so far did)" if spent else ""
        lines += [
            "",
            f"next: {_runs(plan.runs)} {plan.cost:.3g} {cost_name}{share}",
            "",
            f"| examples | {size_name} | runs | cost | share of the narrowing |",
            "| ---: | --- | ---: | ---: | ---: |",
            *(_row(one, sum(each.gain for each in plan.chosen)) for one in plan.chosen),
        ]
        lines += _ahead(plan, size_name, cost_name) if not plan.coarse else []
    elif any(one.state not in ("decided", "would_not_help") for one in plan.standings):
        lines += ["", "next: no runs that the budget pays are expected to narrow it"]
    else:
        decided = all(one.state == "decided" for one in plan.standings)
        why = "every answer is decided" if decided else "none would narrow what is open"
        lines += ["", f"next: no runs: {why}"]
    return lines


def plan_rows(plan: Plan, size_name: str, cost_name: str, spent: float) -> dict[str, Any]:
    """A plan for a script: plain values by name."""
    found: dict[str, Any] = plain(
        {
            "size": size_name,
            "cost": cost_name,
            "spent": spent,
            "standings": [
                {
                    "n_examples": one.n_examples,
                    "state": one.state,
                    "verdict": one.kind,
                    "probability": one.probability,
                    "low": one.point.low,
                    "high": one.point.high,
                    "factor": one.factor,
                    "obstacle": one.obstacle,
                }
                for one in plan.standings
            ],
            "runs": [
                {
                    "n_examples": one.candidate.n_examples,
                    "kind": one.candidate.kind,
                    "size": None if one.candidate.between else one.candidate.size,
                    "between": one.candidate.between,
                    "shape": one.candidate.shape,
                    "name": one.candidate.name,
                    "runs": one.runs,
                    "cost": one.cost,
                    "factor_before": one.before,
                    "factor_after": one.after,
                    "decided": one.decided,
                }
                for one in plan.chosen
            ],
            "path": [
                {"cost": step.cost, "runs": step.runs, "factors": step.factors}
                for step in plan.path
            ],
        }
    )
    return found


def _runs(count: int) -> str:
    return "1 run, which costs" if count == 1 else f"{count} runs, which cost"


def _which(one: Standing) -> str:
    return f"{one.n_examples:,.0f} examples: " if one.n_examples > 0 else ""


def _state(one: Standing, size_name: str, target: Target) -> str:
    point = one.point
    ends = (
        f"{interval(point.low, point.high, point.low_open, point.high_open)} {size_name}"
        if math.isfinite(point.low)
        else "no interval yet"
    )
    if one.state == "decided":
        return f"decided, {ENDS.get(point.kind, ends)}"
    if one.state == "would_not_help":
        if not one.settled:
            return (
                f"open, {ends}: more runs narrow it to a factor of {one.limit:.2g} at best: "
                + (OBSTACLES[one.obstacle])
            )
        return f"more runs would not help: {OBSTACLES[one.obstacle]} ({ends})"
    if one.state == "cannot_tell":
        return f"cannot tell yet ({ends})"
    if not one.supported:
        return f"open, {ends}: borne by too few runs there"
    if math.isnan(point.low):
        return "open: more than one answer is left"
    return f"open, {ends}: wider than a factor of {target.factor:g}"


def _ahead(plan: Plan, size_name: str, cost_name: str) -> list[str]:
    """What is expected of the batch, and of what would come after it."""
    asked = [one for one in plan.standings if not one.settled]
    lines = ["", f"expected of the interval, its largest {size_name} over its smallest:"]
    steps = [("now", plan.path[0].factors), (f"after {plan.cost:.3g} {cost_name}", plan.after)]
    for part in PARTS:
        cost = part * plan.path[-1].cost
        if cost >= MORE * plan.cost:
            factors = tuple(map(min, plan.factors_for(cost), plan.after))
            steps.append((f"after {cost:.3g}", factors))
    for what, factors in steps:
        said = (f"{_which(one)}{factor:.3g}" for one, factor in zip(asked, factors, strict=False))
        lines.append(f"- {what}: {', '.join(said)}")
    return lines


def _row(one: Valued, gain: float) -> str:
    candidate = one.candidate
    if candidate.between is not None:
        low, high = candidate.between
        size = f"one between {format_size(low)} and {format_size(high)}"
    else:
        size = format_size(candidate.size)
    size += f", {candidate.shape}" if candidate.shape else ""
    examples = f"{candidate.n_examples:,.0f}" if candidate.n_examples > 0 else ""
    share = f"{one.gain / gain:.0%}" if gain > 0.0 else ""
    return f"| {examples} | {size} | {one.runs} | {one.cost:.3g} | {share} |"
