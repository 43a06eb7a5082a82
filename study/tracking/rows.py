"""Finished runs written straight into MLflow's own SQLite file, each in one transaction.

MLflow's client takes three calls and some 20 ms of processor time for a trial, nearly all of it in
the object layer above the same five tables; written as rows, a run takes 2 ms, and stands in the
store whole or not at all. So little may be taken for granted of another program's tables that:

- it is done only where these tables are exactly as known (:mod:`study.tracking.tables`);
- the first run that a tracker writes so is read back through MLflow's client, and if it does not
  say what it should, it is removed, and the client writes that run and all others;
- what the store does not take is left to the client, which knows what is wrong with it.
"""

from __future__ import annotations

import math
import os
import sqlite3
import sys
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from study.tracking.entries import ARTIFACT, Point, RunEntry
from study.tracking.tables import COLUMNS, Unfamiliar, open_tables

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

BUSY_SECONDS = 20.0
"""How long to wait for another writer."""

AWAY: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
    }
)
"""Faults of the place and the hour, not of what is written: MLflow's client would meet them too."""

RUN_NAME_TAG = "mlflow.runName"

_Row = tuple[object, ...]


class NotWritable(Exception):
    """Why a run can't be written as rows now: MLflow's client has to."""


class RunRows:
    """Writes runs into a tracking store's file.

    Parameters
    ----------
    file
        The store.
    experiment_id
        The experiment that runs belong to.

    Raises
    ------
    Unfamiliar
        If the store's tables are not those known here.
    NotWritable
        If the file can't be opened now.
    """

    def __init__(self, file: Path, experiment_id: str) -> None:
        self._file = file
        self._experiment = int(experiment_id)
        self._made = _identity(file)
        try:
            self._store = open_tables(file, write=True, timeout=BUSY_SECONDS)
        except sqlite3.Error as error:
            raise NotWritable(str(error)) from None
        self.close = weakref.finalize(self, self._store.close)
        """Let go of the file; happens by itself in the end."""

    def write(
        self, written: RunEntry, tags: Mapping[str, str], save: Callable[[str], object]
    ) -> tuple[str, str]:
        """Write a run that is over; return its id and the address of its artifacts.

        Parameters
        ----------
        written
            What it says.
        tags
            Its tags.
        save
            Called with the address of the run's artifacts before the run is there to be seen.

        Raises
        ------
        NotWritable
            If the file was replaced, the experiment is not there, or the store does not take the
            run. Nothing is written then.
        Unfamiliar
            If the experiment's artifacts are not in a local folder.
        sqlite3.OperationalError
            If the store is busy, full or away. Nothing is written then either.
        """
        if _identity(self._file) != self._made:
            raise NotWritable(f"{self._file} was replaced")
        run_id = uuid.uuid4().hex
        with self._transaction():
            place = f"{self._location()}/{run_id}/artifacts"
            self._insert(run_id, place, written, tags)
            save(place)
        return run_id, place

    def remove(self, run_id: str) -> None:
        """Take a run out of all tables, as if it had never been written."""
        with self._transaction():
            for table in COLUMNS:
                self._store.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Write all of what is inside or nothing.

        A store that is busy, full or away says so itself, as it would to MLflow's client; what it
        finds fault with is :class:`NotWritable`.
        """
        try:
            self._store.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._store.execute("COMMIT")
            except BaseException:
                if self._store.in_transaction:
                    self._store.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in AWAY:
                raise
            raise NotWritable(str(error)) from None
        except (sqlite3.Error, ValueError, OverflowError) as error:
            raise NotWritable(str(error)) from None

    def _location(self) -> str:
        found = self._store.execute(
            "SELECT artifact_location FROM experiments "
            "WHERE experiment_id = ? AND lifecycle_stage = 'active'",
            (self._experiment,),
        ).fetchone()
        if found is None:
            raise NotWritable(f"the experiment is not there in {self._file}")
        if not str(found[0]).startswith(("file://", "/")):
            raise Unfamiliar(f"the artifacts of {self._file} are in no local folder")
        return str(found[0]).rstrip("/")

    def _insert(
        self, run_id: str, artifacts: str, written: RunEntry, tags: Mapping[str, str]
    ) -> None:
        named = {RUN_NAME_TAG: written.name, **tags}
        run = {
            "run_uuid": run_id,
            "name": written.name,
            "source_type": "UNKNOWN",
            "source_name": "",
            "entry_point_name": "",
            "user_id": tags.get("mlflow.user", "unknown"),
            "status": written.status,
            "start_time": written.start_ms,
            "end_time": written.end_ms,
            "source_version": "",
            "lifecycle_stage": "active",
            "artifact_uri": artifacts,
            "experiment_id": self._experiment,
            "deleted_time": None,
        }
        columns = ", ".join(run)
        marks = ", ".join("?" * len(run))
        self._store.execute(f"INSERT INTO runs ({columns}) VALUES ({marks})", tuple(run.values()))
        points = [_Stored.of(point) for point in written.points]
        latest: dict[str, _Stored] = {}
        for point in points:
            before = latest.get(point.name)
            if before is None or point.order > before.order:
                latest[point.name] = point
        self._fill("tags", ("key", "value"), list(named.items()), run_id)
        self._fill("params", ("key", "value"), list(written.params.items()), run_id)
        numbers = ("key", "value", "timestamp", "step", "is_nan")
        for table, some in (
            ("metrics", dict.fromkeys(points)),
            ("latest_metrics", latest.values()),
        ):
            rows = [(p.name, p.value, written.end_ms, p.step, p.is_nan) for p in some]
            self._fill(table, numbers, rows, run_id)

    def _fill(self, table: str, columns: Sequence[str], rows: Sequence[_Row], run_id: str) -> None:
        marks = ", ".join("?" * (len(columns) + 1))
        self._store.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}, run_uuid) VALUES ({marks})",
            [(*row, run_id) for row in rows],
        )


@dataclass(frozen=True)
class _Stored:
    """A metric point as MLflow stores it: NaN beside a zero, infinities as the largest floats."""

    name: str
    value: float
    step: int
    is_nan: bool

    @classmethod
    def of(cls, point: Point) -> _Stored:
        value, most = point.value, sys.float_info.max
        if math.isnan(value):
            return cls(point.name, 0.0, point.step, True)
        return cls(point.name, max(-most, min(most, value)), point.step, False)

    @property
    def read(self) -> float:
        """What MLflow makes of it."""
        return math.nan if self.is_nan else self.value

    @property
    def order(self) -> tuple[int, float]:
        """The latest of a name is the largest."""
        return self.step, self.value


def reads_otherwise(
    run: Run,
    history: Sequence[Metric],
    files: Sequence[str],
    artifacts: str,
    written: RunEntry,
    tags: Mapping[str, str],
) -> str:
    """Say what MLflow reads otherwise of a run than it was written; empty if nothing.

    Parameters
    ----------
    run
        The run as MLflow reads it.
    history
        All values of a metric as MLflow reads them; of none, where no metric has more than one.
    files
        The artifacts that MLflow lists.
    artifacts
        Where they were written.
    written
        What was.
    tags
        Its tags.
    """
    points = [_Stored.of(point) for point in written.points]
    latest: dict[str, _Stored] = {}
    for point in sorted(points, key=lambda point: point.order):
        latest[point.name] = point
    info, data = run.info, run.data
    lines = {point for point in points if history and point.name == history[0].key}
    facts = {
        "name": (info.run_name, written.name),
        "status": (info.status, written.status),
        "start": (info.start_time, written.start_ms),
        "end": (info.end_time, written.end_ms),
        "stage": (info.lifecycle_stage, "active"),
        "place of artifacts": (info.artifact_uri, artifacts),
        "list of artifacts": (list(files), [ARTIFACT]),
        "set of tags": ({name: data.tags.get(name) for name in tags}, dict(tags)),
        "set of parameters": (data.params, dict(written.params)),
        "metric": (
            {name: repr(value) for name, value in data.metrics.items()},
            {name: repr(point.read) for name, point in latest.items()},
        ),
        "curve": (
            sorted((metric.step, repr(metric.value)) for metric in history),
            sorted((point.step, repr(point.read)) for point in lines),
        ),
    }
    return next((name for name, (theirs, ours) in facts.items() if theirs != ours), "")


def _identity(file: Path) -> tuple[int, int]:
    """Tell a file from another one that takes its place."""
    try:
        found = os.stat(file)
    except OSError as error:
        raise NotWritable(str(error)) from None
    return found.st_dev, found.st_ino
