"""One worker: takes packs until none is left.

``python -m study.launch.worker ROOT [STUDY_FILE BASE]`` is a worker of a run; relative paths in the
study file start from ``BASE``. It imports what it needs, begins when a byte arrives on its standard
input, and ends by itself when the study is done (status 0), after the pack in hand on SIGTERM
(status 0), and at once when the process that started it dies, which it learns from its standard
input being closed. ``payoff worker`` is one that stands alone: it also looks after the dead and
delivers its own results to MLflow.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from search_spaces.errors import PayoffError
from study.errors import StorageAway
from study.launch.joining import from_environment
from study.launch.keeping import Keeper, keep
from study.launch.rounds import Next, Rounds
from study.launch.worker_log import NOTE, WorkerLog
from study.patience import Patience
from study.places import Places
from study.plan.rounds import Round
from study.queue.beats import BEATS, Heart
from study.queue.claims import Claim
from study.queue.journal import in_bulk
from study.queue.leases import Lease
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from study.record import TrialRecord
from study.redaction import redact_tracebacks, redacted_output
from study.spec.study_file import StudySpec, load_spec
from study.terminal import plain_streams, say
from study.tracking.spool import Batch
from study.trials.laboratory import Laboratory
from study.trials.own_trainer import BrokenAnswer, broken

IDLE_SECONDS = 0.25
"""Pause before looking again when trials are left but none is ready."""

RETRY_SECONDS = 5.0
"""Pause between two attempts to tell a result while a pack is still being trained."""

KEEP_SECONDS = 0.5
"""Results that come sooner after those before them are written to disk together with the next."""

NICENESS = 5
"""Workers fill every core: the process that logs, and whoever sits at the machine, come first."""


@dataclass
class Tally:
    """What a worker did with its time."""

    trials: int = 0
    training: float = 0.0
    storage: float = 0.0
    """Seconds in which it waited for Optuna's storage and the disk."""
    idle: float = 0.0
    """Seconds in which nothing was ready."""
    longest: float = 0.0
    """Seconds of the longest pack."""


class Worker:
    """Works on one study under one lease."""

    def __init__(
        self, spec: StudySpec, places: Places, lease: Lease, stop: threading.Event, *, alone: bool
    ) -> None:
        self.spec, self.places, self.stop, self.alone = spec, places, stop, alone
        self.name = lease.name
        self.log = WorkerLog(places.logs(spec.name) / f"{lease.name}.jsonl", lease.name)
        self.patience = Patience(spec.run.patience, stop, self._say, seed=lease.name)
        self.tally = Tally()
        self.heart: Heart | None = None
        with self.log.listening():
            self.store = self.patience.insist(self._join)
        self.spec = spec = self.store.spec
        self.keeper = Keeper(self.store, places, lease.name)
        self._laboratory = Laboratory(spec, worker=lease.name, cache=places.cache)
        self.rounds = Rounds(self.keeper, lease.name)
        self._next_tidy = 0.0

    def _join(self) -> StudyStore:
        address = self.spec.storage.optuna
        store = StudyStore(self.spec, open_storage(address, self.places, create=False))
        if not store.is_started():
            raise StorageAway(
                f"{self.spec.name}: this study was not started there yet; "
                "start it with: payoff launch, or payoff run"
            )
        store.check_unchanged()
        return store

    def _say(self, text: str) -> None:
        """Note that a storage is away, or back."""
        self.log.write("away" if text else "back", reason=text)
        if self.alone:
            say(text or "it answers again")
        if self.heart is not None:
            self.heart.report(doing="waiting for storage" if text else "working")

    def run(self, until: float) -> None:
        """Take packs until none is left, ``stop`` is set, or the next may not end in time."""
        self.log.write("start", pid=os.getpid(), study=self.spec.name)
        with self._beating(), self.log.listening():
            while not self.stop.is_set() and time.monotonic() + self.tally.longest < until:
                self._tidy()
                began = time.monotonic()
                claims = self.patience.insist(
                    lambda: self.store.claim(self.name, most=self._laboratory.most_units)
                )
                self.tally.storage += time.monotonic() - began
                if claims is None or (not claims and self.store.lacks_trials):
                    if self._next_round() == "end":
                        break
                    continue
                if not claims:
                    self.stop.wait(IDLE_SECONDS)
                    self.tally.idle += IDLE_SECONDS
                    continue
                self._run_pack(claims)
            self.log.write("end", **vars(self.tally))

    def _next_round(self) -> Next:
        """Go on with the next round, where the study chooses its own trials."""
        if not self.patience.insist(self.store.awaits_round) and not self.store.rounds:
            return "end"
        began = time.monotonic()
        found = self.patience.insist(lambda: self.rounds.advance(self._say_round))
        if found == "wait":
            self.stop.wait(IDLE_SECONDS)
        self.tally.idle += time.monotonic() - began
        return found

    def _say_round(self, planned: Round) -> None:
        self.log.write("round", number=planned.number, ends=planned.ends, why=planned.because)

    @contextmanager
    def _beating(self) -> Iterator[None]:
        if self.keeper.roll is None:
            yield
            return
        with Heart(self.keeper.roll, self.name, self.spec.run.lease / BEATS) as self.heart:
            self.heart.report(doing="working")
            yield

    def _tidy(self) -> None:
        if not self.alone or time.monotonic() < self._next_tidy:
            return
        keep(self.keeper)
        self._next_tidy = time.monotonic() + self.spec.run.lease / BEATS

    def _run_pack(self, claims: tuple[Claim, ...]) -> None:
        """Run what was claimed; each result is on disk before Optuna hears of it.

        While the storage is away the training goes on, and the results wait on disk, in order.
        """
        ids = {claim.slot.name: claim.trial_id for claim in claims}
        began, before = time.monotonic(), self.tally.storage
        self.log.write("take", trials=sorted(ids))
        results = _Results()
        next_try = 0.0
        with in_bulk(self.store.storage):
            for task, record in self._laboratory.run(claims):
                start = time.monotonic()
                if record.status == "failed" and any(claim.first for claim in claims):
                    self.patience.insist(lambda: self.store.give_back(claims))
                    raise BrokenAnswer(broken(self.spec, task, record.reason))
                if any(claim.first for claim in claims):
                    for note in self._laboratory.notes:
                        self.log.write(NOTE, text=note)
                results.fresh.append(record)
                if results.are_due():
                    self._keep_on_disk(results, claims)
                if time.monotonic() >= next_try:
                    try:
                        self._tell(ids, results.kept)
                    except StorageAway:
                        next_try = time.monotonic() + RETRY_SECONDS
                self.tally.storage += time.monotonic() - start
            start = time.monotonic()
            self._keep_on_disk(results, claims)
            self.patience.insist(lambda: self._tell(ids, results.kept))
            self.tally.storage += time.monotonic() - start
        seconds = time.monotonic() - began
        self.tally.longest = max(self.tally.longest, seconds)
        self.tally.training += seconds - (self.tally.storage - before)

    def _keep_on_disk(self, results: _Results, claims: tuple[Claim, ...]) -> None:
        """Write what is not on disk; where there is no room for too long, hand back what is left.

        What finishes at once is written at once: each file costs two waits for the disk.
        """
        if not results.fresh:
            return
        try:
            put = self.keeper.untold.put_together
            results.kept.append(self.patience.insist(lambda: put(results.fresh)))
        except StorageAway:
            with contextlib.suppress(PayoffError):
                self.store.give_back(claims)
            raise
        results.fresh = []
        results.written = time.monotonic()

    def _tell(self, ids: Mapping[str, int], kept: deque[Batch]) -> None:
        """Tell Optuna what is on disk, oldest first."""
        while kept:
            self.keeper.settle(ids, kept[0])
            for record in kept.popleft().records:
                self.tally.trials += 1
                told = {"trial": record.slot, "status": record.status, "reason": record.reason}
                seconds = round(record.finished_at - record.started_at, 3)
                self.log.write("trial", **told, seconds=seconds)
            if self.heart is not None:
                self.heart.report(trials=self.tally.trials)


@dataclass
class _Results:
    """The results of a pack that Optuna has not been told yet."""

    fresh: list[TrialRecord] = field(default_factory=list)
    """Not on disk yet."""
    kept: deque[Batch] = field(default_factory=deque)
    """On disk, oldest first."""
    written: float = -math.inf
    """When the last were written."""

    def are_due(self) -> bool:
        """Tell whether results have come slowly enough to be written one by one."""
        return time.monotonic() - self.written >= KEEP_SECONDS


def work(
    spec: StudySpec,
    places: Places,
    stop: threading.Event,
    *,
    alone: bool = False,
    until: float = float("inf"),
) -> Tally:
    """Work on a study; return what was done.

    ``stop`` ends it after the pack in hand; what may not end by ``until``, on the monotonic clock,
    is not taken. Who works ``alone`` also looks after the dead and MLflow.
    """
    if not spec.training.function:  # a user's own trainer sees to itself
        import torch

        torch.set_num_threads(spec.run.threads)
        with contextlib.suppress(RuntimeError):  # set before, by an earlier worker of this process
            torch.set_num_interop_threads(1)
    with Lease(places.leases) as lease:
        worker = Worker(spec, places, lease, stop, alone=alone)
        if not alone:
            worker.run(until)
        else:
            from study.launch.job import make_tracker
            from study.tracking.delivery import TrackerThread

            keep(worker.keeper)
            tracker = make_tracker(worker.spec, places)
            worker.keeper.spool.remember(tracker.address)
            with TrackerThread(tracker, worker.keeper.spool):
                worker.run(until)
    return worker.tally


def _die_with_parent() -> threading.Event:
    """Exit when standard input is closed; return the event of the first byte that comes there."""
    told = threading.Event()

    def watch() -> None:
        # Read below Python's buffers: a thread that holds their lock aborts a normal exit.
        while os.read(0, 1):
            told.set()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return told


def main(words: list[str]) -> int:
    """Run one worker of a run; return its exit status."""
    redact_tracebacks()
    with redacted_output():
        return _main(words)


def _main(words: list[str]) -> int:
    stop = threading.Event()

    def drain(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; one decides
    told = _die_with_parent()
    os.nice(NICENESS)
    places = Places(Path(words[0]))
    try:
        file, base = (words[1], Path(words[2])) if len(words) > 1 else (None, None)
        spec = from_environment(load_spec(file, base=base))
        if not spec.training.function:  # import what training needs, until it is told to begin
            import study.packs.fused  # noqa: F401
        told.wait()
        work(spec, places, stop)
    except PayoffError as error:
        say(error)
        return 2
    except OSError as error:
        say(f"{places.root}: cannot be written ({error.strerror})")
        return 2
    return 0


if __name__ == "__main__":
    with plain_streams():
        sys.exit(main(sys.argv[1:]))
