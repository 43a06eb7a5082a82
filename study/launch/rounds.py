"""The next round of a study that chooses its own trials: planned by one worker, queued for all.

Whoever finds that nothing is left to take tries for the turn. One process has it, reads all
results, plans (:mod:`study.launch.planning`), writes the round down and queues it; all others wait
a moment and look again. A round is a pure function of the study file and of earlier results, so
that it is the same whoever plans it, and a planner that dies leaves nothing half done: what a round
lacks in the queue, the next who looks puts there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from study.launch.keeping import Keeper
from study.launch.locking import exclusively, planning
from study.launch.planning import Memory, plan_round
from study.plan.rounds import Round
from study.queue.turns import Turn

Next = Literal["more", "wait", "end"]
"""What a worker that found nothing left to take does: go on, look again, end."""


class Rounds:
    """The rounds of one study, for one worker."""

    def __init__(self, keeper: Keeper, me: str) -> None:
        self._keeper, self._me = keeper, me
        self._turn: Turn | None = None
        self._memory = Memory()

    def advance(self, say: Callable[[Round], object]) -> Next:
        """Take over the next round, or plan it if nobody does; ``say`` is told what was planned."""
        store = self._keeper.store
        # Who joins when a round is written down, and not yet queued, does not take it over.
        if store.renew() or store.lacks_trials:
            return self._queued()
        if not store.awaits_round():
            return "end"
        with self._turn_taken() as mine:
            if not mine:
                return "wait"
            if store.renew():
                return self._queued()
            counts = store.counts()
            if counts.finished < counts.total or not store.awaits_round():
                return "wait"
            planned = plan_round(store, self._memory)
            store.planned.add(planned)
            store.renew()
            say(store.rounds[planned.number - 1])  # another's, if that one was there first
            return self._queued()

    def _queued(self) -> Next:
        """Queue what a round lacks, should its planner have died before it had; go on."""
        store = self._keeper.store
        with exclusively(self._keeper.places):
            store.prepare()
        return "more" if store.counts().waiting else "wait"

    @contextmanager
    def _turn_taken(self) -> Iterator[bool]:
        """Yield whether this process plans: one of this machine, and one of all machines."""
        with planning(self._keeper.places, self._keeper.store.spec.name) as here:
            if not here or self._keeper.roll is None:
                yield here
                return
            if self._turn is None:
                store = self._keeper.store
                self._turn = Turn(
                    store.storage, store.planned.study_id, self._me, self._keeper.is_alive
                )
            with self._turn.taken() as mine:
                yield mine
