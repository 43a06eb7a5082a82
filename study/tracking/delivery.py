"""Delivery behind the training: a thread that empties the spool into the tracking store.

Training never waits for it and never hears of its troubles. While the store is away it asks again,
ever more rarely; what is not delivered at the end waits on disk for the next run or ``payoff
sync``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace

from study.errors import StorageError
from study.record import TrialRecord
from study.redaction import redact
from study.tracking.client import RecordRefused
from study.tracking.entries import trial_key
from study.tracking.spool import Batch, Spool
from study.tracking.tracker import Tracker

POLL_SECONDS = 0.2
"""Pause between two looks at an empty spool."""
SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Pauses after a failure double from the shortest to the longest."""
FLUSH_SECONDS = 60.0
"""At the end of a ``with`` block: how long the rest may take before it is left on disk."""
MOST_TOGETHER = 100
"""Runs written in one transaction: few enough that others who write wait a fraction of a second."""
MOST_FAILURES = 5
"""Rounds in which a record may fail where others succeed, before it is moved aside."""


@dataclass(frozen=True, kw_only=True)
class DeliveryReport:
    """How far delivery has come."""

    logged: int = 0
    """Runs written by this process."""
    already_there: int = 0
    """Records whose run stood in the store already."""
    refused: int = 0
    """Records that the store will never accept, moved to ``broken/``."""
    waiting: int = 0
    """Records that wait on disk."""
    broken: int = 0
    """Files in the spool's ``broken/``."""
    error: str = ""
    """Why the last attempt failed; empty while all is well."""
    elsewhere: bool = False
    """Another process is delivering this spool."""
    hangs: bool = False
    """A call to the store has not returned: the tracker must not be used."""

    def after(self, earlier: DeliveryReport) -> DeliveryReport:
        """Return how far this delivery and the one before it have come."""
        return replace(
            self,
            logged=earlier.logged + self.logged,
            already_there=earlier.already_there + self.already_there,
            refused=earlier.refused + self.refused,
        )


class TrackerThread:
    """Runs the delivery of one spool until it is stopped; a context manager.

    The tracker is used by this thread alone until :meth:`stop` has returned. With ``has_lock`` the
    caller holds :meth:`Spool.drain_lock` already.
    """

    def __init__(self, tracker: Tracker, spool: Spool, *, has_lock: bool = False) -> None:
        self._tracker, self._spool, self._has_lock = tracker, spool, has_lock
        self._report = DeliveryReport()
        self._pause = SHORTEST_PAUSE
        self._marks: dict[str, tuple[int, int]] = {}
        """Slot of what failed -> failures held against it, runs logged before the first."""
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._run, name="payoff-tracking", daemon=True)

    def __enter__(self) -> TrackerThread:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(FLUSH_SECONDS)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self, seconds: float) -> DeliveryReport:
        """Deliver what is left, for so many seconds at most, and end the thread.

        A call that hangs in the store's driver is abandoned: its run is completed next time.
        """
        self._deadline = time.monotonic() + seconds
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(seconds + 1.0)
        return replace(self.report(), hangs=self._thread.is_alive())

    def wait_until_ready(self, seconds: float, give_up: Callable[[], bool]) -> None:
        """Wait until the store is set up, has failed to be, or ``give_up`` says so.

        A new database takes seconds to make, in which nothing can go through.
        """
        end = time.monotonic() + seconds
        while self._thread.is_alive() and not self._report.error and not self._report.elsewhere:
            if self._ready.wait(POLL_SECONDS) or give_up() or time.monotonic() > end:
                return

    def flush(
        self,
        patience: float,
        *,
        give_up: Callable[[], bool] = lambda: False,
        on_progress: Callable[[DeliveryReport], object] = lambda report: None,
    ) -> DeliveryReport:
        """Deliver what is left, and end the thread.

        It ends when nothing has gone through for ``patience`` seconds, or as soon as ``give_up``
        says so, which is asked a few times a second; as often ``on_progress`` is told.
        """
        self._stopping.set()
        before, since = -1, time.monotonic()
        while self._thread.is_alive():
            report = self.report()
            on_progress(report)
            if report.waiting != before:
                before, since = report.waiting, time.monotonic()
            if give_up() or time.monotonic() - since > patience:
                break
            self._thread.join(POLL_SECONDS)
        return self.stop(0.0)

    def report(self) -> DeliveryReport:
        """Return the counts so far, with what waits on disk now."""
        return replace(self._report, waiting=self._spool.waiting(), broken=self._spool.broken())

    def _run(self) -> None:
        """Hold the spool's lock and deliver; wait for the lock while another process has it."""
        while True:
            try:
                with nullcontext(True) if self._has_lock else self._spool.drain_lock() as mine:
                    self._report = replace(self._report, elsewhere=not mine)
                    if mine:
                        self._loop()
                        return
            except Exception as error:
                # A fault here must never reach the training; it is shown, and tried again.
                self._report = replace(self._report, error=_line(error))
            if self._stopping.wait(SHORTEST_PAUSE):
                if time.monotonic() >= self._deadline or not self._spool.waiting():
                    return
                time.sleep(POLL_SECONDS)

    def _loop(self) -> None:
        """Empty the spool again and again; after a failure wait, longer each time."""
        self._pause = SHORTEST_PAUSE
        while time.monotonic() < self._deadline:
            last_round = self._stopping.is_set()
            if self._round():
                self._pause = SHORTEST_PAUSE
                if last_round and not self._spool.waiting():
                    return
                self._stopping.wait(POLL_SECONDS)
            elif last_round:
                left = self._deadline - time.monotonic()
                time.sleep(max(0.0, min(SHORTEST_PAUSE, left)))
            else:
                self._stopping.wait(self._pause)
                self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _round(self) -> bool:
        """Deliver everything that waits; tell whether nothing went wrong.

        Two failures in a row end the round: the store is away. What failed before comes last, so
        that a record at fault keeps no other one waiting.
        """
        failed: list[tuple[TrialRecord, Exception]] = []
        in_a_row = 0
        try:
            self._tracker.initialise()
            self._ready.set()
            self._deliver_together()
            for record in sorted(self._spool.pending(), key=lambda one: one.slot in self._marks):
                if time.monotonic() >= self._deadline or in_a_row == 2:
                    break
                try:
                    self._deliver(record)
                    in_a_row = 0
                except Exception as error:
                    self._report = replace(self._report, error=_line(error))
                    self._marks.setdefault(record.slot, (0, self._report.logged))
                    failed.append((record, error))
                    in_a_row += 1
            for record, reason in failed:
                self._blame(record, reason)
        except Exception as error:
            self._report = replace(self._report, error=_line(error))
            return False
        if not failed:
            self._report = replace(self._report, error="")
        return not failed

    def _deliver_together(self) -> None:
        """Deliver what waits in few transactions; what is in the way of that is met one by one.

        A kill between a transaction and the removal of its files leaves records whose runs stand:
        they are found to be there already.
        """
        waiting = [
            batch
            for batch in self._spool.batches()
            if not any(record.slot in self._marks for record in batch.records)
        ]
        for some in _hundreds(waiting):
            if time.monotonic() >= self._deadline:
                return
            records = [record for batch in some for record in batch.records]
            try:
                logged = self._tracker.deliver_together(records)
            except Exception:  # delivered alone, the record at fault will say why
                return
            for batch in some:
                self._spool.leave(
                    batch, [one for one in batch.records if trial_key(one) not in logged]
                )
            self._report = replace(self._report, logged=self._report.logged + len(logged))

    def _blame(self, record: TrialRecord, error: Exception) -> None:
        """Hold a failure against a record if others went through since; give it up in the end."""
        failures, logged = self._marks[record.slot]
        if self._report.logged == logged:
            return
        self._pause = SHORTEST_PAUSE  # the store works: no need to ask more rarely
        self._marks[record.slot] = (failures + 1, logged)
        if failures + 1 >= MOST_FAILURES:
            with suppress(Exception):
                self._tracker.abandon(record)
            self._reject(record, _line(error))

    def _deliver(self, record: TrialRecord) -> None:
        """Deliver one record and take it off the disk."""
        try:
            outcome = self._tracker.deliver(record)
        except RecordRefused as error:
            self._reject(record, str(error))
            return
        self._spool.done(record)
        self._marks.pop(record.slot, None)
        if outcome == "logged":
            self._report = replace(self._report, logged=self._report.logged + 1)
        else:
            self._report = replace(self._report, already_there=self._report.already_there + 1)

    def _reject(self, record: TrialRecord, reason: str) -> None:
        """Move a record out of the way, for a person to look at."""
        self._spool.reject(record, reason)
        self._marks.pop(record.slot, None)
        self._report = replace(self._report, refused=self._report.refused + 1)


def deliver_all(
    tracker: Tracker, spool: Spool, *, patience: float = 10.0, has_lock: bool = False
) -> DeliveryReport:
    """Deliver what waits, however long it takes; what went wrong is reported, not raised.

    Gives up when nothing has gone through for ``patience`` seconds, or at once if another process
    is delivering; then the rest waits on disk.
    """
    if not spool.waiting():
        return DeliveryReport(broken=spool.broken())
    thread = TrackerThread(tracker, spool, has_lock=has_lock)
    thread.start()
    last, since = -1, time.monotonic()
    while True:
        report = thread.report()
        settled = report.logged + report.already_there + report.refused
        if settled != last or not report.error:
            last, since = settled, time.monotonic()
        if report.elsewhere:
            return thread.stop(0.0)
        if not report.waiting:
            return thread.stop(patience)
        if time.monotonic() - since > patience:
            return thread.stop(0.0)
        time.sleep(POLL_SECONDS)


def restore(
    tracker: Tracker,
    spool: Spool,
    records: Iterable[TrialRecord],
    *,
    patience: float = 10.0,
    has_lock: bool = False,
) -> DeliveryReport:
    """Write what the store misses of the finished trials; doing it again changes nothing.

    The tracker is initialised; the records are those of Optuna's storage, which has the last word.
    A run may be missing (the database was deleted, its address changed, the trial was given up with
    no worker to log it) or be of another attempt. Such trials are put into the spool again, whose
    records are delivered first: they have their curves still.
    """
    first = deliver_all(tracker, spool, patience=patience, has_lock=has_lock)
    if first.waiting or first.elsewhere or first.hangs:
        return first
    missing = tracker.missing(records)
    if not missing:
        return first
    for start in range(0, len(missing), MOST_TOGETHER):
        spool.put_together(missing[start : start + MOST_TOGETHER])
    return deliver_all(tracker, spool, patience=patience, has_lock=has_lock).after(first)


def _hundreds(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """Put batches together until they hold as many records as are written at once."""
    some: list[Batch] = []
    for batch in batches:
        some.append(batch)
        if sum(len(one.records) for one in some) >= MOST_TOGETHER:
            yield some
            some = []
    if some:
        yield some


def _line(error: Exception) -> str:
    """Return one line for the progress view."""
    text = str(error) if isinstance(error, StorageError) else f"{type(error).__name__}: {error}"
    return redact(text.splitlines()[0] if text else type(error).__name__)
