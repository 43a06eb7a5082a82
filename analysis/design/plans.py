"""Which runs to make next: a batch chosen together, some steps ahead, by what it is expected to do.

Runs are added one packet (or a few) at a time, always where the expected narrowing of all answers
asked about is largest for its cost, given what was chosen before: what two packets would both tell
counts once. The plan goes on until the answers are expected to be as narrow as is asked or the
budget is spent; its first steps are the batch, the others say what the next ones would bring.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.design.answers import Answers, Outcome
from analysis.design.candidates import Candidate, Target
from analysis.design.coarse import coarse
from analysis.design.influence import allocated
from analysis.design.standings import Standing, listed, standing
from analysis.design.support import bearing
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.decide import too_little

AT_ONCE = (1, 3, 9)
"""Packets of one candidate that are weighed together: where one run tells little, four may."""
LEAST_GAIN = 0.001
"""Share of the spread that a step must take away; less than that is the luck of few curves."""
LEAST_COST = 0.001
"""Share of the budget (or of the dearest candidate) that is added to the cost of a step: what costs
next to nothing is no reason to make it a hundred times."""
LEAST_BATCH = 0.01
"""Share of a budget that a batch may always take: less is not worth a look at what it showed."""
MOST_STEPS = 60
MOST_RUNS = 3
"""So many times more runs may a batch have that is as dear and tells more."""


@dataclass(frozen=True, kw_only=True)
class Valued:
    """A candidate with what it is expected to do."""

    candidate: Candidate
    packets: int = 1
    cost: float
    before: float
    """Upper over lower end of the interval now; an answer beyond the range counts as a doubling
    outside of it."""
    after: float
    """What is to be expected of it (geometric mean over what the runs may show)."""
    gain: float
    """Expected fall of the spread of the answer, on the log; at least 0."""
    decided: float
    """Probability that the interval is then as narrow as was asked."""

    @property
    def runs(self) -> int:
        """Runs in all."""
        return self.packets * self.candidate.runs

    @property
    def gain_per_cost(self) -> float:
        """That for each unit of cost."""
        return self.gain / self.cost


@dataclass(frozen=True, kw_only=True)
class PlanStep:
    """How far a plan is after so much cost."""

    cost: float
    """Of all steps up to this one."""
    runs: int
    factors: tuple[float, ...]
    """Expected width of each answer asked about, upper over lower end."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which runs to make, and what is to be expected of them."""

    chosen: tuple[Valued, ...]
    """The batch: each candidate with how many packets of it. Empty where nothing is worth it."""
    ahead: tuple[Valued, ...]
    """What would come after it."""
    standings: tuple[Standing, ...]
    """How far the answers are now. Factors are of those not settled, in this order."""
    path: tuple[PlanStep, ...]
    """Step by step, the batch first; the first entry is the state now."""
    after: tuple[float, ...] = ()
    """The factors that are expected after the batch."""
    coarse: bool = False
    """Whether the sizes tried are too few to value anything, and these are chosen to be spread."""

    @property
    def cost(self) -> float:
        """Of the batch."""
        return sum(one.cost for one in self.chosen)

    @property
    def runs(self) -> int:
        """Of the batch."""
        return sum(one.runs for one in self.chosen)

    def factors_for(self, cost: float) -> tuple[float, ...]:
        """The factors that are expected once so much is spent."""
        reached = [step for step in self.path if step.cost <= cost * (1.0 + 1e-9)]
        return (reached or self.path)[-1].factors if self.path else ()


def value_candidates(
    fits: FittedCurve | Sequence[FittedCurve], candidates: Sequence[Candidate], target: Target
) -> tuple[Valued, ...]:
    """What one packet of each candidate alone is expected to do to the answer of its dataset size.

    Candidates of dataset sizes that are not asked about, or whose curve has too few sizes for any
    answer, gain nothing.
    """
    outlook = _Outlook.of(listed(fits), candidates, target)
    return tuple(outlook.valued(one, {}, 1) for one in candidates)


def choose(
    fits: FittedCurve | Sequence[FittedCurve],
    candidates: Sequence[Candidate],
    target: Target,
    *,
    budget: float = math.inf,
    batch: int = 0,
    share: float = 1.0,
) -> Plan:
    """Choose what to run next.

    Parameters
    ----------
    fits : FittedCurve, or several
        One for each dataset size.
    candidates : sequence of Candidate
        What may be run.
    target : Target
        What is to be decided.
    budget : float
        Cost that is left.
    batch : int
        Runs that the batch should have, about; 0: as ``share`` says.
    share : float in (0, 1]
        Share of the cost of the whole plan that the batch may take: later rounds know more.

    Returns
    -------
    Plan
        Nothing is chosen where all is decided, nothing can be paid, or nothing would help.
    """
    fits = listed(fits)
    standings = standing(fits, target)
    few = [
        fit for fit in fits
        if target.asks(fit.curve.n_examples) and (fit.draws is None or _few(fit))
    ]  # fmt: skip
    if few:
        plan = _coarse(few, candidates, standings, budget, single=len(fits) == 1)
        if plan.chosen or len(few) == len(fits):
            return plan
        # Nothing can be run of those few: the others are asked as if there were none.
        fits = tuple(fit for fit in fits if fit not in few)
        left = {fit.curve.n_examples for fit in fits}
        candidates = [one for one in candidates if one.n_examples in left]
    outlook = _Outlook.of(fits, candidates, target, standings)
    added, path = _greedy(outlook, candidates, budget)
    least = LEAST_BATCH * budget if math.isfinite(budget) else 0.0
    n = _in_batch(path, batch, max(share * path[-1].cost, least))
    chosen, rest = _counted(added[:n]), added[n:]
    better = _together(outlook, candidates, chosen, path[n]) if n else None
    if better is not None:
        chosen = better
    unspent = budget - sum(outlook.cost(one, {}, more) for one, more in chosen.items())
    for one, more in _bearing(fits, candidates, standings, unspent):
        chosen[one] = max(chosen.get(one, 0), more)
    return Plan(
        chosen=_gathered(outlook, chosen, {}),
        ahead=_gathered(outlook, _counted(rest), chosen),
        standings=standings,
        path=tuple(path),
        after=tuple(_factor(outlook.after(one, chosen)) for one in outlook.answers.values()),
    )


_Added = tuple[Candidate, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Outlook:
    """The answers of all dataset sizes, and what counts as narrow."""

    answers: dict[float, Answers]
    goal: float
    """Log of the factor asked for."""
    single: bool

    @classmethod
    def of(
        cls,
        fits: tuple[FittedCurve, ...],
        candidates: Sequence[Candidate],
        target: Target,
        standings: Sequence[Standing] = (),
    ) -> _Outlook:
        settled = {one.n_examples for one in standings if one.settled}
        single = len(fits) == 1
        answers = {}
        for fit in fits:
            n = fit.curve.n_examples
            if fit.draws is None or n in settled or not target.asks(n):
                continue
            reach = [one.size for one in candidates if single or one.n_examples == n]
            answers[n] = Answers.of(fit, target, reach)
        return cls(answers=answers, goal=math.log(target.factor), single=single)

    def of_candidate(self, one: Candidate) -> Answers | None:
        """The answers that it is about; None where it is about none, or too far from what was
        tried for the drawn curves to say anything of it."""
        answers = self.answers.get(one.n_examples)
        if self.single and len(self.answers) == 1:
            answers = next(iter(self.answers.values()))
        return answers if answers is not None and answers.signals.reach(one) else None

    def after(self, answers: Answers, packets: dict[Candidate, int]) -> Outcome:
        """What is left open of one answer after what was chosen."""
        return answers.after(self.looks(answers, packets))

    def looks(self, answers: Answers, packets: dict[Candidate, int]) -> list[tuple[Candidate, int]]:
        """Runs of the cells of one answer among what was chosen."""
        return [
            (one, n * one.runs) for one, n in packets.items() if self.of_candidate(one) is answers
        ]

    def cost(self, one: Candidate, packets: dict[Candidate, int], more: int) -> float:
        """What more packets of a candidate cost."""
        begun = any(other.cell == one.cell for other in packets)
        return more * one.cost + (0.0 if begun else one.setup)

    def valued(self, one: Candidate, packets: dict[Candidate, int], more: int) -> Valued:
        """More packets of a candidate, after what was chosen."""
        answers = self.of_candidate(one)
        cost = self.cost(one, packets, more)
        if answers is None:
            return Valued(
                candidate=one, packets=more, cost=cost, before=1.0, after=1.0, gain=0.0, decided=1.0
            )  # fmt: skip
        before = self.after(answers, packets)
        after = self.after(answers, {**packets, one: packets.get(one, 0) + more})
        return Valued(
            candidate=one,
            packets=more,
            cost=cost,
            before=_factor(before),
            after=_factor(after),
            gain=max(before.spread - after.spread, 0.0),
            decided=float((after.width <= self.goal).mean()),
        )


def _factor(outcome: Outcome) -> float:
    """Upper over lower end of an interval: the geometric mean over truths."""
    return float(np.exp(outcome.width.mean()))


def _few(fit: FittedCurve) -> bool:
    why = too_little(fit.curve, fit.noise)[0]
    return why is not None and why.kind != "no_errors_made"


def _greedy(
    outlook: _Outlook, candidates: Sequence[Candidate], budget: float
) -> tuple[list[_Added], list[PlanStep]]:
    """What is added, step by step, and how far that gets."""
    packets: dict[Candidate, int] = {}
    now = {n: outlook.after(answers, {}) for n, answers in outlook.answers.items()}
    names = {id(a): n for n, a in outlook.answers.items()}
    options = [(one, more) for one in candidates for more in AT_ONCE if more <= one.most]
    dearest = max((one.cost for one in candidates), default=0.0)
    step_cost = LEAST_COST * (budget if math.isfinite(budget) else dearest)
    # The best first; what was worth less before more was chosen is, nearly always, worth no more.
    heap = [(-math.inf, -1, k) for k in range(len(options))]
    added: list[_Added] = []
    path = [PlanStep(cost=0.0, runs=0, factors=tuple(_factor(one) for one in now.values()))]
    while (
        heap
        and len(added) < MOST_STEPS
        and any(one.width.mean() > outlook.goal for one in now.values())
    ):
        _, seen, k = heapq.heappop(heap)
        one, more = options[k]
        answers = outlook.of_candidate(one)
        cost = outlook.cost(one, packets, more)
        total = packets.get(one, 0) + more
        if answers is None or total > one.most or path[-1].cost + cost > budget * (1 + 1e-9):
            continue
        n = names[id(answers)]
        if now[n].width.mean() <= outlook.goal:
            continue
        if seen != len(added):
            after = outlook.after(answers, {**packets, one: total})
            gain = now[n].spread - after.spread
            if gain > LEAST_GAIN * now[n].spread:
                heapq.heappush(heap, (-gain / (cost + step_cost), len(added), k))
            continue
        packets[one] = total
        now[n] = outlook.after(answers, packets)
        added.append((one, more))
        heapq.heappush(heap, (-math.inf, -1, k))
        last = path[-1]
        path.append(
            PlanStep(
                cost=last.cost + cost,
                runs=last.runs + more * one.runs,
                factors=tuple(_factor(one) for one in now.values()),
            )
        )
    return added, path


def _in_batch(path: Sequence[PlanStep], batch: int, cost: float) -> int:
    """How many steps of a plan are its batch: at least one where there is any."""
    n = 0
    for step in path[1:]:
        full = path[n].runs >= batch if batch else n > 0 and step.cost > cost * (1 + 1e-9)
        if full:
            break
        n += 1
    return n


def _counted(added: Sequence[_Added]) -> dict[Candidate, int]:
    packets: dict[Candidate, int] = {}
    for one, more in added:
        packets[one] = packets.get(one, 0) + more
    return packets


def _together(
    outlook: _Outlook,
    candidates: Sequence[Candidate],
    chosen: dict[Candidate, int],
    step: PlanStep,
) -> dict[Candidate, int] | None:
    """The batch that is best as a whole, for the same cost; None where that of steps is better."""
    found: dict[Candidate, int] = {}
    spread = {n: a.after(outlook.looks(a, chosen)).spread for n, a in outlook.answers.items()}
    before = {n: a.after().spread for n, a in outlook.answers.items()}
    fall = {n: before[n] - spread[n] for n in spread}
    total = sum(fall.values())
    for n, answers in outlook.answers.items():
        part = step.cost * (fall[n] / total if total > 0.0 else 1.0 / len(fall))
        mine = [one for one in candidates if outlook.of_candidate(one) is answers]
        found.update(allocated(answers, mine, part))
    if sum(n * one.runs for one, n in found.items()) > MOST_RUNS * step.runs:
        return None
    other = sum(a.after(outlook.looks(a, found)).spread for a in outlook.answers.values())
    return found if other < sum(spread.values()) else None


def _bearing(
    fits: Sequence[FittedCurve],
    candidates: Sequence[Candidate],
    standings: Sequence[Standing],
    budget: float,
) -> list[_Added]:
    """Runs that would bear the answers which are narrow enough, and borne by too few."""
    found: list[_Added] = []
    points = {one.n_examples: one.point for one in standings if not one.supported}
    for fit in fits:
        point = points.get(fit.curve.n_examples)
        if point is None:
            continue
        mine = [
            one for one in candidates if len(fits) == 1 or one.n_examples == fit.curve.n_examples
        ]
        for one, more in bearing(fit, point, mine):
            cost = more * one.cost + one.setup
            if cost <= budget * (1.0 + 1e-9):
                found.append((one, more))
                budget -= cost
    return found


def _gathered(
    outlook: _Outlook, added: dict[Candidate, int], before: dict[Candidate, int]
) -> tuple[Valued, ...]:
    """What is added, one entry a candidate, each valued after those before it."""
    packets, found = dict(before), []
    for one, more in added.items():
        found.append(outlook.valued(one, packets, more))
        packets[one] = packets.get(one, 0) + more
    return tuple(found)


def _coarse(
    fits: Sequence[FittedCurve],
    candidates: Sequence[Candidate],
    standings: tuple[Standing, ...],
    budget: float,
    *,
    single: bool,
) -> Plan:
    """Sizes that are spread, where there are too few to value any."""
    chosen, path = list[Valued](), [PlanStep(cost=0.0, runs=0, factors=())]
    for fit in fits:
        n = fit.curve.n_examples
        mine = [one for one in candidates if single or one.n_examples == n]
        for one, more in coarse(fit.curve, mine, budget - path[-1].cost):
            cost = more * one.cost + one.setup
            chosen.append(
                Valued(
                    candidate=one, packets=more, cost=cost, before=math.inf, after=math.inf,
                    gain=0.0, decided=0.0,
                )
            )  # fmt: skip
            path.append(
                PlanStep(
                    cost=path[-1].cost + cost, runs=path[-1].runs + more * one.runs, factors=()
                )
            )
    return Plan(chosen=tuple(chosen), ahead=(), standings=standings, path=tuple(path), coarse=True)
