"""Who is alive: each worker holds a lock on a file of its own, and the system frees it on death.

An advisory ``flock`` is released by the kernel whenever its process ends, SIGKILL included, so a
lease needs no clock and no heartbeat. The folder of the leases has an identity of its own, kept in
a file, and every lease is named after it: a host that changes its name or mounts the folder
elsewhere still knows its own dead, and workers of another folder are never taken for dead.
"""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path
from typing import IO

from study.errors import writing
from study.locks import lock, open_lock

IDENTITY = ".identity"
"""File with the identity of the folder."""


class Lease:
    """A worker's proof of life; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._host = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._file: IO[bytes] | None = None
        self.name = ""
        """What the worker signs with, once entered."""

    def __enter__(self) -> Lease:
        with writing(self._folder, "make room or choose another folder with --root"):
            self.name = f"{identity(self._folder)}-{self._host}"
            path = _path(self._folder, self.name)
            while True:
                self._file = open_lock(path)
                lock(self._file, path)
                if _is_on_disk(self._file, path):
                    return self
                # Somebody who looked for the dead took the file between open and lock.
                self._file.close()

    def __exit__(self, *error: object) -> None:
        _path(self._folder, self.name).unlink(missing_ok=True)
        if self._file is not None:
            self._file.close()


def identity(folder: Path) -> str:
    """Return the identity of a folder of leases, made on first use."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / IDENTITY
    if not path.exists():
        # Written beside and linked into place: of several writers the first one wins.
        mine = folder / f"{IDENTITY}.{uuid.uuid4().hex}"
        mine.write_text(uuid.uuid4().hex[:12], encoding="utf-8")
        try:
            os.link(mine, path)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return path.read_text(encoding="utf-8")


def is_of(folder: Path, name: str) -> bool:
    """Tell whether a lease was given in this folder, so that the kernel knows of its holder."""
    return folder.is_dir() and name.startswith(f"{identity(folder)}-")


def is_alive(folder: Path, name: str) -> bool:
    """Tell whether the worker that was given the lease ``name`` still lives.

    Workers of another folder can't be seen and count as alive. Leases of the dead are removed.
    """
    if not is_of(folder, name):
        return True
    path = _path(folder, name)
    try:
        with open_lock(path, 0) as file:
            if not lock(file, path, wait=False):
                return True
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return False


def living(folder: Path) -> tuple[str, ...]:
    """Return the names of the living workers of this folder."""
    if not folder.is_dir():
        return ()
    names = sorted(path.stem for path in folder.glob("*.lease"))
    return tuple(name for name in names if is_alive(folder, name))


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.lease"


def _is_on_disk(file: IO[bytes], path: Path) -> bool:
    try:
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
