"""One real study in a real MLflow UI: seen in a browser, its model registered and loaded again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.places import Places
from study.tracking.client import quieten
from study.tracking.reading import LoggedRun, read_runs
from study.tracking.views import CURVES, TRIALS, view_fragment
from tests.support.browser import Watched, Watcher
from tests.support.servers import free_port, mlflow_server

pytestmark = pytest.mark.slow

STUDY = """
[study]
name = "small"
description = "How wide?"
[data]
sizes = [80, 160]
[space]
width = [2, 4, 8, 16]
depth = [1]
prune_ratio = [0.0]
learning_rate = 0.01
weight_decay = 0.0
dropout = { low = 0.0, high = 0.2 }
[training]
epochs = 2
min_steps = 60
[search]
trials = 2
[replicates]
draws = 2
[run]
workers = 1
[analysis]
resamples = 100
plateau = 1.5
"""
CELL = "n160-width8-depth1"


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """A finished study with a registered model and a report, and a UI over it."""

    folder: Path
    places: Places
    address: str
    registered: str
    """What ``payoff register`` printed."""
    runs: tuple[LoggedRun, ...]

    def run(self, kind: str) -> LoggedRun:
        """The first run of a kind."""
        return next(run for run in self.runs if run.tags.get("payoff.kind") == kind)

    def page(self, run: LoggedRun, tab: str = "") -> str:
        """Address of a run's page."""
        end = f"/{tab}" if tab else ""
        return f"{self.address}/#/experiments/1/runs/{run.run_id}{end}"


def payoff(folder: Path, *words: str) -> str:
    """Run a command in a process of its own, as a user does; return what it printed."""
    code = "import sys; from study.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "small.toml").write_text(STUDY)
    payoff(folder, "run", "small.toml", "--quiet")
    registered = payoff(folder, "register", "small.toml", "--cell", CELL, "--name", "digits")
    payoff(folder, "report", "small.toml", "--to", "small.html", "--log", "--no-curves")
    places = Places.at(folder / "mlruns")
    port = free_port()
    with mlflow_server(places.root, port):
        yield Workplace(
            folder=folder,
            places=places,
            address=f"http://127.0.0.1:{port}",
            registered=registered,
            runs=read_runs(places.mlflow_address, "small"),
        )


MLFLOWS_OWN = ("status of 404", "ResizeObserver loop")
"""MLflow's UI asks who is logged in (nobody), and lays some charts out twice: no faults of ours."""


def faults(watched: Watched) -> list[str]:
    """What the page complained of, but for MLflow's own."""
    return [line for line in watched.complaints if not any(own in line for own in MLFLOWS_OWN)]


def test_the_list_of_experiments_names_the_study_and_its_answer(
    browser: Watcher, workplace: Workplace
) -> None:
    seen = browser.open(f"{workplace.address}/#/experiments")
    row = seen.page.get_by_role("row").filter(has_text="small")
    row.wait_for()
    assert "With 160 training examples" in row.inner_text()
    assert seen.strangers(workplace.address) == []
    assert faults(seen) == []


def test_a_parent_opens_to_its_trials(browser: Watcher, workplace: Workplace) -> None:
    seen = browser.open(
        workplace.address + view_fragment("1", TRIALS), viewport={"width": 1700, "height": 1000}
    )
    page = seen.page
    page.get_by_role("link", name="n=160", exact=True).wait_for()
    for name in ("analysis", "n=80", f"model {CELL}"):
        assert page.get_by_role("link", name=name, exact=True).count() == 1
    before = page.locator("a", has_text="w8 d1 n160").count()
    parent = page.get_by_role("row").filter(has=page.get_by_role("link", name="n=160", exact=True))
    parent.get_by_role("button").first.click()
    page.locator("a", has_text="w8 d1 n160").first.wait_for()
    assert before == 0
    assert seen.strangers(workplace.address) == []
    assert faults(seen) == []


def test_the_charts_compare_the_dataset_sizes(browser: Watcher, workplace: Workplace) -> None:
    seen = browser.open(
        workplace.address + view_fragment("1", CURVES), viewport={"width": 1700, "height": 1000}
    )
    page = seen.page
    page.locator(".js-plotly-plot .scatterlayer .trace").first.wait_for()
    assert page.locator("a", has_text="curve n=").count() == 2
    assert page.locator(".js-plotly-plot").count() >= 2
    assert seen.strangers(workplace.address) == []
    assert faults(seen) == []


def test_the_analysis_shows_the_verdict_and_the_figure(
    browser: Watcher, workplace: Workplace
) -> None:
    seen = browser.open(workplace.page(workplace.run("analysis")))
    page = seen.page
    page.get_by_text("With 160 training examples").first.wait_for()
    picture = page.locator("img[src*='get-artifact']").first
    picture.wait_for(state="attached")
    page.wait_for_function(
        "image => image.complete && image.naturalWidth > 300", arg=picture.element_handle()
    )
    assert seen.strangers(workplace.address) == []
    assert faults(seen) == []


def test_the_report_lives_inside_the_analysis_run(browser: Watcher, workplace: Workplace) -> None:
    seen = browser.open(
        workplace.page(workplace.run("analysis"), "artifacts/report.html"),
        viewport={"width": 1700, "height": 1000},
    )
    inner = seen.page.frame_locator("iframe")
    inner.locator('[data-draw="curve"] svg').wait_for()
    assert inner.locator('[data-draw="curve"] path.line').count() == 2
    assert "With 160 training examples" in inner.locator(".verdict").inner_text()
    assert seen.strangers(workplace.address) == []
    assert faults(seen) == []


def test_a_number_is_the_same_in_export_fit_report_and_mlflow(workplace: Workplace) -> None:
    folder = workplace.folder
    payoff(folder, "export", "small.toml", "--to", "paper", "--formats", "svg")
    exported = json.loads((folder / "paper" / "analysis.json").read_text())
    page = (folder / "small.html").read_text(encoding="utf-8")
    (inside,) = re.findall(r'<script type="application/json" id="analysis">(.*?)</script>', page)
    stored = folder / "mlruns" / "results" / "small" / "payoff.json"
    assert exported == json.loads(inside) == json.loads(stored.read_text())
    options = ["--examples", "n_examples", "--resamples", "100", "--rule", "plateau"]
    fitted = json.loads(
        payoff(folder, "fit", "paper/trials.csv", *options, "--threshold", "1.5", "--json")
    )
    assert fitted["curves"] == exported["curves"]

    def by_rule(found: dict[str, Any]) -> dict[tuple[int, str], dict[str, Any]]:
        return {(row["n_examples"], row["rule"]): row for row in found["payoff"]}

    assert by_rule(fitted) == by_rule(exported)
    placed = [row for row in exported["payoff"] if row["verdict"] == "pays_off_until"]
    assert placed
    metrics = workplace.run("analysis").metrics
    macros = (folder / "paper" / "macros.tex").read_text()
    for row in placed:
        for part in ("size", "low", "high", "error_at_size"):
            assert metrics[f"{row['rule']}_n{row['n_examples']}_{part}"] == row[part]
        point = rf"point}}{{{row['rule']}}}{{n{row['n_examples']}}}{{\num{{"
        quoted = re.search(re.escape(point) + r"([\d.]+)(?:\(\d+\))?(?:e(\d+))?", macros)
        assert quoted is not None, point
        assert float(quoted[1]) * 10.0 ** int(quoted[2] or 0) == pytest.approx(row["size"], rel=0.1)


def test_data_sets_stand_on_parents_and_on_the_model(workplace: Workplace) -> None:
    quieten()
    from mlflow import MlflowClient

    client = MlflowClient(workplace.places.mlflow_address, workplace.places.mlflow_address)
    found = {}
    for run in workplace.runs:
        inputs = client.get_run(run.run_id).inputs
        if inputs is not None and inputs.dataset_inputs:
            sets = inputs.dataset_inputs
            found[run.name] = [one.dataset.name for one in sets]
            assert sets[0].dataset.digest == run.tags["data_digest"][:36]
    assert found == {
        "n=80": ["digits n=80"],
        "n=160": ["digits n=160"],
        f"model {CELL}": ["digits n=160"],
    }


def test_the_registered_model_loads_and_makes_the_errors_on_record(workplace: Workplace) -> None:
    assert workplace.registered == "models:/digits/1"
    quieten()
    import mlflow
    import torch
    from mlflow import MlflowClient
    from mlflow.models import get_model_info

    from study.data.registry import load_dataset
    from study.data.subsets import draw_indices
    from study.spec.study_file import load_spec

    spec = load_spec(workplace.folder / "small.toml")
    data = load_dataset(spec.data, base=spec.base)
    address = workplace.places.mlflow_address
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = mlflow.pytorch.load_model(workplace.registered)
            info = get_model_info(workplace.registered)
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
    run = workplace.run("model")
    trial = next(r for r in workplace.runs if r.tags.get("slot") == run.tags["slot"] and r != run)
    tested = draw_indices(data, 160, int(trial.params["draw"]), spec.study.seed).test
    with torch.no_grad():
        outputs = network(torch.from_numpy(np.array(data.x_test[tested])))
    error = float((outputs.argmax(1).numpy() != data.y_test[tested]).mean())
    assert error == pytest.approx(run.metrics["test_error"], abs=1e-6)
    assert error == pytest.approx(trial.metrics["test_error"], abs=2.1 / len(tested))
    assert info.signature is not None and info.signature.inputs.is_tensor_spec()
    version = MlflowClient(address, address).get_model_version("digits", "1")
    assert version.tags["cell"] == CELL
    assert "With 160 training examples" in (version.description or "")


def test_what_cannot_be_registered_is_said(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from study.cli import main

    monkeypatch.chdir(workplace.folder)
    for words, message in (
        (["--cell", "n160-width9-depth1"], "the study has no cell 'n160-width9-depth1'; did you"),
        (["--examples", "81"], "--examples: must be one of 80, 160, got 81"),
    ):
        assert main(["register", "small.toml", *words]) == 2
        assert message in capsys.readouterr().err
