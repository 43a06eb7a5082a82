"""Whether tuning was enough, what mattered, and what regularisation is worth, as findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.findings import Count, Estimate, Finding, NextStep
from analysis.routes.paired import Gain
from analysis.table.trials import known
from analysis.tuning.regularisation import PayoffShift, Regularisation
from analysis.tuning.sensitivity import LEAST_TRIALS, Tuning


@dataclass(frozen=True, kw_only=True)
class Enough:
    """What the last doubling of the search trials brought."""

    saved: float
    """Mean fraction of the error that it saved."""
    short: int
    """Cells where another doubling would still pay."""
    judged: int
    next_step: NextStep | None


@dataclass(frozen=True, kw_only=True)
class Worth:
    """A regulariser at one dataset size."""

    used: int
    """Capacities at which another value than the weakest was chosen."""
    capacities: int
    gain: Gain
    shift: PayoffShift | None
    level: float

    @property
    def estimate(self) -> Estimate:
        """The gain."""
        g = self.gain
        return Estimate(value=g.gain, low=g.low, high=g.high, level=self.level)


def tuning_findings(tuning: Tuning | None) -> Iterator[Finding[Any]]:
    """Whether the search was long enough, and what mattered at the largest dataset."""
    if tuning is None:
        return
    if not tuning.elsewhere:
        yield from _enough(tuning)
        if not tuning.judged:
            return
    largest = max((effect.n_examples for effect in tuning.effects), default=None)
    seen = tuple(e for e in tuning.effects if e.n_examples == largest and e.capacity == "all")
    if seen:
        yield Finding(kind="hyperparameters", facts=seen, n_examples=known(seen[0].n_examples))


def _enough(tuning: Tuning) -> Iterator[Finding[Any]]:
    """Whether the best of each cell's own trials would gain by more of them."""
    more = NextStep(kind="raise_search_trials", to=LEAST_TRIALS)
    if not tuning.judged:
        most = max((cell.trials for cell in tuning.cells), default=0)
        yield Finding(kind="tuning_unjudged", facts=Count(n=most, of=LEAST_TRIALS, next_step=more))
        return
    short = len(tuning.short)
    more = NextStep(kind="raise_search_trials")
    yield Finding(
        kind="tuning",
        facts=Enough(
            saved=tuning.mean_gain,
            short=short,
            judged=tuning.judged,
            next_step=more if 2 * short > tuning.judged else None,
        ),
    )


def regulariser_findings(found: Sequence[Regularisation]) -> Iterator[Finding[Worth]]:
    """What each regulariser is worth at each dataset size; notes tell the largest."""
    for one in found:
        for n, gain in one.by_data:
            steps = [step for step in one.steps if step.n_examples == n]
            worth = Worth(
                used=sum(step.chosen != step.weakest for step in steps),
                capacities=len(steps),
                gain=gain,
                shift=next((shift for shift in one.payoff if shift.n_examples == n), None),
                level=one.level,
            )
            yield Finding(
                kind="regulariser",
                facts=worth,
                n_examples=known(n),
                about=one.regulariser,
                noted=n == one.by_data[-1][0],
            )
