"""A study of all three routes, run by two workers, from its file to MLflow and the trial table."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from study.cli import main
from study.places import Places
from study.queue.opening import stored_study
from study.record import TrialRecord
from study.spec.study_file import load_spec
from study.trials.laboratory import Laboratory
from study.trials.latency import architecture
from study.trials.task import Task

STUDY = """
[study]
name = "routes"
routes = ["train", "prune", "distill"]
[data]
sizes = [80]
[space]
width = [4, 8]
depth = [1]
prune_ratio = { levels = [1, 2] }
[training]
epochs = 1
min_steps = 40
[pruning]
methods = ["one-shot", "iterative", "rewind-weights", "structured"]
[distillation]
teachers = ["best", "width8-depth1"]
[search]
trials = 2
[replicates]
draws = 2
[run]
workers = 2
[analysis]
resamples = 200
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("routes")
    (folder / "s.toml").write_text(STUDY)
    assert main(["run", str(folder / "s.toml"), "--root", str(folder / "runs"), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def records(folder: Path) -> dict[str, TrialRecord]:
    spec = load_spec(folder / "s.toml")
    store = stored_study(spec, Places.at(folder / "runs"), "")
    return {record.slot: record for record in store.records()}


def test_every_trial_of_every_route_is_there_once(records: dict[str, TrialRecord]) -> None:
    assert all(record.status == "complete" for record in records.values())
    found = Counter((r.phase, r.route, r.method) for r in records.values())
    assert found == {
        ("search", "trained", ""): 4,
        ("search", "distilled", ""): 8,
        ("replicate", "trained", ""): 4,
        ("replicate", "distilled", ""): 8,
        ("replicate", "pruned", "one-shot-global"): 8,
        ("replicate", "pruned", "iterative-global"): 8,
        ("replicate", "pruned", "rewind-weights-global"): 8,
        ("replicate", "pruned", "structured-global"): 8,
    }


def test_the_teacher_is_the_best_of_the_same_examples(records: dict[str, TrialRecord]) -> None:
    trained: dict[Any, list[TrialRecord]] = defaultdict(list)
    for record in records.values():
        if record.route == "trained":
            trained[record.n_examples, record.phase, record.draw].append(record)
    for record in records.values():
        if record.route != "distilled":
            assert record.teacher == ""
            continue
        candidates = trained[record.n_examples, record.phase, record.draw]
        if "-from-" in record.cell:
            candidates = [one for one in candidates if one.params["width"] == 8]
        metrics = {one.slot: one.metrics for one in candidates}
        best = min(metrics, key=lambda s: (metrics[s]["val_error"], metrics[s]["val_loss"]))
        assert record.teacher == best
        teacher = records[best]
        assert record.sizes["teacher_size"] == teacher.sizes["n_parameters"]
        own, whole = record.metrics["train_flops"], record.metrics["route_flops"]
        assert whole == pytest.approx(own + teacher.metrics["train_flops"])


def test_a_pruned_network_names_its_parent_and_costs_what_both_did(
    records: dict[str, TrialRecord],
) -> None:
    for record in records.values():
        if record.route != "pruned":
            continue
        parent = records[record.parent]
        assert parent.route == "trained" and parent.seed == record.seed
        sizes, before = record.sizes, parent.sizes
        assert record.metrics["route_flops"] > parent.metrics["train_flops"]
        assert sizes["sparse_bytes"] <= sizes["model_bytes"] <= before["model_bytes"]
        if record.method.startswith("structured"):
            assert sizes["n_parameters"] < before["n_parameters"]
        else:
            n_weights = before["n_weights"]
            gone = round(float(record.params["prune_ratio"]) * n_weights)
            assert sizes["n_parameters"] == before["n_parameters"]
            assert sizes["n_nonzero"] <= before["n_parameters"] - gone


def test_the_table_has_every_route_and_cost(folder: Path) -> None:
    with (folder / "runs/results/routes/trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["route"] for row in rows} == {"trained", "pruned", "distilled"}
    for name in ("sparse_bytes", "peak_memory_bytes", "train_flops", "train_seconds"):
        assert all(float(row[name]) > 0 for row in rows), name
    assert all((row["method"] != "") == (row["route"] == "pruned") for row in rows)


def test_students_larger_than_their_teachers_are_counted_in_the_verdict(
    folder: Path, records: dict[str, TrialRecord]
) -> None:
    small = sum(record.flags.get("teacher_smaller", False) for record in records.values())
    said = json.loads((folder / "runs/results/routes/payoff.json").read_text())["remarks"]
    students = sum(record.route == "distilled" for record in records.values())
    expected = [f"{small} of {students} students had a teacher"] if small else []
    assert [line.partition(" with fewer")[0] for line in said] == expected


def test_latency_joins_the_trials_when_it_is_measured(
    folder: Path, capsys: pytest.CaptureFixture[str], records: dict[str, TrialRecord]
) -> None:
    words = [str(folder / "s.toml"), "--root", str(folder / "runs")]
    assert main(["measure", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {architecture(record) for record in records.values()}
    assert "width8-depth1" in found and any("units" in name for name in found)
    assert main(["run", *words, "--quiet"]) == 0
    with (folder / "runs/results/routes/trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        median, p95 = float(row["latency_seconds"]), float(row["latency_p95_seconds"])
        assert 0 < median <= p95
        assert 0 < float(row["latency_128_seconds"]) <= float(row["latency_128_p95_seconds"])


def test_runs_are_tagged_by_route(folder: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(Places.at(folder / "runs").mlflow_address)
    experiment = client.get_experiment_by_name("routes")
    assert experiment is not None
    for route, n_runs in (("trained", 8), ("pruned", 32), ("distilled", 16)):
        text = f"tags.`payoff.kind` = 'trial' and tags.route = '{route}'"
        runs = client.search_runs([experiment.experiment_id], text, max_results=200)
        assert len(runs) == n_runs
        assert all(("teacher" in run.data.tags) == (route == "distilled") for run in runs)
        assert all(("parent" in run.data.tags) == (route == "pruned") for run in runs)


def test_a_student_is_the_same_where_its_teacher_must_be_trained_again(
    folder: Path, records: dict[str, TrialRecord]
) -> None:
    """As on a machine that has none of the files."""
    spec = load_spec(folder / "s.toml")
    store = stored_study(spec, Places.at(folder / "runs"), "")
    store.claim("nobody")  # reads the queue; nothing is left to take
    students = [slot for slot in store.trials.slots.values() if slot.cell.teacher == "best"][-2:]
    tasks = [
        Task(
            slot=slot,
            params=records[slot.name].params,
            optuna_study="",
            number=0,
            teacher=store._claims._nuisance.teacher(slot),
        )
        for slot in students
    ]
    for trainer in ("packs", "reference"):
        run = dataclasses.replace(spec.run, trainer=trainer)
        laboratory = Laboratory(dataclasses.replace(spec, run=run))
        for task, record in laboratory.run(tasks):
            before = records[task.slot.name]
            assert record.teacher == before.teacher
            for name in ("val_loss", "test_loss", "train_loss"):
                assert record.metrics[name] == pytest.approx(before.metrics[name], rel=1e-3)
