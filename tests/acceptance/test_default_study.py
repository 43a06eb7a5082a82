"""The embedded study, whole, from the command a new user types first."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
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


@pytest.mark.slow
def test_a_second_layer_does_not_pay(finished: tuple[Path, dict[str, Any]]) -> None:
    """Twenty such studies with splits of their own, put together (100 trainings a cell), agree.

    At 1,280 examples and 2,410 parameters one hidden layer had 2.72% test error and two 3.34%, at
    310 and 330 parameters 22.5% and 32.8%, at 610 and 682 7.2% and 10.5%; from 9,000 on 2.04% and
    2.24%.
    """
    from analysis import analyse, read_table
    from study.handover.results import settings_of

    folder, result = finished
    spec = load_spec(None)
    table = read_table(folder / "mlruns" / "results" / spec.name / "trials.csv")
    analysis = analyse(table, settings_of(spec))
    assert [one.n_examples for one in analysis.shapes] == list(spec.sizes)
    for study in analysis.shapes:
        assert study.shapes == ("depth 1", "depth 2")
        assert not [
            one for one in study.choices if (one.shape, one.standing) == ("depth 2", "best")
        ]
    # Where little is learnt from, it hurts.
    assert any(
        one.standing == "best" and one.size < 4000.0
        for study in analysis.shapes[:3]
        for one in study.choices
    )
    largest = analysis.shapes[-1]
    taken = [one for one in largest.choices if one.size > 1000.0]
    assert {one.shape for one in taken} == {"depth 1"}
    ladders = analysis.fits[-1].ladders
    assert ladders is not None
    # Smaller networks are ruled by which hyperparameters one study's search came upon.
    for shape, size, error in (
        (0, 2410, 0.0272), (0, 9610, 0.0204), (1, 2410, 0.0334), (1, 8970, 0.0224),
    ):  # fmt: skip
        drawn = ladders.at(np.log([float(size)]))[:, shape, 0]
        low, high = np.exp(np.quantile(drawn, [0.005, 0.995]))
        assert low <= error <= high, (shape, size)
    assert "best_shape" in {finding["kind"] for finding in result["findings"]}
