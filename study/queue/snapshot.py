"""A worker's snapshot of the queue, kept level with the storage, which is read only now and then.

A snapshot that is behind costs a refused claim, never a wrong one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from optuna.trial import FrozenTrial

from study.plan.design import is_chosen, pack_group
from study.queue.readiness import Readiness, State, gates, needs
from study.queue.trials import Stored, StoredTrials

LOOK_SECONDS = 10.0
"""A snapshot of the queue that is older is renewed even if it shows something to take."""

LOOK_SHARE, IDLE_SHARE = 50.0, 4.0
"""Renewing the snapshot takes at most one part in so many of the time: while there is something to
take, and while there is nothing."""


class Snapshot:
    """The queue as one process knows it: what is ready, and each trial as it was last read."""

    def __init__(self, trials: StoredTrials) -> None:
        self._trials = trials
        every = tuple(trials.slots.values())
        pooled = trials.spec.search.winner == "pooled"
        chosen = frozenset(slot.name for slot in every if is_chosen(trials.spec, slot))
        self.ready = Readiness(
            every,
            needs(every, pooled=pooled, chosen=chosen),
            gates=gates(every, chosen) if pooled or chosen else None,
            order=lambda slot: (slot.phase != "search", -trials.costs[slot.unit]),
            group=lambda slot: pack_group(trials.spec, slot),
        )
        self._seen: dict[str, Stored] = {}
        self._slot_of: dict[int, str] = {}
        self._looked, self._look_cost = float("-inf"), 0.0

    def renew(self) -> None:
        """Look, if the snapshot is too old for what it shows."""
        age = time.monotonic() - self._looked
        if len(self.ready):
            due = max(LOOK_SECONDS, LOOK_SHARE * self._look_cost)
        else:
            due = IDLE_SHARE * self._look_cost
        if age > due:
            self.look()

    def look(self) -> None:
        """Bring the snapshot level with the storage."""
        began = time.monotonic()
        for one in self._trials.read():
            slot = one.slot
            if self.ready.state(slot) == "finished" and slot in self._seen:
                if not self._seen[slot].is_finished:
                    self._seen[slot] = one
                continue
            self._seen[slot] = one
            self._slot_of[one.id] = slot
            self.ready.update(slot, one.state, suspect=one.deaths > 0)
        self._looked = time.monotonic()
        self._look_cost = self._looked - began

    @property
    def lacks_trials(self) -> bool:
        """Whether some were not even queued at the last look."""
        return len(self._seen) < len(self._trials.slots)

    def note(self, trial_id: int, state: State, *, suspect: bool | None = None) -> None:
        """Take down where a trial is now, as far as it is in the snapshot."""
        if trial_id in self._slot_of:
            self.ready.update(self._slot_of[trial_id], state, suspect=suspect)

    def last(self, slot: str) -> Stored:
        """Return a trial of the snapshot as it was last read."""
        return self._seen[slot]

    def find(self, slot: str) -> Stored | None:
        """Return a slot's trial as it was last read; None if it was never queued."""
        if slot not in self._seen and slot in self._trials.slots:
            self.look()
        return self._seen.get(slot)

    def finished(self, slots: Iterable[str]) -> list[FrozenTrial]:
        """Return trials that have finished, each with its result."""
        found = []
        for slot in slots:
            one = self._seen[slot]
            if not one.is_finished:  # finished since the last look
                one = one._replace(trial=self._trials.storage.get_trial(one.id))
                self._seen[slot] = one
            found.append(one.trial)
        return found
