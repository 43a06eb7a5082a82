"""``payoff sync``: bring MLflow level with what has been trained.

What waits in the spools is delivered. For a study file, runs that the store misses are also written
again from Optuna's storage: after the tracking database was lost, or its address changed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import PayoffError, nearest
from study.cli.studies import mlflow_of, study_arguments
from study.errors import StorageError
from study.launch.joining import from_environment
from study.places import Places, sqlite_file
from study.redaction import MASK, redact
from study.spec.study_file import StudySpec, load_spec
from study.terminal import say
from study.tracking.spool import BROKEN, Spool

if TYPE_CHECKING:
    from study.record import TrialRecord
    from study.tracking.delivery import DeliveryReport
    from study.tracking.tracker import Tracker

EXIT_WAITING = 1
"""Something still waits: the store is away, or has refused a record."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One spool, and where its records are to go."""

    name: str
    address: str
    spec: StudySpec | None = None


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    study_arguments(
        parser,
        "study file (whose lost runs are written again too), or name of a study; without one, what "
        "waits of every study",
    )
    words = "give up when MLflow has not answered for so long (default: 10)"
    parser.add_argument("--patience", type=float, default=10.0, metavar="SECONDS", help=words)
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(args: argparse.Namespace) -> int:
    """Deliver what waits or is missing; 1 if something still waits afterwards."""
    places = Places.at(args.root)
    reports = {
        target.name: _sync(target, places, patience=args.patience, quiet=args.json)
        for target in _targets(args.study, places)
    }
    if args.json:
        told = {name: dataclasses.asdict(one) for name, one in reports.items()}
        print(json.dumps(told, indent=2))
    elif not reports:
        print(f"{places.root}: no study has trials that wait for MLflow")
    for name, report in reports.items():
        if not args.json:
            print(_sentence(name, report))
        for line in _troubles(report, places.spool(name)):
            say(f"{name}: {line}")
    left = any(
        (one.waiting and not one.elsewhere) or one.refused or one.error for one in reports.values()
    )
    return EXIT_WAITING if left else 0


def _targets(study: str | None, places: Places) -> list[Target]:
    """Return the spools to empty: that of a file, of a name, or all."""
    folder = places.spool("x").parent
    names = (
        sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    )
    if study is None:
        return [_remembered(name, places) for name in names]
    if study in names and not Path(study).is_file():
        return [_remembered(study, places)]
    if not Path(study).is_file() and not study.endswith(".toml"):
        raise PayoffError(
            f"{study}: neither a study file nor a study with trials below {places.root}"
            f"{nearest(study, names)}; give the study file"
        )
    spec = from_environment(load_spec(study))
    return [Target(name=spec.name, address=mlflow_of(spec, places), spec=spec)]


def _remembered(name: str, places: Places) -> Target:
    """Return a spool with the address noted in it."""
    address = Spool(places.spool(name)).destination() or places.mlflow_address
    if MASK in address:
        raise PayoffError(
            f"{name}: the address {address} needs its password, which is not kept on disk; "
            "give the study file instead of the name"
        )
    return Target(name=name, address=address)


def _sync(target: Target, places: Places, *, patience: float, quiet: bool) -> DeliveryReport:
    """Deliver one spool while holding it, write what is missing, and close what is complete."""
    from study.tracking.client import StoreAway
    from study.tracking.delivery import DeliveryReport, deliver_all

    target, records = _finished(target, places)
    spool = Spool(places.spool(target.name))
    with spool.drain_lock() as mine:
        waiting = spool.waiting()
        if not mine:
            return DeliveryReport(waiting=waiting, broken=spool.broken(), elsewhere=True)
        file = sqlite_file(target.address)
        if not waiting and not records and file is not None and not file.is_file():
            return DeliveryReport(broken=spool.broken())
        if waiting and not quiet:
            place = redact(target.address)
            print(f"{target.name}: {waiting} trials wait for {place}", file=sys.stderr)
        tracker = _tracker(target, places, spool)
        if tracker is None:
            return DeliveryReport(broken=spool.broken())
        try:
            with suppress(StoreAway):  # asked again below, as long as patience lasts
                tracker.initialise()
        except StorageError as error:
            return DeliveryReport(waiting=waiting, broken=spool.broken(), error=str(error))
        report = deliver_all(tracker, spool, patience=patience, has_lock=True)
        return _level(tracker, spool, records, report, patience)


def _finished(target: Target, places: Places) -> tuple[Target, tuple[TrialRecord, ...]]:
    """Return the records of the study file's finished trials; none if it was not started.

    The study comes back as it was begun.
    """
    spec = target.spec
    if spec is None:
        return target, ()
    file = sqlite_file(spec.storage.optuna) if spec.storage.optuna else places.optuna_journal
    if file is not None and not file.is_file():
        return target, ()
    from study.launch.keeping import Keeper
    from study.launch.locking import exclusively
    from study.queue.opening import open_storage
    from study.queue.store import StudyStore

    store = StudyStore(spec, open_storage(spec.storage.optuna, places))
    target = dataclasses.replace(target, spec=store.spec)
    store.check_unchanged()
    if not store.is_started():
        return target, ()
    with exclusively(places):  # what workers could not tell before they ended
        Keeper(store, places, "sync").tell_left_behind()
    return target, store.records()


def _tracker(target: Target, places: Places, spool: Spool) -> Tracker | None:
    """Return the tracker of a spool; None if nothing tells which study it belongs to."""
    if target.spec is not None:
        from study.launch.job import make_tracker

        return make_tracker(target.spec, places)
    record = next(spool.pending(), None)
    if record is None:
        return None
    from study.tracking.entries import StudyInfo
    from study.tracking.tracker import Tracker

    artifacts = places.artifacts if sqlite_file(target.address) == places.mlflow_database else None
    info = StudyInfo(name=record.study, digest=record.study_digest)
    return Tracker(target.address, artifacts, info)


def _level(
    tracker: Tracker,
    spool: Spool,
    records: Sequence[TrialRecord],
    report: DeliveryReport,
    patience: float,
) -> DeliveryReport:
    """Write the runs that are missing, and bring the parent runs up to date with their trials."""
    from study.tracking.delivery import restore

    if not report.error and not report.hangs:
        try:
            tracker.initialise()
            if records:
                restored = restore(tracker, spool, records, patience=patience, has_lock=True)
                report = restored.after(report)
            if not report.hangs:
                tracker.finish()
        except StorageError as error:
            return dataclasses.replace(report, error=str(error))
    if report.hangs and not report.error:
        place = redact(tracker.address)
        return dataclasses.replace(report, error=f"MLflow at {place} does not answer")
    return report


def _sentence(name: str, report: DeliveryReport) -> str:
    """Say what came of one study."""
    if report.elsewhere:
        return f"{name}: another process is delivering its trials; {report.waiting} wait"
    there = f", {report.already_there} were there already" if report.already_there else ""
    waiting = f"{report.waiting} wait" if report.waiting else "none waits"
    return f"{name}: {report.logged} trials delivered{there}, {waiting}"


def _troubles(report: DeliveryReport, folder: Path) -> list[str]:
    """Say what a person should look at."""
    lines = [report.error] if report.error else []
    if report.waiting and report.error and not report.elsewhere:
        lines = [f"{report.error}; run payoff sync again when it is back"]
    if report.broken:
        lines.append(f"{report.broken} files could not be delivered; look at {folder / BROKEN}")
    return lines
