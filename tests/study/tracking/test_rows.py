"""Runs written as rows against runs logged by MLflow's own client, table by table."""

from __future__ import annotations

import dataclasses
import errno
import logging
import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from study.errors import StorageError
from study.places import Places
from study.record import TrialRecord
from study.tracking import rows as tracking_rows
from study.tracking.client import StoreAway, connect
from study.tracking.entries import Point, RunEntry, StudyInfo, entry
from study.tracking.rows import COLUMNS, NotWritable, RunRows, Unfamiliar
from study.tracking.tracker import Tracker
from study.tracking.trial_runs import TrialRuns
from tests.support.records import make_record
from tests.support.tracking import tracker

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


def made(root: Path, *, rows: bool = True) -> Tracker:
    """A tracker of a store that is there."""
    ready = tracker(root, STUDY)
    ready.runs = TrialRuns(ready.experiment, as_rows=rows)
    ready.initialise()
    return ready


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
def stores(fresh_database: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same records by MLflow's client, and as rows."""
    roots = []
    failed = dataclasses.replace(make_record(2), status="failed", reason="it burst")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("study.tracking.tracker.entry", oddly)
        for name, rows in (("client", False), ("rows", True)):
            root = tmp_path_factory.mktemp(name)
            shutil.copy(fresh_database, root / "mlflow.db")
            ready = made(root, rows=rows)
            for record in (make_record(1), failed, make_record(3)):
                assert ready.deliver(record) == "logged"
            assert (ready.runs._rows is not None) is rows
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
    client = connect(Places.at(stores[1]).mlflow_address)
    (run,) = [
        run
        for run in client.search_runs(["1"])
        if run.data.tags.get("payoff.trial", "").endswith(make_record(3).slot)
    ]
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["trial.json"]
    assert TrialRecord.from_json(
        Path(client.download_artifacts(run.info.run_id, "trial.json")).read_text()
    ) == make_record(3)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What our own loggers said."""
    return [line.getMessage() for line in caplog.records if line.name.startswith("study")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        *(
            (f"ALTER TABLE {table} ADD COLUMN owner VARCHAR(20)", f"the table {table} of")
            for table in sorted(COLUMNS)
        ),
        ("CREATE TRIGGER watch AFTER INSERT ON runs BEGIN SELECT 1; END", "has triggers"),
    ],
)
def test_tables_that_are_not_as_known_are_left_to_the_client_for_good(
    store: Path, caplog: pytest.LogCaptureFixture, change: str, reason: str
) -> None:
    ready = made(store)
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        database.execute(change)
        database.commit()
    with caplog.at_level(logging.INFO):
        for number in range(3):
            ready.deliver(make_record(number))
    (line,) = said(caplog)
    assert line.startswith("MLflow's client logs all trials: ") and reason in line
    assert len(table_of(store, "params")) == 3 * len(entry(make_record(1)).params)
    assert ready.missing([make_record(number) for number in range(3)]) == []


def trials(root: Path) -> int:
    """Runs of trials in the store, deleted ones too."""
    return len(table_of(root, "runs"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        ("UPDATE runs SET name = 'other'", "name"),
        ("UPDATE runs SET end_time = 5", "end"),
        ("UPDATE tags SET value = 'other' WHERE key = 'payoff.record'", "set of tags"),
        ("DELETE FROM params WHERE key = 'width'", "set of parameters"),
        ("UPDATE latest_metrics SET is_nan = 1 WHERE key = 'test_error'", "metric"),
        ("UPDATE metrics SET value = value + 1 WHERE step > 0", "curve"),
        ("UPDATE runs SET artifact_uri = artifact_uri || '/lost'", "place of artifacts"),
    ],
)
def test_a_run_that_mlflow_reads_otherwise_is_removed_and_left_to_the_client(
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    wrong: str,
) -> None:
    ready = made(store)
    insert = RunRows._insert

    def faulty(rows: RunRows, *args: Any) -> None:
        insert(rows, *args)
        where = " AND " if "WHERE" in fault else " WHERE "
        rows._store.execute(f"{fault}{where}run_uuid = ?", (args[0],))

    monkeypatch.setattr(RunRows, "_insert", faulty)
    records = [make_record(1), make_record(2)]
    with caplog.at_level(logging.INFO):
        assert [ready.deliver(record) for record in records] == ["logged", "logged"]
    assert said(caplog) == [
        f"MLflow's client logs all trials: MLflow reads another {wrong} than was written"
    ]
    assert trials(store) == 2
    assert len(list((store / "artifacts" / STUDY.name).glob("*/artifacts/trial.json"))) == 2


def test_a_run_that_could_not_be_read_back_is_written_again(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = made(store)
    client = ready.experiment.client
    asked: list[str] = []

    def busy(run_id: str) -> Any:
        asked.append(run_id)
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(client, "get_run", busy)
        with pytest.raises(StoreAway, match="another process holds the database"):
            ready.deliver(make_record(1))
    assert len(asked) == 1 and trials(store) == 0
    assert ready.deliver(make_record(1)) == "logged"
    assert ready.runs._rows_are_proven and trials(store) == 1


def test_a_store_that_is_busy_is_away_and_asked_once(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking_rows, "BUSY_SECONDS", 0.2)
    ready = made(store)
    ready.deliver(make_record(1))
    ready.runs.close()
    with closing(sqlite3.connect(store / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with monkeypatch.context() as patch:
            patch.delattr(type(ready.experiment), "create_run")  # MLflow's client would wait again
            with pytest.raises(StoreAway, match="another process holds the database"):
                ready.deliver(make_record(2))
        other.execute("ROLLBACK")
    assert ready.deliver(make_record(2)) == "logged"
    assert trials(store) == 2


def test_a_full_disk_leaves_no_run_and_no_folder(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = made(store)
    write = Path.write_text

    def full(path: Path, *args: Any, **how: Any) -> int:
        if path.name == "trial.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, *args, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        for _ in range(3):
            with pytest.raises(StoreAway):
                ready.deliver(make_record(1))
    assert trials(store) == 0
    assert not list((store / "artifacts" / STUDY.name).glob("*"))
    assert ready.deliver(make_record(1)) == "logged"


@pytest.mark.slow
def test_what_the_store_does_not_take_is_left_to_the_client(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ready = made(store)
    ready.deliver(make_record(1))
    odd = dataclasses.replace(make_record(2), status="failed", reason="no file \udcff.npy")
    with caplog.at_level(logging.INFO), pytest.raises(StorageError):
        ready.deliver(odd)
    (line,) = said(caplog)
    assert line.startswith("MLflow's client logs the trial: ")
    assert ready.deliver(make_record(3)) == "logged"
    assert ready.runs._rows is not None


def test_a_file_that_was_replaced_is_not_written(store: Path) -> None:
    ready = made(store)
    ready.deliver(make_record(1))
    rows = ready.runs._rows
    assert rows is not None
    file = store / "mlflow.db"
    file.rename(store / "moved.db")
    file.write_bytes((store / "moved.db").read_bytes())
    with pytest.raises(NotWritable, match="was replaced"):
        rows.write([(entry(make_record(1)), {})], print)


def test_a_deleted_experiment_takes_no_rows(store: Path) -> None:
    ready = made(store)
    rows = RunRows(store / "mlflow.db", ready.experiment.number)
    connect(ready.address).delete_experiment(ready.experiment.number)
    with pytest.raises(NotWritable, match="experiment is not there"):
        rows.write([(entry(make_record(1)), {})], print)
    assert table_of(store, "runs") == []


def test_artifacts_that_are_in_no_local_folder_are_left_to_the_client(store: Path) -> None:
    ready = made(store)
    rows = RunRows(store / "mlflow.db", ready.experiment.number)
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        database.execute("UPDATE experiments SET artifact_location = 's3://bucket/1'")
        database.commit()
    with pytest.raises(Unfamiliar, match="in no local folder"):
        rows.write([(entry(make_record(1)), {})], print)
