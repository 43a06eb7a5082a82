"""Payoff points, their growth, and what does not draw the curves, as findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.curves.interleaved import Interleaved, two_curves
from analysis.findings import Count, Estimate, Exclusion, ExclusionKind, Finding, NextStep, Reason
from analysis.posterior.composition import Carrier
from analysis.settings import AnalysisSettings
from analysis.table.trials import Dropped, known
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.decide import PayoffPoint
from analysis.verdicts.gains import Gauge


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer for one dataset size, and what two rules say beside the headline's."""

    point: PayoffPoint
    plateau: PayoffPoint
    overfit: PayoffPoint
    error: str
    """The column that is called the error."""
    absolute: bool
    """Whether the marginal rule is in units of the error."""
    gauge: Gauge | None = None
    """How its rules count gains; None: fractions of a plain error, or its units."""

    @property
    def estimate(self) -> Estimate | None:
        """The headline's payoff point."""
        return self.point.estimate

    @property
    def probability(self) -> float:
        """Of the headline."""
        return self.point.probability

    @property
    def why(self) -> Reason | None:
        """Why the headline cannot be told."""
        return self.point.why

    @property
    def next_step(self) -> NextStep | None:
        """What the headline asks for."""
        return self.point.next_step


@dataclass(frozen=True, kw_only=True)
class Carried:
    """The shapes that carry the posterior of one curve."""

    carriers: tuple[Carrier, ...]
    """The heaviest first."""


def carried(fits: Sequence[FittedCurve]) -> list[Finding[Carried]]:
    """What the curve of the largest dataset may be; the rows of the others have theirs."""
    draws = fits[-1].draws
    if draws is None or not draws.carriers:
        return []
    n = known(fits[-1].curve.n_examples)
    return [Finding(kind="carried", facts=Carried(carriers=draws.carriers), n_examples=n)]


def interleaved(fits: Sequence[FittedCurve]) -> list[Finding[Interleaved]]:
    """The curves whose points plainly lie on two, of tables that don't say how models are made."""
    found = []
    for fit in fits:
        known_shapes = fit.settings.shape or len(np.unique(fit.curve.shape)) > 1
        two = None if known_shapes else two_curves(fit.curve, fit.noise)
        if two is not None:
            n, size = known(fit.curve.n_examples), fit.settings.size_name
            found.append(Finding(kind="interleaved", facts=two, n_examples=n, size=size))
    return found


def gauge_of(s: AnalysisSettings) -> Gauge | None:
    """How the rules count gains, where that is not the usual way."""
    gauge = Gauge.of_settings(s)
    return gauge if gauge.metric.additive or gauge.of != "whole" else None


def headline(fits: Sequence[FittedCurve], s: AnalysisSettings) -> Finding[Answer]:
    """The answer for the largest dataset."""
    by_rule = {point.rule: point for point in fits[-1].payoffs}
    answer = Answer(
        point=fits[-1].verdict,
        plateau=by_rule["plateau"],
        overfit=by_rule["overfit"],
        error=s.error_name,
        absolute=s.marginal_is_absolute,
        gauge=gauge_of(s),
    )
    n = known(fits[-1].curve.n_examples)
    return Finding(kind="answer", facts=answer, n_examples=n, about=s.rule, size=s.size_name)


def payoff_finding(fit: FittedCurve, point: PayoffPoint) -> Finding[PayoffPoint]:
    """One payoff point; those that were found stand in the table."""
    return Finding(
        kind=point.kind,
        facts=point,
        n_examples=known(fit.curve.n_examples),
        about=point.rule,
        size=fit.settings.size_name,
        noted=not point.confident,
    )


def exclusions(
    fits: Sequence[FittedCurve], dropped: Sequence[Dropped], *, can_tell: bool = False
) -> list[Finding[Any]]:
    """What does not draw a curve, over all dataset sizes, and what does though it should not.

    ``can_tell``: the study could train some networks longer, to tell what comes of it.
    """
    counts: Counter[tuple[ExclusionKind, str]] = Counter()
    for fit in fits:
        for one in fit.curve.excluded:
            counts[one.kind, one.about] += one.count
    for drop in dropped:
        counts["broken_rows", drop.reason] = drop.count
    undertrained = Count(
        n=sum(fit.curve.undertrained for fit in fits),
        of=sum(int(fit.curve.replicates.sum()) for fit in fits),
        next_step=NextStep(kind="train_some_longer") if can_tell else None,
    )
    return [
        *(
            Finding(kind="left_out", facts=Exclusion(kind=kind, about=about, count=n))
            for (kind, about), n in counts.items()
        ),
        Finding(kind="undertrained", facts=undertrained, noted=undertrained.n > 0),
    ]
