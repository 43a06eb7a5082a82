"""Trials of Optuna and MLflow, ours and strangers', as rows of the trial table."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from analysis.table.trials import TrialTable
from study.cli import main
from study.errors import StorageError
from study.handover.readers import read_address, rows_from_mlflow, rows_from_optuna, split_name
from study.tracking.entries import StudyInfo
from study.tracking.tracker import Tracker
from tests.support.records import make_record

SIZES = (100, 200, 400, 800, 1600, 3200)


def objective(trial: optuna.Trial) -> float:
    width = trial.suggest_categorical("width", [1, 2, 4, 8, 16, 32])
    trial.suggest_float("dropout", 0.0, 0.5)
    if trial.number == 1:
        raise ValueError("no memory")
    if trial.number == 2:
        raise optuna.TrialPruned
    trial.set_user_attr("n_params", 100 * width)
    trial.set_user_attr("nested", {"phase": 1, "list": [1, 2]})
    trial.set_user_attr("phase", "warm-up")
    return 0.1 + 1.0 / width


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a stranger's SQLite storage with three Optuna studies."""
    folder = tmp_path_factory.mktemp("optuna")
    address = f"sqlite:///{folder}/optuna.db"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=address, study_name="errors", sampler=sampler)
    for width in (1, 1, 1, 2, 4, 8, 16, 32, 1, 2, 4, 8, 16, 32):
        study.enqueue_trial({"width": width, "dropout": 0.2})
    study.optimize(objective, n_trials=14, catch=(ValueError,))
    study.ask()
    scores = optuna.create_study(storage=address, study_name="scores", direction="maximize")
    scores.optimize(lambda trial: trial.suggest_float("a", 0.5, 1.0), n_trials=3)
    both = optuna.create_study(
        storage=address, study_name="scores 2", directions=["minimize", "minimize"]
    )
    both.optimize(lambda trial: (trial.suggest_float("seed", 0, 1), 7.0), n_trials=1)
    return address


@pytest.mark.slow
def test_a_stranger_s_trials_have_parameters_attributes_and_value(storage: str) -> None:
    read = rows_from_optuna(storage, names=["errors"])
    assert len(read.rows) == 13
    assert read.left_out == {
        "trials that Optuna stopped early": 1,
        "trials that have not finished": 1,
    }
    row = read.rows[-1]
    assert (row["width"], row["params.width"], row["n_params"]) == (32, 32, 3200)
    assert row["value"] == pytest.approx(0.1 + 1 / 32)
    assert row["user_attrs.nested.phase"] == 1
    assert "user_attrs.nested.list" not in row
    assert row["user_attrs.phase"] == "warm-up" and "phase" not in row
    assert [r["status"] for r in read.rows].count("failed") == 1


def test_a_maximised_objective_is_a_score_and_its_complement_an_error(storage: str) -> None:
    rows = rows_from_optuna(storage, names=["scores"]).rows
    assert all("value" not in row for row in rows)
    assert all(row["score"] + row["one_minus_score"] == pytest.approx(1.0) for row in rows)


def test_several_objectives_and_a_prefix(storage: str) -> None:
    assert rows_from_optuna(storage, names=["scores 2"]).rows[0]["values_1"] == 7.0
    assert len(rows_from_optuna(storage, prefix="scores").rows) == 4
    assert len(read_address(f"optuna+{storage}#scores%202").rows) == 1
    assert len(read_address(f"optuna+{storage}#scores*").rows) == 4


def test_fit_reads_a_stranger_s_storage(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--size", "n_params", "--error", "value", "--json", "--resamples", "200"]
    assert main(["fit", f"optuna+{storage}#errors", *args]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [point["size"] for point in found["curves"][0]["points"]] == list(SIZES)
    assert [(one["reason"], one["count"]) for one in found["reading"]["left_out"]] == [
        ("the run failed", 1)
    ]
    assert "left out 1 x trials that Optuna stopped early" in err


def store_ours(path: Path) -> None:
    """Write two dataset sizes of one payoff study as a study's storage holds them."""
    storage = JournalStorage(JournalFileBackend(str(path)))
    for n in (80, 160):
        study = optuna.create_study(storage=storage, study_name=f"digits-mlp/n={n}")
        for number in range(3):
            record = dataclasses.asdict(make_record(number, n_examples=n))
            del record["curve"]
            record["mood"] = "cheerful"  # a field that a later version added
            trial = study.ask()
            trial.set_user_attr("record", record)
            study.tell(trial, record["metrics"]["val_error"])


def test_our_own_study_is_read_whole_from_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "optuna.journal"
    store_ours(path)
    for address in (f"optuna+journal://{path}", f"optuna+journal://{path}#digits-mlp"):
        table = TrialTable.from_rows(read_address(address).rows)
        assert len(table) == 6 and table.dropped == ()
        assert set(table.n_examples.tolist()) == {80, 160}
        assert table.correctness(0) is not None
    one = read_address(f"optuna+journal://{path}#digits-mlp/n=80")
    assert len(one.rows) == 3


def test_several_payoff_studies_do_not_mix_their_cells(tmp_path: Path) -> None:
    path = tmp_path / "optuna.journal"
    store_ours(path)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path))), study_name="other/n=80"
    )
    record = dataclasses.asdict(make_record(0))
    trial = study.ask()
    trial.set_user_attr("record", record)
    study.tell(trial, 0.5)
    table = TrialTable.from_rows(rows_from_optuna(f"journal://{path}", prefix="").rows)
    assert len(table) == 7
    assert set(table.cell) == {
        "digits-mlp/n80-w64-d2",
        "digits-mlp/n160-w64-d2",
        "other/n80-w64-d2",
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("#error", "there is no study 'error'; did you mean 'errors'?"),
        ("", "holds several studies; name one as #STUDY (it has: errors, scores, scores 2)"),
        ("#x*", "no study begins with 'x'"),
    ],
)
def test_studies_are_named_with_the_nearest(storage: str, name: str, message: str) -> None:
    with pytest.raises(StorageError) as caught:
        read_address(f"optuna+{storage}{name}")
    assert message in str(caught.value)


def test_nothing_is_created_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for address, message in (
        (f"optuna+sqlite:///{tmp_path}/none.db", "there is no file"),
        (f"mlflow+sqlite:///{tmp_path}/none.db", "there is no file"),
        (f"optuna+sqlite:///{tmp_path}/empty.db", "is not an Optuna storage"),
        (f"mlflow+sqlite:///{tmp_path}/empty.db", "is not an MLflow store"),
        (f"optuna+journal://{tmp_path}/none.journal", "there is no such file"),
        ("optuna+optuna.db", "not an address"),
    ):
        with pytest.raises(StorageError, match=message):
            read_address(address)
    assert [path.name for path in tmp_path.iterdir()] == ["empty.db"]
    assert (tmp_path / "empty.db").stat().st_size == 0


@pytest.mark.slow
def test_a_password_is_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for address in (
        "mlflow+http://anna:gehe#im99@127.0.0.1:1#x",
        "optuna+postgresql://anna:gehe#im99@127.0.0.1:1/x#y",
    ):
        assert main(["fit", address]) == 2
        out, err = capsys.readouterr()
        assert out == "" and "im99" not in err and "anna:***@" in err
        assert len(err.splitlines()) == 1
    assert split_name("mlflow+http://a:b#c@h#d") == ("mlflow+http://a:b#c@h", "d")


OURS = (
    make_record(0, status="diverged"),
    make_record(1),
    make_record(2),
    make_record(
        3,
        route="pruned",
        metrics={
            "test_error": 0.2, "train_flops": 10.0, "route_flops": 30.0,
            "train_seconds": 1.0, "route_seconds": 3.0,
        },
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of an MLflow store with a payoff study's experiment and a stranger's."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("mlflow")
    address = f"sqlite:///{folder}/mlflow.db"
    tracker = Tracker(address, folder / "artifacts", StudyInfo(name="digits-mlp", digest="d" * 64))
    tracker.initialise()
    for record in OURS:
        tracker.deliver(record)
    client = MlflowClient(tracking_uri=address)
    experiment = client.create_experiment("mine")
    for k, status in enumerate(["FINISHED", "FINISHED", "FAILED", "KILLED", None]):
        run = client.create_run(experiment, start_time=1000 * (k + 1)).info.run_id
        client.log_param(run, "hidden", 2**k)
        client.log_metric(run, "test_err", 0.5 / (k + 1))
        client.log_metric(run, "params", 10.0 * 2**k)
        client.set_tag(run, "status", "good")
        if status:
            client.set_terminated(run, status, end_time=1000 * k + 1500)
    return address


@pytest.mark.slow
def test_our_runs_are_read_as_the_trials_they_are(mlflow_store: str) -> None:
    read = rows_from_mlflow(mlflow_store, "digits-mlp")
    assert read.left_out == {"runs that are no trials (size)": 1}
    table = TrialTable.from_rows(_folded(read.rows))
    assert table.dropped == ()
    order = [list(table.slot).index(record.slot) for record in OURS]
    assert [table.status[k] for k in order] == ["diverged", *["complete"] * 3]
    assert [table.seed[k] for k in order] == [record.seed for record in OURS]
    assert [table.trial[k] for k in order] == [0, 1, 2, 3]
    assert table.test_error[order[1]] == OURS[1].metrics["test_error"]
    assert (table.train_flops[order[3]], table.train_seconds[order[3]]) == (10.0, 1.0)
    assert table.still_improving.all() and (table.n_test == 360).all()
    assert table.params["dropout"][0] == 0.1
    assert "seed" not in table.params


@pytest.mark.slow
def test_a_stranger_s_runs_have_parameters_metrics_and_tags(mlflow_store: str) -> None:
    read = rows_from_mlflow(mlflow_store, "mine")
    assert read.left_out == {"runs that have not finished": 1}
    assert [row["status"] for row in read.rows] == ["complete", "complete", "failed", "failed"]
    assert read.rows[0]["metrics.params"] == 10.0 and read.rows[1]["hidden"] == "2"
    assert read.rows[0]["tags.status"] == "good" and read.rows[0]["wall_seconds"] == 0.5
    columns = {"n_parameters": "metrics.params", "test_error": "test_err"}
    table = TrialTable.from_rows(_folded(read.rows), columns=columns)
    assert table.dropped == () and math.isclose(table.test_error[1], 0.25)
    assert table.reason[3] == "the run is KILLED"


@pytest.mark.slow
def test_more_runs_than_a_page_are_all_read(
    mlflow_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.tracking.client.PAGE", 2)
    assert len(rows_from_mlflow(mlflow_store, "mine").rows) == 4


@pytest.mark.slow
def test_experiments_are_named_with_the_nearest(mlflow_store: str) -> None:
    with pytest.raises(StorageError, match="no experiment 'digit-mlp'; did you mean 'digits-mlp'"):
        rows_from_mlflow(mlflow_store, "digit-mlp")
    with pytest.raises(StorageError, match="several experiments have runs; name one as #EXPER"):
        rows_from_mlflow(mlflow_store)


@pytest.mark.slow
def test_reading_an_optuna_storage_loads_neither_torch_nor_mlflow(storage: str) -> None:
    code = (
        "import sys; from study.cli import main; "
        f"status = main(['fit', 'optuna+{storage}#errors', '--size', 'n_params', "
        "'--error', 'value', '--resamples', '100']); "
        "print(status, sorted({'torch', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def _folded(rows: tuple[dict[str, object], ...]) -> list[dict[str, object]]:
    from analysis.table.writing import fold_params

    return list(fold_params(dict(row) for row in rows))
