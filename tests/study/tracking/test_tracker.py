"""Each finished trial has exactly one finished run, whatever happens on the way."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from study.record import TrialRecord
from study.tracking.analysis_run import Analysis
from study.tracking.client import connect
from study.tracking.delivery import restore
from study.tracking.entries import StudyInfo
from study.tracking.spool import Spool
from study.tracking.tracker import Tracker
from tests.support.commands import environment
from tests.support.records import make_record
from tests.support.tracking import STUDY, all_runs, assert_exactly_once, tracker, trial_runs


@pytest.mark.slow
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
    monkeypatch.setattr("study.tracking.client.PAGE", 3)
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


@pytest.mark.slow
def test_another_study_of_the_same_name_is_left_alone(ready: Tracker, tmp_path: Path) -> None:
    other = tracker(tmp_path, StudyInfo(name=STUDY.name, digest="f" * 64, trials={80: 1}))
    other.initialise()
    for one, digest in ((ready, "d" * 64), (other, "f" * 64)):
        one.deliver(make_record(1, study_digest=digest))
        one.log_analysis(Analysis(markdown="# Verdict", curves={80: {"measured": [(1, 0.5)]}}))

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
    ready.log_analysis(Analysis(markdown="# Another verdict"))
    assert theirs() == before
    other.finish({80: {"payoff_point": 1.0}})
    parents = {
        run.data.tags["study_digest"][0]: (run.info.status, run.data.metrics["payoff_point"])
        for run in all_runs(ready.address, deleted=False)
        if run.info.run_name == "n=80"
    }
    assert parents == {"d": ("KILLED", 8970.0), "f": ("FINISHED", 1.0)}


@pytest.mark.slow
def test_what_the_store_lost_is_written_again_from_the_records(
    ready: Tracker, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool")
    records = [make_record(number) for number in range(3)]
    contents = [TrialRecord(**record.content()) for record in records]
    ready.deliver(records[0])
    # Of the second trial another attempt stands there, one that came to the same.
    ready.deliver(make_record(1, trial=9, worker="another"))
    # Of the third the worker wrote a result that Optuna never took.
    ready.deliver(make_record(2, status="failed"))
    client = connect(ready.address)
    by_slot = {run.data.tags["slot"]: run.info.run_id for run in trial_runs(ready.address)}
    client.delete_run(by_slot[records[0].slot])
    later = tracker(tmp_path)  # as the next run of the study
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
from study.tracking.entries import StudyInfo
from study.tracking.tracker import Tracker
from study.tracking.rows import RunRows
from study.tracking.trial_runs import TrialRuns

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
    tracker.runs = TrialRuns(tracker.experiment, as_rows=False)  # MLflow's client has to
if sys.argv[2] == "after creation":
    TrialRuns.complete = die
elif sys.argv[2] == "after the batch":
    TrialRuns.log_artifact = die
elif sys.argv[2] == "before the end":
    write = TrialRuns.log_artifact
    TrialRuns.log_artifact = lambda *args: (write(*args), die())
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
        assert one.missing([make_record(1)])  # each has read the store before the other writes
    assert first.deliver(make_record(1)) == "logged"
    assert second.deliver(make_record(1)) == "logged"
    assert len(trial_runs(ready.address)) == 2
    ready.finish()
    assert_exactly_once(ready.address, [make_record(1)])
    parents = [r for r in all_runs(ready.address, deleted=False) if r.info.run_name == "n=80"]
    assert len(parents) == 1
    assert parents[0].data.metrics["trials_finished"] == 1


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
    made.log_analysis(Analysis(markdown="verdict"))
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
