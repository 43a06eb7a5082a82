"""Runs read from MLflow's file against the same runs read by its client."""

from __future__ import annotations

import logging
import math
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from study.places import Places
from study.tracking.analysis_run import Analysis
from study.tracking.entries import KIND_TAG
from study.tracking.known import ERRORS, TAGS, Known
from study.tracking.stored import StoredRun, newest_migrations, runs_of_file
from study.tracking.tracker import Tracker
from tests.support.records import make_record
from tests.support.tracking import tracker

ANALYSIS = Analysis(markdown="# Enough", json="{}", metrics={"payoff": 3.0}, curves={80: {}})


@pytest.fixture
def filled(ready: Tracker) -> Tracker:
    """A study with trials, one of them failed and one deleted, its verdict, and odd metrics."""
    for number in range(5):
        ready.deliver(make_record(number, status="failed" if number == 3 else "complete"))
    ready.finish({80: {"marginal_size": 12.0}})
    ready.log_analysis(ANALYSIS)
    client = ready.experiment.client
    first, second, *_ = ready.experiment.runs("trial")
    for name, value in (("nothing", math.nan), ("much", math.inf), ("little", -math.inf)):
        client.log_metric(first.run_id, name, value)
    client.delete_run(second.run_id)
    return ready


def by_client(of: Tracker, kind: str = "") -> list[StoredRun]:
    """The same runs, read by MLflow's client."""
    slow = tracker(Path(of.experiment.address.removeprefix("sqlite:///")).parent)
    slow.initialise()
    slow.experiment._reads_file = False
    return slow.experiment.runs(kind)


@pytest.mark.parametrize("kind", ["", "trial", "size", "analysis", "curve", "nothing's"])
def test_the_file_says_what_the_client_says_in_the_same_order(filled: Tracker, kind: str) -> None:
    fast = filled.experiment.runs(kind)
    slow = by_client(filled, kind if "'" not in kind else "nothing")
    assert [repr(one) for one in map(plain, fast)] == [repr(one) for one in map(plain, slow)]
    assert len(fast) == {"": 7, "trial": 4, "size": 1, "analysis": 1, "curve": 1}.get(kind, 0)


def plain(run: StoredRun) -> tuple[object, ...]:
    where = (run.run_id, run.status, run.start_ms, run.artifacts)
    return (*where, sorted(run.tags.items()), sorted(run.metrics.items()))


def test_only_what_is_asked_for_is_read(filled: Tracker) -> None:
    runs = filled.experiment.runs("trial", tags=[KIND_TAG], metrics=[])
    assert [dict(run.tags) for run in runs] == 4 * [{KIND_TAG: "trial"}]
    assert [dict(run.metrics) for run in runs] == 4 * [{}]


def test_all_that_is_known_of_a_study_is_the_same(filled: Tracker) -> None:
    fast = Known.read(filled.experiment)
    filled.experiment._reads_file = False
    assert Known.read(filled.experiment) == fast
    assert len(fast.trials) == 4


def test_tables_that_are_others_are_left_to_the_client_for_good(
    filled: Tracker, caplog: pytest.LogCaptureFixture
) -> None:
    before = [plain(run) for run in filled.experiment.runs("size")]
    with closing(sqlite3.connect(filled.experiment.address.removeprefix("sqlite:///"))) as store:
        store.execute("ALTER TABLE tags ADD COLUMN author VARCHAR(20)")
    with caplog.at_level(logging.WARNING, logger="study"):
        for _ in range(2):
            assert [plain(run) for run in filled.experiment.runs("size")] == before
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith("MLflow's client reads the runs: the table tags of ")


def test_what_stands_level_is_found_so_without_loading_mlflow(ready: Tracker) -> None:
    records = [make_record(number) for number in range(3)]
    for record in records:
        ready.deliver(record)
    ready.finish()
    ready.log_analysis(ANALYSIS)
    folder = Path(ready.experiment.address.removeprefix("sqlite:///")).parent
    program = f"""
import sys
from pathlib import Path
from study.tracking.analysis_run import Analysis
from tests.support.records import make_record
from tests.support.tracking import tracker
again = tracker(Path({str(folder)!r}))
again.initialise()
print(again.missing([make_record(number) for number in range(4)])[0].slot)
again.finish()
again.log_analysis(Analysis(markdown="# Enough", json="{{}}", metrics={{"payoff": 3.0}},
                            curves={{80: {{}}}}))
print("mlflow" in sys.modules)
"""
    root = Path(__file__).parents[3]
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()
    assert said == [make_record(3).slot, "False"]


def test_runs_of_another_experiment_are_not_read(filled: Tracker) -> None:
    file = Places.at(Path(filled.experiment.address.removeprefix("sqlite:///")).parent)
    other = int(filled.experiment.number) + 1
    assert runs_of_file(file.mlflow_database, str(other), tags=TAGS, metrics=ERRORS) == []


def test_the_installed_version_is_that_of_the_databases_which_it_makes(store: Path) -> None:
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        found = database.execute("SELECT version_num FROM alembic_version").fetchall()
    assert found == [(version,) for version in newest_migrations()]
