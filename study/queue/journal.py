"""Optuna's journal file, made to survive what happens to processes and disks.

Optuna's own backend leaves two doors open on one machine: its lock is a symbolic link, so that a
killed process keeps everybody waiting for thirty seconds; and a line that a full disk cut short
spoils the file for good, since the next line is glued to it. Here the lock is an ``flock``, which
the kernel frees on death, and a torn last line is cut away before the next one is written.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from study.errors import writing
from study.locks import lock
from study.queue.upstream import Unlike, expect, expect_arguments, go_public

BLOCK = 65536
"""Bytes read at a time in search of the end of a line."""


UNREADABLE = (AssertionError, KeyError, ValueError, TypeError, AttributeError, IndexError,
              OverflowError, RecursionError)  # fmt: skip
"""What Optuna raises of a line that is none of its own."""


class UnreadableLine(ValueError):
    """A line of a journal of which Optuna can make nothing; says which, and why."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        super().__init__(f"line {line:,} ({reason})")


class LocalJournal(JournalFileBackend):
    """Optuna's journal file with the writing of this module, where Optuna's lines are like ours."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.durable = True
        self._ours = _is_known()
        lock = {"lock_obj": NoLock()} if self._ours else {}
        self.line = 0
        """The line that is read; Optuna stops there if it cannot make anything of it."""
        super().__init__(str(path), **lock)  # type: ignore[arg-type]

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Read what was appended, and remember where."""
        self.line = log_number_from + 1
        for log in super().read_logs(log_number_from):
            yield log
            self.line += 1

    def check_last_line(self) -> None:
        """Raise where nothing can be made of the last line, which Optuna passes by at first."""
        with self.path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - BLOCK))
            lines = file.read().splitlines(keepends=True)
        if lines and lines[-1].endswith(b"\n") and (len(lines) > 1 or end <= BLOCK):
            json.loads(lines[-1])

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append, all or nothing, and reach the disk before returning."""
        remedy = "make room, then start the study again: nothing that was finished is lost"
        with writing(self.path, remedy):
            if self._ours:
                append(self.path, logs, durable=self.durable)
            elif logs:  # of none, Optuna would make an empty line
                super().append_logs(logs)


class LocalStorage(JournalStorage):
    """Optuna's journal storage over a :class:`LocalJournal`."""

    def __init__(self, path: Path) -> None:
        self.journal = LocalJournal(path)
        try:
            super().__init__(self.journal)
            self.journal.check_last_line()
        except UNREADABLE as error:
            reason = str(error) if isinstance(error, ValueError) else f"{error!r}"
            raise UnreadableLine(self.journal.line, reason) from None


@contextmanager
def in_bulk(storage: BaseStorage) -> Iterator[None]:
    """Reach the disk once at the end instead of at each step (journal only).

    What is written is safe from a killed process at once. A machine that loses its power may
    forget it; then those trials run again, and what they return is the same.
    """
    if not isinstance(storage, LocalStorage):
        yield
        return
    journal = storage.journal
    before, journal.durable = journal.durable, False
    try:
        yield
    finally:
        journal.durable = before
        if before:
            journal.append_logs([])


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
        lock(file, path)
        yield file


def append(path: Path, logs: list[dict[str, Any]], *, durable: bool) -> None:
    """Append one JSON line a log; all of them or, on a full disk, none."""
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
    while end > 0:
        start = max(0, end - BLOCK)
        file.seek(start)
        end = start + file.read(end - start).rfind(b"\n") + 1
        if end > start:
            break
    os.ftruncate(file.fileno(), end)


@functools.cache
def _is_known() -> bool:
    """Tell whether Optuna writes its journal as :func:`append` does: what a file holds is private.

    Where it can't be tried, for want of room, it is taken to be so.
    """
    logs: list[dict[str, Any]] = [{"op_code": 0, "name": "\u00e9", "to": [1, 0.5]}, {"to": None}]
    try:
        expect_arguments(JournalFileBackend, "__init__", "self", "file_path", "lock_obj")
        expect_arguments(JournalFileBackend, "append_logs", "self", "logs")
        with contextlib.suppress(OSError), tempfile.TemporaryDirectory() as folder:
            ours, theirs = Path(folder) / "ours", Path(folder) / "theirs"
            append(ours, logs, durable=False)
            JournalFileBackend(str(theirs)).append_logs(logs)
            expect(ours.read_bytes() == theirs.read_bytes(), "Optuna writes other lines")
    except Unlike as reason:
        go_public("the journal is written and locked by Optuna", str(reason))
        return False
    return True
