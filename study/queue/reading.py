"""What a study's trials in Optuna's storage tell: how far it is, what came of it."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna.storages import BaseStorage
from optuna.trial import TrialState

from study.queue.away import explained
from study.queue.identity import check_identity
from study.queue.trials import Stored, StoredTrials
from study.record import TrialRecord

if TYPE_CHECKING:
    from study.spec.study_file import StudySpec


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How far a study is."""

    total: int
    waiting: int
    running: int
    complete: int
    failed: int
    """Finished without a usable result: diverged or failed."""

    @property
    def finished(self) -> int:
        """Trials that will not run again."""
        return self.complete + self.failed


@dataclass(frozen=True, kw_only=True)
class StudyProgress:
    """How far a study is, in all that a person wants to see."""

    counts: Counts
    cells_done: int
    cells_total: int
    cost_done: float
    cost_total: float
    best_error: float | None
    """Lowest validation error so far, at the largest dataset size that has any."""
    best_size: int | None
    """That dataset size."""


class StudyReader:
    """A study's trials in Optuna's storage, to be read."""

    def __init__(self, spec: StudySpec, storage: BaseStorage) -> None:
        self.spec, self.storage = spec, storage
        self.digest = spec.digest()
        self.trials = StoredTrials(spec, storage)

    @explained
    def is_started(self) -> bool:
        """Tell whether the storage holds any Optuna study of this one."""
        return bool(self.trials.studies())

    @explained
    def check_unchanged(self, fingerprints: Mapping[str, str] | None = None) -> None:
        """Raise StorageError if the study in the storage is not the one in the file."""
        check_identity(self.storage, self.spec, fingerprints)

    @explained
    def counts(self) -> Counts:
        """Count the trials by state."""
        return self._count(self.trials.read())

    def _count(self, trials: Iterable[Stored]) -> Counts:
        states = Counter(one.trial.state for one in trials)
        return Counts(
            total=len(self.trials.slots),
            waiting=states[TrialState.WAITING],
            running=states[TrialState.RUNNING],
            complete=states[TrialState.COMPLETE],
            failed=states[TrialState.FAIL] + states[TrialState.PRUNED],
        )

    @functools.cached_property
    def _shares(self) -> dict[str, float]:
        """Relative cost of each trial: a unit is one training, whatever is pruned from it."""
        slots, costs = self.trials.slots, self.trials.costs
        members = Counter(slot.unit for slot in slots.values())
        return {name: costs[slot.unit] / members[slot.unit] for name, slot in slots.items()}

    @explained
    def progress(self) -> StudyProgress:
        """Return counts, cells, cost and the best validation error."""
        trials, slots = self.trials.read(), self.trials.slots
        done = [one for one in trials if one.is_finished]
        open_cells = {slots[one.slot].cell.name for one in trials if not one.is_finished}
        cells = {slot.cell.name for slot in slots.values()}
        best: dict[int, float] = {}
        for one in done:
            if one.trial.state == TrialState.COMPLETE and one.trial.value is not None:
                n_examples = slots[one.slot].cell.n_examples
                best[n_examples] = min(one.trial.value, best.get(n_examples, one.trial.value))
        largest = max(best, default=None)
        return StudyProgress(
            counts=self._count(trials),
            cells_done=len(cells - open_cells) if trials else 0,
            cells_total=len(cells),
            cost_done=sum(self._shares[one.slot] for one in done),
            cost_total=sum(self._shares.values()),
            best_error=None if largest is None else best[largest],
            best_size=largest,
        )

    @explained
    def records(self) -> tuple[TrialRecord, ...]:
        """Return the record of every finished trial, in the order of the design."""
        found = {
            one.slot: one.record for one in self.trials.read() if one.is_finished and one.record
        }
        return tuple(TrialRecord(**found[name]) for name in self.trials.slots if name in found)

    @explained
    def failures(self) -> Counter[str]:
        """Count the trials that gave no usable result by what became of them."""
        return Counter(
            f"{one.record['status']}: {one.record['reason']}"
            for one in self.trials.read()
            if one.trial.state in (TrialState.FAIL, TrialState.PRUNED) and one.record
        )

    @explained
    def running(self) -> list[Stored]:
        """Return the trials that somebody has in hand."""
        return [one for one in self.trials.read() if one.is_running]

    @explained
    def n_unused(self) -> int:
        """Count finished trials that the study file no longer asks for: kept, but not read."""
        names = [study.study_name for study in self.storage.get_all_studies()]
        return sum(
            trial.state.is_finished()
            and "slot" in trial.user_attrs
            and trial.user_attrs["slot"] not in self.trials.slots
            for name in names
            if name.startswith(f"{self.spec.name}/n=")
            for trial in self.storage.get_all_trials(
                self.storage.get_study_id_from_name(name), deepcopy=False
            )
        )
