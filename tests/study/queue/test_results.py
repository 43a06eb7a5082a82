"""Results count once; a database that was away when they were told loses none."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from study.errors import StorageError
from study.places import Places
from study.queue.filling import template
from study.queue.opening import open_storage, stored_records
from study.queue.store import StudyStore
from tests.support.queues import TOTAL, drain, record_of, requeue, spec_of, sqlite_address


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


def test_records_are_the_same_with_and_without_the_study_file(tmp_path: Path) -> None:
    address, places, spec = sqlite_address(tmp_path), Places.at(tmp_path), spec_of()
    store = StudyStore(spec, open_storage(address, places))
    store.prepare()
    claims = drain(store)
    first = claims[0]
    study_id = store.storage.get_study_id_from_name(first.optuna_study)
    for _ in range(2):  # two launchers queued the slot at once, and a later version ran its second
        again = store.storage.create_new_trial(study_id, template(spec, first.slot))
    content = {**record_of(spec, first, worker="late").content(), "mood": "cheerful"}
    store.storage.set_trial_user_attr(again, "record", content)
    store.storage.set_trial_state_values(again, TrialState.COMPLETE, [0.5])
    known = stored_records("small", address, places, "payoff run")
    assert len(known) == TOTAL
    assert {one.slot: one for one in known} == {one.slot: one for one in store.records()}


def test_a_record_of_a_later_version_is_read(storage: BaseStorage) -> None:
    store = StudyStore(spec_of(), storage)
    store.prepare()
    claims = store.claim("w")
    assert claims
    content = {**record_of(store.spec, claims[0]).content(), "mood": "cheerful"}
    storage.set_trial_user_attr(claims[0].trial_id, "record", content)
    storage.set_trial_state_values(claims[0].trial_id, TrialState.COMPLETE, [0.5])
    assert [one.slot for one in store.records()] == [claims[0].slot.name]


def test_a_database_that_cannot_tell_its_studies_is_one_line(tmp_path: Path) -> None:
    address, places = sqlite_address(tmp_path), Places.at(tmp_path)
    StudyStore(spec_of(), open_storage(address, places)).prepare()
    with contextlib.closing(sqlite3.connect(tmp_path / "optuna.db")) as connection:
        connection.execute("ALTER TABLE studies RENAME COLUMN study_name TO elsewhere")
    with pytest.raises(StorageError, match="did not answer"):
        stored_records("small", address, places, "payoff run")


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
