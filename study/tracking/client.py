"""MLflow's client: how it behaves, made when needed, asked page by page, its errors in a line.

MLflow takes seconds to import, so it is imported where it is first used. The store's address is
always explicit; nothing is taken from MLflow's defaults.
"""

from __future__ import annotations

import getpass
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.errors import StorageError
from study.places import extra_of, is_server, sqlite_file, with_driver
from study.redaction import redact

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PAGE = 1000
"""Answers asked for at a time; the store gives no more than this, and says nothing of the rest."""

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""How MLflow is to behave unless the environment says otherwise: it sends nothing to anybody, and
it doesn't repeat requests by itself, since a repeated creation would make a second run."""

POOL = "MLFLOW_SQLALCHEMYSTORE_POOLCLASS"
"""The setting that says whether MLflow keeps connections to a database open."""


def quieten() -> None:
    """Keep MLflow to itself: no telemetry, no chatter, no stack traces in the terminal."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow  # noqa: F401  (it sets its loggers up when imported)

    for name in ("mlflow", "alembic", "sqlalchemy", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"(mlflow|alembic|sqlalchemy)(\.|$)")


def connect(address: str) -> MlflowClient:
    """Return a client of the store at an address."""
    quieten()
    from mlflow import MlflowClient

    named, beside = for_mlflow(address), folder_beside(address)
    try:
        return MlflowClient(tracking_uri=named, registry_uri=named)
    finally:
        if beside is not None:
            remove_empty(beside)


def for_mlflow(address: str) -> str:
    """Return an address as MLflow knows it, with a driver that is installed."""
    scheme, separator, rest = address.partition("://")
    kind, _, driver = scheme.partition("+")
    if kind == "mariadb":  # MLflow knows it by the name of MySQL
        address = f"mysql{f'+{driver}' if driver else ''}{separator}{rest}"
    return with_driver(address)


def folder_beside(address: str) -> Path | None:
    """Return the folder that MLflow makes in vain for a SQLite file with a % in its path."""
    file = sqlite_file(address)
    written = Path(address.removeprefix("sqlite:///")).parent
    made = file is not None and written != file.parent and not written.exists()
    return written if made else None


def remove_empty(folder: Path) -> None:
    """Remove a folder, and those above it, as far as they are empty."""
    with suppress(OSError):
        for each in (folder, *folder.parents):
            each.rmdir()


def make_tables(address: str) -> None:
    """Make the tables of an empty database, and leave no connection open."""
    before = os.environ.get(POOL)
    os.environ[POOL] = "NullPool"
    try:
        connect(address).search_experiments()
    finally:
        os.environ.pop(POOL)
        if before is not None:
            os.environ[POOL] = before


def pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    """Yield all that a paged question is answered with; ``ask`` is given each page's token."""
    token: str | None = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return


def runs_of(
    client: MlflowClient, experiment_id: str, condition: str = "", order: Sequence[str] = ()
) -> Iterator[Run]:
    """Yield the runs of an experiment that were not deleted and meet a condition."""
    by = list(order) or None
    return pages(
        lambda token: client.search_runs(
            [experiment_id], condition, max_results=PAGE, order_by=by, page_token=token
        )
    )


def experiments_of(client: MlflowClient) -> Iterator[Any]:
    """Yield the experiments of a store that were not deleted."""
    return pages(lambda token: client.search_experiments(max_results=PAGE, page_token=token))


def user() -> str:
    """Return who is logged in, as MLflow's own client would."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


LONGEST_REASON = 300

_MEANINGS = (
    ("Connection refused", "no server answers there"),
    ("Name or service not known", "no such host"),
    ("Temporary failure in name resolution", "no such host"),
    ("timed out", "the server does not answer in time"),
    ("Connection aborted", "the server broke the connection off"),
    ("disk is full", "the disk is full"),
    ("database is locked", "another process holds the database"),
)
"""What libraries write in many words, in few."""

_DRIVERS = frozenset(
    {"sqlalchemy", "sqlite3", "alembic", "requests", "urllib3", "psycopg2", "psycopg", "pymysql"}
)


class StoreAway(StorageError):
    """The tracking store cannot be reached now; what was to be logged waits and is not lost."""


class RecordRefused(StorageError):
    """The store refuses this record for good; trying again would not help."""


def explain(error: Exception, address: str) -> StorageError | None:
    """Say what an exception of the store or its drivers means, with no password in it.

    Returns None for an exception that doesn't come from there: a fault of the program.
    """
    code = str(getattr(error, "error_code", ""))
    reason = _reason(error, address)
    place = f"MLflow at {redact(address)}"
    if code == "INVALID_PARAMETER_VALUE":
        return RecordRefused(f"{place}: refused: {reason}")
    if "database schema" in reason or "Can't locate revision" in reason:
        return StorageError(
            f"{place}: a database of another MLflow version ({reason}); back it up and run "
            "mlflow db upgrade ADDRESS, or choose another folder"
        )
    if isinstance(error, ImportError) and not is_server(address):
        extra = extra_of(address)
        return StorageError(
            f"{place}: the database's driver is not installed ({reason}); "
            + (f"pip install 'payoff[{extra}]'" if extra else "install it")
        )
    driver = type(error).__module__.split(".")[0] in _DRIVERS
    if code or driver or isinstance(error, OSError):
        return StoreAway(f"{place}: {reason}; what is to be logged waits on disk")
    return None


def _reason(error: Exception, address: str) -> str:
    """Return one short line that says what went wrong."""
    text = redact(error, address)
    for sign, meaning in _MEANINGS:
        if sign in text:
            return meaning
    line = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 3] + "..."
