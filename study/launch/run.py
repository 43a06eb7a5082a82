"""The main job: check, queue, train, log, analyse."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from study.check import check_study
from study.cli.progress import Snapshot, View
from study.errors import PayoffError, StorageError
from study.launch.local import run_workers
from study.launch.locking import exclusively
from study.launch.worker import tidy
from study.places import Places
from study.results import analyse_study, write_results
from study.spec import StudySpec
from study.spool import Spool
from study.storage import StudyStore, open_storage
from study.tracking import StudyInfo, Tracker
from study.tracking_thread import TrackerThread

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis

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
    check_study(spec)
    with exclusively(places):
        store = StudyStore(spec, open_storage(spec.storage.optuna, places))
        resumed = store.is_started()
        store.prepare()
    spool = Spool(places.spool(spec.name))
    tidy(store, spool, places)
    tracker = make_tracker(spec, places, store)
    counts = store.counts()
    view.say(
        f"{spec.name}: {counts.total} trials"
        + (f", {counts.finished} of them done before" if resumed and counts.finished else "")
    )
    with TrackerThread(tracker, spool) as thread, interrupts() as stop:
        if counts.finished < counts.total:
            run_workers(
                spec,
                study_file,
                places,
                store,
                on_poll=lambda: view.show(snapshot(store, thread, stopping=stop.is_set())),
                stop=stop,
            )
        interrupted = stop.is_set() and store.counts().finished < store.counts().total
        thread.flush(FLUSH_SECONDS, stop)
        analysis, figures = conclude(spec, places, store, thread, interrupted=interrupted)
    counts = store.counts()
    return Outcome(
        analysis=analysis,
        figures=tuple(figures),
        interrupted=interrupted,
        trials=counts.finished,
        failed=counts.failed,
        not_logged=spool.waiting(),
    )
