"""The errors of doing a study that a person reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from search_spaces.errors import PayoffError


class StudyFileError(PayoffError):
    """One or more mistakes in a study file, all found in one reading."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class DataError(PayoffError):
    """Data that cannot be used as they are (a NaN, a class missing from a subset, ...)."""


class StorageError(PayoffError):
    """A storage that cannot be read, written or trusted."""


class StorageAway(StorageError):
    """A storage that does not answer now, and may again: worth waiting for."""


@contextmanager
def writing(place: object, remedy: str) -> Iterator[None]:
    """Say in one line that a file or folder cannot be written, and what to do."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{place}: cannot be written ({error.strerror}); {remedy}") from None
