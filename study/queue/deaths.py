"""What the dead had in hand runs again, unless it seems to be what they died of.

A worker signs each trial right after taking it, so that the two are apart only while the storage
is slow, or away. Of a running trial that nobody signed for, an observer therefore judges by how
long it has *seen* it so, by its own monotonic clock, and begins again after any time in which it
could not look: the worker could not sign then either.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

import optuna
from optuna.trial import TrialState

from study.patience import LONGEST_PAUSE
from study.queue.beats import BEATS
from study.queue.journal import LocalStorage
from study.queue.snapshot import Snapshot
from study.queue.trials import Stored, StoredTrials, sign
from study.record import TrialRecord
from study.trials.task import Task, failed

Name = TypeVar("Name", bound=Hashable)

ORPHAN_SECONDS = 2 * LONGEST_PAUSE
"""A running trial that nobody signed for after so long is an orphan. A worker that found the
storage away between the two asks again after at most two thirds of it."""


class Orphans(Generic[Name]):
    """One observer's view of unsigned trials; blind after ``longest_gap`` seconds with no look."""

    def __init__(self, longest_gap: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest_gap, self._clock = longest_gap, clock
        self._last: float | None = None
        self._since: dict[Name, float] = {}

    def look(self, unsigned: Iterable[Name]) -> set[Name]:
        """Take down what is unsigned now; return what has been so for too long.

        Each is named by its trial and when that was started: one that is taken anew is another.
        """
        now = self._clock()
        if self._last is not None and now - self._last > self._longest_gap:
            self._since.clear()
        self._last = now
        self._since = {one: self._since.get(one, now) for one in unsigned}
        return {one for one, since in self._since.items() if now - since > ORPHAN_SECONDS}

    def lose_sight(self) -> None:
        """Begin again: the storage was away."""
        self._since.clear()


class Deaths:
    """Finds the trials of dead workers, and puts trials back into the queue."""

    def __init__(self, trials: StoredTrials, snapshot: Snapshot) -> None:
        self._trials, self._snapshot = trials, snapshot
        self._orphans: Orphans[tuple[int, datetime.datetime | None]] = Orphans(
            max(ORPHAN_SECONDS, 2 * trials.spec.run.lease / BEATS)
        )

    def find(self, is_alive: Callable[[str], bool]) -> list[Stored]:
        """Return each running trial whose worker is dead, or was before it signed."""
        running = [one for one in self._trials.read() if one.is_running]
        since = {one.id: one.trial.datetime_start for one in running if not one.worker}
        if isinstance(self._trials.storage, LocalStorage):  # written by this machine's clock
            latest = datetime.datetime.now() - datetime.timedelta(seconds=ORPHAN_SECONDS)
            orphans = {each for each, start in since.items() if start and start < latest}
        else:
            orphans = {each for each, _ in self._orphans.look(since.items())}
        return [
            one
            for one in running
            if (not is_alive(one.worker) if one.worker else one.id in orphans)
        ]

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

        With ``blame`` they may have died of their trials (not if the whole run was killed): one
        with as many such deaths as the study file allows is handed to ``give_up`` instead, with its
        id and a record that says so. Callers on one machine take turns.
        """
        again = 0
        for one in dead:
            deaths = one.deaths + blame
            if blame and deaths >= self._trials.spec.run.max_attempts:
                reason = f"its worker died {deaths} times, the last one was {one.worker}"
                slot = self._trials.slots[one.slot]
                task = Task(
                    slot=slot,
                    params=slot.params,
                    optuna_study=one.study,
                    number=one.trial.number,
                )
                give_up(one.id, failed(self._trials.spec, task, reason))
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
            self._snapshot.note(trial_id, "waiting", suspect=bool(deaths) or None)
