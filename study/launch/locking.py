"""Turns that processes of one machine take."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from study.errors import writing
from study.places import Places


def exclusively(places: Places) -> AbstractContextManager[None]:
    """Wait for, and hold, the right to set up or tidy the storages below ``places``."""
    return _holding(places.root / ".lock")


def concluding(places: Places, study: str) -> AbstractContextManager[None]:
    """Wait for, and hold, the right to analyse a study, write its results and log them."""
    return _holding(places.spool(study) / ".concluding")


def opening(address: str) -> AbstractContextManager[None]:
    """Wait for, and hold, the right to open an explicit storage, which may make its tables.

    The lock is not below the root: an address that can't be opened leaves nothing there.
    """
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    return _holding(Path(tempfile.gettempdir()) / f"payoff-{os.getuid()}-{name}.opening")


@contextmanager
def _holding(path: Path) -> Iterator[None]:
    """Wait for, and hold, the kernel's lock of a file; it is free when its holder is gone."""
    with writing(path.parent, "make room, or choose another folder with --root"):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w", encoding="utf-8")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
