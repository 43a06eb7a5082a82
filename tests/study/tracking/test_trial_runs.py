"""What MLflow holds of a trial: parameters, metrics, curves, tags, the record itself."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from study.record import TrialRecord
from study.tracking.analysis_run import Analysis
from study.tracking.client import connect, explain
from study.tracking.tracker import Tracker
from study.tracking.trial_runs import TrialRuns
from tests.support.records import bits_of, make_record
from tests.support.tracking import assert_exactly_once, tracker, trial_runs


def test_a_trial_is_logged_whole(ready: Tracker, tmp_path: Path) -> None:
    record = make_record(1)
    assert ready.deliver(record) == "logged"
    (run,) = trial_runs(ready.address)
    assert run.info.run_name == "w64 d2 n80 search 1"
    assert run.info.start_time == 1_790_000_001_000
    assert run.info.end_time == 1_790_000_002_500
    assert run.data.params == {
        "n_examples": "80",
        "draw": "1",
        "seed": "1001",
        "width": "64",
        "depth": "2",
        "dropout": "0.1",
        "learning_rate": "0.001",
        "weight_decay": "0.0001",
        "prune_ratio": "0.0",
        "optimizer": "adamw",
    }
    finals = {name: v for name, v in run.data.metrics.items() if not name.startswith("curve/")}
    assert finals == {**record.metrics, **record.sizes}
    tags = {name: v for name, v in run.data.tags.items() if "." not in name}
    assert tags == {
        "study": "digits-mlp",
        "study_digest": "d" * 64,
        "optuna_study": "digits-mlp/n=80",
        "optuna_trial": "1",
        "slot": record.slot,
        "cell": record.cell,
        "phase": "search",
        "status": "complete",
        "route": "trained",
        "n_examples": "80",
        "draw": "1",
        "seed": "1001",
        "n_test": "360",
        "data_digest": "e" * 64,
        "code_version": "0.1.0",
        "worker": "host-1-abc",
        "stopped_early": "false",
        "still_improving": "true",
    }


def test_curves_are_logged_step_by_step(ready: Tracker) -> None:
    record = make_record(1)
    ready.deliver(record)
    (run,) = trial_runs(ready.address)
    client = connect(ready.address)
    history = client.get_metric_history(run.info.run_id, "curve/val_error")
    points = sorted((point.step, point.value) for point in history)
    assert tuple(points) == record.curve["val_error"]


def test_the_artifact_holds_the_record_and_the_test_correctness(
    ready: Tracker, tmp_path: Path
) -> None:
    record = make_record(3)
    ready.deliver(record)
    (path,) = (tmp_path / "artifacts").rglob("trial.json")
    again = TrialRecord.from_json(path.read_text())
    assert again == record
    assert bits_of(again).sum() == 360 - 15
    assert path.parent.parent.name == trial_runs(ready.address)[0].info.run_id


@pytest.mark.parametrize("status", ["failed", "diverged"])
def test_a_failed_trial_is_a_failed_run_with_its_reason(ready: Tracker, status: str) -> None:
    ready.deliver(make_record(1, status=status))
    (run,) = trial_runs(ready.address)
    assert run.info.status == "FAILED"
    assert run.data.tags["reason"] == "loss became NaN at step 40"
    assert run.data.tags["mlflow.note.content"] == f"**{status}**: loss became NaN at step 40"
    assert run.data.metrics["n_parameters"] == 8970


@pytest.mark.slow
def test_a_trial_beyond_every_limit_of_a_batch_is_logged(ready: Tracker, tmp_path: Path) -> None:
    curve = {f"c{k}": tuple((s, float(s)) for s in range(5000)) for k in range(30)}
    record = make_record(
        1,
        params={f"p{k}": "x" * 9000 for k in range(150)},
        metrics={"acc@5": 0.5, "../odd name!": 1.0, "nested/name": 2.0},
        flags={f"f{k}": True for k in range(150)},
        curve=curve,
    )
    assert ready.deliver(record) == "logged"
    (run,) = trial_runs(ready.address)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["acc_5"] == 0.5
    assert run.data.metrics["nested/name"] == 2.0
    (path,) = (tmp_path / "artifacts").rglob("trial.json")
    assert TrialRecord.from_json(path.read_text()) == record


@pytest.mark.slow
@pytest.mark.parametrize("as_rows", [True, False])
def test_no_metric_of_thousands_is_lost(ready: Tracker, as_rows: bool) -> None:
    metrics = {"val_error": 0.5, **{f"class/{k}": float(k) for k in range(2500)}}
    params = {f"p{k}": k for k in range(250)}
    record = make_record(1, metrics=metrics, params=params, curve={"loss": ((1, 0.5), (2, 0.25))})
    ready.runs = TrialRuns(ready.experiment, as_rows=as_rows)
    assert ready.deliver(record) == "logged"
    (run,) = trial_runs(ready.address)
    assert {name: run.data.metrics.get(name) for name in metrics} == metrics
    assert {name: run.data.params.get(name) for name in params} == {
        n: str(v) for n, v in params.items()
    }
    assert run.data.metrics["curve/loss"] == 0.25


@pytest.mark.slow
def test_a_folder_with_blanks_and_odd_letters_works(tmp_path: Path) -> None:
    made = tracker(tmp_path / "my mlruns ü #1")
    made.initialise()
    assert made.deliver(make_record(1)) == "logged"
    assert (tmp_path / "my mlruns ü #1" / "mlflow.db").is_file()
    assert len(list((tmp_path / "my mlruns ü #1" / "artifacts").rglob("trial.json"))) == 1
    assert_exactly_once(made.address, [make_record(1)])


def test_no_password_reaches_the_store(ready: Tracker, tmp_path: Path) -> None:
    secret = "postgresql://anna:hunter22@db/payoff"
    ready.deliver(
        make_record(
            1,
            status="failed",
            reason=f"cannot reach {secret}",
            worker=secret,
            params={"url": secret},
        )
    )
    ready.log_analysis(
        Analysis(markdown=f"stored at {secret}", json=json.dumps({"storage": secret}))
    )
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        dump = "\n".join(connection.iterdump())
    assert "anna" in dump and "hunter22" not in dump
    files = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    assert len(files) == 3
    assert all("hunter22" not in path.read_text() for path in files)
    assert "hunter22" not in str(explain(OSError(f"no route to {secret}"), secret))
