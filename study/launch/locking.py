"""Turns that processes of one machine take."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from study.errors import StorageError
from study.places import Places


@contextmanager
def exclusively(places: Places) -> Iterator[None]:
    """Wait for, and hold, the right to set up or tidy the storages below ``places``.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    try:
        places.root.mkdir(parents=True, exist_ok=True)
        file = (places.root / ".lock").open("w", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{places.root}: cannot be written ({error.strerror}); "
            "make room, or choose another folder with --root"
        ) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
