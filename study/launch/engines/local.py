"""Run a study with worker processes on this machine, and watch over them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, ClassVar

from search_spaces.errors import PayoffError
from study.errors import StorageAway
from study.launch.engines.engine import Engine, Order
from study.launch.joining import environment
from study.launch.nursery import Forked, Nursery
from study.places import Places
from study.redaction import redact
from study.spec.study_file import StudySpec

WORKER = "study.launch.worker"
"""The module whose ``main`` is a worker."""

POLL_SECONDS = 0.3
TIDY_SECONDS = 2.0
"""How often the dead are looked for."""

QUICK_DEATHS = 3
"""Workers that may die in a row, with no trial finished between, before the run gives up."""


@dataclass
class Worker:
    """A worker process and its log."""

    process: subprocess.Popen[bytes] | Forked
    log: Path
    file: IO[bytes] = field(repr=False)

    def begin(self) -> None:
        """Let it take its first pack; it has been importing until now."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # it is dead: whoever watches over it will see
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()


def n_workers(spec: StudySpec) -> int:
    """Return the number of worker processes: as asked, else one for each usable core."""
    if spec.run.workers:
        return spec.run.workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (cores or 1) // spec.run.threads)


@dataclass(frozen=True, kw_only=True)
class Local(Engine):
    """Worker processes of this machine, which end with the run."""

    elsewhere: ClassVar[bool] = False

    ahead: list[Worker] = field(default_factory=list, init=False)
    """Workers that import what they need while the study is being set up."""

    def get_ready(self, spec: StudySpec, study_file: str | None, places: Places) -> None:
        """Start all workers before there is anything to do: their imports take seconds.

        They wait for :meth:`Worker.begin`. None is there where they can't be started; whoever
        needs them later will hear why.
        """
        with contextlib.suppress(OSError):
            for _ in range(n_workers(spec)):
                self.ahead.append(start_worker(spec, study_file, places))

    def run(self, order: Order) -> None:
        """Start the workers, replace those that die, and return when no trial is left.

        Of those that were got ready as many are used as are needed; none is left afterwards.
        """
        count = max(1, order.keeper.store.n_hands(n_workers(order.spec)))
        workers = self.ahead[:count]
        del self.ahead[:count]
        self.close()
        workers += [_started(order, order.nursery) for _ in range(count - len(workers))]
        for worker in workers:
            worker.begin()
        crew = _Crew(order, workers)
        try:
            pause = POLL_SECONDS
            while not crew.is_done():
                time.sleep(pause)
                began = time.monotonic()
                if order.stop.is_set():  # they finish what they have in hand
                    for worker in workers:
                        worker.process.terminate()
                # The workers wait for a database that is away, or end by themselves: so do we.
                with contextlib.suppress(StorageAway):
                    order.on_poll()
                    if not order.stop.is_set():
                        crew.look_after()
                # A slow storage is asked less often: looking takes a tenth of the time at most.
                pause = max(POLL_SECONDS, 10 * (time.monotonic() - began))
        finally:
            with ignoring_interrupts():
                end(workers)

    def close(self) -> None:
        """End the workers that were got ready and never used."""
        end(self.ahead)
        self.ahead.clear()


ENGINE = Local()


class _Crew:
    """The workers of one run, replaced when they die."""

    def __init__(self, order: Order, workers: list[Worker]) -> None:
        self._order, self._workers = order, workers
        self._keeper, self._store = order.keeper, order.keeper.store
        self._deaths = 0
        self._finished = self._store.counts().finished
        self._tidied = time.monotonic()

    def is_done(self) -> bool:
        """Tell whether every worker has ended, by itself or because it was asked to."""
        statuses = [worker.process.poll() for worker in self._workers]
        if None in statuses:
            return False
        if self._order.stop.is_set() or not any(statuses):
            return True
        with contextlib.suppress(StorageAway):
            return self._nothing_left()
        return False

    def _nothing_left(self) -> bool:
        return self._store.is_done()

    def look_after(self) -> None:
        """Replace the dead; now and then put back what workers elsewhere left behind."""
        for index, worker in enumerate(self._workers):
            if worker.process.poll() not in (None, 0) and not self._nothing_left():
                self._workers[index] = self._replace(worker)
        if time.monotonic() - self._tidied > TIDY_SECONDS:
            from study.launch.keeping import keep

            keep(self._keeper)
            self._tidied = time.monotonic()

    def _replace(self, worker: Worker) -> Worker:
        finished = self._store.counts().finished
        self._deaths = self._deaths + 1 if finished == self._finished else 1
        self._finished = finished
        if worker.process.returncode == 2:
            raise PayoffError(last_words(worker))
        # What it had in hand may have killed it. Tried often enough, such trials are given up,
        # which counts as finished: only workers that die with nothing in hand end the run.
        before = self._store.counts().finished
        self._keeper.tidy()
        if self._deaths >= QUICK_DEATHS * self._order.spec.run.max_attempts and (
            self._store.counts().finished == before
        ):
            raise PayoffError(last_words(worker))
        worker.file.close()
        new = _started(self._order)  # anew: whatever killed it, it was no fault of a fork
        new.begin()
        return new


def _started(order: Order, nursery: Nursery | None = None) -> Worker:
    return start_worker(order.spec, order.study_file, order.places, nursery)


def variables_of(spec: StudySpec) -> dict[str, str]:
    """Return the variables of a worker's environment: its threads, and where the study is stored.

    The threads must be set before what counts them is imported.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {**dict.fromkeys(names, str(spec.run.threads)), **environment(spec)}


def start_worker(
    spec: StudySpec, study_file: str | None, places: Places, nursery: Nursery | None = None
) -> Worker:
    """Start one worker process: forked by a nursery if there is one that can, else anew.

    It waits for :meth:`Worker.begin`.
    """
    logs = places.logs(spec.name)
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"worker-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns()}.log"
    words = [str(places.root), *([study_file, str(spec.base)] if study_file else [])]
    file = log.open("wb")
    process: subprocess.Popen[bytes] | Forked | None = None
    if nursery is not None:
        process = nursery.start(WORKER, words, variables=variables_of(spec), log=file.fileno())
    if process is None:
        process = subprocess.Popen(
            # -P: a file called study.py in the user's folder must not stand in for this package.
            [sys.executable, "-P", "-m", WORKER, *words],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables_of(spec)},
        )
    return Worker(process=process, log=log, file=file)


def end(workers: list[Worker]) -> None:
    """End every worker now; what they had in hand will be queued again."""
    for worker in workers:
        if worker.process.stdin is not None:
            with contextlib.suppress(OSError):
                worker.process.stdin.close()
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.wait()
        worker.file.close()
        if worker.log.stat().st_size == 0:
            worker.log.unlink(missing_ok=True)


def last_words(worker: Worker) -> str:
    """Return one line about why a worker died."""
    lines = [line for line in worker.log.read_text(errors="replace").splitlines() if line.strip()]
    last = redact(lines[-1]).removeprefix("payoff: ") if lines else "it said nothing"
    status = worker.process.wait()  # it has ended
    if status == 2:
        return last
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return f"workers keep dying ({how}): {last}; the whole log is in {worker.log}"


@contextlib.contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Let a clean-up end even if Ctrl-C is pressed again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
