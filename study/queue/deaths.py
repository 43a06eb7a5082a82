"""What the dead had in hand runs again, unless it seems to be what they died of."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterable, Sequence

import optuna
from optuna.trial import TrialState

from study.queue.beats import BEATS
from study.queue.journal import LocalStorage
from study.queue.orphans import ORPHAN_SECONDS, Orphans
from study.queue.picture import Picture
from study.queue.trials import Stored, StoredTrials, sign
from study.record import TrialRecord
from study.trials.records import Task, failed


class Deaths:
    """Finds the trials of dead workers, and puts trials back into the queue."""

    def __init__(self, trials: StoredTrials, picture: Picture) -> None:
        self._trials, self._picture = trials, picture
        self._orphans: Orphans[tuple[int, datetime.datetime | None]] = Orphans(
            max(ORPHAN_SECONDS, 2 * trials.spec.run.lease / BEATS)
        )

    def find(self, is_alive: Callable[[str], bool]) -> list[Stored]:
        """Return each running trial whose worker is dead, or was before it signed."""
        running = [one for one in self._trials.read() if one.is_running]
        orphans = self._orphans_of(one for one in running if not one.worker)
        return [
            one
            for one in running
            if (not is_alive(one.worker) if one.worker else one.id in orphans)
        ]

    def _orphans_of(self, unsigned: Iterable[Stored]) -> set[int]:
        """Return the ids of trials that have been unsigned for too long."""
        since = {one.id: one.trial.datetime_start for one in unsigned}
        if isinstance(self._trials.storage, LocalStorage):  # written by this machine's clock
            now = datetime.datetime.now()
            return {
                trial_id
                for trial_id, start in since.items()
                if start is not None and (now - start).total_seconds() > ORPHAN_SECONDS
            }
        return {trial_id for trial_id, _ in self._orphans.look(since.items())}

    def lose_sight(self) -> None:
        """Forget how long trials have been unsigned: the storage was away from us."""
        self._orphans.lose_sight()

    def requeue(
        self,
        dead: Sequence[Stored],
        *,
        blame: bool,
        give_up: Callable[[int, TrialRecord], None],
    ) -> int:
        """Put dead workers' trials back into the queue; return how many.

        Callers on one machine take turns, as with :meth:`StudyStore.prepare`.

        Parameters
        ----------
        dead
            What :meth:`find` returned.
        blame
            Whether the workers may have died of their trials: not if the whole run was killed. A
            trial with as many such deaths as the study file allows is handed to ``give_up``, with
            its id and a record that says so, instead.
        """
        most = self._trials.spec.run.max_attempts
        again = 0
        for one in dead:
            deaths = one.deaths + blame
            if blame and deaths >= most:
                reason = f"its worker died {deaths} times, the last one was {one.worker}"
                give_up(one.id, self._failed(one, reason))
            else:
                self.put_back(one.id, deaths)
                again += 1
        return again

    def put_back(self, trial_id: int, deaths: int = 0) -> None:
        """Let a trial wait again."""
        storage = self._trials.storage
        # The signature goes first: a trial that is running and unsigned is never taken for dead
        # until it has been so for a while, so nobody can put it back a second time.
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            sign(storage, trial_id, "")
            if deaths:
                storage.set_trial_user_attr(trial_id, "deaths", deaths)
            storage.set_trial_state_values(trial_id, TrialState.WAITING)
            self._picture.note(trial_id, "waiting", suspect=bool(deaths) or None)

    def _failed(self, one: Stored, reason: str) -> TrialRecord:
        """Return the record of a trial that gave no result."""
        slot = self._trials.slots[one.slot]
        number = one.trial.number
        task = Task(slot=slot, params=slot.params, optuna_study=one.study, number=number)
        return failed(self._trials.spec, task, reason)
