"""The main job: check, queue, train, log, analyse."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from study.check import check_study, fingerprints
from study.check_routes import route_notes
from study.cli.hints import command
from study.cli.progress import Snapshot, View, duration
from study.design import slots
from study.errors import StorageAway, StorageError
from study.latency import (
    architecture,
    latency_file,
    measure_latencies,
    measured,
    with_latency,
    write_latencies,
)
from study.launch.analyst import Analyst
from study.launch.keeping import Keeper
from study.launch.local import Worker, end, run_workers, start_ahead
from study.launch.locking import concluding, exclusively, opening
from study.patience import Patience
from study.places import Places
from study.redaction import redact
from study.results import analyse_study, write_results
from study.spec import StudySpec
from study.spool import Spool
from study.storage import StudyStore
from study.storage_opening import open_storage
from study.tracking import Tracker
from study.tracking_entries import StudyInfo
from study.tracking_errors import StoreAway
from study.tracking_restore import restore
from study.tracking_thread import DeliveryReport, TrackerThread
from study.trial import Laboratory

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis
    from study.launch.crews import Crew

CHART_POINTS = 40
"""Points of a fitted curve in the MLflow UI."""

SHORT_FLUSH_SECONDS = 20.0
"""How long an interrupted run logs on at most; what is left waits on disk."""

PATIENCE_SECONDS = 10.0
"""How long the end of a run waits for MLflow while nothing goes through."""

CREATION_SECONDS = 300.0
"""How long the local tracking database may take to be made, on a slow disk."""

NEAR_END = 0.7
"""Part of the trials after which the analysis is got ready."""

QUIET_SECONDS = 2.0
"""A wait that is longer is announced."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run ended with."""

    analysis: StudyAnalysis | None
    """None if it was interrupted before anything could be analysed."""
    figures: tuple[Path, ...]
    interrupted: bool
    trials: int
    failed: int
    not_logged: int
    """Finished trials that still wait for MLflow."""


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What a run works with."""

    spec: StudySpec
    places: Places
    keeper: Keeper
    tracker: Tracker
    thread: TrackerThread
    view: View
    again: str
    """The command that goes on with the study."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set by the first Ctrl-C."""
    analyst: Analyst = field(default_factory=Analyst)
    """Begins when the end is near."""

    @property
    def patience(self) -> Patience:
        """Waits for a database that is away."""

        def say(text: str) -> None:
            if text:
                self.view.say(text)

        return Patience(self.spec.run.patience, self.stop, say)

    @property
    def store(self) -> StudyStore:
        """The study's queue."""
        return self.keeper.store

    @property
    def spool(self) -> Spool:
        """Finished trials that MLflow has not heard of."""
        return self.keeper.spool


def run_study(
    spec: StudySpec,
    study_file: str | None,
    places: Places,
    view: View,
    show: Callable[[StudyAnalysis], object] = lambda analysis: None,
    crew: Crew | None = None,
) -> Outcome:
    """Run a study, or go on with it; return when it is done or was interrupted.

    Parameters
    ----------
    spec, study_file
        The study, and the file that the workers read it from.
    places
        Where everything is kept.
    view
        Where to show how far it is.
    show
        Called with the analysis as soon as it is on disk, before MLflow is waited for.
    crew
        Who runs the workers; None: processes of this machine.

    Raises
    ------
    PayoffError
        For everything a person can mend.
    """
    laboratory = check_study(spec, cache=places.cache if places.root.is_dir() else None)
    tracker = make_tracker(spec, places)
    seen = fingerprints(spec, laboratory)
    ahead: list[Worker] = []
    # Workers import while the databases are made. A study that is done needs none.
    is_new = crew is None and not (places.results(spec.name) / "payoff.json").exists()
    try:
        store, before = _set_up(
            spec,
            places,
            tracker,
            seen,
            lambda: ahead.extend(start_ahead(spec, study_file, places) if is_new else ()),
        )
        keeper = Keeper(store, places, f"launcher-{uuid.uuid4().hex[:8]}")
        keeper.tidy(blame=crew is not None)  # a local run that was killed, was killed whole
        _announce(store, before, view)
        if not spec.training.function:
            for note in route_notes(laboratory):
                view.say(f"note: {note}")
        keeper.spool.remember(tracker.address)
        job = _Job(
            spec=spec,
            places=places,
            keeper=keeper,
            tracker=tracker,
            thread=TrackerThread(tracker, keeper.spool),
            view=view,
            again=command("run", study_file, places),
        )
        return _train_and_conclude(job, study_file, crew or partial(run_workers, ahead=ahead), show)
    finally:
        end(ahead)


def _announce(store: StudyStore, before: int, view: View) -> None:
    """Say how many trials there are, and what became of others."""
    counts = store.counts()
    view.say(
        f"{store.spec.name}: {counts.total:,} trials"
        + (f", {before:,} done before" if before else "")
    )
    if unused := store.n_unused():
        view.say(
            f"{unused:,} finished trials are not asked for by the study file any more: kept, unused"
        )


def _train_and_conclude(
    job: _Job,
    study_file: str | None,
    crew: Crew,
    show: Callable[[StudyAnalysis], object],
) -> Outcome:
    """Let the workers run while a thread logs; then analyse, or break off."""
    store, stop = job.store, job.stop
    job.thread.start()
    try:
        with interrupts(stop):
            counts = store.counts()
            if counts.finished < counts.total:
                crew(
                    job.spec,
                    study_file,
                    job.places,
                    job.keeper,
                    on_poll=_Poll(job),
                    stop=stop,
                )
            counts = job.patience.insist(store.counts)
            return conclude(job, show) if counts.finished == counts.total else _break_off(job)
    finally:
        job.thread.stop(0.0)
        job.analyst.close()


class _Poll:
    """Shows how far the study is; says once that the database is away, and once that it is back."""

    def __init__(self, job: _Job) -> None:
        self._job, self._away = job, False

    def __call__(self) -> None:
        job = self._job
        try:
            now = snapshot(job.store, job.thread, stopping=job.stop.is_set())
        except StorageAway as error:
            if not self._away:
                job.view.say(f"{error}; workers wait for {duration(job.spec.run.patience)}")
            self._away = True
            raise
        if self._away:
            job.view.say("the database answers again")
        self._away = False
        job.view.show(now)
        if now.trials_done >= NEAR_END * now.trials_total:
            job.analyst.begin()


def _set_up(
    spec: StudySpec,
    places: Places,
    tracker: Tracker,
    seen: Mapping[str, str],
    on_checked: Callable[[], object] = lambda: None,
) -> tuple[StudyStore, int]:
    """Open both storages, then queue the trials; return how many had finished before.

    ``seen`` are the fingerprints of the data and the user's code, which must not have changed.
    Whatever a person must mend is found before the first trial is queued, most of it before
    ``on_checked`` is called.
    """
    address = spec.storage.optuna
    store = None
    if address:
        with opening(address):
            store = StudyStore(spec, open_storage(address, places))
    elif places.optuna_journal.is_file():
        store = StudyStore(spec, open_storage("", places))
    if store is not None:
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
    return store, before


def _outcome(
    store: StudyStore,
    report: DeliveryReport,
    analysis: StudyAnalysis | None = None,
    figures: Sequence[Path] = (),
) -> Outcome:
    counts = store.counts()
    return Outcome(
        analysis=analysis,
        figures=tuple(figures),
        interrupted=counts.finished < counts.total,
        trials=counts.finished,
        failed=counts.failed,
        not_logged=report.waiting,
    )


def make_tracker(spec: StudySpec, places: Places) -> Tracker:
    """Return the tracker of a study; nothing is connected yet."""
    per_size = Counter(slot.cell.n_examples for slot in slots(spec))
    capacities = ", ".join(
        f"{axis.name} {', '.join(map(str, axis.values))}" for axis in spec.space.scientific
    )
    info = StudyInfo(
        name=spec.name,
        digest=spec.digest(),
        description=spec.study.description,
        tags={
            "data": spec.training.function or spec.data.name,
            "family": spec.training.function or spec.model.family,
            "sizes": ", ".join(map(str, spec.sizes)),
            "capacities": capacities,
        },
        trials=dict(per_size),
    )
    address = spec.storage.mlflow or places.mlflow_address
    return Tracker(address, None if spec.storage.mlflow else places.artifacts, info)


def snapshot(store: StudyStore, thread: TrackerThread, *, stopping: bool) -> Snapshot:
    """Return what the live view shows now."""
    progress = store.progress()
    report = thread.report()
    note = "finishing the trials in hand; Ctrl-C again stops at once" if stopping else ""
    if report.error:
        note = f"MLflow is away ({report.error}); results wait on disk"
    return Snapshot(
        cells_done=progress.cells_done,
        cells_total=progress.cells_total,
        trials_done=progress.counts.finished,
        trials_total=progress.counts.total,
        failed=progress.counts.failed,
        cost_done=progress.cost_done,
        cost_total=progress.cost_total,
        best_error=progress.best_error,
        best_size=progress.best_size,
        logged_behind=report.waiting,
        note=note,
    )


def conclude(job: _Job, show: Callable[[StudyAnalysis], object]) -> Outcome:
    """Analyse the finished study, write its files, show it, and log it last.

    One process at a time does so for a study: the results are written by one, and logged once.
    """
    with concluding(job.places, job.spec.name):
        try:
            analysis, figures = _analyse(job)
        except Exception:
            _log(job)  # no analysis is no reason to leave runs that look alive
            raise
        show(analysis)
        report = _log(job, analysis, figures)
    return _outcome(job.store, report, analysis, figures)


def _analyse(job: _Job) -> tuple[StudyAnalysis, list[Path]]:
    """Analyse the study and write its results; in a process beside, if one is ready."""
    records, directory = _measured(job), job.places.results(job.spec.name)
    found = job.analyst.analyse(job.spec, records, directory)
    if found is None:
        analysis, table = analyse_study(job.spec, records, again=job.again)
        found = analysis, write_results(analysis, table, directory)
    return found


def _measured(job: _Job) -> tuple[Mapping[str, Any], ...]:
    """Return the records with what was measured apart from the training, now if so asked.

    All workers have ended: the core is as idle as it will be.
    """
    records = job.patience.insist(job.store.records)
    file = latency_file(job.places, job.spec.name)
    if job.spec.run.latency and not job.spec.training.function:
        names = {architecture(record) for record in records if record["status"] == "complete"}
        if not names <= measured(file).keys():
            job.view.say(f"timing {len(names)} architectures")
            laboratory = Laboratory(job.spec, cache=job.places.cache)
            write_latencies(file, measure_latencies(laboratory, records))
    return with_latency(records, file)


def _log(
    job: _Job, analysis: StudyAnalysis | None = None, figures: Sequence[Path] = ()
) -> DeliveryReport:
    """Bring MLflow level with the finished study; what can't be logged is said, and stays."""
    began = time.monotonic()
    announced = False

    def announce(report: DeliveryReport) -> None:
        nonlocal announced
        if not announced and report.waiting and time.monotonic() - began > QUIET_SECONDS:
            announced = True
            job.view.say(
                f"{report.waiting} trials wait for MLflow; Ctrl-C leaves them for: payoff sync"
            )

    if not job.spec.storage.mlflow:
        job.thread.wait_until_ready(CREATION_SECONDS, job.stop.is_set)
    report = job.thread.flush(PATIENCE_SECONDS, give_up=job.stop.is_set, on_progress=announce)
    trouble = report.error
    if report.hangs:
        trouble = trouble or f"MLflow at {redact(job.tracker.address)} does not answer"
    elif not (report.waiting and trouble):
        try:
            job.tracker.initialise()
            if not report.waiting:
                restored = restore(
                    job.tracker, job.spool, job.store.records(), patience=PATIENCE_SECONDS
                )
                report = replace(report, waiting=restored.waiting, hangs=restored.hangs)
            if not report.hangs:
                _log_results(job, analysis, figures)
            trouble = restored.error if report.hangs else ""
        except StorageError as error:
            trouble = str(error)
    if trouble and analysis is not None:
        job.view.say(
            f"the analysis is on disk, but not in MLflow: {trouble}; log it later: {job.again}"
        )
    return report


def _log_results(job: _Job, analysis: StudyAnalysis | None, figures: Sequence[Path]) -> None:
    """Close the parents, and log the analysis if there is one."""
    if analysis is None:
        job.tracker.finish()
        return
    job.tracker.finish(payoff_metrics(analysis))
    job.tracker.log_analysis(
        analysis.markdown(),
        figures,
        json.dumps(analysis.to_json(), indent=2, allow_nan=False),
        analysis.metrics(),
        job.places.results(job.spec.name) / "trials.csv",
        chart_curves(analysis),
    )


def _break_off(job: _Job) -> Outcome:
    """Log what there is time for, and leave no parent run looking alive."""
    end = time.monotonic() + SHORT_FLUSH_SECONDS
    report = job.thread.flush(PATIENCE_SECONDS, give_up=lambda: time.monotonic() > end)
    if not report.hangs and not (report.waiting and report.error):
        with contextlib.suppress(StorageError):
            job.tracker.finish()
    return _outcome(job.store, report)


def payoff_metrics(analysis: StudyAnalysis) -> dict[int, dict[str, float]]:
    """Return, per dataset size, the payoff points that its parent run shows."""
    found: dict[int, dict[str, float]] = {}
    for row in analysis.numbers():
        if row["n_examples"] is not None and row["verdict"] in ("pays_off_until", "hurts_beyond"):
            metrics = found.setdefault(int(row["n_examples"]), {})
            metrics[f"{row['rule']}_size"] = float(row["size"])
    return found


def chart_curves(analysis: StudyAnalysis) -> dict[int, dict[str, list[tuple[int, float]]]]:
    """Return measured and fitted curves for the charts of the MLflow UI."""
    curves: dict[int, dict[str, list[tuple[int, float]]]] = {}
    for fit in analysis.fits:
        if fit.curve.n_examples is None:
            continue
        sizes = [float(size) for size in fit.curve.size]
        grid = np.unique(np.round(np.geomspace(min(sizes), max(sizes), CHART_POINTS)))
        curves[int(fit.curve.n_examples)] = {
            "measured": [
                (round(size), float(error))
                for size, error in sorted(zip(sizes, fit.curve.error, strict=True))
            ],
            "fitted": [
                (int(size), float(error))
                for size, error in zip(grid, fit.predict(grid), strict=True)
            ],
        }
    return curves


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
