"""One parent run a dataset size, which says how far the study is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from study.tracking.analysis_run import Analysis
from study.tracking.entries import StudyInfo
from study.tracking.tracker import Tracker
from tests.support.records import make_record
from tests.support.tracking import all_runs, tracker, trial_runs


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


def test_a_list_sorted_by_time_begins_with_what_is_about_the_whole_study(store: Path) -> None:
    made = tracker(store, StudyInfo(name="s", digest="d" * 64, trials={1280: 1, 80: 1, 320: 1}))
    made.initialise()
    made.deliver(make_record(1, n_examples=320))
    made.log_analysis(
        Analysis(
            markdown="verdict",
            curves={80: {"measured": [(1, 0.5)]}, 320: {"measured": [(1, 0.4)]}},
        )
    )
    runs = sorted(all_runs(made.address, "s"), key=lambda run: run.info.start_time)
    names = [run.info.run_name for run in runs]
    assert names[:-1] == ["analysis", "n=80", "n=320", "n=1280", "curve n=80", "curve n=320"]
