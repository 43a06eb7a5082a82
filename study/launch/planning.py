"""What a study runs next, from the trials that have finished: a pure function of file and results.

:mod:`analysis.design` knows what runs of a size promise for the answer; here stands what can be run
at all (more replicates of a cell, a capacity between those tried), what it costs, and when there is
nothing more to do.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.table.trials import FloatArray
from search_spaces.errors import PayoffError
from study.handover.results import settings_of, table_of
from study.plan.design import Cell, n_search
from study.plan.rounds import Round, Size, Wanted, counts, every_cell, fell_short
from study.queue.store import StudyStore
from study.record import TrialRecord
from study.spec.sections import Budget, BudgetKind, DecideSection
from study.spec.space import between
from study.spec.study_file import StudySpec

if TYPE_CHECKING:
    from analysis.design.candidates import Candidate
    from analysis.design.plans import Plan, Valued
    from analysis.design.standings import Standing
    from analysis.fitted import CurveFit

FINEST_RATIO = math.sqrt(2.0)
"""Capacities that are chosen lie no closer together."""

FIRST_BUDGETS = 4.0
"""Without a budget all trials may take so many times the FLOPs of the first round."""

SHARE = 0.5
"""One round takes at most this share of what the whole plan would cost: later ones know more."""

LOOK_AHEAD = 1.0
"""A plan looks ahead to so many times what was spent so far."""

LAST = 0.25
"""Where less than so much of what was spent is left, it is spent in one last round; where that buys
nothing, the budget is spent."""

NO_FLOPS = (
    "the budget is in FLOPs, of which the trainer tells none (train_flops); give one in trials or "
    "hours (decide.budget)"
)

SHORT = "the last rounds narrowed it by far less than they promised"

MOST_MORE = 64
"""Replicates that one round gives a cell, at most."""


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What the trials that have finished took."""

    trials: float
    flops: float
    seconds: float

    @classmethod
    def of(cls, records: Iterable[TrialRecord]) -> Spent:
        """Add up what the records tell."""
        rows = list(records)
        flops = sum(_flops(row) for row in rows)
        seconds = sum(row.metrics.get("train_seconds", row.wall_seconds) for row in rows)
        return cls(trials=float(len(rows)), flops=flops, seconds=seconds)


def _flops(record: TrialRecord) -> float:
    """What a trial itself took, not what its parent did: that is a trial too."""
    return record.metrics.get("train_flops", 0.0)


@dataclass
class Memory:
    """The fits of the round before: those of dataset sizes without new trials stay."""

    fits: tuple[CurveFit, ...] = ()


def plan_round(store: StudyStore, memory: Memory | None = None) -> Round:
    """Plan the next round of a study all of whose trials have finished."""
    memory = memory or Memory()
    spec, rounds = store.spec, store.rounds
    asked = store.planned.asked() or {}
    decide = _decide(asked)
    records = store.records()
    spent = Spent.of(records)
    number = len(rounds) + 1
    told: dict[str, Any] = {
        "number": number,
        "asked": asked,
        "spent": dataclasses.asdict(spent),
        "complete": store.counts().complete,
    }
    try:
        fits = memory.fits = fits_of(spec, records, memory.fits)
    except PayoffError as error:
        return Round(**told, ends="stuck", because=str(error))
    from analysis.design.candidates import Target
    from analysis.design.plans import choose

    target = Target(n_examples=tuple(map(float, decide.sizes)), factor=decide.target)
    budget = decide.spending
    if budget is not None and budget.kind == "flops" and spent.flops <= 0.0:
        return Round(**told, ends="stuck", because=NO_FLOPS)
    left = _left(decide, rounds, spent)
    cells = Cells.of(spec, rounds, records, fits)
    plan = choose(
        fits,
        cells.candidates(decide, left.kind),
        target,
        budget=min(left.amount, LOOK_AHEAD * getattr(spent, left.kind)),
        share=1.0 if left.amount < LAST * getattr(spent, left.kind) else SHARE,
    )
    told["sizes"] = sizes = _sizes(plan)
    if sizes and all(one.state == "decided" for one in sizes):
        return Round(**told, ends="decided")
    if sum(not one.ends for one in rounds) >= decide.rounds:
        return Round(**told, ends="spent", because=f"after {decide.rounds} rounds (decide.rounds)")
    widths = {one.n_examples: one.width for one in sizes if one.width is not None}
    if fell_short([one for one in rounds if one.asked == asked], widths):
        return Round(**told, ends="no help", because=SHORT)
    if wanted := cells.wanted(plan.chosen):
        return Round(**told, wanted=wanted, n_trials=cells.n_more(wanted))
    if left.amount < LAST * getattr(spent, left.kind):
        return Round(**told, ends="spent", because=_counted(decide, spent))
    from analysis.words.plans import OBSTACLES

    obstacles = {OBSTACLES[one.obstacle] for one in plan.standings if one.obstacle}
    return Round(**told, ends="no help", because="; ".join(sorted(obstacles)))


def _sizes(plan: Plan) -> tuple[Size, ...]:
    """Return how far each dataset size is, and what the plan promises of it."""
    now = plan.path[0].factors if plan.path else ()
    still = [one.n_examples for one in plan.standings if not one.settled]
    if not len(now) == len(plan.after) == len(still):  # too little was run to reckon with
        return sizes_of(plan.standings)
    return sizes_of(
        plan.standings,
        width=dict(zip(still, now, strict=True)),
        expected=dict(zip(still, plan.after, strict=True)),
    )


def _counted(decide: DecideSection, spent: Spent) -> str:
    """Say what a budget that was given counts: all trials, those of the file too."""
    budget = decide.spending
    if budget is None:
        return ""
    so_far = getattr(spent, budget.kind)
    return f"{so_far:,.4g} {budget.kind} so far, those of the file too, of {decide.budget}"


def _decide(asked: Mapping[str, Any]) -> DecideSection:
    """Return what is asked for, as it is stored."""
    return DecideSection(**{**asked, "sizes": tuple(asked.get("sizes", ()))})


def fits_of(
    spec: StudySpec, records: Sequence[TrialRecord], known: Sequence[CurveFit] = ()
) -> tuple[CurveFit, ...]:
    """Fit the curve of each dataset size, and nothing else."""
    from analysis.study import fit_curves

    return fit_curves(table_of(records), settings_of(spec), known)


def sizes_of(
    standings: Iterable[Standing],
    width: Mapping[float, float] = MappingProxyType({}),
    expected: Mapping[float, float] = MappingProxyType({}),
) -> tuple[Size, ...]:
    """Return how far each dataset size is, as a round keeps it."""
    return tuple(
        Size(
            n_examples=int(one.n_examples),
            state=one.state,
            factor=_finite(one.factor),
            width=_finite(width.get(one.n_examples, math.inf)),
            expected=_finite(expected.get(one.n_examples, math.inf)),
        )
        for one in standings
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True, kw_only=True)
class Left:
    """What may still be spent."""

    kind: BudgetKind
    """What counts as cost: FLOPs also where time is what runs out, since they are the same for
    every machine and every moment."""
    amount: float


def _left(decide: DecideSection, rounds: Sequence[Round], spent: Spent) -> Left:
    """Return what the budget leaves; without one it is some times the first round's FLOPs."""
    budget = decide.spending
    if budget is None:
        first = next((one.spent for one in rounds if one.spent), dataclasses.asdict(spent))
        kind: BudgetKind = "flops" if first["flops"] > 0.0 else "trials"
        budget = Budget(kind=kind, amount=FIRST_BUDGETS * first[kind])
    amount = budget.amount - getattr(spent, budget.kind)
    if spent.flops > 0.0 and budget.kind == "seconds":
        return Left(kind="flops", amount=amount * spent.flops / max(spent.seconds, 1e-9))
    return Left(kind=budget.kind, amount=amount)


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The cells of a study and those that it may have, with their sizes and costs."""

    spec: StudySpec
    have: Mapping[str, tuple[int, int]]
    """By cell, its replicates and search trials."""
    cells: Mapping[str, Cell]
    size: Mapping[str, float]
    """By cell, where it lies on the curve."""
    shape: Mapping[str, str]
    """By cell, the name of its ladder."""
    cost: Mapping[str, Mapping[str, float]]
    """By cell, what one training takes: trials, flops, seconds."""

    @classmethod
    def of(
        cls,
        spec: StudySpec,
        rounds: Sequence[Round],
        records: Sequence[TrialRecord],
        fits: Sequence[CurveFit],
    ) -> Cells:
        """Lay out what was run and what may be."""
        have, cells = counts(spec, rounds), every_cell(spec, rounds)
        size: dict[str, float] = {}
        shape: dict[str, str] = {}
        for fit in fits:
            curve = fit.curve
            for k, name in enumerate(curve.cell):
                size[name] = float(curve.size[k])
                shape[name] = curve.shapes[curve.shape[k]].name if curve.shapes else ""
        cost = _costs(records)
        cells = {name: cell for name, cell in cells.items() if name in size and name in cost}
        found = cls(spec=spec, have=have, cells=cells, size=size, shape=shape, cost=cost)
        return found.with_new(_new_cells(spec, cells.values()))

    def with_new(self, new: Iterable[Cell]) -> Cells:
        """Add cells that were not run: their sizes and costs lie between those of others."""
        cells, size = dict(self.cells), dict(self.size)
        shape, cost = dict(self.shape), dict(self.cost)
        for cell in new:
            if cell.name in self.have:
                continue
            ladder = self._ladder(cell)
            if len(ladder) < 2:
                continue
            axis = _grown(self.spec, cell)
            at = math.log(float(cell.capacity[axis]))
            known = np.log([float(one.capacity[axis]) for one in ladder])

            def placed(values: Sequence[float], at: float = at, known: Any = known) -> float:
                return _on_line(known, np.log(np.maximum(values, 1e-300)), at)

            names = [one.name for one in ladder]
            cells[cell.name], shape[cell.name] = cell, self.shape[names[0]]
            size[cell.name] = placed([self.size[name] for name in names])
            cost[cell.name] = {
                kind: placed([self.cost[name][kind] for name in names])
                for kind in self.cost[names[0]]
            }
        return dataclasses.replace(self, cells=cells, size=size, shape=shape, cost=cost)

    def wider(self) -> Cells | None:
        """Add a capacity twice as large as the largest of each ladder; None where none grows."""
        new = []
        for cell in self.cells.values():
            axis = _grown(self.spec, cell)
            value = cell.capacity[axis]
            ladder = self._ladder(cell)
            larger = {**cell.capacity, axis: 2 * value if isinstance(value, int) else value}
            may_grow = self.spec.space[axis].domain.contains(larger[axis])
            if may_grow and ladder and ladder[-1].name == cell.name:
                new.append(dataclasses.replace(cell, capacity=larger))
        found = self.with_new(new)
        return found if len(found.cells) > len(self.cells) else None

    def beyond(self, before: Cells) -> tuple[Wanted, ...]:
        """Return the cells that these have more than others, as the design would train them."""
        return tuple(
            Wanted(
                n_examples=cell.n_examples,
                capacity=dict(cell.capacity),
                replicates=self.spec.replicates.total,
                search=n_search(self.spec, cell),
            )
            for name, cell in self.cells.items()
            if name not in before.cells
        )

    def _ladder(self, cell: Cell) -> list[Cell]:
        """Return the cells that differ from one only in the axis that grows, rising."""
        axis = _grown(self.spec, cell)

        def rest(one: Cell) -> dict[str, Any]:
            return {name: value for name, value in one.capacity.items() if name != axis}

        found = [
            one
            for one in self.cells.values()
            if one.n_examples == cell.n_examples
            and rest(one) == rest(cell)
            and one.name in self.have
        ]
        return sorted(found, key=lambda one: float(one.capacity[axis]))

    def candidates(self, decide: DecideSection, kind: str) -> list[Candidate]:
        """Return what could be run, each with its cost in what the budget counts."""
        from analysis.design.candidates import Candidate

        found = []
        for name, cell in self.cells.items():
            if decide.sizes and cell.n_examples not in decide.sizes:
                continue
            replicates, search = self.have.get(name, (0, 0))
            each = max(self.cost[name][kind], 1e-300)
            new = not replicates
            found.append(
                Candidate(
                    name=name,
                    size=self.size[name],
                    shape=self.shape[name],
                    n_examples=float(cell.n_examples),
                    kind="size" if new else "replicates",
                    cost=each,
                    setup=each * (n_search(self.spec, cell) - search) if new else 0.0,
                    most=MOST_MORE,
                )
            )
        return found

    def wanted(self, chosen: Iterable[Valued]) -> tuple[Wanted, ...]:
        """Return the cells of a plan, with how many trials they then have."""
        more: dict[str, int] = defaultdict(int)
        for one in chosen:
            more[one.candidate.name] += one.runs
        return tuple(
            Wanted(
                n_examples=self.cells[name].n_examples,
                capacity=dict(self.cells[name].capacity),
                replicates=self.have.get(name, (0, 0))[0] + number,
                search=self.have.get(name, (0, n_search(self.spec, self.cells[name])))[1],
            )
            for name, number in more.items()
            if number
        )

    def n_more(self, wanted: Iterable[Wanted]) -> int:
        """Return how many trials that are more than there were."""
        more = 0
        for one in wanted:
            replicates, search = self.have.get(one.cell.name, (0, 0))
            more += one.replicates - replicates + one.search - search
        return more


def _on_line(known: FloatArray, values: FloatArray, at: float) -> float:
    """Return what lies straight between two known logs, or beyond the last two."""
    right = int(np.clip(np.searchsorted(known, at), 1, len(known) - 1))
    low, high = known[right - 1], known[right]
    part = (at - low) / (high - low)
    return float(np.exp(values[right - 1] + part * (values[right] - values[right - 1])))


def _costs(records: Iterable[TrialRecord]) -> dict[str, dict[str, float]]:
    """Return what one dense training of each cell took, in the middle of those that ended well."""
    rows: dict[str, list[TrialRecord]] = defaultdict(list)
    for record in records:
        if record.status == "complete" and not record.parent:
            rows[record.cell].append(record)
    return {
        cell: {
            "trials": 1.0,
            "flops": float(np.median([_flops(row) for row in some])),
            "seconds": float(
                np.median([row.metrics.get("train_seconds", row.wall_seconds) for row in some])
            ),
        }
        for cell, some in rows.items()
    }


def _grown(spec: StudySpec, cell: Cell) -> str:
    """Return the axis by which a capacity grows: one that the study may choose values of."""
    chosen = [axis.name for axis in spec.space.scientific if axis.between is not None]
    return (chosen or list(cell.capacity))[0]


def _new_cells(spec: StudySpec, known: Iterable[Cell]) -> list[Cell]:
    """Return the cells that the study may add: more values of the axes that are ranges."""
    every = list(known)
    found: dict[str, Cell] = {}
    for axis in spec.space.scientific:
        if axis.between is None:
            continue
        for cell in every:
            for value in between(*axis.between, FINEST_RATIO):
                new = dataclasses.replace(cell, capacity={**cell.capacity, axis.name: value})
                found.setdefault(new.name, new)
    names = {cell.name for cell in every}
    return [cell for name, cell in found.items() if name not in names]
