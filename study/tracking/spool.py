"""Finished trials on disk until MLflow has them: one small JSON file a trial, or one for several.

A worker writes its record here before it tells anybody else, so a crash, a full database or an
absent server loses no finished work. One process at a time, the holder of :meth:`Spool.drain_lock`,
delivers the records and removes them.

A file appears whole or not at all (written beside, synced, renamed). Its name follows from the
Optuna study and the slot, so a trial that is run again after a crash replaces its own record
instead of adding a second one. To sync a file takes milliseconds in which a worker waits: trials
that finish together share a file, one record a line, which is named after its content.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from analysis.bounded import Unreadable, read_bounded
from study.errors import StorageAway, StorageError
from study.locks import lock, open_lock
from study.record import TrialRecord
from study.redaction import redact

BROKEN = "broken"
"""Sub-folder of files that are not records, kept for a person to look at."""

DESTINATION = ".destination"
"""File that says which MLflow address the records are meant for (never with a password)."""

MOST_BYTES = 256_000_000
"""Of one record: curves of millions of steps."""

STALE_SECONDS = 600.0
"""Age after which a half-written temporary file is that of a dead worker: a write takes ms."""

_SUFFIX = ".json"
_SEVERAL = re.compile(r"trials-(\d+)-[0-9a-f]{24}\.jsonl")
"""Name of a file of several records, which says how many."""


@dataclass(frozen=True)
class Batch:
    """The records of one file: they came together, and go together."""

    path: Path
    records: tuple[TrialRecord, ...]


class Spool:
    """A folder of finished trials that wait for delivery."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)

    def put(self, record: TrialRecord) -> Path:
        """Write a record so that it survives a crash of the process or of the machine."""
        return self.put_together([record]).path

    def put_together(self, records: Sequence[TrialRecord]) -> Batch:
        """Write records, at least one, into one file: all of them or none."""
        text = "\n".join(record.to_json() for record in records)
        path = self._path_of(records, text)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._write(path, text)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise (StorageAway if full else StorageError)(
                f"{self.directory}: the finished trial {records[0].slot} cannot be stored "
                f"({_reason(error)}); {_remedy(error)}, then start the study again"
            ) from None
        return Batch(path, tuple(records))

    def pending(self) -> Iterator[TrialRecord]:
        """Yield the waiting records, oldest first; what is no record is moved to ``broken/``."""
        for batch in self.batches():
            yield from batch.records

    def batches(self) -> Iterator[Batch]:
        """Yield the waiting records file by file, as :meth:`pending` does."""
        for path in self._waiting_files():
            try:
                text = read_bounded(path, MOST_BYTES).decode("utf-8")
                records = tuple(map(TrialRecord.from_json, text.split("\n")))
            except FileNotFoundError:
                continue  # delivered meanwhile by the holder of the lock
            except ValueError as error:
                self._explain(self._set_aside(path), str(error))
                continue
            except Unreadable as error:
                raise StorageError(f"{path}: {error}; give this user the right to do so") from None
            if self._path_of(records, text).name != path.name:
                self._explain(self._set_aside(path), "its name is not that of what is in it")
            else:
                yield Batch(path, records)

    def done(self, record: TrialRecord) -> None:
        """Remove a delivered record, unless a newer one of the same trial has taken its place."""
        path = self._path(record)
        try:
            if path.read_text(encoding="utf-8") == record.to_json():
                path.unlink()
            return
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StorageError(
                f"{path}: cannot be removed ({_reason(error)}); {_remedy(error)}"
            ) from None
        if (batch := self._holder(record)) is not None:
            self.leave(batch, [one for one in batch.records if one != record])

    def done_together(self, batch: Batch) -> None:
        """Remove the records of a file, all delivered."""
        if len(batch.records) == 1:
            self.done(batch.records[0])
            return
        with _writing(self.directory):
            batch.path.unlink(missing_ok=True)

    def leave(self, batch: Batch, left: Sequence[TrialRecord]) -> None:
        """Remove the records of a file but some; a crash in between leaves those in two files.

        They stay as old as they are, and so before what came later.
        """
        if len(left) == len(batch.records):
            return
        with _writing(self.directory):
            if left:
                age = batch.path.stat().st_mtime_ns
                os.utime(self.put_together(left).path, ns=(age, age))
        self.done_together(batch)

    def adopt(self, batch: Batch, other: Spool, mine: Sequence[TrialRecord]) -> None:
        """Take over some records of a file of another spool of the same disk; the rest goes.

        Doing it again is safe. A machine that fails may leave records in either: from both they
        are delivered.
        """
        with _writing(self.directory), suppress(FileNotFoundError):  # taken over before
            self.directory.mkdir(parents=True, exist_ok=True)
            if len(mine) == len(batch.records):
                os.replace(batch.path, self.directory / batch.path.name)
                return
        if mine:
            self.put_together(mine)
        other.done_together(batch)

    def split(self, batch: Batch, some: Sequence[TrialRecord]) -> Batch:
        """Give some records of a file one of their own, and return that."""
        self.put_together([one for one in batch.records if one not in some])
        alone = self.put_together(some)
        self.done_together(batch)
        return alone

    def reject(self, record: TrialRecord, reason: str) -> None:
        """Move a record that MLflow refuses for good to ``broken/``, with the reason beside it."""
        batch = self._holder(record)
        if batch is not None:
            self.put(record)
            self.leave(batch, [one for one in batch.records if one != record])
        self._explain(self._set_aside(self._path(record)), reason)

    def waiting(self) -> int:
        """Return how many records wait."""
        return sum(map(_n_records, self._waiting_files()))

    def broken(self) -> int:
        """Return how many files were moved aside because they are no records."""
        folder = self.directory / BROKEN
        if not folder.is_dir():
            return 0
        return sum(1 for path in folder.iterdir() if not path.name.endswith(".reason.txt"))

    def remember(self, address: str) -> None:
        """Note where the records are to go, so that they can be delivered without the study."""
        text = redact(address)
        with _writing(self.directory):
            if self.destination() != text:
                self.directory.mkdir(parents=True, exist_ok=True)
                self._write(self.directory / DESTINATION, text)

    def destination(self) -> str:
        """Return the noted address, passwords masked; empty if none was noted."""
        try:
            return (self.directory / DESTINATION).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    @contextmanager
    def drain_lock(self) -> Iterator[bool]:
        """Hold the right to deliver, if it is free; yields whether this process has it.

        The lock is the kernel's, so it is free again as soon as its holder is gone, killed or
        not. Whoever gets it also clears away what killed workers left half-written.
        """
        path = self.directory / ".lock"
        with _writing(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            file = open_lock(path)
        with file:
            mine = lock(file, path, wait=False)
            if mine:
                self._clear_leftovers()
            yield mine

    def _path(self, record: TrialRecord) -> Path:
        """Return the one file of a trial: readable, and exact through the digest at its end."""
        key = f"{record.study_digest}/{record.optuna_study}/{record.slot}"
        readable = re.sub(r"[^A-Za-z0-9.=-]+", "-", f"{record.optuna_study} {record.slot}")
        digest = hashlib.sha256(key.encode()).hexdigest()[:12]
        return self.directory / f"{readable.lstrip('.')[:120]}-{digest}{_SUFFIX}"

    def _path_of(self, records: Sequence[TrialRecord], text: str) -> Path:
        """Return the file of one record or of several, whose text is one a line."""
        if len(records) == 1:
            return self._path(records[0])
        digest = hashlib.sha256(text.encode()).hexdigest()[:24]
        return self.directory / f"trials-{len(records)}-{digest}.jsonl"

    def _holder(self, record: TrialRecord) -> Batch | None:
        """Return the file of several records that holds this one."""
        several = (batch for batch in self.batches() if len(batch.records) > 1)
        return next((batch for batch in several if record in batch.records), None)

    def _write(self, path: Path, text: str) -> None:
        """Write a whole file or none: temporary file, sync, rename, sync of the folder."""
        handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=self.directory)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(self.directory)

    def _waiting_files(self) -> list[Path]:
        """List the files that should be records, oldest first."""
        aged: list[tuple[int, str, Path]] = []
        with suppress(FileNotFoundError), os.scandir(self.directory) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.is_file():
                    with suppress(FileNotFoundError):
                        aged.append((entry.stat().st_mtime_ns, entry.name, Path(entry.path)))
        return [path for _, _, path in sorted(aged)]

    def _set_aside(self, path: Path) -> Path | None:
        """Move a file to ``broken/`` under a name that is free."""
        folder = self.directory / BROKEN
        folder.mkdir(exist_ok=True)
        target = folder / f"{path.stem}-{time.time_ns()}{path.suffix}"
        try:
            path.rename(target)
        except FileNotFoundError:
            return None
        return target

    def _explain(self, moved: Path | None, reason: str) -> None:
        """Say beside a file that was moved aside why it was."""
        if moved is not None:
            moved.with_suffix(".reason.txt").write_text(
                redact(reason) + "\n", encoding="utf-8", errors="backslashreplace"
            )

    def _clear_leftovers(self) -> None:
        """Remove temporary files of workers that were killed in the middle of writing."""
        limit = time.time() - STALE_SECONDS
        for path in self.directory.glob(".writing-*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    path.unlink()


def _n_records(path: Path) -> int:
    """Return how many records a file holds, by its name."""
    several = _SEVERAL.fullmatch(path.name)
    return int(several[1]) if several else 1


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be written ({_reason(error)}); {_remedy(error)}"
        ) from None


def _reason(error: OSError) -> str:
    """Say what went wrong in the system's own words, with no path in it."""
    return error.strerror or type(error).__name__


def _remedy(error: OSError) -> str:
    """Say what a person can do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room on that disk"
    return "give this user the right to write there"
