"""Creating the tracking database so that neither a race nor a kill leaves a broken one.

A tracking database is made by dozens of migrations that take seconds. Two processes that do it at
once, or one that is killed in the middle, leave a file that never opens again. So it is made under
a lock, in a file beside, and renamed into place when it is whole.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

from study.errors import StorageError
from study.locks import holding, holding_address
from study.places import sqlite_address, sqlite_file

LOCAL_FILE_SYSTEMS = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "overlay", "tmpfs"}
)
"""Where SQLite's write-ahead log is safe: its shared memory doesn't work over a network
(sqlite.org/wal.html, section 1)."""

_UNFINISHED = ".unfinished"


def creation_lock(address: str) -> AbstractContextManager[None]:
    """Let one process of this machine at a time set up the store at an address."""
    file = sqlite_file(address)
    if file is None:
        return holding_address(address, "lock")
    return holding(file.with_name(file.name + ".lock"))


def create(address: str, build: Callable[[str], None]) -> None:
    """Create the SQLite file of an address if it is not there; check it if it is.

    ``build`` is called with the address of an empty file: it makes the tables and leaves no
    connection open. What is not SQLite is left to its server.
    """
    file = sqlite_file(address)
    if file is None:
        return
    if file.exists() and file.stat().st_size:
        _check(file)
        return
    unfinished = file.with_name(file.name + _UNFINISHED)
    for leftover in unfinished.parent.glob(unfinished.name + "*"):
        leftover.unlink()
    build(sqlite_address(unfinished))
    if _is_local(unfinished.parent):
        # Readers (the UI) then don't wait for the writer, and a commit syncs once, not thrice.
        with closing(sqlite3.connect(unfinished)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    for suffix in ("-wal", "-shm"):
        # Left by a database that was deleted: SQLite would apply its log to the new one.
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    os.replace(unfinished, file)


def _check(file: Path) -> None:
    """Raise a clear error for a file that is no database or can't be written."""
    if not os.access(file, os.W_OK) or not os.access(file.parent, os.W_OK):
        raise StorageError(
            f"{file}: cannot be written; get the right to write it, or choose another folder"
        )
    try:
        with closing(sqlite3.connect(file, timeout=20)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise StorageError(
            f"{file}: not a usable SQLite database ({error}); "
            "move it away and start again: what is not logged yet is not lost"
        ) from None


def _is_local(folder: Path) -> bool:
    """Tell whether a folder is known to be on a disk of this machine."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    best, kind = "", ""
    for line in mounts:
        left, _, right = line.partition(" - ")
        point = left.split()[4].replace("\\040", " ")
        inside = folder == Path(point) or Path(point) in folder.parents
        if inside and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind in LOCAL_FILE_SYSTEMS
