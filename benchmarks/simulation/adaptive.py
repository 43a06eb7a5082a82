"""Whole studies that choose their own next runs, simulated, beside those that do not.

The *even* grid is what version 0.1.0 did: every size as often, one test set, and a search of its
own in each cell. The others begin with a few sizes, learn the search from all cells, rotate the
test set where it is small, and differ in one thing: how they choose what to run next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from analysis.design.candidates import Candidate, Target
from analysis.design.coarse import coarse
from analysis.design.plans import choose
from analysis.design.signals import Signals
from analysis.design.standings import standing
from analysis.settings import AnalysisSettings, Rule
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.decide import KINDS
from analysis.verdicts.rules import OUTCOMES
from benchmarks.simulation.calibration import TRUTHS, true_payoff
from benchmarks.simulation.laboratory import Laboratory
from benchmarks.simulation.noises import digits

SEARCH_EVEN = 5
"""Search trials of each cell in an even grid, each as dear as a replicate."""
SEARCH = ((0.2, 0), (0.02, 1), (0.0, 2))
"""Search trials of a cell where all cells share them, by the least cost of its runs in units of the
dearest one's: the dearest are trained with what all the others say of them."""
UNSEARCHED = 2.0
"""So much wider is the luck of tuning in a cell without search trials of its own."""
ROUNDS = 6
POOL = 1437
"""Examples that test sets of 360 are taken from where they rotate, as on digits."""
MOST_COST = 0.5
"""Share of the even grid's cost that is spent at most, if not said otherwise."""
MOST_RUNS = 64
"""Of one size."""
HORIZON = 0.2
"""Share of the even grid's cost that is looked ahead to."""
SHARE = 0.35
"""Of what is left to spend, in one round."""
AIM = 1.5
"""Factor that is aimed at while a study goes on; see ``Track.stopped`` for where it would end."""
TEST_SETS = MappingProxyType({"small": 360, "large": 10_000})


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is known after some cost."""

    cost: float
    """Search included, in units of one run of the largest size."""
    width: float
    """Log of the upper over the lower end of the interval, within the range tried."""
    held: bool
    """The interval holds the true payoff point."""
    state: str
    kind: str
    right: bool
    """The verdict is the true one; or none is given."""
    runs: int = 0


@dataclass(frozen=True, kw_only=True)
class Track:
    """One study, from its first round on."""

    looks: tuple[Look, ...]

    def at(self, cost: float) -> Look | None:
        """What is known once so much is spent; None before the first round is done."""
        reached = [look for look in self.looks if look.cost <= cost * (1 + 1e-9)]
        return reached[-1] if reached else None

    @property
    def decided(self) -> int | None:
        """The round after which it would have ended, decided; None where it never is."""
        states = [look.state for look in self.looks]
        return states.index("decided") if "decided" in states else None


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """One simulated study to be done in several ways."""

    laboratory: Laboratory
    settings: AnalysisSettings
    rule: Rule
    target: Target
    replicates: int
    answer: float
    """Log of the true payoff point; NaN where none lies inside the range."""
    kind: str
    places: tuple[float, ...]
    """Log sizes that can be made: those of the even grid, and one between each two."""
    search: bool
    """Whether search trials are counted."""
    most: float
    """Share of the even grid's cost that is spent at most."""
    rng: np.random.Generator = field(repr=False)

    @property
    def even_cost(self) -> float:
        """Of the even grid, search included where it is counted."""
        trials = self.replicates + (SEARCH_EVEN if self.search else 0)
        return sum(self.laboratory.cost(z) for z in self.laboratory.truth.x) * trials

    def look(self, runs: Mapping[float, int], cost: float) -> tuple[Look, FittedCurve]:
        """Fit what was run, and compare the answer with the truth."""
        return self._look(self.laboratory, runs, cost)

    def even(self) -> Look:
        """What the even grid knows in the end, on one test set."""
        runs = {float(x): self.replicates for x in self.laboratory.truth.x}
        fixed = replace(self.laboratory.rotating(0), unsearched=(math.inf, 1.0))
        return self._look(fixed, runs, self.even_cost)[0]

    def _look(
        self, laboratory: Laboratory, runs: Mapping[float, int], cost: float
    ) -> tuple[Look, FittedCurve]:
        fit = FittedCurve.of(laboratory.curve(dict(runs), self.settings), self.settings)
        (now,) = standing(fit, self.target)
        point = now.point
        answer = math.exp(self.answer) if math.isfinite(self.answer) else math.nan
        held = (point.low <= answer or point.low_open) and (answer <= point.high or point.high_open)
        look = Look(
            cost=cost,
            width=math.log(point.high / point.low) if point.low > 0.0 else math.inf,
            held=bool(held),
            state=now.state,
            kind=point.kind,
            right=not point.confident or point.kind == self.kind,
            runs=sum(runs.values()),
        )
        return look, fit


Choice = Callable[[World, FittedCurve, Sequence[Candidate], float], list[tuple[Candidate, int]]]
"""What to run next: a candidate and how many packets of it."""


def by_value(
    world: World, fit: FittedCurve, candidates: Sequence[Candidate], budget: float
) -> list[tuple[Candidate, int]]:
    """Ours."""
    target = Target(rule=world.rule, factor=AIM)
    plan = choose(
        fit, candidates, target, budget=min(budget, HORIZON * world.even_cost), share=SHARE
    )
    return [(one.candidate, one.packets) for one in plan.chosen]


def at_random(
    world: World, fit: FittedCurve, candidates: Sequence[Candidate], budget: float
) -> list[tuple[Candidate, int]]:
    """Any of them."""
    return _until(world, budget, lambda had: float(world.rng.random()), candidates, fit)


def d_optimal(
    world: World, fit: FittedCurve, candidates: Sequence[Candidate], budget: float
) -> list[tuple[Candidate, int]]:
    """Where the curve itself is least known for its cost: information about all of it alike."""
    signals = Signals(fit=fit)
    found = {one: signals.of(one) for one in candidates}
    seen = np.stack([rows - rows.mean() for rows in found.values()])
    covariance = seen @ seen.T / seen.shape[1]
    noise = np.diag(signals.noise(candidates, [one.runs for one in candidates]))
    places = {one: k for k, one in enumerate(candidates)}

    def gain(one: Candidate, cost: float) -> float:
        k = places[one]
        return math.log1p(float(covariance[k, k] / noise[k])) / cost

    chosen: list[tuple[Candidate, int]] = []
    spent, had = 0.0, set[float]()
    while True:
        costs = {one: one.cost + (0.0 if one.size in had else one.setup) for one in candidates}
        affordable = [one for one in candidates
            if spent + costs[one] <= SHARE * budget
            and sum(other is one for other, _ in chosen) < one.most
        ]  # fmt: skip
        if not affordable or len(chosen) > 60:
            break
        best = max(affordable, key=lambda one: gain(one, costs[one]))
        k = places[best]
        covariance = covariance - np.outer(covariance[k], covariance[k]) / (
            covariance[k, k] + noise[k]
        )
        chosen.append((best, 1))
        spent += costs[best]
        had.add(best.size)
    return chosen or _cheapest(candidates, budget)


def _until(
    world: World,
    budget: float,
    order: Callable[[set[float]], float],
    candidates: Sequence[Candidate],
    fit: FittedCurve,
) -> list[tuple[Candidate, int]]:
    chosen: list[tuple[Candidate, int]] = []
    spent, had = 0.0, set[float]()
    for _ in range(60):
        one = candidates[int(order(had) * len(candidates))]
        if sum(other is one for other, _ in chosen) >= one.most:
            continue
        cost = one.cost + (0.0 if one.size in had else one.setup)
        if spent + cost > SHARE * budget:
            continue
        chosen.append((one, 1))
        spent += cost
        had.add(one.size)
    return chosen or _cheapest(candidates, budget)


def _cheapest(candidates: Sequence[Candidate], budget: float) -> list[tuple[Candidate, int]]:
    affordable = [one for one in candidates if one.cost + one.setup <= budget]
    return [(min(affordable, key=lambda one: one.cost), 1)] if affordable else []


CHOICES: Mapping[str, Choice] = MappingProxyType(
    {"by value": by_value, "random": at_random, "D-optimal": d_optimal}
)


def world_of(
    name: str, study: int, *, seed: int, test_set: str, rule: Rule, settings: AnalysisSettings,
    factor: float = 3.0,
    search: bool = True,
    most: float = MOST_COST,
) -> World:  # fmt: skip
    """The world of one study of a truth: the same for all ways to choose."""
    place = list(TRUTHS).index(name)
    rng = np.random.default_rng([seed, place, study, 77])
    truth = TRUTHS[name](rng)
    noise = replace(digits(rng, len(truth.x)), n_test=TEST_SETS[test_set])
    laboratory = Laboratory(
        truth=truth, noise=noise, seed=(seed, place, study), unsearched=(SEARCH[0][0], UNSEARCHED)
    )
    if test_set == "small":
        laboratory = laboratory.rotating(POOL)
    _, applied = true_payoff(truth, rule, settings)
    kind = KINDS[OUTCOMES[int(applied.outcome[0])]]
    inside = kind in ("pays_off_until", "hurts_beyond")
    x = truth.x
    return World(
        laboratory=laboratory,
        settings=settings,
        rule=rule,
        target=Target(rule=rule, factor=factor),
        replicates=int(noise.replicates[0]),
        answer=float(applied.location[0]) if inside else math.nan,
        kind=kind,
        search=search,
        most=most,
        places=tuple(float(z) for z in np.sort(np.concatenate([x, 0.5 * (x[1:] + x[:-1])]))),
        rng=rng,
    )


def study(world: World, choice: Choice) -> Track:
    """One study in rounds."""
    place = {math.exp(x): x for x in world.places}
    runs: dict[float, int] = {}
    cost, looks = 0.0, list[Look]()
    most = world.most * world.even_cost
    chosen = coarse(None, _candidates(world, runs))
    for _ in range(ROUNDS):
        for one, packets in chosen:
            x = place[one.size]
            begun = x in runs
            runs[x] = runs.get(x, 0) + packets * one.runs
            cost += packets * one.cost + (0.0 if begun else one.setup)
        look, fit = world.look(runs, cost)
        looks.append(look)
        chosen = choice(world, fit, _candidates(world, runs), most - cost)
        if not chosen:
            break
    return Track(looks=tuple(looks))


def searched(cost: float) -> int:
    """Search trials of a cell whose runs cost so much."""
    return next(n for least, n in SEARCH if cost >= least)


def _candidates(world: World, runs: Mapping[float, int]) -> list[Candidate]:
    found = []
    for x in world.places:
        if runs.get(x, 0) >= MOST_RUNS:
            continue
        one = world.laboratory.cost(x)
        search = searched(one) if world.search else 0
        tried = x in runs
        found.append(
            Candidate(
                size=math.exp(x),
                cost=one,
                kind="replicates" if tried else "size",
                setup=0.0 if tried else search * one,
                most=max(min(16, MOST_RUNS - runs.get(x, 0)), 1),
            )
        )
    return found
