"""Tracking stores of a study, and what stands in them, for the tests of tracking."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from study.places import Places
from study.record import TrialRecord
from study.tracking.client import connect
from study.tracking.entries import StudyInfo
from study.tracking.tracker import Tracker

if TYPE_CHECKING:
    from mlflow.entities import Experiment, Run


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


def experiment_of(address: str, name: str = STUDY.name) -> Experiment:
    """The experiment, read by a client of our own."""
    found = connect(address).get_experiment_by_name(name)
    assert found is not None
    return found


def all_runs(address: str, name: str = STUDY.name, deleted: bool = True) -> list[Run]:
    """Every run of the experiment, read by a client of our own; deleted ones too."""
    from mlflow.entities import ViewType

    view = ViewType.ALL if deleted else ViewType.ACTIVE_ONLY
    number = experiment_of(address, name).experiment_id
    return list(connect(address).search_runs([number], run_view_type=view))


def trial_runs(address: str, name: str = STUDY.name) -> list[Run]:
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
