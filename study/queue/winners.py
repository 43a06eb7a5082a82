"""What replicates are trained with: the values of their cell's winner.

The winner is the best search trial of the cell, or what a model of the whole search says of the
cell (``search.winner``). Once a replicate of a cell was given its values, all others are given the
same: a study that grows has more search trials to tell from, but one winner in each cell.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from optuna.trial import FrozenTrial, TrialState

from study.plan.design import Slot, is_chosen, seed_of, space_of, spread_points
from study.plan.winners import Tried, next_values, pooled_winners
from study.queue.readiness import searches
from study.queue.snapshot import Snapshot
from study.queue.trials import StoredTrials, record_of
from study.record import Value


class Winners:
    """Tells the winner of each cell, from search trials that have finished."""

    def __init__(self, trials: StoredTrials, snapshot: Snapshot) -> None:
        self._trials, self._snapshot = trials, snapshot
        self._searches = searches(trials.slots.values())
        self._replicates: dict[str, list[str]] = defaultdict(list)
        for slot in trials.slots.values():
            if slot.phase != "search":
                self._replicates[slot.cell.name].append(slot.name)
        self._pooled: dict[str, dict[str, dict[str, Value]]] = {}
        """By teacher, what the model says of each cell."""
        self._next: dict[str, dict[str, dict[str, Value]]] = {}
        """By teacher, what it has each cell try next."""

    def of(self, slot: Slot) -> Mapping[str, Value]:
        """Return the values for a replicate's cell; empty where all of its search failed."""
        cell = slot.cell
        if self._trials.spec.search.winner == "pooled":
            found = self._given(slot) or self._by_model(slot)
            if found:
                return found
        best = best_of_search(self._snapshot.finished(self._searches[cell.name]))
        record = None if best is None else record_of(best)
        return {} if record is None else record.params

    def next_point(self, slot: Slot) -> Mapping[str, Value]:
        """Return the values of a search trial that the model chooses, from all of the others."""
        teacher, spec = slot.cell.teacher, self._trials.spec
        if teacher not in self._next:
            axes = space_of(spec, slot.cell).nuisance
            tried = list(self._tried(slot, first=True))
            seed = seed_of(spec.study.seed, "next", teacher)
            self._next[teacher] = next_values(axes, tried, seed)
        # Where the model cannot tell, the point that knows nothing of other trials.
        alone = spread_points(spec, slot.cell, slot.index + 1)[slot.index]
        return self._next[teacher].get(slot.cell.name, alone)

    def _given(self, slot: Slot) -> Mapping[str, Value]:
        """Return what another replicate of the cell was given; empty if none was."""
        names = {axis.name for axis in space_of(self._trials.spec, slot.cell).nuisance}
        for other in self._replicates[slot.cell.name]:
            stored = self._snapshot.find(other)
            if stored is not None and names <= stored.trial.params.keys():
                return dict(stored.trial.params)
        return {}

    def _by_model(self, slot: Slot) -> Mapping[str, Value]:
        teacher = slot.cell.teacher
        if teacher not in self._pooled:
            axes = space_of(self._trials.spec, slot.cell).nuisance
            self._pooled[teacher] = pooled_winners(axes, list(self._tried(slot)))
        return self._pooled[teacher].get(slot.cell.name, {})

    def _tried(self, slot: Slot, *, first: bool = False) -> Iterator[Tried]:
        """Yield the search of all cells whose networks are made the same way.

        With ``first`` without the trials that the model chooses.
        """
        names = [axis.name for axis in space_of(self._trials.spec, slot.cell).nuisance]
        for searched in self._searches.values():
            cell = self._trials.slots[searched[0]].cell
            if cell.teacher != slot.cell.teacher:
                continue
            names_of = [one for one in searched if not (first and self._is_chosen(one))]
            for trial in self._snapshot.finished(names_of):
                record = record_of(trial)
                if record is None or not record.params.keys() >= set(names):
                    continue
                usable = trial.state == TrialState.COMPLETE
                yield Tried(
                    cell=cell,
                    values={name: record.params[name] for name in names},
                    error=record.metrics["val_error"] if usable else math.inf,
                )

    def _is_chosen(self, slot: str) -> bool:
        return is_chosen(self._trials.spec, self._trials.slots[slot])


def best_of_search(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Return the search trial with the lowest validation error, then loss, then number.

    Validation sets are small, so that ties in error are common; the loss decides them.
    """
    ranked = [
        (record.metrics["val_error"], record.metrics.get("val_loss", math.inf), trial.number, trial)
        for trial in trials
        if trial.state == TrialState.COMPLETE and (record := record_of(trial)) is not None
    ]
    return min(ranked, key=lambda one: one[:3])[-1] if ranked else None
