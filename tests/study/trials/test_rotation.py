"""Trials whose test sets rotate: each draw on its own, whoever trains, and its pruned networks."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.table.writing import write_table
from search_spaces.errors import PayoffError
from study.data.subsets import draw_indices
from study.errors import StudyFileError
from study.handover.registering import train_again
from study.handover.results import table_of
from study.plan.design import slots
from study.record import TrialRecord
from study.spec.study_file import StudySpec, parse_spec
from study.trials.laboratory import Laboratory
from study.trials.task import Task
from tests.support.records import bits_of

RAW: dict[str, Any] = {
    "study": {"name": "small"},
    "data": {"sizes": [80, 160]},
    # So few of 296 weights are none: the pruned network is its parent.
    "space": {"width": [4], "depth": [1], "prune_ratio": [0.0, 0.001, 0.5], "weight_decay": 0.0},
    "pruning": {"methods": ["untuned"]},
    "training": {"epochs": 5, "min_steps": 40},
    "search": {"trials": 1},
    "replicates": {"draws": 4},
}
NUISANCE = {"learning_rate": 0.01, "dropout": 0.1}


def spec_of(**changes: Any) -> StudySpec:
    return parse_spec({**RAW, **changes}, base=Path.cwd())


def records_of(spec: StudySpec) -> dict[str, TrialRecord]:
    tasks = [
        Task(slot=slot, params={**slot.params, **NUISANCE}, optuna_study="s", number=number)
        for number, slot in enumerate(slots(spec))
    ]
    return {task.slot.name: record for task, record in Laboratory(spec).run(tasks)}


@pytest.fixture(scope="module")
def trained() -> tuple[StudySpec, dict[str, TrialRecord]]:
    spec = spec_of()
    return spec, records_of(spec)


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["torch-packs", "reference"])
def test_a_pack_of_several_draws_tests_each_on_its_own(
    trained: tuple[StudySpec, dict[str, TrialRecord]], trainer: str
) -> None:
    spec, together = trained
    run = dataclasses.replace(spec.run, trainer=trainer)  # type: ignore[arg-type]
    for name, record in records_of(dataclasses.replace(spec, run=run)).items():
        assert record.test_correct == together[name].test_correct
        for score in ("test_loss", "test_error", "val_error", "val_loss"):
            assert record.metrics[score] == pytest.approx(
                together[name].metrics[score], rel=2e-5, abs=1e-12
            )


def test_records_say_how_many_examples_test_sets_are_drawn_from(
    trained: tuple[StudySpec, dict[str, TrialRecord]], tmp_path: Path
) -> None:
    _, records = trained
    assert len(records) == 2 + 2 * 4 * 3
    assert {(one.n_test, one.n_test_pool) for one in records.values()} == {
        (1560, 1640),
        (1480, 1640),
    }
    for record in records.values():
        assert TrialRecord.from_json(record.to_json()) == record
        assert TrialRecord.from_content(record.content()).n_test_pool == 1640
    table = table_of(records.values())
    assert (table.n_test_pool == 1640).all()
    write_table(table, tmp_path / "trials.csv")
    assert ",n_test,n_test_pool,test_correct," in (tmp_path / "trials.csv").read_text()


def test_a_fixed_test_set_is_written_as_it_always_was(tmp_path: Path) -> None:
    spec = spec_of(data={"sizes": [80], "test_sets": "fixed"}, replicates={"draws": 1})
    record = next(iter(records_of(spec).values()))
    assert (record.n_test, record.n_test_pool) == (360, 0)
    assert "n_test_pool" not in record.to_json()
    assert TrialRecord.from_json(record.to_json()) == record
    for suffix in ("csv", "jsonl"):
        write_table(table_of([record]), tmp_path / f"trials.{suffix}")
        assert "n_test_pool" not in (tmp_path / f"trials.{suffix}").read_text()


def test_a_pruned_network_is_tested_where_its_parent_was(
    trained: tuple[StudySpec, dict[str, TrialRecord]],
) -> None:
    _, records = trained
    children = [one for one in records.values() if one.params["prune_ratio"] == 0.001]
    assert len(children) == 8
    for child in children:
        assert child.test_correct == records[child.parent].test_correct


def test_a_trial_trained_again_answers_the_test_set_of_its_draw_as_on_record(
    trained: tuple[StudySpec, dict[str, TrialRecord]],
) -> None:
    spec, records = trained
    data = Laboratory(spec).dataset
    for record in [one for one in records.values() if one.route == "trained"][:4]:
        chosen = draw_indices(data, record.n_examples, record.draw, spec.study.seed)
        model = train_again(spec, record)
        with torch.no_grad():
            answers = model.network(torch.tensor(data.x_test[chosen.test])).argmax(dim=1).numpy()
        correct = answers == data.y_test[chosen.test]
        assert (correct != bits_of(record)).sum() <= 1
        assert np.array_equal(model.example, data.x_test[chosen.test[:2]])
    other = {**record.metrics, "test_error": record.metrics["test_error"] + 0.02}
    with pytest.raises(PayoffError, match="on record stands"):
        train_again(spec, dataclasses.replace(record, metrics=other))


def test_an_own_trainer_has_its_own_test_set(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def train(config, n_examples, seed):\n"
        "    return {'val_error': 0.1, 'test_error': 0.1, 'n_parameters': 10}\n"
    )
    raw = {"training": {"function": "mine.py:train"}, "space": {"width": [4]}}
    spec = parse_spec(raw, base=tmp_path)
    assert not spec.rotates
    assert spec.digest() == spec.with_fixed_test().digest()  # as before test sets could rotate
    task = Task(slot=next(slots(spec)), params={"width": 4}, optuna_study="s", number=0)
    ((_, record),) = Laboratory(spec).run([task])
    assert record.n_test_pool == 0
    with pytest.raises(
        StudyFileError, match=r"data.test_sets: means nothing to a trainer of one's"
    ):
        parse_spec({**raw, "data": {"test_sets": "rotate"}}, base=tmp_path)
