"""What can go wrong between a study and its tracking store, in one clear line each."""

from __future__ import annotations

from study.errors import StorageError
from study.redaction import redact

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
