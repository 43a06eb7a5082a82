"""From tasks to records: packs, parents shared by their prune ratios, failures with reasons."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.models.weights import weights_of
from study.plan.design import slots
from study.record import TrialRecord
from study.spec.study_file import StudySpec, parse_spec
from study.trials import units
from study.trials.laboratory import Laboratory
from study.trials.networks import Network, network_record
from study.trials.task import Task, failed
from tests.support.records import bits_of

RAW: dict[str, Any] = {
    "study": {"name": "small"},
    "data": {"sizes": [80, 160]},
    "space": {"width": [4, 8, 32], "depth": [1], "prune_ratio": [0.0, 0.5]},
    "training": {"epochs": 5, "min_steps": 40},
    "search": {"trials": 2},
    "replicates": {"draws": 1},
}
NUISANCE = {"learning_rate": 0.01, "weight_decay": 0.01, "dropout": 0.1}


def spec_of(**changes: Any) -> StudySpec:
    return parse_spec({**RAW, **changes}, base=Path.cwd())


def tasks_of(spec: StudySpec) -> list[Task]:
    return [
        Task(
            slot=slot,
            params={**slot.params, **({} if slot.phase == "search" else NUISANCE)},
            optuna_study="s",
            number=number,
        )
        for number, slot in enumerate(slots(spec))
    ]


def run(spec: StudySpec, tasks: list[Task]) -> dict[str, TrialRecord]:
    records = list(Laboratory(spec).run(tasks))
    assert sorted(task.slot.name for task, _ in records) == sorted(t.slot.name for t in tasks)
    return {task.slot.name: record for task, record in records}


def assert_same(first: TrialRecord, second: TrialRecord) -> None:
    for name in ("train_loss", "val_loss", "test_loss", "test_error", "val_error", "best_step"):
        np.testing.assert_allclose(
            first.metrics[name], second.metrics[name], rtol=2e-5, atol=0, err_msg=name
        )
    assert first.sizes == second.sizes
    assert first.flags == second.flags
    assert first.params == second.params


@pytest.mark.slow
def test_a_trial_returns_the_same_alone_in_a_pack_and_from_the_reference_trainer() -> None:
    spec = spec_of()
    tasks = tasks_of(spec)
    together = run(spec, tasks)
    backwards = run(spec, tasks[::-1])
    reference = run(dataclasses.replace(
        spec, run=dataclasses.replace(spec.run, trainer="reference")), tasks)  # fmt: skip
    assert len(together) == 6 * 2 + 6 * 2
    for name, record in together.items():
        assert record.status == "complete"
        assert_same(record, backwards[name])
        assert_same(record, reference[name])
    for unit in {task.slot.unit for task in tasks[::5]}:
        mine = [task for task in tasks if task.slot.unit == unit]
        for name, record in run(spec, mine).items():
            assert_same(record, together[name])


def test_a_pruned_trial_needs_no_other_trial_of_its_unit() -> None:
    spec = spec_of()
    tasks = tasks_of(spec)
    pruned = next(task for task in tasks if task.slot.prune_ratio == 0.5)
    whole = run(spec, [task for task in tasks if task.slot.unit == pruned.slot.unit])
    assert_same(run(spec, [pruned])[pruned.slot.name], whole[pruned.slot.name])


def test_pruned_trials_lack_exactly_the_weights_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Network] = []

    def noted(laboratory: Laboratory, network: Network, started: float) -> TrialRecord:
        made.append(network)
        return network_record(laboratory, network, started)

    monkeypatch.setattr(units, "network_record", noted)
    spec = spec_of()
    records = run(spec, [task for task in tasks_of(spec) if task.slot.phase == "replicate"])
    assert len(made) == len(records) == 12
    for network in made:
        record = records[network.task.slot.name]
        ratio = float(record.params["prune_ratio"])
        weights = weights_of(network.model).values()
        n_weights = sum(weight.numel() for weight in weights)
        assert sum(int((weight == 0).sum()) for weight in weights) == round(ratio * n_weights)
        left = sum(int(parameter.count_nonzero()) for parameter in network.model.parameters())
        assert record.sizes["n_weights"] == n_weights
        assert record.sizes["n_nonzero"] == left
        assert record.route == ("pruned" if ratio else "trained")


def test_a_record_holds_what_the_test_set_said_of_each_example() -> None:
    spec = spec_of()
    record = next(iter(run(spec, tasks_of(spec)[:1]).values()))
    correct = bits_of(record)
    assert record.n_test == 1560
    assert 1 - correct.mean() == pytest.approx(record.metrics["test_error"])
    assert [point[0] for point in record.curve["val_error"]][-1] == record.metrics["steps"]
    assert record.finished_at - record.started_at <= 60


def test_a_replicate_whose_search_failed_says_so() -> None:
    spec = spec_of()
    task = next(task for task in tasks_of(spec) if task.slot.phase == "replicate")
    record = run(spec, [dataclasses.replace(task, params=task.slot.params)])[task.slot.name]
    assert (record.status, record.reason) == ("failed", "every search trial of its cell failed")


@pytest.mark.slow
def test_one_bad_model_spoils_none_of_its_pack(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(
        "from torch import nn\n"
        "def build(width, depth, dropout, input_shape, n_outputs):\n"
        "    if width == 8:\n"
        "        raise ValueError('eight is not to be had')\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(),\n"
        "                         nn.Linear(width, n_outputs))\n"
    )
    raw = {**RAW, "model": {"family": "custom", "function": "models.py:build"}}
    spec = parse_spec(raw, base=tmp_path)
    for name, record in run(spec, tasks_of(spec)).items():
        if "width8" in name:
            assert record.status == "failed"
            assert record.reason.startswith("ValueError: eight is not to be had (models.py:4)")
        else:
            assert record.status == "complete"


def test_a_diverged_training_is_told_apart_from_a_failure() -> None:
    spec = spec_of(
        space={**RAW["space"], "learning_rate": 9e5, "weight_decay": 0.0},
        training={**RAW["training"], "optimizer": "sgd"},
    )
    records = run(spec, tasks_of(spec)[:2])
    for record in records.values():
        assert record.status == "diverged"
        assert record.reason
        assert "test_error" not in record.metrics
        assert record.to_json()


def test_a_failed_record_carries_the_slot_and_the_reason() -> None:
    spec = spec_of()
    slot = next(slots(spec))
    task = Task(slot=slot, params=slot.params, optuna_study="s", number=3)
    record = failed(spec, task, "why")
    assert (record.slot, record.reason, record.status) == (slot.name, "why", "failed")
    assert TrialRecord.from_json(record.to_json()) == record
