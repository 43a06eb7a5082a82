"""Errors of a database: which mean that it does not answer now, and how a person is told."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import optuna
from sqlalchemy import exc

from search_spaces.errors import PayoffError
from study.errors import StorageAway, StorageError
from study.redaction import redact

P = ParamSpec("P")
T = TypeVar("T")

AWAY = (
    "connect", "terminat", "closed", "gone away", "starting up", "shutting down", "refused",
    "locked", "deadlock",
)  # fmt: skip
"""Words of drivers whose database does not answer, or not now."""

MADE = ("already exists", "duplicate")
"""Words of drivers whose database holds a table, type or row already."""


def is_of_database(error: Exception) -> bool:
    """Tell whether an error came from a database or its driver, rather than from us."""
    internal = isinstance(error, optuna.exceptions.StorageInternalError)
    return internal or type(error).__module__.split(".")[0] in ("sqlalchemy", "grpc")


def is_away(error: BaseException) -> bool:
    """Tell whether a database's error means that it does not answer now, but may again."""
    for cause in _causes(error):
        if type(cause).__module__.startswith("grpc") or isinstance(cause, exc.TimeoutError):
            return True
        if isinstance(cause, exc.DBAPIError) and cause.connection_invalidated:
            return True
        if isinstance(cause, exc.OperationalError | exc.InterfaceError):
            text = str(cause).casefold()
            return "sqlite" not in text and any(word in text for word in AWAY)
    return False


def was_overtaken(error: BaseException) -> bool:
    """Tell whether what an error was to make had been made by another process just before."""
    return any(
        isinstance(cause, exc.DBAPIError)
        and (
            isinstance(cause, exc.IntegrityError) or any(one in str(cause).lower() for one in MADE)
        )
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, what it came from, what that came from ..."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


FOREIGN = (KeyError, TypeError, ValueError, AttributeError, IndexError, AssertionError)
"""What comes of reading something else than payoff wrote."""


def unlike(error: Exception) -> StorageError:
    """Say that a storage holds what payoff did not write, or a disk has changed."""
    text = redact(f"{type(error).__name__}: {error}").partition("\n")[0]
    return StorageError(
        f"storage.optuna: holds something else than payoff wrote ({text:.200}); restore it from a "
        "copy, see what can be read of a journal with: payoff mend, or start afresh with --root"
    )


def explained(method: Callable[P, T]) -> Callable[P, T]:
    """Turn a database's errors into one line without its password."""

    @functools.wraps(method)
    def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            if isinstance(error, FOREIGN) and not isinstance(error, PayoffError):
                raise unlike(error) from error
            if not is_of_database(error):
                raise
            text = redact(str(error.__cause__ or error).splitlines()[0])
            kind = StorageAway if is_away(error) else StorageError
            raise kind(
                f"storage.optuna: the database did not answer ({text}); "
                "see that it runs, then start the study again: nothing that was finished is lost"
            ) from None

    return inner
