"""Finished runs written straight into MLflow's own SQLite file, up to a hundred in a transaction.

MLflow's client takes three calls and some 20 ms of processor time for a trial, nearly all of it in
the object layer above the same five tables; written as rows, a run takes 2 ms, and stands in the
store whole or not at all. So little may be taken for granted of another program's tables that:

- it is done only where these tables are exactly as known (:data:`COLUMNS`);
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

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

COLUMNS: Final[Mapping[str, set[str]]] = {
    "runs": {
        "run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id", "status",
        "start_time", "end_time", "source_version", "lifecycle_stage", "artifact_uri",
        "experiment_id", "deleted_time",
    },
    "tags": {"key", "value", "run_uuid"},
    "params": {"key", "value", "run_uuid"},
    "metrics": {"key", "value", "timestamp", "run_uuid", "step", "is_nan"},
    "latest_metrics": {"key", "value", "timestamp", "step", "is_nan", "run_uuid"},
}  # fmt: skip
"""The tables that a run stands in, each with all its columns (MLflow 3.10 to 3.17)."""

EXPERIMENTS: Final = {"experiment_id", "name", "artifact_location", "lifecycle_stage"}
"""Columns that are read of the table of experiments, which has others."""


class Unfamiliar(Exception):
    """Why a file's tables are left to MLflow's client for good."""


def open_tables(file: Path, *, write: bool, timeout: float = 5.0) -> sqlite3.Connection:
    """Open a tracking store's file, without making one, and check that its tables are as known.

    Whoever writes must not meet triggers there; ``timeout`` are the seconds to wait for others who
    write. A file that cannot be opened now is a :class:`sqlite3.Error`.
    """
    mode = "rw" if write else "ro"  # opened, not made: one that is gone stays gone
    store = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _check(store, file, write)
    except BaseException:
        store.close()
        raise
    return store


def _check(store: sqlite3.Connection, file: Path, write: bool) -> None:
    for table, columns in COLUMNS.items():
        if _columns(store, table) != columns:
            raise Unfamiliar(f"the table {table} of {file} has other columns")
    if not _columns(store, "experiments") >= EXPERIMENTS:
        raise Unfamiliar(f"the table experiments of {file} has other columns")
    triggers = "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'"
    if write and any(table in COLUMNS for (table,) in store.execute(triggers)):
        raise Unfamiliar(f"{file} has triggers of its own")


def _columns(store: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in store.execute(f"PRAGMA table_info({table})")}


BUSY_SECONDS = 20.0
"""How long to wait for another writer."""

AWAY: Final = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY,
}  # fmt: skip
"""Faults of the place and the hour, not of what is written: MLflow's client would meet them too."""

RUN_NAME_TAG = "mlflow.runName"

_Row = tuple[object, ...]


class NotWritable(Exception):
    """Why a run can't be written as rows now: MLflow's client has to."""


class RunRows:
    """Writes runs of an experiment into a tracking store's file.

    Made only where the store's tables are those known here (:class:`Unfamiliar`) and the file can
    be opened now (:class:`NotWritable`).
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
        self,
        runs: Sequence[tuple[RunEntry, Mapping[str, str]]],
        save: Callable[[str, RunEntry], object],
    ) -> list[tuple[str, str]]:
        """Write runs that are over, each with its tags: all of them or none.

        Returns the id and the address of the artifacts of each. ``save`` is called with that
        address before the run is there to be seen. Nothing is written where the file was replaced,
        the experiment is not there or the store does not take a run (:class:`NotWritable`), where
        artifacts are in no local folder (:class:`Unfamiliar`), and where the store is busy, full or
        away (:class:`sqlite3.OperationalError`).
        """
        if _identity(self._file) != self._made:
            raise NotWritable(f"{self._file} was replaced")
        made = []
        with self._transaction():
            location = self._location()
            for written, tags in runs:
                run_id = uuid.uuid4().hex
                place = f"{location}/{run_id}/artifacts"
                self._insert(run_id, place, written, tags)
                save(place, written)
                made.append((run_id, place))
        return made

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
        self._fill("runs", tuple(run), [tuple(run.values())], run_id)
        points = [_Stored.of(point) for point in written.points]
        self._fill("tags", ("key", "value"), list(named.items()), run_id)
        self._fill("params", ("key", "value"), list(written.params.items()), run_id)
        numbers = ("key", "value", "timestamp", "step", "is_nan")
        for table, some in (
            ("metrics", dict.fromkeys(points)),
            ("latest_metrics", _latest(points).values()),
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


def _latest(points: Sequence[_Stored]) -> dict[str, _Stored]:
    """Return the last point of each metric: of one step the largest."""
    latest: dict[str, _Stored] = {}
    for one in points:
        before = latest.get(one.name, one)
        latest[one.name] = max(before, one, key=lambda each: (each.step, each.value))
    return latest


def reads_otherwise(
    run: Run,
    history: Sequence[Metric],
    files: Sequence[str],
    artifacts: str,
    written: RunEntry,
    tags: Mapping[str, str],
) -> str:
    """Say what MLflow reads otherwise of a run than it was written; empty if nothing.

    MLflow reads the run, the ``history`` of one of its metrics (empty where none has more than one
    value) and its files; the others are what was written, and where.
    """
    points = [_Stored.of(point) for point in written.points]
    latest = _latest(points)
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
