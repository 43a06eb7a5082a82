"""Results count once; a database that was away when they were told loses none."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.storages import BaseStorage

from study.errors import StorageError
from study.places import Places
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from tests.support.queues import drain, record_of, requeue, spec_of, sqlite_address


@contextlib.contextmanager
def away(folder: Path) -> Iterator[None]:
    """Let SQLite answer nothing about trials meanwhile."""
    rename(folder, "trials", "elsewhere")
    try:
        yield
    finally:
        rename(folder, "elsewhere", "trials")


def rename(folder: Path, old: str, new: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "optuna.db")) as connection:
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.execute(f"ALTER TABLE {old} RENAME TO {new}")


def test_a_result_told_twice_counts_once(storage: BaseStorage) -> None:
    spec = spec_of()
    store = StudyStore(spec, storage)
    store.prepare()
    claims = store.claim("w")
    assert claims
    record = record_of(spec, claims[0])
    assert store.finish(claims[0].trial_id, record)
    assert not store.finish(claims[0].trial_id, dataclasses.replace(record, reason="other"))
    assert store.records()[0].reason == ""
    assert store.counts().finished == 1


def test_a_result_that_the_database_never_heard_leaves_its_trial_unfinished(tmp_path: Path) -> None:
    spec = spec_of(search={"trials": 1})
    store = StudyStore(spec, open_storage(sqlite_address(tmp_path), Places.at(tmp_path)))
    store.prepare()
    claims = store.claim("w")
    assert claims
    with away(tmp_path), pytest.raises(StorageError, match="did not answer"):
        store.finish(claims[0].trial_id, record_of(spec, claims[0]))
    # Somebody takes the worker for dead: the trial waits again, and this worker sees it.
    other = StudyStore(spec, open_storage(sqlite_address(tmp_path), Places.at(tmp_path)))
    assert requeue(other) == 1
    assert claims[0].slot in [claim.slot for claim in drain(store)]
    assert store.counts().finished == store.counts().total


@pytest.mark.slow
def test_a_database_that_goes_away_is_one_line(tmp_path: Path) -> None:
    spec = spec_of()
    store = StudyStore(spec, open_storage(sqlite_address(tmp_path), Places.at(tmp_path)))
    store.prepare()
    (tmp_path / "optuna.db").write_bytes(b"spoiled" * 1000)
    with pytest.raises(StorageError, match=r"the database did not answer .*start the study again"):
        store.claim("w")
