"""SQLite as Optuna's storage, so that reading a trial's state and changing it is one step.

Optuna locks the row it is about to change (``SELECT ... FOR UPDATE``), which SQLite does not know:
two claimants could both read WAITING. Taking the write lock at the start of each transaction closes
that gap.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

from optuna.storages import RDBStorage

BUSY_SECONDS = 60.0
"""How long a writer waits for SQLite's one lock before it gives up."""


def open_sqlite(address: str, *, create: bool) -> RDBStorage:
    """Open a SQLite file; each transaction of the storage that is returned has the file alone."""
    is_open = threading.Event()  # Optuna uses two connections at a time while it opens the file

    class Connection(sqlite3.Connection):
        """Begins a transaction with its first cursor."""

        def cursor(self, *how: Any) -> Any:
            if is_open.is_set() and not self.in_transaction:
                if self.isolation_level is not None:
                    self.isolation_level = None
                    # Readers don't wait for the writer, and a commit need not wait for the disk: a
                    # machine that loses its power may forget the last trials, which then run again
                    # to the same results.
                    super().cursor().execute("PRAGMA journal_mode = WAL")
                    super().cursor().execute("PRAGMA synchronous = NORMAL")
                super().cursor().execute("BEGIN IMMEDIATE")
            return super().cursor(*how)

    storage = RDBStorage(
        address,
        engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS, "factory": Connection}},
        skip_table_creation=not create,
    )
    is_open.set()
    return storage
