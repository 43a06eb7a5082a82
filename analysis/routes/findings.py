"""What the routes to a small model showed, as findings: the largest dataset size stands for all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from analysis.curves.curve import rows_with
from analysis.findings import Count, Finding, NextStep
from analysis.routes.comparison import RouteStudy
from analysis.routes.fronts import MaskCost
from analysis.routes.laws import RouteLaw
from analysis.routes.pruning import PruneLadder
from analysis.routes.teachers import Distilled
from analysis.table.trials import UNKNOWN, TrialTable, known
from analysis.verdicts.decide import LEAST_SIZES


def route_findings(studies: Sequence[RouteStudy]) -> Iterator[Finding[Any]]:
    """The payoff point of each route, the sizes saved, and where routes cross."""
    if not studies:
        return
    study = studies[-1]
    n, size = known(study.n_examples), study.size
    told = [curve for curve in study.curves if curve.fit.curve.n_sizes >= LEAST_SIZES]
    names = [curve.name for curve in told]
    for curve in told:
        point = curve.fit.verdict
        yield Finding(kind="route", facts=point, n_examples=n, about=curve.name, size=size)
    for saving in study.savings:
        if saving.route in names and saving.why is None:
            yield Finding(kind="saving", facts=saving, n_examples=n, about=saving.route, size=size)
    clear = [c for c in study.crossings if c.kind != "cannot_tell"]
    torn = [c for c in study.crossings if c.kind == "cannot_tell" and math.isfinite(c.crosses)]
    shown = [c for c in torn if "trained" in (c.first, c.second)]
    for c in (*clear, *shown):
        pair = f"{c.first}, {c.second}"
        yield Finding(kind="crossing", facts=c, n_examples=n, about=pair, size=size)
    short = tuple(curve.name for curve in study.curves if curve.name not in names)
    if short:
        yield Finding(kind="short_routes", facts=short, n_examples=n)
    if len(torn) > len(shown):
        more = Count(n=len(torn) - len(shown), of=len(study.crossings))
        yield Finding(kind="open_crossings", facts=more, n_examples=n)


def distillation_findings(distilled: Distilled | None) -> Iterator[Finding[Any]]:
    """Students against models trained alone, and whether the strongest teacher hurts."""
    if distilled is None:
        return
    largest = max((gain.n_examples for gain in distilled.gains), default=UNKNOWN)
    gains = tuple(gain for gain in distilled.gains if gain.n_examples == largest)
    if gains:
        yield Finding(kind="students", facts=gains, n_examples=known(largest), size="n_parameters")
    largest = max((ladder.n_examples for ladder in distilled.teachers), default=UNKNOWN)
    ladders = [t for t in distilled.teachers if t.n_examples == largest]
    # The smallest and the largest student stand for those between them.
    for ladder in dict.fromkeys((*ladders[:1], *ladders[-1:])):
        yield Finding(kind="teachers", facts=ladder, n_examples=known(largest), size="n_parameters")


def law_findings(laws: Sequence[RouteLaw]) -> Iterator[Finding[RouteLaw]]:
    """What each law predicted of points hidden from it, where enough was run to ask for one."""
    largest = max((law.n_examples for law in laws), default=UNKNOWN)
    for law in laws:
        n = known(law.n_examples)
        if law.n_examples in (UNKNOWN, largest) and (law.scores or not law.asked_little):
            yield Finding(kind="law", facts=law, n_examples=n, about=law.law)


def mask_findings(masks: Sequence[MaskCost]) -> Iterator[Finding[MaskCost]]:
    """One cost for each verdict that was given: time if it was measured, else FLOPs."""
    seen = set()
    for mask in masks:
        if mask.verdict != "cannot_tell" and mask.verdict not in seen:
            seen.add(mask.verdict)
            yield Finding(kind="masks", facts=mask, about=mask.cost)


def prune_findings(ladders: Sequence[PruneLadder], size: str) -> Iterator[Finding[PruneLadder]]:
    """What may be pruned from the largest model of the largest dataset."""
    for ladder in ladders[-1:]:
        n = known(ladder.n_examples)
        yield Finding(kind="pruning", facts=ladder, n_examples=n, about=ladder.method, size=size)


def making_findings(table: TrialTable) -> Iterator[Finding[Count]]:
    """What to know of how networks were made: those that were emptied, teachers too small."""
    complete = rows_with(table, status="complete")
    pruned = int((complete & (table.prune_ratio > 0.0)).sum())
    emptied = int((complete & table.layer_emptied).sum())
    if emptied:
        count = Count(n=emptied, of=pruned, next_step=NextStep(kind="lower_prune_ratio"))
        yield Finding(kind="emptied_layers", facts=count)
    larger = int((complete & (table.teacher_size < table.n_parameters)).sum())  # NaN is not less
    students = int((complete & np.isfinite(table.teacher_size)).sum())
    if larger:
        count = Count(n=larger, of=students, next_step=NextStep(kind="larger_teacher"))
        yield Finding(kind="small_teachers", facts=count)
