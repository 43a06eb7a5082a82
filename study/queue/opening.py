"""Opening Optuna's storages: the journal of one machine, databases, the gRPC proxy."""

from __future__ import annotations

from pathlib import Path

import optuna
import sqlalchemy.exc
from optuna.storages import BaseStorage, RDBStorage

from study.errors import StorageAway, StorageError
from study.places import Places
from study.queue.away import is_away
from study.queue.databases import cached, open_database, with_driver
from study.queue.journal import LocalStorage
from study.queue.proxy import PROXY, open_proxy
from study.redaction import redact

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
    try:
        if address.startswith(PROXY):
            return open_proxy(address)
        if address:
            return open_database(address, create=create)
        places.optuna_journal.parent.mkdir(parents=True, exist_ok=True)
        return LocalStorage(places.optuna_journal)
    except StorageError:
        raise
    except Exception as error:
        shown = redact(address) if address else str(places.optuna_journal)
        raise _refusal(error, address, shown, create=create) from None


def _refusal(error: Exception, address: str, shown: str, *, create: bool) -> StorageError:
    """Say why a storage could not be opened, and what to do."""
    if isinstance(error, OSError):
        return StorageError(
            f"{shown}: cannot be opened ({error.strerror or error}); "
            "make room, or choose another folder with --root"
        )
    if not address and isinstance(error, AssertionError | KeyError | ValueError | TypeError):
        return StorageError(
            f"{shown}: is not a journal that Optuna {optuna.__version__} can read "
            f"({redact(str(error)) or type(error).__name__}); "
            "use the version that wrote it, or start afresh with --root"
        )
    if isinstance(error, ImportError):
        return StorageError(
            f"{shown}: the database's driver is not installed ({redact(str(error))}); "
            f"pip install '{_extra(address)}'"
        )
    if isinstance(error, sqlalchemy.exc.ArgumentError | sqlalchemy.exc.NoSuchModuleError):
        return StorageError(
            f"storage.optuna: must be an address, got {shown}; write postgresql://USER@HOST/NAME, "
            "mysql+pymysql://USER@HOST/NAME, sqlite:///FILE or grpc://HOST:PORT"
        )
    text = redact(str(error.__cause__ or error), address).partition("\n")[0]
    text = text or type(error).__name__
    if is_away(error):
        return StorageAway(f"storage.optuna: {shown} does not answer ({text}); see that it runs")
    if not create and any(word in text for word in EMPTY):
        return StorageAway(
            f"storage.optuna: no study was started at {shown} yet; start it with: payoff launch"
        )
    return StorageError(
        f"{shown}: Optuna {optuna.__version__} cannot open this storage ({text}); "
        "check the address, or upgrade the storage with: optuna storage upgrade"
    )


def _extra(address: str) -> str:
    """Name the extra that brings what an address needs."""
    kind = address.partition("://")[0].split("+")[0]
    names = {"grpc": "grpc", "mysql": "mysql", "mariadb": "mysql"}
    return f"payoff[{names.get(kind, 'postgresql')}]"


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
        return cached(RDBStorage(with_driver(address), skip_table_creation=True))
    except StorageError:
        raise
    except Exception as error:
        text = redact(str(error), address)
        reason = text.splitlines()[0] if text else type(error).__name__
        raise StorageError(
            f"{shown}: not a storage that Optuna {optuna.__version__} can read ({reason}); "
            "correct the address, install its driver, or upgrade it with: optuna storage upgrade"
        ) from None
