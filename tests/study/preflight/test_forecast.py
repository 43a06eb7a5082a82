"""What a study will take: exact counts, and times that follow from what was measured."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from study.packs import fused
from study.plan.design import slots
from study.preflight import forecast as forecasting
from study.preflight.check import check_study
from study.preflight.forecast import Forecast, forecast
from study.preflight.pace import Pace, measure_pace
from study.record import Value
from study.spec.study_file import StudySpec, parse_spec
from study.training import reference
from study.trials.laboratory import Laboratory

SMALL: dict[str, Any] = {
    "data": {"sizes": [80, 640]},
    "space": {"width": [2, 8, 32, 64, 128], "depth": [1], "prune_ratio": [0.0, 0.5, 0.8]},
    "training": {"epochs": 20, "min_steps": 100, "evaluations": 10},
    "pruning": {"fine_tune_fraction": 0.25},
    "search": {"trials": 3},
    "replicates": {"draws": 2},
}


def small(**sections: Any) -> StudySpec:
    return parse_spec({**SMALL, **sections}, base=Path.cwd())


def constant(pace: Pace, monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Value]]:
    """Make every capacity train at one pace; return the capacities that are timed."""
    asked: list[Mapping[str, Value]] = []

    def measured(laboratory: Laboratory, capacity: Mapping[str, Value]) -> Pace:
        asked.append(capacity)
        return pace

    monkeypatch.setattr(forecasting, "measure_pace", measured)
    return asked


def of(spec: StudySpec, workers: int = 1) -> Forecast:
    return forecast(spec, check_study(spec), workers)


def test_the_counts_are_those_of_the_design(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = constant(Pace(once=0.0, step=0.0, evaluation=0.0), monkeypatch)
    spec = small()
    found = of(spec)
    every = list(slots(spec))
    assert found.n_trials == len(every) == 10 * 3 + 10 * 2 * 3
    assert found.n_search_trials == sum(slot.phase == "search" for slot in every)
    assert (found.n_cells, found.n_sizes, found.n_capacities) == (10, 2, 5)
    assert [capacity["width"] for capacity in asked] == [2, 32, 128]
    assert found.smallest is not None and found.smallest.n_parameters == 64 * 2 + 2 + 2 * 10 + 10
    assert found.largest is not None and found.largest.capacity == {"width": 128, "depth": 1}


def test_a_training_twice_as_long_counts_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    constant(Pace(once=0.0, step=1.0, evaluation=0.0), monkeypatch)
    spec = small()
    longer = replace(spec, replicates=replace(spec.replicates, longer=1))
    plain, more = of(spec), of(longer)
    assert (plain.n_longer_trials, more.n_longer_trials) == (0, 10)
    assert more.n_trials == len(list(slots(longer))) == plain.n_trials + 10
    assert plain.train_flops is not None and more.train_flops is not None
    assert plain.seconds is not None and more.seconds is not None
    # 5 dense trainings a cell, and two levels of a quarter of one for both replicates.
    assert more.train_flops / plain.train_flops == pytest.approx((5 + 2 + 1.0) / (5 + 1.0))
    steps = 5 * (100 + 200)
    assert more.seconds - plain.seconds >= 2 * steps


@pytest.mark.parametrize(
    ("pace", "busy"),
    [
        # 50 dense and 40 pruned trainings; 100 and 200 steps, of a fine-tuning 25 and 50.
        (Pace(once=1.0, step=0.0, evaluation=0.0), 50 + 40),
        (Pace(once=0.0, step=1.0, evaluation=0.0), 25 * 300 + 20 * 75),
        (Pace(once=0.0, step=0.0, evaluation=1.0), 50 * 10 + 40 * 2.5),
    ],
)
def test_the_time_counts_every_training_step_and_evaluation(
    pace: Pace, busy: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    constant(pace, monkeypatch)
    for name in ("START_SECONDS", "STORING_SECONDS", "TRACKING_SECONDS"):
        monkeypatch.setattr(forecasting, name, 0.0)
    assert of(small()).seconds == pytest.approx(busy)


def test_the_training_flops_are_three_forward_passes_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    constant(Pace(once=0.0, step=0.0, evaluation=0.0), monkeypatch)
    space = {"width": [8], "depth": [1], "prune_ratio": 0.0}
    found = of(small(space=space))
    assert found.smallest is not None
    trainings = 3 + 2
    steps = 100 + 200
    assert found.train_flops == 3 * found.smallest.flops_per_example * 64 * steps * trainings


def test_one_log_keeps_many_workers_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "TRACKING_SECONDS", 0.5)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert forecasting._wall(100.0, 10, 1) == 100.0
    assert forecasting._wall(100.0, 10, 50) == 5.0
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert forecasting._wall(100.0, 10, 2) == 52.5


def test_a_pace_comes_from_packs_such_as_a_worker_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    trained = fused.train_pack

    def spied(jobs: Any, **how: Any) -> Any:
        sizes.append(len(jobs))
        assert {job.settings.width for job in jobs} == {32}
        assert {job.data.n_examples for job in jobs} <= {80, 640}
        return trained(jobs, **how)

    monkeypatch.setattr(fused, "train_pack", spied)
    spec = small()
    pace = measure_pace(check_study(spec), {"width": 32, "depth": 1})
    assert max(sizes) == 2 * 3  # two dataset sizes x three search trials
    assert min(pace.once, pace.step, pace.evaluation) >= 0.0
    assert pace.seconds(400, 15) > 0.0


def test_a_study_without_search_and_with_the_adaptive_sampler_can_be_timed() -> None:
    space = {"width": [4], "depth": [1], "prune_ratio": 0.0, "learning_rate": 0.01}
    fixed = {**space, "dropout": 0.0, "weight_decay": 0.0}
    for spec in (
        small(space=fixed, search={"trials": 0}),
        small(space=space, search={"trials": 3, "sampler": "tpe"}),
    ):
        found = of(spec)
        assert found.seconds is not None and found.seconds > forecasting.START_SECONDS


def test_a_trainer_of_ones_own_is_counted_and_not_timed(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def train(config, n_examples, seed): ...\n")
    raw = {"training": {"function": "mine.py:train"}, "space": {"width": [2, 4]}}
    spec = parse_spec(raw, base=tmp_path)
    found = of(spec)
    assert found.seconds is None and found.train_flops is None and found.smallest is None
    assert found.n_trials == len(list(slots(spec)))


@pytest.mark.slow
def test_the_reference_trainer_is_timed_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, trained = reference.train, []

    def spied(*args: Any) -> Any:
        trained.append(args)
        return alone(*args)

    monkeypatch.setattr(reference, "train", spied)
    capacity: dict[str, Value] = {"width": 2, "depth": 1}
    measure_pace(Laboratory(small()), capacity)
    assert not trained
    measure_pace(Laboratory(small(run={"trainer": "reference"})), capacity)
    assert trained
