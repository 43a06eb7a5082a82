"""What a finished study told is told again while it follows from the same, and only then."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from study.handover import told as telling
from study.handover.results import analyse_study, write_results
from study.handover.told import KEPT, Told, basis, keep, told_before
from study.launch.conclusion import tell
from study.plan.design import slots
from study.record import TrialRecord
from study.spec.study_file import StudySpec, parse_spec
from study.trials.laboratory import Laboratory
from study.trials.task import Task

Finished = tuple[StudySpec, tuple[TrialRecord, ...], Told, Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A study of four sizes, its records, what it told, and its results."""
    spec = parse_spec(
        {
            "study": {"name": "told"},
            "data": {"sizes": [80]},
            "space": {
                "width": [2, 4, 8, 16], "depth": [1], "prune_ratio": 0.0, "dropout": 0.0,
                "learning_rate": 0.02, "weight_decay": 0.0,
            },
            "training": {"epochs": 10, "min_steps": 60},
            "search": {"trials": 0},
            "replicates": {"draws": 3},
            "analysis": {"resamples": 100},
        },
        base=Path(),
    )  # fmt: skip
    tasks = [
        Task(slot=slot, params=slot.params, optuna_study="s", number=number)
        for number, slot in enumerate(slots(spec))
    ]
    records = tuple(record for _, record in Laboratory(spec).run(tasks))
    folder = tmp_path_factory.mktemp("told")
    analysis, table = analyse_study(spec, records)
    return spec, records, tell(analysis, write_results(analysis, table, folder), spec), folder


@pytest.fixture
def finished(trained: Finished) -> Finished:
    spec, records, told, folder = trained
    keep(told, folder, basis(spec, records))
    return spec, records, told, folder


def test_the_same_is_told_again(finished: Finished) -> None:
    spec, records, told, folder = finished
    again = told_before(folder, basis(spec, records))
    assert again == told
    assert told.curves[80]["measured"]
    assert told.answer.rows
    assert json.loads(told.json)["sentence"] == told.answer.sentence


def test_another_trial_setting_or_seed_is_another_basis(finished: Finished) -> None:
    spec, records, _, folder = finished
    metrics = {**records[0].metrics, "test_error": 0.125}
    other = dataclasses.replace(records[0], metrics=metrics)
    analysis = dataclasses.replace(spec.analysis, marginal=0.2)
    seeded = dataclasses.replace(spec, study=dataclasses.replace(spec.study, seed=1))
    decide = dataclasses.replace(spec.decide, target=spec.decide.target + 1)
    found = {
        basis(spec, records),
        basis(spec, records[:-1]),
        basis(spec, (other, *records[1:])),
        basis(dataclasses.replace(spec, analysis=analysis), records),
        basis(seeded, records),
        basis(dataclasses.replace(spec, decide=decide), records),
    }
    assert len(found) == 6
    assert [told_before(folder, one) is not None for one in found].count(True) == 1


def test_other_code_and_other_libraries_are_another_basis(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, records, _, _ = finished
    before = basis(spec, records)
    monkeypatch.setattr(telling, "LIBRARIES", ("numpy",))
    other = basis(spec, records)
    (tmp_path / "more.py").write_text("x = 1\n")
    monkeypatch.setattr("analysis.__path__", [*__import__("analysis").__path__, str(tmp_path)])
    monkeypatch.setattr(
        "analysis.__spec__.submodule_search_locations", __import__("analysis").__path__
    )
    assert len({before, other, basis(spec, records)}) == 3


@pytest.mark.parametrize("name", ["verdict.md", "payoff.json", "trials.csv", "size_error.png"])
def test_a_file_that_is_gone_or_another_lets_nothing_be_told(finished: Finished, name: str) -> None:
    spec, records, _, folder = finished
    follows_from = basis(spec, records)
    content = (folder / name).read_bytes()
    try:
        (folder / name).write_bytes(content + b" ")
        assert told_before(folder, follows_from) is None
        (folder / name).unlink()
        assert told_before(folder, follows_from) is None
    finally:
        (folder / name).write_bytes(content)
    assert told_before(folder, follows_from) is not None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"basis": 1}', '{"told": {}, "files": {}}'])
def test_what_is_no_such_file_tells_nothing(finished: Finished, text: str) -> None:
    spec, records, _, folder = finished
    (folder / KEPT).write_text(text)
    assert told_before(folder, basis(spec, records)) is None
