"""What is known of the tables in MLflow's own SQLite file, and whether a file has them so.

They belong to another program and may change with any of its releases. Whoever reads or writes them
past MLflow's client checks first, and leaves all to the client where they are not as known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

COLUMNS: Final[Mapping[str, frozenset[str]]] = {
    "runs": frozenset(
        (
            *("run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id"),
            *("status", "start_time", "end_time", "source_version", "lifecycle_stage"),
            *("artifact_uri", "experiment_id", "deleted_time"),
        )
    ),
    "tags": frozenset(("key", "value", "run_uuid")),
    "params": frozenset(("key", "value", "run_uuid")),
    "metrics": frozenset(("key", "value", "timestamp", "run_uuid", "step", "is_nan")),
    "latest_metrics": frozenset(("key", "value", "timestamp", "step", "is_nan", "run_uuid")),
}
"""The tables that a run stands in, each with all its columns (MLflow 3.10 to 3.17)."""

EXPERIMENTS: Final = frozenset(("experiment_id", "name", "artifact_location", "lifecycle_stage"))
"""Columns that are read of the table of experiments, which has others."""


class Unfamiliar(Exception):
    """Why a file's tables are left to MLflow's client for good."""


def open_tables(file: Path, *, write: bool, timeout: float = 5.0) -> sqlite3.Connection:
    """Open a tracking store's file, without making one, and check that its tables are as known.

    Whoever writes must not meet triggers there. ``timeout`` is how long to wait for another writer,
    in seconds.

    Raises
    ------
    Unfamiliar
        If the tables are not as known.
    sqlite3.Error
        If the file cannot be opened or read now.
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
