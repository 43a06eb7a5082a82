"""The errors a person reads: each names the thing, the rule, the value given and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class PayoffError(Exception):
    """A user's mistake or a condition of the machine; shown in one line, exit status 2."""


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


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest known name, or an empty string."""
    names = list(known)
    close = [other for other in names if other.casefold() == name.casefold()] or (
        difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    )
    return f"; did you mean {close[0]!r}?" if close else ""
