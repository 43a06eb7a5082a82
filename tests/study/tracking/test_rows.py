"""Runs written as rows against runs logged by MLflow's own client, table by table."""

from __future__ import annotations

import dataclasses
import errno
import logging
import math
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from study.errors import StorageError
from study.places import Places
from study.record import TrialRecord
from study.tracking import entries as tracking_entries
from study.tracking import rows as tracking_rows
from study.tracking.entries import Point, RunEntry, entry
from study.tracking.errors import StoreAway
from study.tracking.rows import COLUMNS, NotWritable, RunRows
from study.tracking.tracker import StudyInfo, Tracker
from tests.support.records import make_record

STUDY = StudyInfo(name="rows", digest="d" * 64)


ODD_POINTS = (
    Point(name="nothing", value=math.nan, step=0),
    Point(name="much", value=math.inf, step=0),
    Point(name="little", value=-math.inf, step=0),
    *(Point(name="holes", value=v, step=s) for s, v in ((0, math.nan), (5, 1.0), (9, math.nan))),
    *(Point(name="twice", value=v, step=3) for v in (2.0, 7.0, 7.0, -1.0)),
)
"""All that a metric may be in the store, though records hold none of it."""


def oddly(record: TrialRecord) -> RunEntry:
    written = entry(record)
    return dataclasses.replace(written, points=(*written.points, *ODD_POINTS))


def made(root: Path, *, rows: bool) -> Tracker:
    places = Places.at(root)
    tracker = Tracker(places.mlflow_address, places.artifacts, STUDY)
    tracker._may_write_rows = rows
    tracker.initialise()
    return tracker


def table_of(root: Path, table: str) -> list[tuple[object, ...]]:
    """The rows of trials' runs, with trials for runs."""
    with closing(sqlite3.connect(root / "mlflow.db")) as store:
        names = dict(
            store.execute("SELECT run_uuid, value FROM tags WHERE key = 'payoff.trial'").fetchall()
        )
        columns = sorted(COLUMNS[table])
        rows = store.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
    place = columns.index("run_uuid")
    return sorted(
        (
            tuple(
                str(value).replace(row[place], "RUN").replace(str(root), "ROOT")
                if column == "artifact_uri"
                else names[row[place]]
                if column == "run_uuid"
                else "PARENT"
                if row[0] == "mlflow.parentRunId" and column == "value"
                else value
                for column, value in zip(columns, row, strict=True)
            )
            for row in rows
            if row[place] in names
        ),
        key=repr,
    )


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same records by MLflow's client, and as rows."""
    roots = []
    failed = dataclasses.replace(make_record(2), status="failed", reason="it burst")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking_entries, "entry", oddly)
        for name, rows in (("client", False), ("rows", True)):
            root = tmp_path_factory.mktemp(name)
            tracker = made(root, rows=rows)
            for record in (make_record(1), failed, make_record(3)):
                assert tracker.deliver(record) == "logged"
            assert (tracker._rows is not None) is rows
            roots.append(root)
    return roots[0], roots[1]


@pytest.mark.parametrize("table", sorted(COLUMNS))
def test_rows_are_those_of_mlflows_own_client(stores: tuple[Path, Path], table: str) -> None:
    by_client, by_rows = (table_of(root, table) for root in stores)
    assert len(by_client) >= 3
    assert by_rows == by_client


def test_nothing_else_in_the_store_differs(stores: tuple[Path, Path]) -> None:
    """MLflow's client writes to no table that is not known here."""

    def filled(root: Path) -> dict[str, int]:
        with closing(sqlite3.connect(root / "mlflow.db")) as store:
            every = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            return {
                name: store.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
                for (name,) in every
            }

    assert filled(stores[0]) == filled(stores[1])


def test_the_artifact_is_where_mlflow_looks_for_it(stores: tuple[Path, Path]) -> None:
    from mlflow import MlflowClient

    places = Places.at(stores[1])
    client = MlflowClient(tracking_uri=places.mlflow_address)
    (run,) = [
        run
        for run in client.search_runs(["1"])
        if run.data.tags.get("payoff.trial", "").endswith(make_record(3).slot)
    ]
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["trial.json"]
    assert TrialRecord.from_json(
        Path(client.download_artifacts(run.info.run_id, "trial.json")).read_text()
    ) == make_record(3)


def test_tables_of_another_version_are_left_to_the_client(tmp_path: Path) -> None:
    tracker = made(tmp_path, rows=True)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        store.execute("ALTER TABLE runs ADD COLUMN owner VARCHAR(20)")
        store.commit()
    with pytest.raises(NotWritable, match=r"the table runs of .* has other columns"):
        RunRows(tmp_path / "mlflow.db", tracker.experiment_id)
    assert tracker.deliver(make_record(1)) == "logged"
    assert len(table_of(tmp_path, "params")) == len(entry(make_record(1)).params)


def test_triggers_are_left_to_the_client(tmp_path: Path) -> None:
    tracker = made(tmp_path, rows=True)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        store.execute("CREATE TRIGGER watch AFTER INSERT ON runs BEGIN SELECT 1; END")
        store.commit()
    with pytest.raises(NotWritable, match="triggers"):
        RunRows(tmp_path / "mlflow.db", tracker.experiment_id)


def trials(root: Path) -> int:
    """Runs of trials in the store, deleted ones too."""
    return len(table_of(root, "runs"))


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        ("UPDATE runs SET name = 'other'", "name"),
        ("UPDATE runs SET end_time = 5", "end"),
        ("UPDATE tags SET value = 'other' WHERE key = 'payoff.record'", "set of tags"),
        ("DELETE FROM params WHERE key = 'width'", "set of parameters"),
        ("UPDATE latest_metrics SET is_nan = 1 WHERE key = 'test_error'", "metric"),
        ("UPDATE metrics SET value = value + 1 WHERE step > 0", "curve"),
    ],
)
def test_a_run_that_mlflow_reads_otherwise_is_removed_and_left_to_the_client(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    wrong: str,
) -> None:
    tracker = made(tmp_path, rows=True)
    insert = RunRows._insert

    def faulty(rows: RunRows, *args: Any) -> None:
        insert(rows, *args)
        where = " AND " if "WHERE" in fault else " WHERE "
        rows._store.execute(f"{fault}{where}run_uuid = ?", (args[0],))

    monkeypatch.setattr(RunRows, "_insert", faulty)
    records = [make_record(1), make_record(2)]
    with caplog.at_level(logging.INFO):
        assert [tracker.deliver(record) for record in records] == ["logged", "logged"]
    assert f"reads another {wrong} than" in caplog.text
    assert not tracker._may_write_rows
    assert trials(tmp_path) == 2
    assert len(list((tmp_path / "artifacts" / STUDY.name).glob("*/artifacts/trial.json"))) == 2


def test_a_run_that_could_not_be_read_back_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = made(tmp_path, rows=True)
    client = tracker._connected()
    asked: list[str] = []

    def busy(run_id: str) -> Any:
        asked.append(run_id)
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(client, "get_run", busy)
        with pytest.raises(StoreAway, match="another process holds the database"):
            tracker.deliver(make_record(1))
    assert len(asked) == 1 and trials(tmp_path) == 0
    assert tracker.deliver(make_record(1)) == "logged"
    assert tracker._rows_were_read and trials(tmp_path) == 1


def test_a_store_that_is_busy_is_away_and_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking_rows, "BUSY_SECONDS", 0.2)
    tracker = made(tmp_path, rows=True)
    tracker.deliver(make_record(1))
    tracker._forget_rows()
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as store:
        store.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(StoreAway, match="another process holds the database"):
            tracker.deliver(make_record(2))
        assert time.monotonic() - began < 15  # MLflow's client would wait for 20 s more
        store.execute("ROLLBACK")
    assert tracker.deliver(make_record(2)) == "logged"
    assert trials(tmp_path) == 2


def test_a_full_disk_leaves_no_run_and_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = made(tmp_path, rows=True)
    write = Path.write_text

    def full(path: Path, *args: Any, **how: Any) -> int:
        if path.name == "trial.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, *args, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        for _ in range(3):
            with pytest.raises(StoreAway):
                tracker.deliver(make_record(1))
    assert trials(tmp_path) == 0
    assert not list((tmp_path / "artifacts" / STUDY.name).glob("*"))
    assert tracker.deliver(make_record(1)) == "logged"


@pytest.mark.slow
def test_what_the_store_does_not_take_is_left_to_the_client(tmp_path: Path) -> None:
    tracker = made(tmp_path, rows=True)
    tracker.deliver(make_record(1))
    odd = dataclasses.replace(make_record(2), status="failed", reason="no file \udcff.npy")
    with pytest.raises(StorageError):
        tracker.deliver(odd)
    assert tracker.deliver(make_record(3)) == "logged"


def test_a_file_that_was_replaced_is_not_written(tmp_path: Path) -> None:
    tracker = made(tmp_path, rows=True)
    tracker.deliver(make_record(1))
    rows = tracker._rows
    assert rows is not None
    store = tmp_path / "mlflow.db"
    store.rename(tmp_path / "moved.db")
    store.write_bytes((tmp_path / "moved.db").read_bytes())
    with pytest.raises(NotWritable, match="was replaced"):
        rows.write(None, {}, print)  # type: ignore[arg-type]


def test_a_deleted_experiment_takes_no_rows(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    tracker = made(tmp_path, rows=True)
    rows = RunRows(tmp_path / "mlflow.db", tracker.experiment_id)
    MlflowClient(tracking_uri=tracker.address).delete_experiment(tracker.experiment_id)
    with pytest.raises(NotWritable, match="experiment is not there"):
        rows.write(None, {}, print)  # type: ignore[arg-type]
    assert table_of(tmp_path, "runs") == []
