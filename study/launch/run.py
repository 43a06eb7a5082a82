"""The main job: check, queue, train, log; :mod:`study.launch.conclusion` ends it."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

from search_spaces.errors import PayoffError
from study.errors import StorageAway
from study.launch.analyst import Analyst
from study.launch.conclusion import break_off, conclude
from study.launch.engines.engine import Engine, Order
from study.launch.engines.local import WORKER, Local, variables_of
from study.launch.hints import command
from study.launch.job import Job, Outcome, make_tracker
from study.launch.keeping import Keeper
from study.launch.locking import exclusively, opening
from study.launch.progress import Screen, duration, round_line
from study.launch.worker_log import notes_in
from study.packs.compiling import outlook
from study.places import Places
from study.plan.design import n_trials
from study.plan.winners import lacking
from study.preflight.check import check_study, fingerprints
from study.preflight.routes import route_notes
from study.queue import leases
from study.queue.opening import begun, open_storage
from study.queue.retrying import Retried
from study.queue.store import StudyStore, left_out
from study.spec.study_file import StudySpec
from study.tracking.client import StoreAway
from study.tracking.delivery import TrackerThread
from study.tracking.tracker import Tracker

if TYPE_CHECKING:
    from study.handover.told import Told
    from study.launch.nursery import Nursery


ENDING = "finishing the trials in hand; Ctrl-C again stops at once"

NOTHING_FAILED = "no failed trial to run again"

TRAINING = ("study.packs.fused", "study.compression.packs", "study.trials.networks")
"""Modules that a worker imports before or with its first pack: torch, and what stands on it."""

MOST_UNASKED = 100_000
"""Trials that begin without a question: Optuna's journal then has 200 MB, and opens in 12 s."""

NEAR_END = 0.7
"""Part of the trials after which the analysis is got ready."""


def run_study(
    spec: StudySpec,
    study_file: str | None,
    places: Places,
    view: Screen,
    show: Callable[[Told], object] = lambda told: None,
    engine: Engine | None = None,
    *,
    retry_failed: bool = False,
    nursery: Nursery | None = None,
    many: bool = False,
    whole: bool = False,
) -> Outcome:
    """Run a study, or go on with it; return when it is done or was interrupted.

    The workers, which are processes of this machine unless ``engine`` runs others, read it from
    ``study_file``. ``show`` is called with what is told of the analysis as soon as it is on disk,
    before MLflow is waited for; the outcome surely has the analysis itself if ``whole``. With
    ``retry_failed``, what failed runs again, also with other code of the user's. Processes of this
    machine are forked by ``nursery``, if there is one. More trials than are asked for by a slip of
    the pen are begun where there may be ``many``.
    """
    engine = engine or Local()
    is_done = (places.results(spec.name) / "payoff.json").exists()
    if nursery is not None and not is_done:  # a study that is done needs no workers
        nursery.load(_needed(spec, engine), variables_of(spec))
    store = begun(spec, places)
    if store is None and not many:
        _require_meant(spec, study_file, places)
    spec = store.spec if store is not None else spec
    laboratory = check_study(spec, cache=places.cache if places.root.is_dir() else None)
    tracker = make_tracker(spec, places)
    seen = fingerprints(spec, laboratory)

    def get_ready() -> None:
        """Let workers import while the databases are made."""
        if nursery is None and not is_done:
            engine.get_ready(spec, study_file, places)

    try:
        store, before, said = _set_up(spec, places, tracker, seen, get_ready, retry_failed, store)
        for line in said:
            view.say(line)
        for slot, reason in left_out(store).items() if before else ():
            view.say(f"left out: the record of {slot} cannot be read ({reason})")
        keeper = Keeper(store, places, f"launcher-{uuid.uuid4().hex[:8]}")
        keeper.tidy(blame=engine.elsewhere)  # a local run that was killed, was killed whole
        done = f", {before:,} done before" if before else ""
        view.say(f"{spec.name}: {store.counts().total:,} trials{done}")
        if unused := store.n_unused():
            text = "finished trials are not asked for by the study file any more: kept, unused"
            view.say(f"{unused:,} {text}")
        if (why := lacking(spec)) and store.counts().waiting:
            view.say(f"note: {why}")
        if not spec.training.function:
            own = outlook(spec) if not engine.elsewhere and store.counts().waiting else ""
            for note in filter(None, (own, *laboratory.dataset.notes, *route_notes(laboratory))):
                view.say(f"note: {note}")
        keeper.spool.remember(tracker.address)
        job = Job(
            spec=spec,
            places=places,
            keeper=keeper,
            tracker=tracker,
            thread=TrackerThread(tracker, keeper.spool),
            view=view,
            again=command("run", study_file, places),
            analyst=Analyst(nursery),
            whole=whole,
        )
        order = Order(
            spec=spec,
            study_file=study_file,
            places=places,
            keeper=keeper,
            on_poll=_Poll(job),
            stop=job.stop,
            nursery=nursery,
        )
        return replace(_train_and_conclude(job, engine, order, show), before=before)
    finally:
        engine.close()


def _require_meant(spec: StudySpec, study_file: str | None, places: Places) -> None:
    """Raise PayoffError of a study that begins with more trials than people mean to ask for."""
    n = n_trials(spec)
    if n > MOST_UNASKED:
        raise PayoffError(
            f"{spec.name}: has {n:,} trials, and more than {MOST_UNASKED:,} are begun only where "
            f"they are meant; see what they take with: {command('run', study_file, places)} "
            "--dry-run; list fewer values or repeats, or give --yes (in Python: many=True)"
        )


def _needed(spec: StudySpec, engine: Engine) -> list[str]:
    """Return the modules that the run's processes on this machine import."""
    if engine.elsewhere:
        return []
    return [WORKER] if spec.training.function else [WORKER, *TRAINING]


def _train_and_conclude(
    job: Job, engine: Engine, order: Order, show: Callable[[Told], object]
) -> Outcome:
    """Let the workers run while a thread logs; then analyse, or break off."""
    store, stop, began = job.keeper.store, job.stop, time.time()
    job.thread.start()
    try:
        with interrupts(stop):
            if not store.is_done():
                engine.run(order)
                for note in notes_in(job.places.logs(job.spec.name), began):
                    job.view.say(f"note: {note}")
            done = job.patience.insist(store.is_done)
            return conclude(job, show) if done else break_off(job)
    finally:
        job.thread.stop(0.0)
        job.analyst.close()


class _Poll:
    """Shows how far the study is; says once what has changed: the database, Ctrl-C was heard."""

    def __init__(self, job: Job) -> None:
        self._job, self._away, self._heard = job, False, False
        self._told = len(job.keeper.store.rounds)

    def __call__(self) -> None:
        job = self._job
        if job.stop.is_set() and not self._heard:
            self._heard = True
            job.view.say(ENDING)
        try:
            now = job.keeper.store.progress()
        except StorageAway as error:
            if not self._away:
                job.view.say(f"{error}; workers wait for {duration(job.spec.run.patience)}")
            self._away = True
            raise
        if self._away:
            job.view.say("the database answers again")
        self._away = False
        report = job.thread.report()
        note = ""
        if report.error:
            note = f"MLflow is away ({report.error}); results wait on disk"
        elif job.stop.is_set():
            note = ENDING
        job.view.show(now, report.waiting, note)
        for planned in job.keeper.store.rounds[self._told :]:
            job.view.say(round_line(planned))
            self._told += 1
        if now.counts.finished >= NEAR_END * now.counts.total:
            job.analyst.begin()


def _set_up(
    spec: StudySpec,
    places: Places,
    tracker: Tracker,
    seen: Mapping[str, str],
    on_checked: Callable[[], object],
    retry_failed: bool,
    store: StudyStore | None,
) -> tuple[StudyStore, int, list[str]]:
    """Open both storages, then queue the trials.

    Returns the queue, how many trials had finished before, and lines on what has changed.

    ``seen`` are the fingerprints of the data and the user's code, which must not have changed;
    ``store`` is the queue, if it is open already.
    Whatever a person must mend is found before the first trial is queued, most of it before
    ``on_checked`` is called.
    """
    address = spec.storage.optuna
    said: list[str] = []
    if store is not None:
        pass
    elif address:
        with opening(address):
            store = StudyStore(spec, open_storage(address, places))
    elif places.optuna_journal.is_file():
        store = StudyStore(spec, open_storage("", places))
    if store is not None and store.is_started():
        if retry_failed:
            with exclusively(places):
                said = _words(store.retry_failed(seen))
        # Of a study of which nothing has finished nothing failed: it may begin with other code.
        with exclusively(places):
            changed = store.accept(seen, lambda name: _may_live(places, name))
        if changed:
            said += [f"no trial has finished yet: it begins with other {', '.join(changed)}"]
        store.check_unchanged(seen)
    on_checked()
    # A database that is yet to be made holds nothing that a person must mend: the thread that logs
    # makes it, while the workers train.
    if spec.storage.mlflow or places.mlflow_database.exists():
        with contextlib.suppress(StoreAway):  # away now is no reason not to train
            tracker.initialise()
    with exclusively(places):
        store = store or StudyStore(spec, open_storage("", places))
        before = store.counts().finished if store.is_started() else 0
        store.prepare(seen)
        store.planned.ask(spec.decide)
    return store, before, said


def _may_live(places: Places, worker: str) -> bool:
    """Whether a worker of this folder lives; of one elsewhere nobody here knows."""
    return not leases.is_of(places.leases, worker) or leases.is_alive(places.leases, worker)


def _words(retried: Retried) -> list[str]:
    """Say what runs again, what does not, and what is another now."""
    lines = [f"{retried.queued:,} failed trials run again" if retried.queued else NOTHING_FAILED]
    if retried.kept:
        lines.append(
            f"{retried.kept:,} failed trials stay: what was chosen without them has ended well, "
            "or runs"
        )
    if retried.changed:
        kept = f"; {retried.trained_before:,} trials of before stay as they are"
        lines.append(f"changed since the study was started: {', '.join(retried.changed)}{kept}")
    return lines


@contextmanager
def interrupts(stop: threading.Event) -> Iterator[None]:
    """Turn the first Ctrl-C (or SIGTERM) into an event; let the second one through."""

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
