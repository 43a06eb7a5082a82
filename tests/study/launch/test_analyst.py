"""The process beside that analyses, against the analysis within."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.handover.results import analyse_study, write_results
from study.launch.analyst import Analyst
from study.plan.design import slots
from study.record import TrialRecord
from study.spec.study_file import StudySpec, parse_spec
from study.trials.laboratory import Laboratory
from study.trials.task import Task
from tests.support.waiting import FAR_AWAY


@pytest.fixture
def analyst() -> Iterator[Analyst]:
    one = Analyst()
    yield one
    one.close()


@pytest.fixture(scope="module")
def finished() -> tuple[StudySpec, tuple[TrialRecord, ...]]:
    """A study of five sizes, and the records of its replicates."""
    spec = parse_spec(
        {
            "study": {"name": "beside"},
            "data": {"sizes": [80]},
            "space": {
                "width": [2, 4, 8, 16, 32], "depth": [1], "prune_ratio": 0.0, "dropout": 0.0,
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
        if slot.phase == "replicate"
    ]
    records = [record for _, record in Laboratory(spec).run(tasks)]
    return spec, tuple(records)


@pytest.mark.slow
def test_the_process_writes_and_answers_what_the_analysis_within_does(
    analyst: Analyst, finished: tuple[StudySpec, tuple[TrialRecord, ...]], tmp_path: Path
) -> None:
    spec, records = finished
    analysis, table = analyse_study(spec, records)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "size_error.svg").write_text("of an earlier version, and another study")
    here = [path.name for path in write_results(analysis, table, tmp_path / "here")]

    analyst.begin()
    found = analyst.analyse(spec, records, tmp_path / "there")

    assert found is not None
    assert found[0].markdown() == analysis.markdown()
    assert found[0].to_json() == analysis.to_json()
    assert [path.name for path in found[1]] == here
    names = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "there").iterdir())
    assert {"verdict.md", "payoff.json", "size_error.png"} <= set(names)
    for name in names:
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_a_process_that_cannot_do_it_leaves_it_to_the_asker(
    analyst: Analyst, finished: tuple[StudySpec, tuple[TrialRecord, ...]], tmp_path: Path
) -> None:
    spec, records = finished
    assert analyst.analyse(spec, records, tmp_path) is None  # it has not begun
    (tmp_path / "file").write_text("in the way")
    analyst.begin()
    assert analyst.analyse(spec, records, tmp_path / "file") is None


def test_a_process_that_was_killed_leaves_it_to_the_asker(
    analyst: Analyst, finished: tuple[StudySpec, tuple[TrialRecord, ...]], tmp_path: Path
) -> None:
    spec, records = finished
    analyst.begin()
    assert analyst._process is not None
    analyst._process.kill()
    analyst._process.wait()
    assert analyst.analyse(spec, records, tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_a_process_whose_asker_is_gone_writes_nothing(
    analyst: Analyst, finished: tuple[StudySpec, tuple[TrialRecord, ...]], tmp_path: Path
) -> None:
    spec, records = finished
    analyst.begin()
    process = analyst._process
    assert process is not None
    assert process.stdin is not None
    pickle.dump((spec, records, tmp_path), process.stdin)
    process.stdin.close()
    assert process.wait(FAR_AWAY) == 1
    assert not (tmp_path / "verdict.md").exists()


@pytest.mark.slow
def test_what_others_print_is_no_answer(
    analyst: Analyst,
    finished: tuple[StudySpec, tuple[TrialRecord, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec, records = finished
    (tmp_path / "sitecustomize.py").write_text("import os; os.write(1, b'INFO: hello')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    analyst.begin()
    assert analyst.analyse(spec, records, tmp_path / "results") is None
