"""Studies that an earlier version began are gone on with, shown and exported by this one.

``half.tar.xz`` was interrupted with Ctrl-C, gone on with, and killed whole: 22 of 48 trials are
done, two were in hand, four wait for MLflow, whose last rows are in SQLite's write-ahead log.
``routes.tar.xz`` is a finished study of networks trained, pruned and distilled. Both were written
by version 0.1.0, before the packages were divided into rooms (Optuna 5.0, MLflow 3.17), below
``/tmp/elsewhere``; pictures in PNG and PDF are left out. They hold data alone: nothing in them is
unpickled.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import tarfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from study.launch.interface import load, trials
from study.places import Places
from study.queue.opening import stored_study
from study.record import TrialRecord
from tests.support.commands import payoff

HERE = Path(__file__).parent
OLD = "/tmp/elsewhere"


def unpack(name: str, folder: Path) -> Path:
    """Unpack a store below a folder; return where it lies."""
    with tarfile.open(HERE / f"{name}.tar.xz") as archive:
        archive.extractall(folder / name, filter="data")
    return folder / name


def tell_mlflow(old: str, new: str | Path) -> None:
    """Tell MLflow where the artifacts are, as the tutorial says."""
    text = (HERE.parents[1] / "docs" / "tutorial.md").read_text()
    code = re.search(r"^```python moved\.py\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert code is not None
    subprocess.run([sys.executable, "-c", code[1], old, str(new)], check=True)


def records(folder: Path) -> dict[str, TrialRecord]:
    """Every finished trial's record, by slot."""
    spec = load(folder / f"{folder.name}.toml")
    store = stored_study(spec, Places.at(folder / "mlruns"), "payoff run")
    return {record.slot: record for record in store.records()}


def logged(folder: Path) -> list[Any]:
    """Every run of the study in MLflow."""
    from mlflow import MlflowClient

    client = MlflowClient(Places.at(folder / "mlruns").mlflow_address)
    experiment = client.get_experiment_by_name(folder.name)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], max_results=1000))


def check_logged(folder: Path, total: int) -> None:
    """Each trial is one finished run, whose artifacts are where the store lies now."""
    runs = logged(folder)
    assert {run.info.status for run in runs} == {"FINISHED"}
    ours = [run for run in runs if run.data.tags.get("payoff.kind") == "trial"]
    count = Counter(run.data.tags["payoff.trial"] for run in ours)
    assert (len(count), set(count.values())) == (total, {1})
    for run in ours:
        place = Path(run.info.artifact_uri.removeprefix("file://"))
        assert place.is_relative_to(folder)
        assert json.loads((place / "trial.json").read_text())


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = unpack("half", tmp_path_factory.mktemp("stores"))
    tell_mlflow(f"{OLD}/half", folder)
    return folder


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = unpack("routes", tmp_path_factory.mktemp("stores"))
    tell_mlflow(f"{OLD}/routes", folder)
    return folder


@pytest.mark.slow
def test_an_interrupted_study_runs_what_is_missing_and_keeps_what_is_done(half: Path) -> None:
    status = json.loads(payoff("status", "half.toml", "--json", folder=half).stdout)
    assert (status["total"], status["complete"], status["waiting_for_mlflow"]) == (48, 22, 4)
    assert len(status["interrupted"]) == 2
    before = records(half)
    assert len(before) == 22
    done = payoff("run", "half.toml", folder=half)
    assert "half: 48 trials, 22 done before" in done.stderr
    assert "26 trials in" in done.stderr
    after = records(half)
    assert len(after) == 48
    assert {slot: after[slot] for slot in before} == before
    # Its test set is the one that it began with, and stays so when it grows.
    assert len({record.data_digest for record in after.values()}) == 1
    assert {record.n_test_pool for record in after.values()} == {0}
    check_logged(half, 48)
    assert not Path(OLD).exists()


@pytest.mark.slow
def test_what_cannot_be_logged_where_the_store_was_waits_until_mlflow_is_told(
    tmp_path: Path,
) -> None:
    folder = unpack("half", tmp_path)
    gone = tmp_path / "gone"
    gone.touch()  # nobody can make a folder of that name
    with closing(sqlite3.connect(folder / "mlruns" / "mlflow.db")) as database, database:
        database.execute(
            "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)",
            (f"{OLD}/half", str(gone)),
        )
    done = payoff("run", "half.toml", "--quiet", "--json", folder=folder)
    assert json.loads(done.stdout)
    assert len(records(folder)) == 48
    assert json.loads(payoff("status", "half.toml", "--json", folder=folder).stdout)[
        "waiting_for_mlflow"
    ]
    tell_mlflow(str(gone), folder)
    tell_mlflow(f"{OLD}/half", folder)  # of the trials that were logged there before
    payoff("sync", "half.toml", folder=folder)
    check_logged(folder, 48)


DRAWN = {"curves", "payoff", "routes", "crossings", "savings"}
"""What is read off curves drawn at random, whose posterior knows more shapes than it did then: the
points that draw them stay, and old and new intervals overlap."""


def assert_same(new: object, old: object) -> None:
    """The same but for the last digits of numbers, which another processor rounds otherwise."""
    if isinstance(old, dict):
        assert isinstance(new, dict)
        assert new.keys() == old.keys()
        for key, value in old.items():
            assert_same(new[key], value)
    elif isinstance(old, list):
        assert isinstance(new, list)
        assert len(new) == len(old)
        for one, other in zip(new, old, strict=True):
            assert_same(one, other)
    elif isinstance(old, float):
        assert new == pytest.approx(old, rel=1e-6, abs=1e-9)
    else:
        assert new == old


@pytest.mark.slow
def test_a_finished_study_gives_the_trials_and_the_answer_that_it_gave(
    routes: Path, tmp_path: Path
) -> None:
    results = routes / "mlruns" / "results" / "routes"
    written = {path.name: path.read_bytes() for path in results.iterdir()}
    assert b"distilled" in written["trials.csv"]
    assert b"structured" in written["trials.csv"]
    payoff(
        "export", "routes.toml", "--to", str(tmp_path / "paper"), "--formats", "svg", folder=routes
    )
    assert (tmp_path / "paper" / "trials.csv").read_bytes() == written["trials.csv"]
    done = payoff("run", "routes.toml", folder=routes)
    assert "routes: 48 trials, 48 done before" in done.stderr
    assert "0 trials in" in done.stderr
    assert (results / "trials.csv").read_bytes() == written["trials.csv"]
    assert (results / "verdict.md").read_text().splitlines()[0] == (
        written["verdict.md"].decode().splitlines()[0]
    )
    old, new = json.loads(written["payoff.json"]), json.loads((results / "payoff.json").read_text())
    assert set(new) >= set(old)
    for key in set(old) - DRAWN:
        assert_same(new[key], old[key])
    for one, other in zip(new["curves"], old["curves"], strict=True):
        for key in ("points", "excluded", "undertrained", "n_examples"):
            assert_same(one[key], other[key])
    for one, other in zip(new["payoff"], old["payoff"], strict=True):
        assert (one["rule"], one["parameter"]) == (other["rule"], other["parameter"])
    for key in ("payoff", "crossings", "savings"):
        both = [
            (one, other)
            for one, other in zip(new[key], old[key], strict=True)
            if None not in (one["low"], one["high"], other["low"], other["high"])
        ]
        assert both
        for one, other in both:
            assert one["low"] <= other["high"] and other["low"] <= one["high"]
    check_logged(routes, 48)


@pytest.mark.slow
def test_a_finished_study_is_shown_reported_and_delivered(routes: Path, tmp_path: Path) -> None:
    status = json.loads(payoff("status", "routes.toml", "--json", folder=routes).stdout)
    assert (status["total"], status["complete"], status["waiting_for_mlflow"]) == (48, 48, 0)
    payoff("report", "routes.toml", "--to", str(tmp_path / "page.html"), folder=routes)
    page = (tmp_path / "page.html").read_text()
    assert "Trained, pruned and distilled, finished" in page
    assert "val_error" in page  # learning curves, read back from MLflow
    payoff("sync", "routes.toml", folder=routes)
    check_logged(routes, 48)


@pytest.mark.slow
def test_the_journal_and_the_tracking_database_are_read_as_tables(routes: Path) -> None:
    words = ("--size", "n_nonzero", "--error", "test_error", "--examples", "n_examples", "--json")
    journal = f"optuna+journal://{routes}/mlruns/optuna.journal#routes"
    database = f"mlflow+sqlite:///{routes}/mlruns/mlflow.db#routes"
    for address in (journal, database):
        assert json.loads(payoff("fit", address, *words, folder=routes).stdout)
    table = trials("routes", root=routes / "mlruns")
    assert sorted(table.slot) == sorted(records(routes))
    assert set(table.route) == {"trained", "pruned", "distilled"}
