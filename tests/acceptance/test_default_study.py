"""The embedded study, whole, from the command a new user types first."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from study.places import Places
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from study.spec.study_file import load_spec
from tests.support.commands import payoff


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder and the result of ``payoff run``."""
    folder = tmp_path_factory.mktemp("default")
    done = payoff("run", "--quiet", "--json", folder=folder)
    return folder, json.loads(done.stdout)


@pytest.mark.slow
def test_every_trial_of_the_design_is_finished_and_logged(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    from mlflow import MlflowClient

    folder, _ = finished
    spec = load_spec(None)
    places = Places.at(folder / "mlruns")
    counts = StudyStore(spec, open_storage("", places)).counts()
    assert (counts.complete, counts.failed) == (counts.total, 0)
    client = MlflowClient(tracking_uri=places.mlflow_address)
    experiment = client.get_experiment_by_name(spec.name)
    assert experiment is not None
    runs: list[Any] = []
    token = None
    while token or not runs:
        page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
        runs += page
        token = page.token
    assert {run.info.status for run in runs} == {"FINISHED"}
    kinds: dict[str, int] = defaultdict(int)
    for run in runs:
        kinds[run.data.tags["payoff.kind"]] += 1
    assert kinds["trial"] == counts.total
    assert kinds["size"] == len(spec.sizes)


@pytest.mark.slow
def test_the_widest_perceptron_reads_digits(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = finished
    store = StudyStore(load_spec(None), open_storage("", Places.at(folder / "mlruns")))
    errors = [
        record.metrics["test_error"]
        for record in store.records()
        if record.phase == "replicate"
        and record.params["prune_ratio"] == 0
        and record.cell == "n1280-width256-depth1"
    ]
    assert len(errors) >= 3
    assert sum(errors) / len(errors) < 0.035


@pytest.mark.slow
def test_the_fitted_error_falls_with_more_data_at_every_width_of_16_and_more(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    from analysis import analyse, read_table
    from study.handover.results import settings_of

    folder, _ = finished
    spec = load_spec(None)
    table = read_table(folder / "mlruns" / "results" / spec.name / "trials.csv")
    analysis = analyse(table, settings_of(spec))
    wide = {
        float(size)
        for width, size in zip(table.width, table.n_parameters, strict=True)
        if width >= 16
    }
    for size in sorted(wide):
        fitted = [float(fit.predict([size])[0]) for fit in analysis.fits]
        assert fitted == sorted(fitted, reverse=True), (size, fitted)


@pytest.mark.slow
def test_each_dataset_size_has_a_curve_and_verdicts(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    _, result = finished
    assert [curve["n_examples"] for curve in result["curves"]] == list(load_spec(None).sizes)
    marginal = [row for row in result["payoff"] if row["rule"] == "marginal"]
    assert len(marginal) == 5
    decided = [row for row in marginal if row["verdict"] == "pays_off_until"]
    assert decided, marginal
    for row in decided:
        assert row["low"] <= row["size"] <= row["high"]
    assert "training examples" in result["sentence"]
