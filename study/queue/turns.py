"""Turns that processes of any machine take, kept in Optuna's storage.

Optuna decides one thing for exactly one process: who moves a trial from WAITING to RUNNING. So a
turn is a trial: waiting while it is free, running while somebody has it. Whose holder died is
failed, which again one process alone succeeds in, and that one queues the next. Should a breaker
die between the two, whoever finds none queues one; of several, the lowest number is the turn.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from study.queue.reading import is_of_database

UNSIGNED_SECONDS = 20.0
"""A turn that was taken and never signed for so long: its holder died in between."""


class Turn:
    """One turn of a study; see the module.

    Parameters
    ----------
    storage, study_id
        The Optuna study that holds the turn, and nothing else in its trials.
    me
        The name of this process.
    is_alive
        Tells whether a holder still lives.
    """

    def __init__(
        self, storage: BaseStorage, study_id: int, me: str, is_alive: Callable[[str], bool]
    ) -> None:
        self._storage, self._study_id, self._me, self._is_alive = storage, study_id, me, is_alive
        self._unsigned: tuple[int, float] | None = None

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Yield whether the turn is ours until the block ends; never waits for it."""
        trial = self._free()
        if trial is None or not self._take(trial):
            yield False
            return
        try:
            self._storage.set_trial_user_attr(trial._trial_id, "holder", self._me)
            yield True
        finally:
            self._give_back(trial)

    def _take(self, trial: FrozenTrial) -> bool:
        if trial.state == TrialState.RUNNING:  # ours: the storage was away when it was to go back
            return True
        return self._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)

    def _give_back(self, trial: FrozenTrial) -> None:
        """Free the turn; should the storage be away, it stays ours until we have it again."""
        try:
            self._storage.set_trial_user_attr(trial._trial_id, "holder", "")
            self._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
        except optuna.exceptions.UpdateFinishedTrialError:
            return
        except Exception as error:
            if not is_of_database(error):
                raise

    def _free(self) -> FrozenTrial | None:
        """Return the turn if it may be had; break it if its holder is dead."""
        trial = self._current()
        if trial is None:
            self._queue()
            trial = self._current()
        if trial is None or trial.state == TrialState.WAITING:
            return trial
        if trial.user_attrs.get("holder") == self._me:
            return trial
        if self._holder_lives(trial):
            return None
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            self._queue()
        return None

    def _holder_lives(self, trial: FrozenTrial) -> bool:
        holder = str(trial.user_attrs.get("holder", ""))
        if holder:
            self._unsigned = None
            return self._is_alive(holder)
        now = time.monotonic()
        if self._unsigned is None or self._unsigned[0] != trial._trial_id:
            self._unsigned = (trial._trial_id, now)
        return now - self._unsigned[1] < UNSIGNED_SECONDS

    def _queue(self) -> None:
        self._storage.create_new_trial(self._study_id, create_trial(state=TrialState.WAITING))

    def _current(self) -> FrozenTrial | None:
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        still = [trial for trial in trials if not trial.state.is_finished()]
        return min(still, key=lambda trial: trial.number, default=None)
