"""Opening Optuna's storages: the journal of one machine, databases, the gRPC proxy.

Of this room, the only one that imports ``optuna.storages``.
"""

from __future__ import annotations

import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy.exc
from optuna.storages import BaseStorage, GrpcStorageProxy, JournalStorage, RDBStorage, get_storage
from optuna.storages.journal import JournalFileBackend

from study.errors import StorageAway, StorageError
from study.places import Places
from study.queue.journal import NoLock, append
from study.queue.lean import LeanStorage
from study.redaction import redact

SQLITE_SECONDS = 60.0
"""How long a writer waits for SQLite's one lock before it gives up."""

CONNECT_SECONDS = 10
"""How long a database may take to answer a connection before it counts as away."""

PROXY = "grpc://"
"""Address of Optuna's gRPC proxy: ``grpc://HOST:PORT``."""

PROXY_PORT = 13000
"""Port of the proxy where the address names none: Optuna's default."""

AWAY = ("connect", "terminat", "closed", "gone away", "starting up", "shutting down", "refused")
"""Words of drivers whose database does not answer, or not now."""


class LocalJournal(JournalFileBackend):
    """Optuna's journal file with the writing of :mod:`study.queue.journal`."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), lock_obj=NoLock())  # type: ignore[arg-type]
        self.path = path
        self.durable = True

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append, all or nothing, and reach the disk before returning."""
        try:
            append(self.path, logs, durable=self.durable)
        except OSError as error:
            raise StorageError(
                f"{self.path}: cannot be written ({error.strerror}); "
                "make room, then start the study again: nothing that was finished is lost"
            ) from None


class LocalStorage(JournalStorage):
    """Optuna's journal storage over a :class:`LocalJournal`."""

    def __init__(self, path: Path) -> None:
        self.journal = LocalJournal(path)
        super().__init__(self.journal)


DRIVERS = {
    "postgresql": ("psycopg2", "psycopg"),
    "mysql": ("pymysql", "MySQLdb"),
    "mariadb": ("pymysql", "MySQLdb"),
}
"""Python's drivers of each database, the one of our own extra first."""

RACE_PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds before each new attempt to open a database whose tables others make meanwhile."""

MADE = ("already exists", "duplicate")
"""Words of drivers whose database holds a table, type or row already."""

EMPTY = ("no such table", "does not exist", "doesn't exist")
"""Words of drivers whose database holds no tables yet."""


def open_storage(address: str, places: Places, *, create: bool = True) -> BaseStorage:
    """Open Optuna's storage: an address, or the journal below ``places`` if it is empty.

    Parameters
    ----------
    address
        A database's address, ``grpc://HOST:PORT``, or nothing.
    places
        Where the journal is kept.
    create
        Whether a database's tables are made where they are not there: by whoever sets a study up,
        never by workers, of which several would do so at once.

    Raises
    ------
    StorageAway
        If the database or the proxy does not answer now.
    StorageError
        If it can't be opened, or was written by another version of Optuna.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    shown = redact(address) if address else str(places.optuna_journal)
    try:
        if address.startswith(PROXY):
            return _open_proxy(address)
        if address:
            return _open_beside_others(address, create=create)
        places.optuna_journal.parent.mkdir(parents=True, exist_ok=True)
        return LocalStorage(places.optuna_journal)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"{shown}: cannot be opened ({error.strerror or error}); "
            "make room, or choose another folder with --root"
        ) from None
    except (AssertionError, KeyError, ValueError, TypeError) as error:
        raise StorageError(
            f"{shown}: is not a journal that Optuna {optuna.__version__} can read "
            f"({redact(str(error)) or type(error).__name__}); "
            "use the version that wrote it, or start afresh with --root"
        ) from None
    except ImportError as error:
        raise StorageError(
            f"{shown}: the database's driver is not installed ({redact(str(error))}); "
            f"pip install '{_extra(address)}'"
        ) from None
    except (sqlalchemy.exc.ArgumentError, sqlalchemy.exc.NoSuchModuleError):
        raise StorageError(
            f"storage.optuna: must be an address, got {shown}; write postgresql://USER@HOST/NAME, "
            "mysql+pymysql://USER@HOST/NAME, sqlite:///FILE or grpc://HOST:PORT"
        ) from None
    except Exception as error:
        text = redact(str(error.__cause__ or error).splitlines()[0], address)
        if is_away(error):
            raise StorageAway(
                f"storage.optuna: {shown} does not answer ({text}); see that it runs"
            ) from None
        if not create and any(word in text for word in EMPTY):
            raise StorageAway(
                f"storage.optuna: no study was started at {shown} yet; start it with: payoff launch"
            ) from None
        raise StorageError(
            f"{shown}: Optuna {optuna.__version__} cannot open this storage ({text}); "
            "check the address, or upgrade the storage with: optuna storage upgrade"
        ) from None


def _extra(address: str) -> str:
    """Name the extra that brings what an address needs."""
    kind = address.partition("://")[0].split("+")[0]
    names = {"grpc": "grpc", "mysql": "mysql", "mariadb": "mysql"}
    return f"payoff[{names.get(kind, 'postgresql')}]"


def _open_beside_others(address: str, *, create: bool) -> LeanStorage:
    """Open a database; where another process makes its tables at this moment, try again."""
    opened = _open_sqlite if address.startswith("sqlite:") else _open_database
    for pause in RACE_PAUSES:
        try:
            return LeanStorage(opened(address, create=create))
        except Exception as error:
            if not _was_overtaken(error):
                raise
        time.sleep(pause)
    return LeanStorage(opened(address, create=create))


def _was_overtaken(error: BaseException) -> bool:
    """Tell whether what an error was to make had been made by another process just before."""
    from sqlalchemy.exc import DBAPIError, IntegrityError

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, IntegrityError):
            return True
        if isinstance(cause, DBAPIError) and any(word in str(cause).casefold() for word in MADE):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def is_away(error: BaseException) -> bool:
    """Tell whether a database's error means that it does not answer now, but may again."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError

    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__module__.startswith("grpc"):
            return True
        if isinstance(cause, TimeoutError):
            return True
        if isinstance(cause, DBAPIError) and cause.connection_invalidated:
            return True
        if isinstance(cause, OperationalError | InterfaceError):
            text = str(cause).casefold()
            return "sqlite" not in text and (
                any(word in text for word in AWAY) or "locked" in text or "deadlock" in text
            )
        cause = cause.__cause__ or cause.__context__
    return False


def with_driver(address: str) -> str:
    """Name a driver that is installed where an address names none.

    Releases of SQLAlchemy differ in the driver that they take for PostgreSQL by default.

    Examples
    --------
    >>> with_driver("sqlite:///a.db"), with_driver("mysql+pymysql://host/db")
    ('sqlite:///a.db', 'mysql+pymysql://host/db')
    """
    scheme, separator, rest = address.partition("://")
    if scheme == "postgres":  # as many hosts still write it; SQLAlchemy knows it no more
        scheme, address = "postgresql", f"postgresql://{rest}"
    for driver in DRIVERS.get(scheme, ()):
        if find_spec(driver) is not None:
            return f"{scheme}+{driver}{separator}{rest}"
    return address


def _open_database(address: str, *, create: bool) -> RDBStorage:
    """Open a database so that a connection that died is noticed and made again."""
    options: dict[str, Any] = {"pool_pre_ping": True}
    if address.startswith(("postgres", "mysql", "mariadb")):
        options["connect_args"] = {
            "connect_timeout": CONNECT_SECONDS,
        }
    return RDBStorage(with_driver(address), engine_kwargs=options, skip_table_creation=not create)


def _open_proxy(address: str) -> GrpcStorageProxy:
    """Open Optuna's gRPC proxy, which must answer."""
    host, _, port = address.removeprefix(PROXY).rstrip("/").rpartition(":")
    if not host:
        host, port = port, str(PROXY_PORT)
    if not port.isdigit():
        raise StorageError(f"storage.optuna: must be grpc://HOST:PORT, got {redact(address)!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = GrpcStorageProxy(host=host.strip("[]"), port=int(port))
    try:
        storage.wait_server_ready(timeout=CONNECT_SECONDS)
    except ConnectionError:
        raise StorageAway(
            f"storage.optuna: no proxy answers at {redact(address)}; start one with: payoff proxy"
        ) from None
    return storage


def open_to_read(address: str) -> BaseStorage:
    """Open a storage that anybody's studies stand in, and create nothing there.

    Parameters
    ----------
    address
        A database's address, or ``journal://PATH`` for a journal file.

    Raises
    ------
    StorageError
        If there is none, or it is not one that this version of Optuna can read.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    shown = redact(address)
    try:
        if address.startswith("journal://"):
            path = Path(address.removeprefix("journal://"))
            if not path.is_file():
                raise StorageError(f"{shown}: there is no such file; correct the path")
            return LocalStorage(path)
        return get_storage(RDBStorage(with_driver(address), skip_table_creation=True))
    except StorageError:
        raise
    except Exception as error:
        text = redact(str(error), address)
        reason = text.splitlines()[0] if text else type(error).__name__
        raise StorageError(
            f"{shown}: not a storage that Optuna {optuna.__version__} can read ({reason}); "
            "correct the address, install its driver, or upgrade it with: optuna storage upgrade"
        ) from None


def _open_sqlite(address: str, *, create: bool) -> RDBStorage:
    """Open SQLite so that reading a trial's state and changing it is one step.

    Optuna locks the row it is about to change (SELECT ... FOR UPDATE), which SQLite does not know:
    two claimants could both read WAITING. Taking the write lock at the start of each transaction
    closes that gap.
    """
    from sqlalchemy import event

    storage = RDBStorage(
        address,
        engine_kwargs={"connect_args": {"timeout": SQLITE_SECONDS}},
        skip_table_creation=not create,
    )

    def connect(connection: Any, _: object) -> None:
        connection.isolation_level = None
        # Readers don't wait for the writer, and a commit need not wait for the disk: a machine that
        # loses its power may forget the last trials, which then run again to the same results.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(storage.engine, "connect", connect)
    event.listen(storage.engine, "begin", begin)
    storage.engine.dispose()
    return storage
