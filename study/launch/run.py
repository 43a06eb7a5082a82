"""The main job: check, queue, train, log, analyse."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import numpy as np

from study.check import check_study
from study.cli.progress import Snapshot, View
from study.design import slots
from study.errors import StorageError
from study.launch.local import run_workers
from study.launch.locking import exclusively
from study.launch.worker import tidy
from study.places import Places
from study.results import analyse_study, write_results
from study.spec import StudySpec
from study.spool import Spool
from study.storage import StudyStore, open_storage
from study.tracking import Tracker
from study.tracking_entries import StudyInfo
from study.tracking_errors import StoreAway
from study.tracking_thread import DeliveryReport, TrackerThread

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis

CHART_POINTS = 40
"""Points of a fitted curve in the MLflow UI."""

SHORT_FLUSH_SECONDS = 20.0
"""How long an interrupted run waits for MLflow; what is left waits on disk."""

FLUSH_SECONDS = 600.0
"""How long the end of a run waits for MLflow to be level with what was trained."""


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


def run_study(spec: StudySpec, study_file: str | None, places: Places, view: View) -> Outcome:
    """Run a study, or go on with it; return when it is done or was interrupted.

    Raises
    ------
    PayoffError
        For everything a person can mend.
    """
    check_study(spec, cache=places.cache if places.root.is_dir() else None)
    with exclusively(places):
        store = StudyStore(spec, open_storage(spec.storage.optuna, places))
        before = store.counts().finished if store.is_started() else 0
        store.prepare()
    spool = Spool(places.spool(spec.name))
    tidy(store, spool, places)
    counts = store.counts()
    view.say(
        f"{spec.name}: {counts.total:,} trials" + (f", {before:,} done before" if before else "")
    )
    tracker = make_tracker(spec, places)
    with contextlib.suppress(StoreAway):  # away now is no reason not to train
        tracker.initialise()
    spool.remember(tracker.address)
    thread = TrackerThread(tracker, spool)
    thread.start()
    try:
        with interrupts() as stop:
            if counts.finished < counts.total:
                run_workers(
                    spec,
                    study_file,
                    places,
                    store,
                    on_poll=lambda: view.show(snapshot(store, thread, stopping=stop.is_set())),
                    stop=stop,
                )
            counts = store.counts()
            if counts.finished < counts.total:
                report = thread.stop(SHORT_FLUSH_SECONDS)
                _close_parents(tracker, thread)
                return _outcome(store, report)
            report = thread.stop(FLUSH_SECONDS)
            analysis, figures = conclude(spec, places, store, tracker, view)
            return _outcome(store, report, analysis, figures)
    finally:
        thread.stop(0.0)


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
        logged_behind=report.waiting,
        note=note,
    )


def conclude(
    spec: StudySpec, places: Places, store: StudyStore, tracker: Tracker, view: View
) -> tuple[StudyAnalysis, list[Path]]:
    """Analyse the finished study, write its files and log them; MLflow being away stops nothing."""
    analysis, table = analyse_study(spec, store.records())
    folder = places.results(spec.name)
    figures = write_results(analysis, table, folder)
    text = json.dumps(analysis.to_json(), indent=2, allow_nan=False)
    try:
        tracker.initialise()
        tracker.finish(payoff_metrics(analysis))
        tracker.log_analysis(
            analysis.markdown(),
            figures,
            text,
            analysis.metrics(),
            folder / "trials.csv",
            chart_curves(analysis),
        )
    except StorageError as error:
        view.say(f"the analysis is on disk, but not in MLflow: {error}")
    return analysis, figures


def _close_parents(tracker: Tracker, thread: TrackerThread) -> None:
    """Leave no parent run looking alive; an absent store or a hanging call is left to next time."""
    if not thread.alive:
        with contextlib.suppress(StorageError):
            tracker.finish()


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
def interrupts() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C (or SIGTERM) into an event; let the second one through."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
