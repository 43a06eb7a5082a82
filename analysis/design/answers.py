r"""Where the answer lies on each drawn curve, and how wide its interval would be after more runs.

Runs that show y leave of the drawn curves those that come near it: curve r is weighed by the
density of y about what it has there. What y will be, one of the curves says that is taken as the
truth, in turn:

    w_r(y) ~ N(y; f_r, C),    y = f_t + noise,    t among the drawn curves

and the width of the interval of the payoff point under these weights, averaged over t, is what is
to be expected. No curve is fitted again. An answer that lies beyond the range stands one doubling
outside of it, so that what tells whether it does narrows the interval.

What is chosen is chosen by the *spread*: the mean of the upper tail less that of the lower one. The
width of an interval may be expected to grow by being told more (where a second answer that was just
outside comes in); the spread is the least expected interval score, and never is (Gneiting and
Raftery 2007, *JASA* 102, section 6.2).

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
R        drawn curves, in the order of their answers                   scalar
F        of them in turn taken as the truth                            scalar
C        cells that are looked at                                      scalar
======== ============================================================= ===========
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis.design.candidates import Candidate, Target
from analysis.design.signals import Signals
from analysis.posterior.curves import CurveDraws
from analysis.settings import AnalysisSettings, Rule
from analysis.streams import Stream, generator
from analysis.table.trials import FloatArray, IntArray
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.rules import FLAT, NONE, STILL, apply_rule

TRUTHS = 40
"""Curves taken as the truth, in turn."""
MOST_CURVES = 1000
"""Drawn curves that are weighed."""
OUTSIDE = math.log(2.0)
"""How far beyond the range an answer is taken to lie of which the range tells no more."""
WIDER = 4.0
"""The tails whose means are taken hold so much more than what lies outside of the interval: means
of a twentieth of the curves would be ruled by few of them."""
RANGED: tuple[Rule, ...] = ("marginal", "economic")
"""Rules whose answer is the same for a wider range of sizes, where it lies in the narrower one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What is left open after some runs."""

    width: FloatArray
    """(F,) log of the upper over the lower end of the interval, for each truth."""
    spread: float
    """Expected distance of the means of the two tails, on the log."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """The answer on each drawn curve of one dataset size."""

    location: FloatArray
    """(R,) log of the payoff point, ascending."""
    order: IntArray
    """(R,) which drawn curve each is of."""
    level: float
    truth: IntArray
    """(F,) which of them are taken as the truth."""
    score: FloatArray
    """(F, C) standard normal noise of what is seen, the same for all candidates."""
    signals: Signals
    _seen: dict[tuple[float, str, float], FloatArray] = field(default_factory=dict)

    @classmethod
    def of(cls, fit: FittedCurve, target: Target, reach: Sequence[float] = ()) -> Answers:
        """The answers of a fit; ``reach`` are the sizes that may be tried besides."""
        draws, settings = fit.draws, asked_settings(fit, target)
        assert draws is not None
        location = _locations(draws, settings.rule, settings, reach)
        order = np.argsort(location, kind="stable")
        if len(order) > MOST_CURVES:
            order = order[np.linspace(0, len(order) - 1, MOST_CURVES).round().astype(np.int64)]
        rng = generator(settings.seed, Stream.NEXT_RUNS, fit.curve.n_examples)
        places = (np.arange(TRUTHS) + rng.random()) / TRUTHS
        truth = np.minimum((places * len(order)).astype(np.int64), len(order) - 1)
        return cls(
            location=location[order],
            order=order,
            level=settings.level,
            truth=truth,
            score=rng.standard_normal((TRUTHS, 64)),
            signals=Signals(fit=fit),
        )

    def after(self, looks: Sequence[tuple[Candidate, int]] = ()) -> Outcome:
        """What so many more runs of each cell would leave; of none, what there is now."""
        if not looks:
            return self._outcome(np.ones((1, len(self.location))))
        cells, runs = [cell for cell, _ in looks], [m for _, m in looks]
        seen = np.stack([self._signal(cell) for cell in cells], axis=1)
        root = np.linalg.cholesky(self.signals.noise(cells, runs))
        white = np.linalg.solve(root, (seen - seen.mean(axis=0)).T).T
        shown = white[self.truth] + self.score[:, : len(cells)]
        log_weight = shown @ white.T - 0.5 * (white**2).sum(axis=1)[None, :]
        log_weight -= log_weight.max(axis=1, keepdims=True)
        return self._outcome(np.exp(log_weight))

    def variance(self, cells: Sequence[Candidate]) -> FloatArray:
        """(C,) noise variance of one packet of each."""
        return np.array([self.signals.noise([one], [one.runs])[0, 0] for one in cells])

    def moments(self, cells: Sequence[Candidate]) -> tuple[FloatArray, FloatArray]:
        """Covariance of what cells show over the drawn curves (C, C), and with the answer (C,)."""
        seen = np.stack([self._signal(one) for one in cells])
        seen = seen - seen.mean(axis=1, keepdims=True)
        answer = self.location - self.location.mean()
        n = len(answer)
        return seen @ seen.T / n, seen @ answer / n

    def _signal(self, cell: Candidate) -> FloatArray:
        if cell.cell not in self._seen:
            self._seen[cell.cell] = self.signals.of(cell)[self.order]
        return self._seen[cell.cell]

    def _outcome(self, weight: FloatArray) -> Outcome:
        """Width and spread under weights (F, R)."""
        weight /= weight.sum(axis=1, keepdims=True)
        mass = np.cumsum(weight, axis=1)
        tail = (1.0 - self.level) / 2.0
        middle = mass - 0.5 * weight
        ends = [_quantile(self.location, middle, q) for q in (tail, 1.0 - tail)]
        share = WIDER * tail
        lower = np.diff(np.minimum(mass, share), axis=1, prepend=0.0) @ self.location
        upper = np.diff(np.maximum(mass, 1.0 - share), axis=1, prepend=1.0 - share) @ self.location
        return Outcome(width=ends[1] - ends[0], spread=float((upper - lower).mean() / share))


def asked_settings(fit: FittedCurve, target: Target) -> AnalysisSettings:
    """The settings under which the answer is asked for."""
    from dataclasses import replace

    settings = target.settings or fit.settings
    return settings if target.rule is None else replace(settings, rule=target.rule)


def _locations(
    draws: CurveDraws, rule: Rule, settings: AnalysisSettings, reach: Sequence[float]
) -> FloatArray:
    """(R,) log payoff points: in the range tried, or, where the largest size may well still pay, in
    that and the sizes that may be tried."""
    n = draws.n_inside
    applied = apply_rule(draws.x[:n], draws.log_error[:, :n], rule, settings)
    if rule in RANGED and (applied.outcome == STILL).mean() > (1.0 - settings.level) / 2.0:
        step = float(draws.x[1] - draws.x[0])
        furthest = (math.log(max(reach, default=0.0) or 1e-300) - float(draws.x[0])) / step
        wider = int(np.clip(math.ceil(furthest - 1e-6) + 1, n, len(draws.x)))
        if wider > n:
            n = wider
            applied = apply_rule(draws.x[:n], draws.log_error[:, :n], rule, settings)
    found = np.where(np.isfinite(applied.location), applied.location, draws.x[n - 1])
    found = found + OUTSIDE * np.isin(applied.outcome, (STILL, NONE))
    return np.asarray(found - OUTSIDE * (applied.outcome == FLAT))


def _quantile(values: FloatArray, mass: FloatArray, q: float) -> FloatArray:
    """(F,) where the mass (F, R) below sorted values (R,) reaches q, between the two next to it."""
    after = np.clip((mass < q).sum(axis=1), 1, mass.shape[1] - 1)
    rows = np.arange(len(mass))
    low, high = mass[rows, after - 1], mass[rows, after]
    part = np.clip((q - low) / np.maximum(high - low, 1e-300), 0.0, 1.0)
    return np.asarray(values[after - 1] * (1.0 - part) + values[after] * part)
