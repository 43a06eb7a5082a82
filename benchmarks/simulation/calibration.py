"""Coverage of the intervals and rightness of the verdicts, over studies whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

import numpy as np

from analysis.curves.curve import Curve, build_curves
from analysis.findings import VerdictKind
from analysis.settings import RULES, AnalysisSettings, Rule
from analysis.table.trials import FloatArray
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.decide import KINDS, PayoffPoint
from analysis.verdicts.rules import OUTCOMES, RuleDraws, apply_rule
from benchmarks.simulation.corners import CORNERS
from benchmarks.simulation.noises import DESIGNS, REGIMES, simulate
from benchmarks.simulation.truths import SMOOTH, Truth

TRUTHS: Mapping[str, Callable[[np.random.Generator], Truth]] = MappingProxyType(
    {**SMOOTH, **CORNERS}
)
HELD_OUT = (
    "still falling", "two-stage power law", "wiggles", "emergence", "exponential", "logistic",
)  # fmt: skip
"""A third of the truths, drawn by lot: nothing was chosen by looking at them."""
DEVELOPED = tuple(name for name in TRUTHS if name not in HELD_OUT)
MARGIN = 1.5
"""A truth is clear-cut where its verdict would be the same with the rule's number 1.5 times smaller
or larger: only then can a verdict be called wrong, and not merely close to the line."""
FINE = 2400
"""Grid points on which the truth's payoff point is found."""
NARROW = 0.25
"""An interval is narrow if it spans less than this share of the step between the sizes tried."""


@dataclass(kw_only=True)
class Score:
    """What came of one rule over the studies of one truth."""

    truth: str
    regime: str
    rule: Rule
    studies: int = 0
    located: int = 0
    """Studies whose true payoff point lies inside the range."""
    covered: int = 0
    """Of those: the interval holds it."""
    narrow: int = 0
    """Of those located: the interval is narrower than :data:`NARROW` of a step."""
    narrow_covered: int = 0
    clear: int = 0
    """Studies whose true verdict is clear-cut."""
    right: int = 0
    cannot_tell: int = 0
    wrong: int = 0
    wrong_close: int = 0
    """Wrong verdicts where the truth is close to the line (not among ``wrong``)."""
    widths: list[float] = field(default_factory=list)
    """Log widths of the intervals of those located."""

    @property
    def coverage(self) -> float:
        """Share of intervals that hold the truth; NaN where no truth has a payoff point inside."""
        return self.covered / self.located if self.located else math.nan

    def __add__(self, other: Score) -> Score:
        """The counts of both; names that differ are replaced by "all"."""
        joined: dict[str, object] = {}
        for one in fields(self):
            mine, its = getattr(self, one.name), getattr(other, one.name)
            named = one.name in ("truth", "regime", "rule")
            joined[one.name] = (mine if mine == its else "all") if named else mine + its
        return Score(**joined)  # type: ignore[arg-type]


def calibrate(
    studies: int,
    *,
    seed: int = 0,
    truths: Iterable[str] = DEVELOPED,
    rules: Iterable[Rule] = RULES,
    regimes: Iterable[str] = tuple(REGIMES),
    settings: AnalysisSettings | None = None,
    workers: int = 1,
) -> list[Score]:
    """Simulate studies of each truth, analyse each, and keep score for each rule and regime.

    Parameters
    ----------
    studies : int
        Of each truth; they take turns through the regimes.
    seed : int
        Of everything random.
    workers : int
        Processes, one truth at a time each.
    """
    settings = settings or AnalysisSettings(resamples=1000)
    tasks = [(name, studies, seed, tuple(rules), tuple(regimes), settings) for name in truths]
    if workers == 1:
        return [score for task in tasks for score in _calibrate_one(*task)]
    with ProcessPoolExecutor(workers) as pool:
        done = [pool.submit(_calibrate_one, *task) for task in tasks]
        return [score for one in done for score in one.result()]


def _calibrate_one(
    name: str,
    studies: int,
    seed: int,
    rules: tuple[Rule, ...],
    regimes: tuple[str, ...],
    settings: AnalysisSettings,
) -> list[Score]:
    held = {
        (regime, rule): Score(truth=name, regime=regime, rule=rule)
        for regime in regimes
        for rule in rules
    }
    every = {**REGIMES, **DESIGNS}
    for study in range(studies):
        regime = regimes[study % len(regimes)]
        rng = np.random.default_rng(
            [seed, list(TRUTHS).index(name), list(every).index(regime), study]
        )
        truth = TRUTHS[name](rng)
        priced = replace(settings, price=_price(truth, rng))
        (curve,) = build_curves(simulate(truth, rng, every[regime]), priced)
        fit = FittedCurve.of(curve, priced)
        for point in fit.payoffs:
            if point.rule in rules:
                _count(held[regime, point.rule], truth, point, curve, priced)
    return list(held.values())


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


def _count(
    score: Score, truth: Truth, point: PayoffPoint, curve: Curve, s: AnalysisSettings
) -> None:
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
        width = math.log(point.high / point.low) if point.low > 0.0 else math.inf
        step = float(np.median(np.diff(np.log(curve.size))))
        if width < NARROW * step and not (point.low_open or point.high_open):
            score.narrow += 1
            score.narrow_covered += int(above and below)
        if math.isfinite(width):
            score.widths.append(width)
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


def pooled(scores: Iterable[Score], by: tuple[str, ...]) -> list[Score]:
    """Scores added up over all that is not named in ``by`` (truth, regime, rule)."""
    sums: dict[tuple[object, ...], Score] = {}
    for score in scores:
        key = tuple(getattr(score, name) for name in by)
        sums[key] = sums[key] + score if key in sums else replace(score)
    return list(sums.values())


def table(scores: Iterable[Score], level: float) -> str:
    """The scores as a Markdown table."""
    lines = [
        f"| truth | noise | rule | studies | {level:.0%} intervals that hold the truth "
        "| narrow ones | median width, doublings | clear-cut | right | cannot tell | wrong |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for s in scores:
        held = f"{s.coverage:.1%} of {s.located}" if s.located else "none inside"
        narrow = f"{s.narrow_covered / s.narrow:.0%} of {s.narrow}" if s.narrow else ""
        width = f"{np.median(s.widths) / math.log(2.0):.2f}" if s.widths else ""
        share = [f"{n / s.clear:.1%}" if s.clear else "" for n in (s.right, s.cannot_tell, s.wrong)]
        lines.append(
            f"| {s.truth} | {s.regime} | {s.rule} | {s.studies} | {held} | {narrow} | {width} | "
            f"{s.clear} | " + " | ".join(share) + " |"
        )
    return "\n".join(lines)
