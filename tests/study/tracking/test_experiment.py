"""A store and its experiment are set up once, and what stands in the way is one line."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from study.errors import StorageError
from study.tracking.client import StoreAway, connect
from study.tracking.tracker import Tracker
from tests.support.commands import environment
from tests.support.records import make_record
from tests.support.servers import free_port
from tests.support.tracking import assert_exactly_once, experiment_of, tracker
from tests.support.waiting import wait_until


def test_the_experiment_carries_views_for_the_ui(ready: Tracker) -> None:
    client = connect(ready.address)
    tags = experiment_of(ready.address).tags
    views = {name: json.loads(value) for name, value in tags.items() if "sharedViewState" in name}
    assert [view["name"] for view in views.values()] == [
        "All trials by dataset size",
        "Error against size",
        "Failed and diverged trials",
    ]
    for view in views.values():
        condition = json.loads(view["state"])["searchFilter"]
        assert client.search_runs([ready.experiment.number], condition) == []


INITIALISE = """
import sys
from study.places import Places
from study.tracking.entries import StudyInfo
from study.tracking.tracker import Tracker
places = Places.at(sys.argv[1])
tracker = Tracker(places.mlflow_address, places.artifacts, StudyInfo(name="s", digest="d"))
tracker.initialise()
print(tracker.experiment.number)
"""


@pytest.mark.slow
def test_processes_that_start_at_once_share_one_store(tmp_path: Path) -> None:
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", INITIALISE, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        for _ in range(4)
    ]
    answers = [starter.communicate() for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 4, answers
    assert {out for out, _ in answers} == {answers[0][0]}
    assert [err for _, err in answers] == [""] * 4


@pytest.mark.slow
def test_a_start_killed_in_the_middle_leaves_no_broken_store(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", INITIALISE, str(tmp_path)], env=environment(), stdout=subprocess.PIPE
    )
    with starter:
        begun = partial(tmp_path.glob, "mlflow.db.unfinished*")
        wait_until(lambda: any(file.stat().st_size for file in begun()), alive=starter)
        starter.send_signal(signal.SIGKILL)
    assert not (tmp_path / "mlflow.db").exists()
    made = tracker(tmp_path)
    made.initialise()
    assert made.deliver(make_record(1)) == "logged"
    assert list(tmp_path.glob("mlflow.db.unfinished*")) == []


@pytest.mark.slow
def test_a_database_is_made_where_mlflow_keeps_its_connections_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.tracking.client.POOL", "MLFLOW_HEEDS_NO_SUCH_SETTING")
    made = tracker(tmp_path)
    made.initialise()
    assert made.deliver(make_record(1)) == "logged"
    assert_exactly_once(made.address, [make_record(1)])
    assert list(tmp_path.glob("mlflow.db.unfinished*")) == []


@pytest.mark.slow
def test_a_new_database_holds_nothing_of_one_that_was_deleted(store: Path) -> None:
    with closing(sqlite3.connect(store / "mlflow.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE old (x)")
        connection.commit()
        shutil.copy(store / "mlflow.db-wal", store / "kept-wal")
    shutil.move(store / "kept-wal", store / "mlflow.db-wal")
    (store / "mlflow.db").unlink()
    tracker(store).initialise()
    with closing(sqlite3.connect(store / "mlflow.db")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert "runs" in tables and "old" not in tables


def test_a_file_that_is_no_database_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is not a database " * 50)
    with pytest.raises(StorageError, match=r"mlflow.db: not a usable SQLite database") as caught:
        tracker(tmp_path).initialise()
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, StoreAway)


def test_a_database_of_another_version_is_said_in_one_line(ready: Tracker, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(other / "mlflow.db"),))
    with closing(sqlite3.connect(other / "mlflow.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'cafe00000000'")
        connection.commit()
    with pytest.raises(StorageError, match=r"another MLflow version.*mlflow db upgrade") as caught:
        tracker(other).initialise()
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, StoreAway)


def test_a_deleted_experiment_is_said_in_one_line(ready: Tracker, tmp_path: Path) -> None:
    client = connect(ready.address)
    client.delete_experiment(ready.experiment.number)
    with pytest.raises(StorageError, match=r"was deleted .*mlflow experiments restore"):
        tracker(tmp_path).initialise()


def test_an_absent_server_is_said_in_one_line_and_at_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = tracker(tmp_path, address=f"http://anna:hunter22@127.0.0.1:{free_port()}")
    with pytest.raises(StoreAway, match=r"anna:\*\*\*@127.*no server answers there") as caught:
        made.initialise()
    assert "\n" not in str(caught.value) and "hunter22" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
