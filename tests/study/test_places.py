"""Addresses lead where they say, whatever folders are called and whichever driver is installed."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from study.errors import StorageError
from study.handover.readers import read_address
from study.places import Places, sqlite_address, sqlite_file, with_driver
from study.queue.opening import open_storage
from study.tracking.client import explain, for_mlflow
from study.tracking.entries import StudyInfo
from study.tracking.reading import read_runs
from study.tracking.tracker import Tracker
from tests.support.records import make_record

ODD = ("my runs", "50%", "a%20b", "100%25", "größe 1", "what?", "a+b&c=d")


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_a_store_stands_in_its_folder_whatever_that_is_called(tmp_path: Path, name: str) -> None:
    places = Places.at(tmp_path / name / "mlruns")
    tracker = Tracker(places.mlflow_address, places.artifacts, StudyInfo(name="mine", digest="d"))
    tracker.initialise()
    tracker.deliver(make_record(1))
    assert places.mlflow_database.is_file()
    assert len(read_runs(places.mlflow_address, "mine")) == 2  # the trial and its parent
    assert len(read_address(f"mlflow+{places.root}#mine").rows) == 1
    storage = open_storage(sqlite_address(places.root / "optuna.db"), places)
    study = optuna.create_study(storage=storage, study_name="one")
    study.tell(study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}), 0.5)
    assert (places.root / "optuna.db").is_file()
    assert len(read_address(f"optuna+{sqlite_address(places.root / 'optuna.db')}").rows) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]  # and none beside it


@pytest.mark.parametrize("name", ODD)
def test_the_address_of_a_file_is_read_back_as_it_was(name: str) -> None:
    file = Path("/data") / name / "mlflow.db"
    assert sqlite_file(sqlite_address(file)) == file


def test_a_name_that_the_installed_sqlalchemy_cannot_open_is_said_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("study.places._is_decoded", lambda: False)  # as before 2.1
    assert sqlite_address(Path("/data/a%20b/x.db")) == "sqlite:////data/a%20b/x.db"
    assert sqlite_file("sqlite:////data/a%20b/x.db") == Path("/data/a%20b/x.db")
    with pytest.raises(StorageError, match=r"another folder with --root, or pip install -U"):
        sqlite_address(Path("/data/what?/x.db"))


@pytest.mark.slow
@pytest.mark.database
def test_a_database_is_reached_by_the_driver_that_the_extra_brings(postgresql: str) -> None:
    """By Optuna, as a table, and by MLflow: where the address names no driver."""
    for address in (postgresql, postgresql.replace("postgresql://", "postgres://")):
        storage = open_storage(address, Places.at("/nowhere"))
        name = f"study of {address[:9]}"
        study = optuna.create_study(storage=storage, study_name=name)
        study.tell(study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}), 0.5)
        assert len(read_address(f"optuna+{address}#{name}").rows) == 1


@pytest.mark.slow
@pytest.mark.database
def test_mlflow_stands_in_a_database_whose_address_names_no_driver(
    postgresql: str, tmp_path: Path
) -> None:
    tracker = Tracker(postgresql, tmp_path / "artifacts", StudyInfo(name="mine", digest="d"))
    tracker.initialise()
    tracker.deliver(make_record(1))
    short = postgresql.replace("postgresql://", "postgres://")
    for address in (postgresql, short):
        assert len(read_address(f"mlflow+{address}#mine").rows) == 1


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_mlflow_knows_mariadb_by_the_name_of_mysql(kind: str) -> None:
    assert for_mlflow(f"{kind}://anna@db/x") == "mysql+pymysql://anna@db/x"
    assert for_mlflow(f"{kind}+pymysql://anna@db/x") == "mysql+pymysql://anna@db/x"
    assert for_mlflow("http://db:5000") == "http://db:5000"
    assert with_driver("postgresql+psycopg2://db/x") == "postgresql+psycopg2://db/x"


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("postgresql+asyncpg://anna:sesame@db/x", "pip install 'payoff[postgresql]'"),
        ("mysql+asyncmy://anna:sesame@db/x", "pip install 'payoff[mysql]'"),
    ],
)
def test_a_driver_that_is_not_there_is_answered_with_what_brings_it(
    address: str, remedy: str
) -> None:
    for source in ("optuna", "mlflow"):
        with pytest.raises(StorageError) as caught:
            read_address(f"{source}+{address}")
        assert remedy in str(caught.value) and "sesame" not in str(caught.value)
    meaning = explain(ModuleNotFoundError("No module named 'asyncpg'"), address)
    assert remedy in str(meaning) and "sesame" not in str(meaning)
