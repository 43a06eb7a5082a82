"""Optuna's journal file, made to survive what happens to processes and disks.

Optuna's own backend leaves two doors open on one machine: its lock is a symbolic link, so that a
killed process keeps everybody waiting for thirty seconds; and a line that a full disk cut short
spoils the file for good, since the next line is glued to it. Here the lock is an ``flock``, which
the kernel frees on death, and a torn last line is cut away before the next one is written.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


class NoLock:
    """Optuna asks for a lock object; the locking is done in :func:`append`."""

    def acquire(self) -> bool:
        """Do nothing."""
        return True

    def release(self) -> None:
        """Do nothing."""


@contextmanager
def locked(path: Path) -> Iterator[IO[bytes]]:
    """Open ``path`` for appending under an exclusive lock."""
    with path.open("ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def append(path: Path, logs: list[dict[str, Any]], *, durable: bool) -> None:
    """Append one JSON line a log; all of them or none.

    Raises
    ------
    OSError
        If the disk is full; the file is then as long as before.
    """
    text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
    with locked(path) as file:
        cut_torn_line(file)
        before = os.fstat(file.fileno()).st_size
        try:
            written = 0
            while written < len(text):
                written += os.write(file.fileno(), text[written:])
        except OSError:
            os.ftruncate(file.fileno(), before)
            raise
        if durable:
            os.fsync(file.fileno())


def cut_torn_line(file: IO[bytes]) -> None:
    """Cut the file back to its last whole line."""
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return
    file.seek(end - 1)
    if file.read(1) == b"\n":
        return
    block = 65536
    position = end
    while position > 0:
        start = max(0, position - block)
        file.seek(start)
        newline = file.read(position - start).rfind(b"\n")
        if newline >= 0:
            os.ftruncate(file.fileno(), start + newline + 1)
            return
        position = start
    os.ftruncate(file.fileno(), 0)
