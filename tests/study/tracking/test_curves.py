"""Learning curves read from MLflow's file are those that MLflow itself gives."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from study.addresses import sqlite_file
from study.errors import StorageError
from study.places import Places
from study.tracking.curves import curves_of, stored_curves
from study.tracking.reading import read_curves
from study.tracking.tracker import StudyInfo, Tracker
from tests.support.records import make_record
from tests.support.servers import free_port, mlflow_server

NAMES = ("val_error", "val_loss", "train_loss")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with trials of one curve, of another, of none, one diverged and one run again."""
    places = Places.at(tmp_path_factory.mktemp("tracking"))
    info = StudyInfo(name="digits-mlp", digest="d" * 64, description="", tags={}, trials={80: 6})
    tracker = Tracker(places.mlflow_address, places.artifacts, info)
    tracker.initialise()
    curves = {
        1: make_record(1).curve,
        2: {"train_loss": ((20, 2.0), (40, 1.0), (60, 0.5))},
        3: {},
        4: {"val_error": ((20, 0.5), (60, 0.25))},
    }
    for number, curve in curves.items():
        tracker.deliver(make_record(number, curve=curve))
    tracker.deliver(make_record(5, status="failed"))
    client = MlflowClient(tracking_uri=places.mlflow_address, registry_uri=places.mlflow_address)
    experiment = client.get_experiment_by_name("digits-mlp")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], f"tags.slot = '{make_record(4).slot}'")
    client.log_metric(run.info.run_id, "curve/val_error", math.nan, step=40)
    return places.mlflow_address


def slots() -> list[str]:
    return [make_record(number).slot for number in (4, 2, 1, 3, 5)] + ["of-nobody"]


def test_plain_queries_give_what_mlflow_gives(address: str) -> None:
    file = sqlite_file(address)
    assert file is not None
    quick = stored_curves(file, "digits-mlp", slots(), NAMES)
    asked = read_curves(address, "digits-mlp", slots(), NAMES)
    assert quick is not None and list(quick) == list(asked)
    assert len(quick) == 3
    for slot, series in asked.items():
        assert list(quick[slot]) == list(series)
        for name, points in series.items():
            assert [step for step, _ in quick[slot][name]] == [step for step, _ in points]
            values = [value for _, value in quick[slot][name]]
            assert values == pytest.approx([value for _, value in points], nan_ok=True)


def test_what_is_not_as_expected_is_left_to_mlflow(address: str, tmp_path: Path) -> None:
    file = sqlite_file(address)
    assert file is not None
    assert stored_curves(file, "another", slots(), NAMES) is None
    with pytest.raises(StorageError, match="no experiment 'another'"):
        curves_of(address, "another", slots(), NAMES)
    assert stored_curves(tmp_path / "absent.db", "digits-mlp", slots(), NAMES) is None
    assert not (tmp_path / "absent.db").exists()
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE experiments (number INTEGER)")
        other.commit()
    assert stored_curves(tmp_path / "other.db", "digits-mlp", slots(), NAMES) is None


@pytest.mark.slow
def test_a_server_is_asked(address: str) -> None:
    file, port = sqlite_file(address), free_port()
    assert file is not None
    with mlflow_server(file.parent, port):
        found = curves_of(f"http://127.0.0.1:{port}", "digits-mlp", slots()[1:3], NAMES)
    assert len(found) == 2
    assert found == curves_of(address, "digits-mlp", slots()[1:3], NAMES)
