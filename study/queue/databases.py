"""Databases as Optuna's storage: the driver, the connection, the cache above it."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import Any

import optuna
from optuna.storages import BaseStorage, RDBStorage

from study.places import with_driver
from study.queue.away import is_of_database, was_overtaken
from study.queue.upstream import go_public

CONNECT_SECONDS = 10
"""How long a database or a proxy may take to answer before it counts as away."""

BUSY_SECONDS = 60.0
"""How long a writer waits for SQLite's one lock before it gives up."""


RACE_PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds before each new attempt to open a database whose tables others make meanwhile."""


def open_database(address: str, *, create: bool) -> BaseStorage:
    """Open a database; where another process makes its tables at this moment, try again."""
    opened = _sqlite if address.startswith("sqlite:") else _connect
    for pause in RACE_PAUSES:
        try:
            return _lean(opened(address, create))
        except Exception as error:
            if not was_overtaken(error):
                raise
        time.sleep(pause)
    return _lean(opened(address, create))


def _lean(backend: RDBStorage) -> BaseStorage:
    """Put our lean cache above a database; Optuna's own where what ours builds on is not there."""
    try:
        from study.queue.lean import LeanStorage

        return LeanStorage(backend)
    except Exception as reason:  # Unlike, or whatever comes of calling what is not as it was
        if is_of_database(reason):
            raise
        go_public("the database is read through Optuna's own cache", str(reason))
        return cached(backend)


def cached(backend: RDBStorage) -> BaseStorage:
    """Put Optuna's own cache above a database; nothing where Optuna no longer tells of it."""
    wrap = getattr(optuna.storages, "get_storage", None)
    return backend if wrap is None else wrap(backend)


def _connect(address: str, create: bool) -> RDBStorage:
    """Open a server's database so that a connection that died is noticed and made again."""
    options: dict[str, Any] = {"pool_pre_ping": True}
    if address.startswith(("postgres", "mysql", "mariadb")):
        options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
    return RDBStorage(with_driver(address), engine_kwargs=options, skip_table_creation=not create)


def _sqlite(address: str, create: bool) -> RDBStorage:
    """Open a SQLite file so that each transaction has it alone, from its first reading on.

    Optuna locks the row it is about to change (``SELECT ... FOR UPDATE``), which SQLite does not
    know: two claimants could both read WAITING.
    """
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
