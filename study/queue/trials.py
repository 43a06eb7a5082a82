"""The trials of a study as they stand in Optuna's storage."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from study.plan.design import Slot, relative_cost
from study.plan.rounds import Round, slots_with
from study.queue.names import optuna_study
from study.queue.readiness import State
from study.queue.upstream import go_public
from study.record import MalformedRecord, TrialRecord
from study.spec.study_file import StudySpec

AGAIN = "again"
"""Attribute of a trial that was queued again after a failure: the how manyth time that is."""


class Stored(NamedTuple):
    """A trial of the design, as it was when it was last read."""

    study: str
    """Name of its Optuna study."""
    id: int
    """What the storage knows it by."""
    trial: FrozenTrial

    @property
    def slot(self) -> str:
        """Its place in the design."""
        return str(self.trial.user_attrs["slot"])

    @property
    def worker(self) -> str:
        """Who signed for it; empty if nobody did."""
        return str(self.trial.user_attrs.get("claim", {}).get("worker", ""))

    @property
    def deaths(self) -> int:
        """How many workers may have died of it."""
        return int(self.trial.user_attrs.get("deaths", 0))

    @property
    def record(self) -> TrialRecord | None:
        """What came of it; None if nothing was told."""
        return record_of(self.trial)

    @property
    def is_running(self) -> bool:
        """Whether somebody has it in hand."""
        return self.trial.state == TrialState.RUNNING

    @property
    def is_finished(self) -> bool:
        """Whether it will not run again."""
        return bool(self.trial.state.is_finished())

    @property
    def state(self) -> State:
        """Where it is in the queue."""
        if self.is_finished:
            return "finished"
        return "running" if self.is_running else "waiting"


def record_of(trial: FrozenTrial) -> TrialRecord | None:
    """Return what came of a trial; None if nothing was told, or what was told is no record.

    Those are named by :func:`malformed`, and counted by whoever reads the study.
    """
    content = trial.user_attrs.get("record")
    if content is None:
        return None
    try:
        record = TrialRecord.from_content(content)
    except MalformedRecord:
        return None
    return record if record.slot == trial.user_attrs.get("slot", record.slot) else None


def malformed(trial: FrozenTrial) -> str:
    """Say what is wrong with a finished trial's record; empty if nothing is."""
    content = trial.user_attrs.get("record")
    if record_of(trial) is not None:
        return ""
    try:
        TrialRecord.from_content({} if content is None else content)
    except MalformedRecord as error:
        return "there is none" if content is None else str(error)
    return "it is that of another trial"


def study_of(storage: BaseStorage, name: str) -> int:
    """Return the storage's id of an Optuna study, made where it is not there."""
    try:
        return storage.get_study_id_from_name(name)
    except KeyError:
        with contextlib.suppress(optuna.exceptions.DuplicatedStudyError):
            storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], name)
        return storage.get_study_id_from_name(name)


def sign(storage: BaseStorage, trial_id: int, worker: str) -> None:
    """Put a worker's name on a trial that has not finished; an empty one takes it off."""
    with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
        storage.set_trial_user_attr(trial_id, "claim", {"worker": worker})


class StoredTrials:
    """Reads a study's trials from its storage: one Optuna study for each dataset size."""

    def __init__(self, spec: StudySpec, storage: BaseStorage, rounds: Iterable[Round] = ()) -> None:
        self.spec, self.storage = spec, storage
        self.slots: dict[str, Slot] = {slot.name: slot for slot in slots_with(spec, rounds)}
        self.costs: dict[str, float] = {
            slot.unit: relative_cost(spec, slot.cell) * slot.length for slot in self.slots.values()
        }
        """Relative cost of each unit, which is one training, whatever is pruned from it."""
        self._ids: dict[str, int] = {}

    @functools.cached_property
    def shares(self) -> dict[str, float]:
        """Relative cost of each trial: a unit is one training, whatever is pruned from it."""
        members = Counter(slot.unit for slot in self.slots.values())
        return {
            name: self.costs[slot.unit] / members[slot.unit] for name, slot in self.slots.items()
        }

    def per_size(self) -> dict[int, int]:
        """Count the trials of each dataset size, of the design and of all rounds so far."""
        return dict(Counter(slot.cell.n_examples for slot in self.slots.values()))

    def studies(self) -> Mapping[str, int]:
        """Return the storage's id of each Optuna study that was started, by name."""
        for n_examples in self.spec.sizes:
            name = optuna_study(self.spec.name, n_examples)
            if name not in self._ids:
                with contextlib.suppress(KeyError):
                    self._ids[name] = self.storage.get_study_id_from_name(name)
        return self._ids

    def read(self) -> list[Stored]:
        """Return every trial of the design that is queued, running or finished."""
        return [one for name in self.studies() for one in self.of(name)]

    def of(self, study: str) -> list[Stored]:
        """Return the trials of one Optuna study that belong to the design, one of each slot."""
        study_id = self.studies()[study]
        found = by_slot(self.storage, study_id)
        trials = [trial for slot, trial in found.items() if slot in self.slots]
        ids = ids_of(self.storage, study_id, trials)
        return [Stored(study, *one) for one in zip(ids, trials, strict=True)]


def by_slot(storage: BaseStorage, study_id: int) -> dict[str, FrozenTrial]:
    """Return the trial of each slot that was ever queued in an Optuna study.

    Should a slot have been queued twice, the lowest number is its trial, for everybody; of a slot
    that was queued again after a failure, the latest time counts (:mod:`study.queue.retrying`).
    """
    found: dict[str, FrozenTrial] = {}
    for trial in storage.get_all_trials(study_id, deepcopy=False):
        slot = trial.user_attrs.get("slot")
        if slot is not None and (slot not in found or _rank(trial) < _rank(found[slot])):
            found[slot] = trial
    return found


def _rank(trial: FrozenTrial) -> tuple[int, int]:
    return -int(trial.user_attrs.get(AGAIN, 0)), trial.number


def ids_of(storage: BaseStorage, study_id: int, trials: Sequence[FrozenTrial]) -> list[int]:
    """Return what the storage knows trials by; where they don't tell it, the storage is asked."""
    try:
        return [trial._trial_id for trial in trials]
    except AttributeError as reason:
        go_public("the storage is asked for each trial's id", str(reason))
        ask = storage.get_trial_id_from_study_id_trial_number
        return [ask(study_id, trial.number) for trial in trials]
