"""Runs and experiments as a store holds them: read from MLflow's SQLite file, else by its client.

To read a run as MLflow's client does takes 2 ms, nearly all of it in making objects, and loading
the client two seconds; the same rows by three plain queries take some 30 microseconds a run.
Where the tables are not as known (:mod:`study.tracking.rows`), the client reads.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.tracking.entries import KIND_TAG
from study.tracking.rows import Unfamiliar, open_tables

if TYPE_CHECKING:
    from mlflow.entities import Run

MIGRATIONS = Path("store", "db_migrations", "versions")
"""Where MLflow's package keeps the steps by which its database became what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """What is read of a run."""

    run_id: str
    status: str
    """RUNNING, SCHEDULED, FINISHED, FAILED or KILLED."""
    start_ms: int
    artifacts: str
    """Address of its artifacts."""
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    """The last value of each."""

    @classmethod
    def of(cls, run: Run) -> StoredRun:
        """Take it from what MLflow's client returns."""
        return cls(
            run_id=run.info.run_id,
            status=run.info.status,
            start_ms=int(run.info.start_time or 0),
            artifacts=run.info.artifact_uri,
            tags=run.data.tags,
            metrics=run.data.metrics,
        )


@dataclass(frozen=True, kw_only=True)
class StoredExperiment:
    """What is read of an experiment."""

    number: str
    tags: Mapping[str, str]


_RUNS = """
SELECT run_uuid, status, start_time, artifact_uri FROM runs
WHERE experiment_id = ? AND lifecycle_stage = 'active' AND (? = '' OR run_uuid IN (
    SELECT run_uuid FROM tags WHERE key = ? AND value = ?))
ORDER BY start_time DESC, run_uuid
"""
"""In the order of MLflow's client."""

_OF_RUNS = """
SELECT run_uuid, {columns} FROM {table}
WHERE run_uuid IN (SELECT run_uuid FROM runs
                   WHERE experiment_id = ? AND lifecycle_stage = 'active') {chosen}
"""


def runs_of_file(
    file: Path,
    number: str,
    kind: str = "",
    *,
    tags: Collection[str] | None = None,
    metrics: Collection[str] | None = None,
) -> list[StoredRun]:
    """Return the runs of an experiment that were not deleted, of one kind if it is given.

    Of their tags and metrics only those named, where any are. Unfamiliar if the file's tables are
    not as known, :class:`sqlite3.Error` if it cannot be read now.
    """
    with closing(open_tables(file, write=False)) as store:
        store.execute("BEGIN")  # all tables as of one moment
        found = store.execute(_RUNS, (int(number), kind, KIND_TAG, kind)).fetchall()
        wanted = {run_id for run_id, *_ in found}
        tags_of: dict[str, dict[str, str]] = defaultdict(dict)
        for run_id, key, value in _rows(store, "tags", "key, value", number, tags):
            if run_id in wanted:
                tags_of[run_id][key] = value
        metrics_of: dict[str, dict[str, float]] = defaultdict(dict)
        columns = "key, value, is_nan"
        for run_id, key, value, is_nan in _rows(store, "latest_metrics", columns, number, metrics):
            if run_id in wanted:
                metrics_of[run_id][key] = math.nan if is_nan else value
    return [
        StoredRun(
            run_id=run_id,
            status=status,
            start_ms=int(start or 0),
            artifacts=artifacts,
            tags=tags_of[run_id],
            metrics=metrics_of[run_id],
        )
        for run_id, status, start, artifacts in found
    ]


def _rows(
    store: sqlite3.Connection,
    table: str,
    columns: str,
    number: str,
    names: Collection[str] | None,
) -> Iterator[tuple[Any, ...]]:
    """Rows of a table about the runs of an experiment, with some keys or all."""
    chosen = "" if names is None else f"AND key IN ({', '.join('?' * len(names))})"
    query = _OF_RUNS.format(table=table, columns=columns, chosen=chosen)
    yield from store.execute(query, (int(number), *(names or ())))


def experiment_of_file(file: Path, name: str) -> StoredExperiment | None:
    """Return the experiment of a name; None if there is none, or if MLflow has to look at it.

    That is so where it was deleted, where several have the name, and where the file was made by
    another version of MLflow than is installed. Errors as for runs.
    """
    with closing(open_tables(file, write=False)) as store:
        versions = store.execute("SELECT version_num FROM alembic_version").fetchall()
        if versions != [(version,) for version in newest_migrations()]:
            return None
        columns = {row[1] for row in store.execute("PRAGMA table_info(experiment_tags)")}
        if columns != {"key", "value", "experiment_id"}:
            raise Unfamiliar(f"the table experiment_tags of {file} has other columns")
        query = "SELECT experiment_id, lifecycle_stage FROM experiments WHERE name = ?"
        found = store.execute(query, (name,)).fetchall()
        if len(found) != 1 or found[0][1] != "active":
            return None
        number = found[0][0]
        query = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?"
        return StoredExperiment(number=str(number), tags=dict(store.execute(query, (number,))))


def newest_migrations() -> list[str]:
    """Return the migrations of the installed MLflow that no other follows: one, its version.

    They are read off the files of its package, which is not loaded.
    """
    package = find_spec("mlflow")
    if package is None or package.origin is None:
        return []
    made: set[str] = set()
    followed: set[str] = set()
    for file in (Path(package.origin).parent / MIGRATIONS).glob("*.py"):
        text = file.read_text(encoding="utf-8")
        made.update(re.findall(r'^revision = "(\w+)"', text, re.MULTILINE))
        followed.update(re.findall(r'^down_revision = "(\w+)"', text, re.MULTILINE))
    return sorted(made - followed)
