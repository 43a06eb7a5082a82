"""Each finished trial has exactly one finished run, whatever happens on the way."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from study.errors import StorageError
from study.places import Places
from study.record import TrialRecord
from study.tracking.database import creation_lock
from study.tracking.delivery import TrackerThread, deliver_all
from study.tracking.restore import restore
from study.tracking.spool import Spool
from study.tracking.tracker import StoreAway, StudyInfo, Tracker
from tests.support.commands import environment
from tests.support.records import bits_of, make_record
from tests.support.servers import free_port, kill_group, mlflow_server
from tests.support.waiting import FAR_AWAY, wait_until

STUDY = StudyInfo(
    name="digits-mlp",
    digest="d" * 64,
    description="How big must an MLP be for the digits?",
    tags={"data": "digits"},
    trials={80: 3},
)


def tracker(folder: Path, study: StudyInfo = STUDY, address: str = "") -> Tracker:
    places = Places.at(folder)
    return Tracker(address or places.mlflow_address, places.artifacts, study)


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking database with nothing in it: making one takes seconds, a copy none."""
    folder = tmp_path_factory.mktemp("template")
    made = tracker(folder)
    made.initialise()
    fresh = folder / "fresh.db"
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.execute("DELETE FROM experiment_tags")
        connection.execute("DELETE FROM experiments WHERE name = ?", (STUDY.name,))
        connection.commit()
        connection.execute("VACUUM INTO ?", (str(fresh),))
    return fresh


@pytest.fixture
def store(fresh_database: Path, tmp_path: Path) -> Path:
    """A folder with a tracking database."""
    shutil.copy(fresh_database, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def ready(store: Path) -> Tracker:
    made = tracker(store)
    made.initialise()
    return made


def experiment_of(address: str, name: str = STUDY.name) -> Any:
    """The experiment, read by a client of our own."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=address, registry_uri=address)
    return client.get_experiment_by_name(name)


def all_runs(address: str, name: str = STUDY.name, deleted: bool = True) -> list[Any]:
    """Every run of the experiment, read by a client of our own; deleted ones too."""
    from mlflow import MlflowClient
    from mlflow.entities import ViewType

    client = MlflowClient(tracking_uri=address, registry_uri=address)
    view = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
    return list(
        client.search_runs([experiment_of(address, name).experiment_id], run_view_type=view)
    )


def trial_runs(address: str, name: str = STUDY.name) -> list[Any]:
    runs = all_runs(address, name, deleted=False)
    return [run for run in runs if run.data.tags.get("payoff.kind") == "trial"]


def assert_exactly_once(address: str, records: list[TrialRecord], name: str = STUDY.name) -> None:
    """One finished run per trial, none doubled, none left running (deleted ones included)."""
    runs = trial_runs(address, name)
    assert Counter(run.data.tags["slot"] for run in runs) == Counter(r.slot for r in records)
    expected = {r.slot: "FINISHED" if r.status == "complete" else "FAILED" for r in records}
    assert {run.data.tags["slot"]: run.info.status for run in runs} == expected
    for run in all_runs(address, name):
        assert run.info.status != "RUNNING" or run.data.tags["payoff.kind"] == "size"


# What is logged


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
    from mlflow import MlflowClient

    record = make_record(1)
    ready.deliver(record)
    (run,) = trial_runs(ready.address)
    client = MlflowClient(tracking_uri=ready.address, registry_uri=ready.address)
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


def test_trials_hang_below_one_parent_per_dataset_size(ready: Tracker) -> None:
    for number, n_examples in enumerate((80, 160, 80)):
        ready.deliver(make_record(number, n_examples=n_examples))
    parents = {
        run.info.run_id: run.info.run_name
        for run in all_runs(ready.address)
        if run.data.tags["payoff.kind"] == "size"
    }
    assert sorted(parents.values()) == ["n=160", "n=80"]
    children = {
        run.data.tags["slot"]: parents[run.data.tags["mlflow.parentRunId"]]
        for run in trial_runs(ready.address)
    }
    assert children == {"n80-w64-d2-0": "n=80", "n160-w64-d2-1": "n=160", "n80-w64-d2-2": "n=80"}


@pytest.mark.parametrize("status", ["failed", "diverged"])
def test_a_failed_trial_is_a_failed_run_with_its_reason(ready: Tracker, status: str) -> None:
    ready.deliver(make_record(1, status=status))
    (run,) = trial_runs(ready.address)
    assert run.info.status == "FAILED"
    assert run.data.tags["reason"] == "loss became NaN at step 40"
    assert run.data.tags["mlflow.note.content"] == f"**{status}**: loss became NaN at step 40"
    assert run.data.metrics["n_parameters"] == 8970


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


def test_a_folder_with_blanks_and_odd_letters_works(tmp_path: Path) -> None:
    made = tracker(tmp_path / "my mlruns ü #1")
    made.initialise()
    assert made.deliver(make_record(1)) == "logged"
    assert (tmp_path / "my mlruns ü #1" / "mlflow.db").is_file()
    assert len(list((tmp_path / "my mlruns ü #1" / "artifacts").rglob("trial.json"))) == 1
    assert_exactly_once(made.address, [make_record(1)])


def test_no_password_reaches_the_store(ready: Tracker, tmp_path: Path) -> None:
    from study.tracking.errors import explain

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
    ready.log_analysis(f"stored at {secret}", json=json.dumps({"storage": secret}))
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        dump = "\n".join(connection.iterdump())
    assert "anna" in dump and "hunter22" not in dump
    files = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    assert len(files) == 3
    assert all("hunter22" not in path.read_text() for path in files)
    assert "hunter22" not in str(explain(OSError(f"no route to {secret}"), secret))


# Exactly once


def test_delivering_again_changes_nothing(ready: Tracker, tmp_path: Path) -> None:
    records = [make_record(number) for number in range(3)]
    assert [ready.deliver(record) for record in records] == ["logged"] * 3
    assert [ready.deliver(record) for record in records] == ["already there"] * 3
    other = tracker(tmp_path)
    other.initialise()
    assert [other.deliver(record) for record in records] == ["already there"] * 3
    assert_exactly_once(ready.address, records)


def test_more_runs_than_one_page_are_all_known(
    ready: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.tracking.tracker.PAGE", 3)
    records = [make_record(number) for number in range(7)]
    for record in records:
        ready.deliver(record)
    other = tracker(tmp_path)
    other.initialise()
    assert {other.deliver(record) for record in records} == {"already there"}
    assert_exactly_once(ready.address, records)


def test_a_trial_run_again_is_not_counted_twice_and_says_what_came_last(
    ready: Tracker, tmp_path: Path
) -> None:
    assert ready.deliver(make_record(1, trial=1)) == "logged"
    again = make_record(1, trial=17, worker="another")
    assert ready.deliver(again) == "logged"
    other = tracker(tmp_path)
    other.initialise()
    assert other.deliver(again) == "already there"
    assert_exactly_once(ready.address, [again])
    (run,) = trial_runs(ready.address)
    assert (run.data.tags["optuna_trial"], run.data.tags["worker"]) == ("17", "another")
    failed = make_record(1, trial=18, status="failed", reason="its worker died 3 times")
    assert other.deliver(failed) == "logged"
    assert_exactly_once(ready.address, [failed])


def test_another_study_of_the_same_name_is_left_alone(ready: Tracker, tmp_path: Path) -> None:
    other = tracker(tmp_path, StudyInfo(name=STUDY.name, digest="f" * 64, trials={80: 1}))
    other.initialise()
    for one, digest in ((ready, "d" * 64), (other, "f" * 64)):
        one.deliver(make_record(1, study_digest=digest))
        one.log_analysis("# Verdict", curves={80: {"measured": [(1, 0.5)]}})

    def theirs() -> dict[str, tuple[str, str, Any]]:
        return {
            run.info.run_id: (run.info.run_name, run.info.status, run.data.metrics)
            for run in all_runs(ready.address, deleted=False)
            if run.data.tags["study_digest"] == "f" * 64
        }

    before = theirs()
    assert sorted(name for name, *_ in before.values()) == [
        "analysis", "curve n=80", "n=80", "w64 d2 n80 search 1"
    ]  # fmt: skip
    ready.finish({80: {"payoff_point": 8970.0}})
    ready.log_analysis("# Another verdict")
    assert theirs() == before
    other.finish({80: {"payoff_point": 1.0}})
    parents = {
        run.data.tags["study_digest"][0]: (run.info.status, run.data.metrics["payoff_point"])
        for run in all_runs(ready.address, deleted=False)
        if run.info.run_name == "n=80"
    }
    assert parents == {"d": ("KILLED", 8970.0), "f": ("FINISHED", 1.0)}


def test_what_the_store_lost_is_written_again_from_the_records(
    ready: Tracker, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    spool = Spool(tmp_path / "spool")
    records = [make_record(number) for number in range(3)]
    contents = [dataclasses.asdict(record) for record in records]
    for content in contents:
        del content["curve"]
    ready.deliver(records[0])
    # Of the second trial another attempt stands there, one that came to the same.
    ready.deliver(make_record(1, trial=9, worker="another"))
    # Of the third the worker wrote a result that Optuna never took.
    ready.deliver(make_record(2, status="failed"))
    client = MlflowClient(tracking_uri=ready.address, registry_uri=ready.address)
    by_slot = {run.data.tags["slot"]: run.info.run_id for run in trial_runs(ready.address)}
    client.delete_run(by_slot[records[0].slot])
    later = Tracker(ready.address, ready.artifacts, ready.study)  # as the next run of the study
    later.initialise()
    report = restore(later, spool, contents)
    assert (report.logged, report.waiting, report.error) == (2, 0, "")
    assert_exactly_once(ready.address, records)
    assert restore(later, spool, contents).logged == 0
    kept = {run.data.tags["slot"]: run.info.run_id for run in trial_runs(ready.address)}
    assert kept[records[1].slot] == by_slot[records[1].slot]


def test_a_failed_trial_run_again_and_well_becomes_the_trial(ready: Tracker) -> None:
    ready.deliver(make_record(1, trial=1, status="failed", reason="out of memory"))
    assert ready.deliver(make_record(1, trial=8)) == "logged"
    assert_exactly_once(ready.address, [make_record(1)])
    attempts = [r for r in all_runs(ready.address) if r.data.tags["payoff.kind"] == "attempt"]
    assert [run.data.tags["reason"] for run in attempts] == ["out of memory"]


KILLED_TRACKER = """
import os, signal, sys
from pathlib import Path
from tests.support.records import make_record
from study.places import Places
from study.tracking.tracker import StudyInfo, Tracker
from study.tracking.rows import RunRows

class Killed(Tracker):
    pass

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

places = Places.at(sys.argv[1])
tracker = Tracker(sys.argv[3] or places.mlflow_address, places.artifacts,
                  StudyInfo(name=sys.argv[4], digest="d" * 64))
tracker.initialise()
tracker.deliver(make_record(1))
if sys.argv[2] == "before the commit":
    insert = RunRows._insert
    RunRows._insert = lambda *args: (insert(*args), die())
else:
    Killed._write_rows = lambda *args: None  # MLflow's client has to
if sys.argv[2] == "after creation":
    Killed._complete = die
elif sys.argv[2] == "after the batch":
    Killed._log_artifact = die
elif sys.argv[2] == "before the end":
    write = Tracker._log_artifact
    Killed._log_artifact = lambda *args: (write(*args), die())
tracker.__class__ = Killed
tracker.deliver(make_record(2))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", ["after creation", "after the batch", "before the end", "before the commit"]
)
def test_a_delivery_killed_in_the_middle_is_completed(store: Path, moment: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_TRACKER, str(store), moment, "", STUDY.name],
        env=environment(),
    )
    assert killed.returncode == -signal.SIGKILL
    made = tracker(store)
    half = {} if moment == "before the commit" else {"RUNNING": 1}
    assert Counter(run.info.status for run in trial_runs(made.address)) == {"FINISHED": 1, **half}
    made.initialise()
    records = [make_record(1), make_record(2)]
    assert [made.deliver(record) for record in records] == ["already there", "logged"]
    made.finish()
    assert_exactly_once(made.address, records)
    assert all(run.info.status != "RUNNING" for run in all_runs(made.address))
    histories = {
        tuple(sorted(run.data.metrics)): run.data.metrics["curve/val_error"]
        for run in trial_runs(made.address)
    }
    assert len(histories) == 1
    with closing(sqlite3.connect(store / "mlflow.db")) as connection:
        counts = connection.execute("SELECT count(*) FROM metrics GROUP BY run_uuid").fetchall()
    per_trial = 3 + 3 + 40
    assert sorted(counts) == sorted([(per_trial,), (per_trial,), (2,)])


@pytest.mark.slow
def test_a_half_written_run_of_another_record_is_replaced(store: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", KILLED_TRACKER, str(store), "after the batch", "", STUDY.name],
        env=environment(),
    )
    made = tracker(store)
    made.initialise()
    again = make_record(2, metrics={"test_error": 0.5}, params={"width": 32})
    assert made.deliver(again) == "logged"
    assert_exactly_once(made.address, [make_record(1), again])
    (run,) = [run for run in trial_runs(made.address) if run.data.params["width"] == "32"]
    assert run.data.metrics["test_error"] == 0.5


def test_of_two_runs_of_one_trial_one_is_kept(ready: Tracker, tmp_path: Path) -> None:
    first, second = tracker(tmp_path), tracker(tmp_path)
    for one in (first, second):
        one.initialise()
        one._all_trials()
    assert first.deliver(make_record(1)) == "logged"
    assert second.deliver(make_record(1)) == "logged"
    assert len(trial_runs(ready.address)) == 2
    ready.finish()
    assert_exactly_once(ready.address, [make_record(1)])
    parents = [r for r in all_runs(ready.address, deleted=False) if r.info.run_name == "n=80"]
    assert len(parents) == 1
    assert parents[0].data.metrics["trials_finished"] == 1


# Parents and analysis


def test_a_parent_is_finished_when_all_its_trials_are_there(ready: Tracker) -> None:
    def parent() -> Any:
        (run,) = [r for r in all_runs(ready.address) if r.info.run_name == "n=80"]
        return run

    ready.deliver(make_record(1))
    ready.deliver(make_record(2, status="diverged"))
    assert parent().info.status == "RUNNING"
    ready.finish()
    assert parent().info.status == "KILLED"
    assert parent().data.metrics == {"trials_finished": 2, "trials_failed": 1}
    ready.deliver(make_record(3))
    assert parent().info.status == "RUNNING"
    ready.finish({80: {"payoff_point": 8970.0}})
    ready.finish({80: {"payoff_point": 8970.0}})
    assert parent().info.status == "FINISHED"
    assert parent().data.metrics == {
        "trials_finished": 3,
        "trials_failed": 1,
        "payoff_point": 8970,
    }


def test_there_is_exactly_one_current_analysis(ready: Tracker, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    figure, table = tmp_path / "curve.svg", tmp_path / "trials.csv"
    figure.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    table.write_text("trial\n1\n")
    first = ready.log_analysis("# First", [figure], "{}", {"payoff/n80": 10.0}, table)
    assert ready.log_analysis("# First", [figure], "{}", {"payoff/n80": 10.0}, table) == first
    second = ready.log_analysis("# Second", [figure], "{}", {"payoff/n80": 20.0}, table)
    assert second != first
    runs = [r for r in all_runs(ready.address, deleted=False) if r.info.run_name == "analysis"]
    assert [(run.info.run_id, run.info.status) for run in runs] == [(second, "FINISHED")]
    assert runs[0].data.metrics == {"payoff/n80": 20.0}
    note = runs[0].data.tags["mlflow.note.content"]
    assert note.startswith("# Second") and f"run_uuid={second}" in note
    client = MlflowClient(tracking_uri=ready.address, registry_uri=ready.address)
    experiment = experiment_of(ready.address)
    assert experiment.tags["mlflow.note.content"].startswith("# Second")
    assert "How big must an MLP be" in experiment.tags["mlflow.note.content"]
    # Two processes that both wrote it, neither seeing the other's, leave it twice; one is kept.
    client.create_run(ready.experiment_id, tags={**runs[0].data.tags}, run_name="analysis")
    for run in all_runs(ready.address, deleted=False):
        client.set_terminated(run.info.run_id, "FINISHED")
    kept = ready.log_analysis("# Second", [figure], "{}", {"payoff/n80": 20.0}, table)
    runs = [r for r in all_runs(ready.address, deleted=False) if r.info.run_name == "analysis"]
    assert [run.info.run_id for run in runs] == [kept]
    second = ready.log_analysis("# Third", [figure], "{}", {"payoff/n80": 20.0}, table)
    files = {f.path for folder in ("", "figures") for f in client.list_artifacts(second, folder)}
    assert files == {"figures", "figures/curve.svg", "trials.csv", "verdict.md", "analysis.json"}


def test_curves_are_charted_by_size_and_replaced_with_the_analysis(ready: Tracker) -> None:
    from mlflow import MlflowClient

    def curves() -> dict[str, list[tuple[int, float]]]:
        client = MlflowClient(tracking_uri=ready.address, registry_uri=ready.address)
        return {
            run.info.run_name: [
                (point.step, point.value)
                for point in client.get_metric_history(run.info.run_id, "error_by_size/measured")
            ]
            for run in all_runs(ready.address, deleted=False)
            if run.data.tags["payoff.kind"] == "curve"
        }

    measured = {80: {"measured": [(100.0, 0.5), (200.0, 0.25)]}, 160: {"measured": [(100.0, 0.4)]}}
    ready.log_analysis("verdict", curves=measured)
    expected = {"curve n=80": [(100, 0.5), (200, 0.25)], "curve n=160": [(100, 0.4)]}
    assert curves() == expected
    ready.log_analysis("verdict", curves=measured)
    assert curves() == expected
    ready.log_analysis("verdict", curves={80: {"measured": [(100.0, 0.3)]}})
    assert curves() == {"curve n=80": [(100, 0.3)]}
    assert all(run.info.status != "RUNNING" for run in all_runs(ready.address))


def test_a_list_sorted_by_time_begins_with_what_is_about_the_whole_study(store: Path) -> None:
    made = tracker(store, StudyInfo(name="s", digest="d" * 64, trials={1280: 1, 80: 1, 320: 1}))
    made.initialise()
    made.deliver(make_record(1, n_examples=320))
    made.log_analysis(
        "verdict", curves={80: {"measured": [(1, 0.5)]}, 320: {"measured": [(1, 0.4)]}}
    )
    runs = sorted(all_runs(made.address, "s"), key=lambda run: run.info.start_time)
    names = [run.info.run_name for run in runs]
    assert names[:-1] == ["analysis", "n=80", "n=320", "n=1280", "curve n=80", "curve n=320"]


def test_the_experiment_carries_views_for_the_ui(ready: Tracker) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=ready.address, registry_uri=ready.address)
    tags = experiment_of(ready.address).tags
    views = {name: json.loads(value) for name, value in tags.items() if "sharedViewState" in name}
    assert [view["name"] for view in views.values()] == [
        "All trials by dataset size",
        "Error against size",
        "Failed and diverged trials",
    ]
    for view in views.values():
        condition = json.loads(view["state"])["searchFilter"]
        assert client.search_runs([ready.experiment_id], condition) == []


def test_starting_again_keeps_the_verdict_in_the_description(
    ready: Tracker, tmp_path: Path
) -> None:
    ready.log_analysis("# Verdict")
    tracker(tmp_path).initialise()
    assert "# Verdict" in experiment_of(ready.address).tags["mlflow.note.content"]


# Setting up


INITIALISE = """
import sys
from study.places import Places
from study.tracking.tracker import StudyInfo, Tracker
places = Places.at(sys.argv[1])
tracker = Tracker(places.mlflow_address, places.artifacts, StudyInfo(name="s", digest="d"))
tracker.initialise()
print(tracker.experiment_id)
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
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=ready.address, registry_uri=ready.address)
    client.delete_experiment(ready.experiment_id)
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


# Behind the training


def test_the_thread_empties_the_spool(store: Path) -> None:
    spool = Spool(store / "spool")
    records = [make_record(number) for number in range(5)]
    made = tracker(store)
    with TrackerThread(made, spool) as thread:
        for record in records:
            spool.put(record)
    report = thread.report()
    assert (report.logged, report.waiting, report.error) == (5, 0, "")
    assert_exactly_once(made.address, records)


def test_what_can_not_be_delivered_waits_and_training_never_hears_of_it(store: Path) -> None:
    spool = Spool(store / "spool")
    spool.put(make_record(1))
    away = tracker(store, address=f"http://127.0.0.1:{free_port()}")
    report = deliver_all(away, spool, patience=1.0)
    assert (report.logged, report.waiting) == (0, 1)
    assert "no server answers there" in report.error
    made = tracker(store)
    assert deliver_all(made, spool).logged == 1
    assert_exactly_once(made.address, [make_record(1)])


def test_the_end_is_given_up_when_nothing_goes_through_or_when_told_to(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(make_record(1))
    away = tracker(tmp_path, address=f"http://127.0.0.1:{free_port()}")
    seen: list[int] = []
    with TrackerThread(away, spool) as thread:
        report = thread.flush(1.0, on_progress=lambda now: seen.append(now.waiting))
    assert (report.waiting, report.hangs) == (1, False)
    assert "no server answers there" in report.error
    assert set(seen) == {1}
    with TrackerThread(away, spool) as thread:
        assert thread.flush(600.0, give_up=lambda: True).waiting == 1


def test_a_database_that_takes_long_to_be_made_is_waited_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(make_record(1))
    made = tracker(tmp_path)
    with ExitStack() as lock:
        lock.enter_context(creation_lock(made.address))  # somebody else is at it
        with TrackerThread(made, spool) as thread:
            thread.wait_until_ready(FAR_AWAY, give_up=lambda: True)
            assert thread.report().waiting == 1
            waiting = threading.Thread(
                target=thread.wait_until_ready, args=(FAR_AWAY, lambda: False), daemon=True
            )
            waiting.start()
            waiting.join(1.0)
            assert waiting.is_alive()
            lock.close()
            waiting.join(FAR_AWAY)
            assert not waiting.is_alive()
            assert thread.flush(FAR_AWAY).logged == 1


def test_a_call_that_hangs_is_told(tmp_path: Path) -> None:
    returned = threading.Event()

    class Hanging(Tracker):
        def initialise(self) -> None:
            returned.wait(60)

    spool = Spool(tmp_path / "spool")
    spool.put(make_record(1))
    thread = TrackerThread(Hanging("sqlite:///absent.db", None, STUDY), spool)
    thread.start()
    assert thread.flush(0.5).hangs
    returned.set()


def test_a_second_process_does_not_deliver_the_same_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(make_record(1))
    with spool.drain_lock():
        report = deliver_all(tracker(tmp_path), spool)
    assert (report.logged, report.waiting, report.elsewhere) == (0, 1, True)


def test_a_record_that_the_store_can_not_take_keeps_no_other_waiting(store: Path) -> None:
    spool = Spool(store / "spool")
    for number in (1, 2):
        spool.put(make_record(number, curve={"loss": ((10**30, 1.0),)}))
    good = [make_record(number) for number in range(3, 10)]
    for record in good:
        spool.put(record)
    made = tracker(store)
    report = deliver_all(made, spool)
    assert (report.logged, report.refused, report.waiting, report.broken) == (7, 2, 0, 2)
    made.finish()
    assert_exactly_once(made.address, good)


# Over HTTP


@pytest.mark.slow
def test_a_server_gets_each_trial_once_with_its_artifact(
    server_address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    records = [make_record(1), make_record(2, status="failed")]
    made = tracker(tmp_path, address=server_address)
    made.initialise()
    assert [made.deliver(record) for record in records] == ["logged"] * 2
    assert [made.deliver(record) for record in records] == ["already there"] * 2
    made.finish()
    made.log_analysis("verdict")
    assert capfd.readouterr() == ("", "")
    assert_exactly_once(server_address, records)
    (run,) = [r for r in trial_runs(server_address) if r.info.status == "FINISHED"]
    place = f"{server_address}/get-artifact?path=trial.json&run_uuid={run.info.run_id}"
    with urllib.request.urlopen(place) as answer:
        assert TrialRecord.from_json(answer.read().decode()) == records[0]


@pytest.mark.slow
def test_a_delivery_to_a_server_killed_in_the_middle_is_completed(
    server_address: str, tmp_path: Path
) -> None:
    study = StudyInfo(name="other", digest="d" * 64)
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            KILLED_TRACKER,
            str(tmp_path),
            "after the batch",
            server_address,
            "other",
        ],
        env=environment(),
    )
    assert killed.returncode == -signal.SIGKILL
    made = tracker(tmp_path, study, server_address)
    made.initialise()
    records = [make_record(1), make_record(2)]
    assert [made.deliver(record) for record in records] == ["already there", "logged"]
    made.finish()
    assert_exactly_once(server_address, records, "other")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.mark.slow
def test_a_server_killed_in_the_middle_and_back_again_has_everything_once(
    tmp_path: Path, port: int
) -> None:
    spool = Spool(tmp_path / "spool")
    records = [make_record(number) for number in range(40)]
    address = f"http://127.0.0.1:{port}"
    for record in records:
        spool.put(record)
    thread = TrackerThread(tracker(tmp_path, address=address), spool)
    with mlflow_server(tmp_path, port) as server:
        thread.start()
        wait_until(lambda: thread.report().logged >= 5, every=0.02)
        kill_group(server)
    wait_until(lambda: thread.report().error)
    waiting = thread.report().waiting
    assert 0 < waiting <= 35
    with mlflow_server(tmp_path, port):
        report = thread.stop(FAR_AWAY)
        assert (report.waiting, report.error) == (0, "")
        assert_exactly_once(address, records)
