"""Who is alive: each worker holds a lock on a file of its own, and the system frees it on death.

An advisory ``flock`` is released by the kernel whenever its process ends, SIGKILL included, so a
lease needs no clock and no heartbeat on one machine. Workers of other hosts can't be seen this
way; they are taken to be alive.
"""

from __future__ import annotations

import fcntl
import os
import socket
import uuid
from pathlib import Path
from types import TracebackType
from typing import IO

from study.errors import StorageError


class Lease:
    """A worker's proof of life; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._path = folder / f"{self.name}.lease"
        self._file: IO[str] | None = None

    def __enter__(self) -> Lease:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            while True:
                self._file = self._path.open("w", encoding="utf-8")
                fcntl.flock(self._file, fcntl.LOCK_EX)
                if self._is_the_file_on_disk(self._file):
                    break
                # Somebody who looked for the dead took the file between open and lock.
                self._file.close()
        except OSError as error:
            raise StorageError(
                f"{self._path.parent}: cannot be written ({error.strerror}); "
                "make room or choose another folder with --root"
            ) from None
        return self

    def _is_the_file_on_disk(self, file: IO[str]) -> bool:
        try:
            return os.fstat(file.fileno()).st_ino == self._path.stat().st_ino
        except FileNotFoundError:
            return False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._path.unlink(missing_ok=True)
        if self._file is not None:
            self._file.close()


def is_alive(folder: Path, name: str) -> bool:
    """Tell whether the worker that was given the lease ``name`` still lives.

    Foreign hosts' workers count as alive. Leases of the dead are removed.
    """
    if not name.startswith(f"{socket.gethostname()}-"):
        return True
    path = folder / f"{name}.lease"
    try:
        with path.open("r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    except FileNotFoundError:
        return False
    path.unlink(missing_ok=True)
    return False


def living(folder: Path) -> tuple[str, ...]:
    """Return the names of the living workers of this host."""
    if not folder.is_dir():
        return ()
    names = sorted(path.stem for path in folder.glob("*.lease"))
    return tuple(name for name in names if is_alive(folder, name))
