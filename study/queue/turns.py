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
from typing import NamedTuple

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState, create_trial

from study.queue.away import is_of_database
from study.queue.trials import ids_of

UNSIGNED_SECONDS = 20.0
"""A turn that was taken and never signed for so long: its holder died in between."""


class _Seen(NamedTuple):
    """A turn as it was just read."""

    id: int
    state: TrialState
    holder: str


class Turn:
    """One turn of a study, in an Optuna study that has no other trials; see the module."""

    def __init__(
        self, storage: BaseStorage, study_id: int, me: str, is_alive: Callable[[str], bool]
    ) -> None:
        self._storage, self._study_id, self._me, self._is_alive = storage, study_id, me, is_alive
        self._unsigned: tuple[int, float] | None = None

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Yield whether the turn is ours until the block ends; never waits for it."""
        turn = self._free()
        if turn is None or not self._take(turn):
            yield False
            return
        try:
            self._storage.set_trial_user_attr(turn.id, "holder", self._me)
            yield True
        finally:
            self._give_back(turn.id)

    def _take(self, turn: _Seen) -> bool:
        if turn.state == TrialState.RUNNING:  # ours: the storage was away when it was to go back
            return True
        return self._storage.set_trial_state_values(turn.id, TrialState.RUNNING)

    def _give_back(self, trial_id: int) -> None:
        """Free the turn; should the storage be away, it stays ours until we have it again."""
        try:
            self._storage.set_trial_user_attr(trial_id, "holder", "")
            self._storage.set_trial_state_values(trial_id, TrialState.WAITING)
        except optuna.exceptions.UpdateFinishedTrialError:
            return
        except Exception as error:
            if not is_of_database(error):
                raise

    def _free(self) -> _Seen | None:
        """Return the turn if it may be had; break it if its holder is dead."""
        turn = self._current()
        if turn is None:
            self._queue()
            turn = self._current()
        if turn is None or turn.state == TrialState.WAITING or turn.holder == self._me:
            return turn
        if self._holder_lives(turn):
            return None
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_state_values(turn.id, TrialState.FAIL)
            self._queue()
        return None

    def _holder_lives(self, turn: _Seen) -> bool:
        if turn.holder:
            self._unsigned = None
            return self._is_alive(turn.holder)
        now = time.monotonic()
        if self._unsigned is None or self._unsigned[0] != turn.id:
            self._unsigned = (turn.id, now)
        return now - self._unsigned[1] < UNSIGNED_SECONDS

    def _queue(self) -> None:
        self._storage.create_new_trial(self._study_id, create_trial(state=TrialState.WAITING))

    def _current(self) -> _Seen | None:
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        still = [trial for trial in trials if not trial.state.is_finished()]
        if not still:
            return None
        first = min(still, key=lambda trial: trial.number)
        (trial_id,) = ids_of(self._storage, self._study_id, [first])
        return _Seen(trial_id, first.state, str(first.user_attrs.get("holder", "")))
