"""Learning curves read from MLflow's file are those that MLflow itself gives."""

from __future__ import annotations

import logging
import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from study.errors import StorageError
from study.places import sqlite_file
from study.tracking.entries import StudyInfo
from study.tracking.reading import curves_by_client, curves_of_file, read_curves
from study.tracking.rows import Unfamiliar
from study.tracking.tracker import Tracker
from tests.support.records import make_record
from tests.support.tracking import tracker

NAMES = ("val_error", "val_loss", "train_loss")


STUDY = StudyInfo(name="curves", digest="d" * 64, trials={80: 6})


def fill(made: Tracker) -> Tracker:
    """Log trials of one curve, of another, of none, of one with a hole, and a diverged one."""
    made.initialise()
    curves = {
        1: make_record(1).curve,
        2: {"train_loss": ((20, 2.0), (40, 1.0), (60, 0.5))},
        3: {},
        4: {"val_error": ((20, 0.5), (60, 0.25))},
    }
    for number, curve in curves.items():
        made.deliver(make_record(number, curve=curve))
    made.deliver(make_record(5, status="failed"))
    slot = make_record(4).slot
    (run,) = (one for one in made.experiment.runs("trial") if one.tags["slot"] == slot)
    made.experiment.client.log_metric(run.run_id, "curve/val_error", math.nan, step=40)
    return made


@pytest.fixture(scope="module")
def address(fresh_database: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("curves")
    shutil.copy(fresh_database, folder / "mlflow.db")
    return fill(tracker(folder, STUDY)).address


def slots() -> list[str]:
    return [make_record(number).slot for number in (4, 2, 1, 3, 5)] + ["of-nobody"]


@pytest.mark.slow
def test_plain_queries_give_what_mlflow_gives(address: str) -> None:
    file = sqlite_file(address)
    assert file is not None
    quick = curves_of_file(file, STUDY.name, slots(), NAMES)
    asked = curves_by_client(address, STUDY.name, slots(), NAMES)
    assert list(quick) == list(asked)
    assert len(quick) == 3
    for slot, series in asked.items():
        assert list(quick[slot]) == list(series)
        for name, points in series.items():
            assert [step for step, _ in quick[slot][name]] == [step for step, _ in points]
            values = [value for _, value in quick[slot][name]]
            assert values == pytest.approx([value for _, value in points], nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["runs", "tags", "metrics"])
def test_tables_that_are_not_as_known_are_read_by_the_client(
    address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, table: str
) -> None:
    wanted = slots()[1:3]
    expected = read_curves(address, STUDY.name, wanted, NAMES)
    with closing(sqlite3.connect(str(sqlite_file(address)))) as known:
        known.execute("VACUUM INTO ?", (str(tmp_path / "mlflow.db"),))
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as other:
        other.execute(f"ALTER TABLE {table} ADD COLUMN owner VARCHAR(20)")
        other.commit()
    with caplog.at_level(logging.INFO):
        found = read_curves(f"sqlite:///{tmp_path}/mlflow.db", STUDY.name, wanted, NAMES)
    assert len(found) == 2 and found == expected
    (line,) = [line.getMessage() for line in caplog.records if line.name.startswith("study")]
    assert line.startswith(f"MLflow's client reads the learning curves: the table {table} of ")


def test_what_is_not_there_is_left_to_mlflow_and_not_made(
    address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(StorageError, match="no experiment 'another'"):
        read_curves(address, "another", slots(), NAMES)
    assert "has no experiment 'another'" in caplog.text
    with pytest.raises(Unfamiliar, match="unable to open"):
        curves_of_file(tmp_path / "absent.db", STUDY.name, slots(), NAMES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_server_is_asked(server_address: str, address: str, tmp_path: Path) -> None:
    fill(tracker(tmp_path, STUDY, server_address))
    found = read_curves(server_address, STUDY.name, slots()[1:3], NAMES)
    assert len(found) == 2
    assert found == read_curves(address, STUDY.name, slots()[1:3], NAMES)
