"""A study's queue in Optuna's storage: what workers and whoever looks after them do with it.

One Optuna study per dataset size. Every trial of the design is queued there before the first one
runs (:mod:`study.queue.filling`), so the total is exact; workers take what is ready
(:mod:`study.queue.claims`) and tell what came of it, and what the dead had in hand is put back
(:mod:`study.queue.deaths`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from study.queue.away import explained
from study.queue.claims import Claim, Claims
from study.queue.deaths import Deaths
from study.queue.filling import fill
from study.queue.journal import LocalStorage, in_bulk
from study.queue.picture import Picture
from study.queue.reading import StudyReader
from study.record import TrialRecord

if TYPE_CHECKING:
    from study.spec.study_file import StudySpec


class StudyStore(StudyReader):
    """A study's trials in Optuna's storage, to be queued, taken and told."""

    def __init__(self, spec: StudySpec, storage: BaseStorage) -> None:
        super().__init__(spec, storage)
        self._picture = Picture(self.trials)
        self._claims = Claims(self.trials, self._picture)
        self.deaths = Deaths(self.trials, self._picture)

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
        with in_bulk(self.storage):
            return fill(self.trials, fingerprints or {})

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
        self._picture.note(trial_id, "finished")
        return first

    @explained
    def holds(self, record: TrialRecord) -> bool:
        """Tell whether this very result, and not another of its trial, is the one that counts."""
        found = self._picture.find(record.slot)
        if found is None:
            return False
        now = found._replace(trial=self.storage.get_trial(found.id))
        return now.is_finished and all(
            now.record.get(name) == getattr(record, name)
            for name in ("worker", "finished_at", "status")
        )

    @explained
    def id_of(self, slot: str) -> int | None:
        """Return the storage's id of a slot's trial; None if it was never queued."""
        found = self._picture.find(slot)
        return found.id if found is not None else None
