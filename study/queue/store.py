"""A study's queue in Optuna's storage: what workers and whoever looks after them do with it.

One Optuna study per dataset size. Every trial of the design is queued there before the first one
runs (:mod:`study.queue.filling`), so the total is exact; workers take what is ready
(:mod:`study.queue.claims`) and tell what came of it, and what the dead had in hand is put back
(:mod:`study.queue.deaths`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from study.plan.rounds import Round
from study.queue.away import explained
from study.queue.claims import Claim, Claims
from study.queue.deaths import Deaths
from study.queue.filling import fill
from study.queue.identity import as_begun, check_identity, renew_fingerprints
from study.queue.journal import LocalStorage, in_bulk
from study.queue.names import owner_of
from study.queue.retrying import Retried, find_retriable, queue_again
from study.queue.rounds import StoredRounds
from study.queue.snapshot import Snapshot
from study.queue.trials import Stored, StoredTrials, by_slot, malformed, record_of
from study.record import TrialRecord
from study.redaction import redact
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
    to_come: bool = False
    """Whether the study will plan further trials when these have finished."""

    @property
    def is_done(self) -> bool:
        """Whether every trial has finished and none is to come."""
        return self.counts.finished == self.counts.total and not self.to_come


class StudyStore:
    """A study's trials in Optuna's storage, to be queued, taken, told and read.

    Its ``spec`` is the study as it was begun, which whoever trains must go by.
    """

    @explained
    def __init__(self, spec: StudySpec, storage: BaseStorage) -> None:
        spec = as_begun(storage, spec)
        self.spec, self.storage = spec, storage
        self.digest = spec.digest()
        self.planned = StoredRounds(storage, spec.name)
        self._lay_out(self.planned.read())

    def _lay_out(self, rounds: tuple[Round, ...]) -> None:
        """Let the trials be those of the design and of these rounds."""
        self.rounds = rounds
        """What the study planned by itself so far."""
        self.trials = StoredTrials(self.spec, self.storage, rounds)
        self._snapshot = Snapshot(self.trials)
        self._claims = Claims(self.trials, self._snapshot)
        self.deaths = Deaths(self.trials, self._snapshot)

    @explained
    def renew(self) -> bool:
        """Take over the rounds that were planned since; return whether there were any."""
        rounds = self.planned.read()
        if len(rounds) == len(self.rounds):
            return False
        self._lay_out(rounds)
        return True

    @explained
    def is_done(self) -> bool:
        """Whether every trial has finished and no round is to come."""
        self.renew()
        counts = self.counts()
        return counts.finished == counts.total and not self.awaits_round()

    @explained
    def n_hands(self, most: int) -> int:
        """Return how many of ``most`` workers there is something to do for."""
        counts = self.counts()
        return most if self.awaits_round() else min(most, counts.total - counts.finished)

    @explained
    def awaits_round(self) -> bool:
        """Whether the study is to go on by its own choice once its trials have finished."""
        return self.planned.awaits(self.rounds, lambda: self.counts().complete)

    @property
    def lacks_trials(self) -> bool:
        """Whether the last claim saw a round of which trials are not even queued."""
        return bool(self.rounds) and self._snapshot.lacks_trials

    @property
    def is_local(self) -> bool:
        """Whether only processes of this machine can see the storage."""
        return isinstance(self.storage, LocalStorage)

    @explained
    def prepare(self, fingerprints: Mapping[str, str] | None = None) -> int:
        """Create the Optuna studies and queue what is missing; return how many were queued.

        ``fingerprints`` name the content of data and code that stand outside the study file; they
        are stored with the study, and must be the same when it goes on.

        Safe to call again, also after a crash half-way. Callers on one machine take turns
        (:func:`study.launch.locking.exclusively`); of callers on several machines a database queues
        each trial for the first alone. Behind a proxy two may queue the same: then the trial with
        the lower number is the slot's, and nobody takes the other.
        """
        self.check_unchanged(fingerprints)
        self.renew()
        with in_bulk(self.storage):
            return fill(self.trials, fingerprints or {})

    @explained
    def accept(
        self, fingerprints: Mapping[str, str], is_alive: Callable[[str], bool]
    ) -> tuple[str, ...]:
        """Take over what has changed outside the study file while no result depends on it.

        What dead workers had in hand is put back first: where the first trial broke, another
        worker may have taken it anew before the run ended.

        Returns the names of what has changed: none if nothing did, or something has begun.
        """
        counts = self.counts()
        if counts.running and not counts.finished:
            for one in self.deaths.find(is_alive):
                self.deaths.put_back(one.id)
            counts = self.counts()
        if counts.finished or counts.running:
            return ()
        return renew_fingerprints(self.storage, self.spec, fingerprints, code_only=False)

    @explained
    def retry_failed(self, fingerprints: Mapping[str, str]) -> Retried:
        """Queue again what failed, and let the user's code be another from now on.

        Where nothing is queued again, nothing that is another is taken over.

        Callers on one machine take turns (:func:`study.launch.locking.exclusively`).
        """
        check_identity(self.storage, self.spec, None)
        found = find_retriable(self.trials)
        if not found.again:
            return Retried(queued=0, kept=found.kept)
        # Before anything is queued: a crash between the two leaves failed trials to ask for again.
        changed = renew_fingerprints(self.storage, self.spec, fingerprints, code_only=True)
        before = self.counts().complete
        queue_again(self.trials, found.again)
        return Retried(
            queued=len(found.again), kept=found.kept, changed=changed, trained_before=before
        )

    @explained
    def claim(self, worker: str, *, most: int = 1) -> tuple[Claim, ...] | None:
        """Take the next units; an empty tuple if nothing is ready yet, None if nothing is left.

        Search comes first and the dearest unit first, so that no long training is left to the
        end. With ``most`` above 1, units that can train together with the first are taken too, and
        never more than a fair share of what is ready, so that no worker stands idle at the end.
        """
        return self._claims.take(worker, most)

    @explained
    def give_back(self, claims: Sequence[Claim]) -> None:
        """Put claimed trials back into the queue, as if they had never been taken."""
        for claim in claims:
            self.deaths.put_back(claim.trial_id)

    @explained
    def finish(self, trial_id: int, record: TrialRecord) -> bool:
        """Tell Optuna the result; False if the trial had finished before."""
        usable = record.status == "complete" and "val_error" in record.metrics
        state = TrialState.COMPLETE if usable else TrialState.FAIL
        values = [record.metrics["val_error"]] if usable else None
        first = True
        try:
            self.storage.set_trial_user_attr(trial_id, "record", record.content())
            self.storage.set_trial_state_values(trial_id, state, values)
        except optuna.exceptions.UpdateFinishedTrialError:
            first = False
        self._snapshot.note(trial_id, "finished")
        return first

    @explained
    def holds(self, record: TrialRecord) -> bool:
        """Tell whether this very result, and not another of its trial, is the one that counts."""
        found = self._snapshot.find(record.slot)
        if found is None:
            return False
        now = found._replace(trial=self.storage.get_trial(found.id))
        kept = now.record
        if kept is None or not now.is_finished:
            return False
        this, other = ((one.worker, one.finished_at, one.status) for one in (record, kept))
        return this == other

    @explained
    def id_of(self, slot: str) -> int | None:
        """Return the storage's id of a slot's trial; None if it was never queued."""
        found = self._snapshot.find(slot)
        return found.id if found is not None else None

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
        return _counted(self.trials.read(), len(self.trials.slots))

    @explained
    def progress(self) -> StudyProgress:
        """Return counts, cells, cost and the best validation error."""
        self.renew()
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
            counts=_counted(trials, len(slots)),
            cells_done=len(cells - open_cells) if trials else 0,
            cells_total=len(cells),
            cost_done=sum(self.trials.shares[one.slot] for one in done),
            cost_total=sum(self.trials.shares.values()),
            best_error=None if largest is None else best[largest],
            best_size=largest,
            to_come=self.awaits_round(),
        )

    @explained
    def records(self) -> tuple[TrialRecord, ...]:
        """Return the record of every finished trial, in the order of the design."""
        self.renew()
        found = {one.slot: one for one in records_of(self.storage, self.trials.studies().values())}
        return tuple(found[name] for name in self.trials.slots if name in found)

    @explained
    def failures(self) -> Counter[str]:
        """Count the trials that gave no usable result by what became of them."""
        return Counter(
            f"{record.status}: {redact(record.reason)}"
            for one in self.trials.read()
            if one.trial.state in (TrialState.FAIL, TrialState.PRUNED)
            and (record := one.record) is not None
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
            if owner_of(name) == self.spec.name
            for trial in self.storage.get_all_trials(
                self.storage.get_study_id_from_name(name), deepcopy=False
            )
        )


@explained
def left_out(store: StudyStore) -> dict[str, str]:
    """Return the finished trials whose records cannot be read: the slot, and what is wrong."""
    return {
        one.slot: reason
        for one in store.trials.read()
        if one.is_finished and (reason := malformed(one.trial))
    }


def _counted(trials: Iterable[Stored], total: int) -> Counts:
    states = Counter(one.trial.state for one in trials)
    return Counts(
        total=total,
        waiting=states[TrialState.WAITING],
        running=states[TrialState.RUNNING],
        complete=states[TrialState.COMPLETE],
        failed=states[TrialState.FAIL] + states[TrialState.PRUNED],
    )


@explained
def started(storage: BaseStorage) -> Mapping[str, Sequence[int]]:
    """Return the storage's ids of the Optuna studies of every study, by the study's name."""
    found: dict[str, list[int]] = defaultdict(list)
    for name in (one.study_name for one in storage.get_all_studies()):
        if owner_of(name) != name:
            found[owner_of(name)].append(storage.get_study_id_from_name(name))
    return found


@explained
def records_of(storage: BaseStorage, study_ids: Iterable[int]) -> tuple[TrialRecord, ...]:
    """Return the record of every finished trial of Optuna studies, one of each slot."""
    return tuple(
        record
        for study_id in study_ids
        for trial in by_slot(storage, study_id).values()
        if trial.state.is_finished() and (record := record_of(trial)) is not None
    )
