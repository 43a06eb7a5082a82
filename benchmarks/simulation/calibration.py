"""Coverage of the intervals and rightness of the verdicts, over studies whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from analysis.curves.curve import build_curves
from analysis.findings import VerdictKind
from analysis.settings import RULES, AnalysisSettings, Rule
from analysis.table.trials import FloatArray
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.decide import KINDS, PayoffPoint
from analysis.verdicts.rules import OUTCOMES, RuleDraws, apply_rule
from benchmarks.simulation.truths import TRUTHS, Truth, simulate

MARGIN = 1.5
"""A truth is clear-cut where its verdict would be the same with the rule's number 1.5 times smaller
or larger: only then can a verdict be called wrong, and not merely close to the line."""
FINE = 600
"""Grid points on which the truth's payoff point is found."""


@dataclass(kw_only=True)
class Score:
    """What came of one rule over the studies of one truth."""

    truth: str
    rule: Rule
    studies: int = 0
    located: int = 0
    """Studies whose true payoff point lies inside the range."""
    covered: int = 0
    """Of those: the interval holds it."""
    clear: int = 0
    """Studies whose true verdict is clear-cut."""
    right: int = 0
    cannot_tell: int = 0
    wrong: int = 0
    wrong_close: int = 0
    """Wrong verdicts where the truth is close to the line (not among ``wrong``)."""

    @property
    def coverage(self) -> float:
        """Share of intervals that hold the truth; NaN where no truth has a payoff point inside."""
        return self.covered / self.located if self.located else math.nan


def calibrate(
    studies: int,
    *,
    seed: int = 0,
    truths: Iterable[str] = tuple(TRUTHS),
    rules: Iterable[Rule] = RULES,
    settings: AnalysisSettings | None = None,
) -> list[Score]:
    """Simulate studies of each truth, analyse each, and keep score for each rule.

    Parameters
    ----------
    studies : int
        Of each truth.
    seed : int
        Of everything random.
    """
    settings = settings or AnalysisSettings(resamples=1000)
    scores: list[Score] = []
    rules = tuple(rules)
    for name in truths:
        rng = np.random.default_rng([seed, list(TRUTHS).index(name)])
        held = {rule: Score(truth=name, rule=rule) for rule in rules}
        for _ in range(studies):
            truth = TRUTHS[name](rng)
            priced = replace(settings, price=_price(truth, rng))
            (curve,) = build_curves(simulate(truth, rng), priced)
            fit = FittedCurve.of(curve, priced)
            for point in fit.payoffs:
                if point.rule in held:
                    _count(held[point.rule], truth, point, priced)
        scores += held.values()
    return scores


def _price(truth: Truth, rng: np.random.Generator) -> float:
    """A price of size that has its best size somewhere in the middle, if the error falls at all."""
    middle = float(np.quantile(truth.x, rng.uniform(0.3, 0.7)))
    step = 0.05
    before, after = np.exp(truth.log_error(np.array([middle - step, middle + step])))
    slope = abs(float(before - after)) / (math.exp(middle + step) - math.exp(middle - step))
    least = 0.01 * math.exp(float(truth.log_error(np.array([middle]))[0]) - middle)
    return max(slope, least)


def true_payoff(truth: Truth, rule: Rule, s: AnalysisSettings) -> tuple[FloatArray, RuleDraws]:
    """The rule applied to the true curve, on a fine grid."""
    grid = np.linspace(truth.x[0], truth.x[-1], FINE)
    return grid, apply_rule(grid, truth.log_error(grid)[None, :], rule, s)


def _kind(truth: Truth, rule: Rule, s: AnalysisSettings) -> VerdictKind:
    _, applied = true_payoff(truth, rule, s)
    return KINDS[OUTCOMES[int(applied.outcome[0])]]


def _count(score: Score, truth: Truth, point: PayoffPoint, s: AnalysisSettings) -> None:
    """Compare one answer with the truth."""
    _, applied = true_payoff(truth, score.rule, s)
    kind = KINDS[OUTCOMES[int(applied.outcome[0])]]
    score.studies += 1
    if kind in ("pays_off_until", "hurts_beyond"):
        score.located += 1
        size = math.exp(float(applied.location[0]))
        above = point.low <= size or point.low_open
        below = size <= point.high or point.high_open
        score.covered += int(above and below)
    wrong = point.confident and point.kind != kind
    if any(_kind(truth, score.rule, other) != kind for other in _others(score.rule, s)):
        score.wrong_close += int(wrong)
        return
    score.clear += 1
    score.wrong += int(wrong)
    score.right += int(point.kind == kind)
    score.cannot_tell += int(not point.confident)


def _others(rule: Rule, s: AnalysisSettings) -> list[AnalysisSettings]:
    """The settings with the rule's number on either side."""
    name = {"marginal": "marginal", "plateau": "plateau", "overfit": "upturn"}.get(rule, "price")
    value = float(getattr(s, name))
    return [replace(s, **{name: value * factor}) for factor in (1.0 / MARGIN, MARGIN)]  # type: ignore[arg-type]


def table(scores: Iterable[Score], level: float) -> str:
    """The scores as a Markdown table."""
    lines = [
        f"| truth | rule | studies | {level:.0%} intervals that hold the truth | clear-cut | right "
        "| cannot tell | wrong |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for s in scores:
        held = f"{s.coverage:.1%} of {s.located}" if s.located else "none inside"
        share = [f"{n / s.clear:.1%}" if s.clear else "" for n in (s.right, s.cannot_tell, s.wrong)]
        lines.append(
            f"| {s.truth} | {s.rule} | {s.studies} | {held} | {s.clear} | "
            + " | ".join(share)
            + " |"
        )
    return "\n".join(lines)
