"""Opening Optuna's storages, new ones or what was stored: journals, databases, the proxy."""

from __future__ import annotations

from pathlib import Path

import optuna
import sqlalchemy.exc
from optuna.storages import BaseStorage, RDBStorage

from search_spaces.errors import PayoffError, nearest
from study.errors import StorageAway, StorageError
from study.places import Places, extra_of, sqlite_file, with_driver
from study.queue.away import is_away
from study.queue.databases import cached, open_database
from study.queue.journal import UNREADABLE, LocalStorage
from study.queue.proxy import PROXY, open_proxy
from study.queue.store import StudyStore, records_of, started
from study.record import TrialRecord
from study.redaction import redact
from study.spec.study_file import StudySpec

Storage = BaseStorage
"""Any of Optuna's storages, for the types of whoever only hands one on."""

EMPTY = ("no such table", "does not exist", "doesn't exist")
"""Words of drivers whose database holds no tables yet."""


def open_storage(address: str, places: Places, *, create: bool = True) -> BaseStorage:
    """Open Optuna's storage: a database or ``grpc://HOST:PORT``; with no address the journal.

    ``create`` makes a database's tables where they are not there: whoever sets a study up does so,
    never its workers, of which several would at once.
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
        raise _refusal(error, address, shown, create) from None


def _refusal(error: Exception, address: str, shown: str, create: bool) -> StorageError:
    """Say why a storage could not be opened, and what to do."""
    if isinstance(error, OSError):
        return StorageError(
            f"{shown}: cannot be opened ({error.strerror or error}); "
            "make room, or choose another folder with --root"
        )
    if not address and isinstance(error, UNREADABLE):
        reason = redact(str(error)) or type(error).__name__
        return StorageError(
            f"{shown}: is not a journal that Optuna {optuna.__version__} can read: {reason}; use "
            "the version that wrote it, or see what can be read, and go on with that: payoff mend"
        )
    if isinstance(error, ImportError):
        extra = extra_of(address)
        return StorageError(
            f"{shown}: the database's driver is not installed ({redact(str(error))}); "
            + (f"pip install 'payoff[{extra}]'" if extra else "install it, or use PostgreSQL")
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


def open_to_read(address: str) -> BaseStorage:
    """Open a database, or a journal file (``journal://PATH``), and create nothing there."""
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


def stored_storage(address: str, places: Places, again: str) -> BaseStorage:
    """Open Optuna's storage, which must be there; ``again`` is the command that would create it."""
    file = sqlite_file(address) if address else places.optuna_journal
    if file is not None and not file.is_file():
        if address:
            raise PayoffError(
                f"storage.optuna: there is no database at {redact(address)}; "
                f"correct the address, or start a study there with: {again}"
            )
        raise PayoffError(f"{places.root}: no study was started here yet; start it with: {again}")
    return open_storage(address, places)


def stored_study(spec: StudySpec, places: Places, again: str) -> StudyStore:
    """Open a study that was started, with the same settings."""
    store = StudyStore(spec, stored_storage(spec.storage.optuna, places, again))
    if not store.is_started():
        raise PayoffError(f"{spec.name}: this study was not started yet; start it with: {again}")
    store.check_unchanged()
    return store


def begun(spec: StudySpec, places: Places) -> StudyStore | None:
    """Open a study that may have been begun, to see how; None where nothing can be seen.

    Nothing is created, and only looked for where the study file leaves anything open.
    """
    address = spec.storage.optuna
    file = sqlite_file(address) if address else places.optuna_journal
    if not spec.leaves_open:
        return None
    if file is not None and not file.is_file():
        return None
    try:  # what is wrong with the storage is told when it is needed
        return StudyStore(spec, open_storage(address, places, create=False))
    except StorageError:
        return None


def stored_records(name: str, address: str, places: Places, again: str) -> tuple[TrialRecord, ...]:
    """Return the record of every finished trial of a study by its name, without its file."""
    storage = stored_storage(address, places, again)
    studies = started(storage)
    if name not in studies:
        listed = ", ".join(studies) or "none"
        raise PayoffError(
            f"{name}: no study of this name was started here{nearest(name, studies)} "
            f"(there are: {listed}); start it with: {again}"
        )
    return records_of(storage, studies[name])
