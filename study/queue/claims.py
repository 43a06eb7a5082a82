"""Taking trials: a worker claims a *unit* (trials that share one training), and signs each trial.

A trial is claimed by moving it from WAITING to RUNNING, which storage decides for exactly one
claimant. It is signed at once: see :mod:`study.queue.deaths`.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from study.queue.journal import in_bulk
from study.queue.nuisance import Nuisance
from study.queue.snapshot import Snapshot
from study.queue.trials import Stored, StoredTrials, sign
from study.trials.task import Task

FAIR_SHARES = 6
"""One claim takes at most this fraction of what is ready: small packs at the end of a study cost
less than workers that wait for the last large one."""

LONGEST_SKIP = 10
"""A worker that finds units taken by others moves on by up to 2 to this power of them."""


@dataclass(frozen=True, kw_only=True)
class Claim(Task):
    """One trial in a worker's hands."""

    trial_id: int
    first: bool = False
    """Whether it shows if a trainer of the user's own is sound: nothing runs beside it."""


class Claims:
    """Takes units of a study for one process."""

    def __init__(self, trials: StoredTrials, snapshot: Snapshot) -> None:
        self._trials, self._snapshot = trials, snapshot
        self._nuisance = Nuisance(trials, snapshot)
        self._half: list[str] = []
        """Slots that are ours in the storage, but not in any worker's hands yet."""

    def take(self, worker: str, most: int) -> tuple[Claim, ...] | None:
        """Take the next units; an empty tuple if nothing is ready yet, None if nothing is left."""
        first = self._goes_first()
        if first:
            self._snapshot.look()
            first = self._goes_first()
        else:
            self._snapshot.renew()
        with in_bulk(self._trials.storage):
            if self._half:
                self._half[:] = [slot for slot in self._half if self._is_still(slot, worker)]
            else:
                for unit in self._first() if first else self._line(most, seed=worker):
                    for slot in self._snapshot.ready.members(unit):
                        self._take(slot, worker)
            if self._half:
                # Kept until the claims are complete: should the storage go away in between, the
                # next call goes on with what is ours already.
                last = (self._snapshot.last(slot) for slot in self._half)
                claims = tuple(self._claim(one, first) for one in last)
                self._half.clear()
                return claims
        return () if self._snapshot.ready.unfinished else None

    def _goes_first(self) -> bool:
        """Whether a trainer of the user's own has brought no trial to its end yet."""
        own = bool(self._trials.spec.training.function)
        return own and self._snapshot.ready.unfinished == len(self._trials.slots)

    def _first(self) -> Iterator[str]:
        """Yield the cheapest unit while nobody has any."""
        ready = self._snapshot.ready
        if not any(ready.state(slot) == "running" for slot in self._trials.slots):
            yield from sorted(ready.units(), key=self._trials.costs.__getitem__)[:1]

    def _line(self, most: int, *, seed: str) -> Iterator[str]:
        """Yield the units to try, until as many were taken as may be.

        A unit that was tried is off the list, taken or not. After a refusal others are at work on
        the same part of the line, so the next try is some way on, further each time.
        """
        ready = self._snapshot.ready
        most = min(most, max(1, len(ready) // FAIR_SHARES))
        draws = random.Random(f"{seed} {len(ready)}")
        group: Hashable | None = None
        refusals = n_units = 0
        while n_units < most:
            skip = draws.randrange(1 << min(refusals, LONGEST_SKIP))
            found = ready.next(group, skip)
            if found is None:
                return
            before = len(self._half)
            yield found[1]
            if len(self._half) > before:
                group, n_units, refusals = found[0], n_units + 1, 0
            else:
                refusals += 1

    def _take(self, slot: str, worker: str) -> None:
        trial_id = self._snapshot.last(slot).id
        try:
            mine = self._trials.storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        except optuna.exceptions.UpdateFinishedTrialError:
            self._snapshot.ready.update(slot, "finished")
            return
        self._snapshot.ready.update(slot, "running")
        if mine:
            self._half.append(slot)
            self._sign(trial_id, worker)

    def _is_still(self, slot: str, worker: str) -> bool:
        """Tell whether what was taken before the storage went away is ours, and sign it if so.

        Meanwhile somebody may have held us for dead, and somebody else have it.
        """
        last = self._snapshot.last(slot)
        now = last._replace(trial=self._trials.storage.get_trial(last.id))
        mine = now.is_running and now.worker in ("", worker)
        if mine and not now.worker:
            self._sign(now.id, worker)
        elif not mine:
            self._snapshot.ready.update(slot, now.state)
        return mine

    def _sign(self, trial_id: int, worker: str) -> None:
        sign(self._trials.storage, trial_id, worker)

    def _claim(self, taken: Stored, first: bool) -> Claim:
        slot = self._trials.slots[taken.slot]
        return Claim(
            optuna_study=taken.study,
            trial_id=taken.id,
            number=taken.trial.number,
            slot=slot,
            params={**slot.params, **self._nuisance.of(taken, slot)},
            teacher=self._nuisance.teacher(slot),
            first=first,
        )
