"""Looking after a study's trials: results on disk are told, what the dead had runs again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from study.errors import StorageAway
from study.launch.locking import exclusively
from study.places import Places
from study.queue import leases
from study.queue.away import explained
from study.queue.beats import BEATS, Roll, Watch
from study.queue.store import StudyStore
from study.queue.trials import Stored
from study.queue.turns import Turn
from study.record import TrialRecord
from study.tracking.spool import Batch, Spool


class Keeper:
    """What one process (a worker or a launcher, called ``me``) does for a study beside training."""

    def __init__(self, store: StudyStore, places: Places, me: str) -> None:
        self.store, self.places = store, places
        name = store.spec.name
        self.spool = Spool(places.spool(name))
        self.untold = Spool(places.untold(name))
        self.roll = None if store.is_local else Roll(store.storage, name)
        self._me = me
        self._watch = Watch(self._read, store.spec.run.lease)
        self._next_look = 0.0
        self._turn: Turn | None = None

    @explained
    def _read(self) -> dict[str, dict[str, Any]]:
        return {} if self.roll is None else self.roll.read()

    def is_alive(self, worker: str) -> bool:
        """Tell whether a worker may live: by the kernel's lock here, by its beats elsewhere."""
        if self.roll is None or leases.is_of(self.places.leases, worker):
            return leases.is_alive(self.places.leases, worker)
        return self._watch.is_alive(worker)

    def living(self) -> dict[str, Mapping[str, Any]]:
        """Return what the living workers last said of themselves, by name."""
        self.look()
        if self.roll is None:
            return {name: {} for name in leases.living(self.places.leases)}
        return {name: said for name, said in self._watch.living().items() if self.is_alive(name)}

    def look(self) -> None:
        """See who moves, as often as the lease asks for."""
        if self.roll is None or time.monotonic() < self._next_look:
            return
        self._watch.look()
        self._next_look = time.monotonic() + self.store.spec.run.lease / BEATS / 2

    # -- results ----------------------------------------------------------------------------

    def settle(self, ids: Mapping[str, int], batch: Batch) -> int:
        """Tell Optuna results that are on disk, then pass them on to MLflow's spool.

        ``ids`` has the storage's id of each slot's trial. Returns how many count: a trial that had
        finished with another result keeps that. Doing it again changes nothing.
        """
        mine = [
            record
            for record in batch.records
            if self.store.finish(ids[record.slot], record) or self.store.holds(record)
        ]
        self.spool.adopt(batch, self.untold, mine)
        return len(mine)

    def tell_left_behind(self) -> int:
        """Tell Optuna the results that dead workers of this folder left on disk; return how many.

        Callers take turns (:func:`study.launch.locking.exclusively`).
        """
        told = 0
        for batch in self.untold.batches():
            worker = batch.records[0].worker  # one wrote them all
            foreign = any(one.study_digest != self.store.digest for one in batch.records)
            if foreign or (worker and self.is_alive(worker)):
                continue
            ids = {one.slot: self.store.id_of(one.slot) for one in batch.records}
            known = {slot: trial_id for slot, trial_id in ids.items() if trial_id is not None}
            if known and len(known) < len(ids):
                batch = self.untold.split(
                    batch, [one for one in batch.records if one.slot in known]
                )
            if known:
                told += self.settle(known, batch)
        return told

    # -- the dead ---------------------------------------------------------------------------

    @explained
    def tidy(self, *, blame: bool = True) -> int:
        """Queue again what dead workers had in hand, unless its result is on disk; return how many.

        One process of the study does so at a time, wherever it is. A trial that nobody had signed
        for is never blamed: its worker had not begun it. Nor are, without ``blame``, those of
        workers of this folder: where a run goes on that was killed, workers and all. Of workers
        elsewhere nobody knows: their trials are blamed.
        """
        try:
            return self._tidy(blame)
        except Exception:
            # Whoever took a trial meanwhile could not sign it either.
            self.store.deaths.lose_sight()
            raise

    def _tidy(self, blame: bool) -> int:
        self.look()
        if self.untold.waiting():
            with exclusively(self.places):
                self.tell_left_behind()
        if not self.store.deaths.find(self.is_alive):
            return 0
        with exclusively(self.places), self._turn_taken() as mine:
            if not mine:
                return 0
            dead: dict[bool, list[Stored]] = {False: [], True: []}
            for one in self.store.deaths.find(self.is_alive):
                spared = not blame and leases.is_of(self.places.leases, one.worker)
                dead[bool(one.worker) and not spared].append(one)
            requeue = self.store.deaths.requeue
            return sum(
                requeue(some, blame=blamed, give_up=self._give_up) for blamed, some in dead.items()
            )

    def _give_up(self, trial_id: int, record: TrialRecord) -> None:
        self.settle({record.slot: trial_id}, self.untold.put_together([record]))

    @contextmanager
    def _turn_taken(self) -> Iterator[bool]:
        if self.roll is None:
            yield True
            return
        if self._turn is None:  # one for good: it remembers how long a turn has been unsigned
            self._turn = Turn(self.store.storage, self.roll.study_id, self._me, self.is_alive)
        with self._turn.taken() as mine:
            yield mine


def keep(keeper: Keeper) -> None:
    """Tidy, and let a storage that is away be: there will be another time."""
    try:
        keeper.tidy()
    except StorageAway:
        return
