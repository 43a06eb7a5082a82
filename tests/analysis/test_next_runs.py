"""What to run next for any trial table: in its words, at its costs, of sizes that can be made."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from analysis.design.candidates import Candidate, Target
from analysis.errors import AnalysisError
from analysis.next_runs import next_runs
from analysis.settings import AnalysisSettings
from analysis.table.trials import TrialTable
from analysis.words.plans import OBSTACLES

SIZES = 100.0 * 4.0 ** np.arange(7)
SETTINGS = AnalysisSettings(resamples=400)


def table(spread: float = 0.1, sizes: np.ndarray = SIZES, **more: float) -> TrialTable:
    rng = np.random.default_rng(1)
    return TrialTable.from_rows(
        {
            "n_parameters": float(size),
            "test_error": 0.05 * (1.0 + (size / k) ** -0.6) * math.exp(spread * rng.normal()),
            "n_examples": n,
            "seed": seed,
            **more,
        }
        for n, k in ((500, 2000.0), (2000, 8000.0))
        for size in sizes
        for seed in range(3)
    )


def test_without_candidates_no_size_is_named_that_the_table_does_not_have() -> None:
    found = next_runs(table(), settings=SETTINGS)
    assert found.plan.chosen
    for one in found.plan.chosen:
        candidate = one.candidate
        if candidate.between is None:
            assert candidate.size in SIZES
        else:
            assert candidate.between[0] in SIZES


def test_sizes_that_can_be_made_are_the_only_new_ones() -> None:
    found = next_runs(table(), [800.0, 12_800.0], settings=SETTINGS, runs=200)
    sizes = {one.candidate.size for one in (*found.plan.chosen, *found.plan.ahead)}
    assert sizes <= {*SIZES, 800.0, 12_800.0}


def test_only_the_dataset_size_that_is_asked_about_gets_runs() -> None:
    found = next_runs(table(), target=Target(n_examples=(500.0,), factor=1.5), settings=SETTINGS)
    assert {one.candidate.n_examples for one in found.plan.chosen} == {500.0}


def test_costs_are_read_off_the_column_that_tells_them() -> None:
    found = next_runs(table(train_flops=7.0), settings=SETTINGS)
    assert found.prices.name == "train_flops"
    assert found.prices.spent == pytest.approx(7.0 * 42)
    doubled = next_runs(table(), cost=lambda size, examples: 2.0 * size * examples)
    plain = next_runs(table())
    assert doubled.prices.spent == pytest.approx(2.0 * plain.prices.spent)
    assert [one.candidate.size for one in doubled.plan.chosen] == [
        one.candidate.size for one in plain.plan.chosen
    ]


def test_where_no_dataset_size_is_known_runs_cost_what_their_size_says() -> None:
    one = table().where(table().n_examples == 500)
    unknown = one.with_columns(n_examples=np.full(len(one), -1))
    assert next_runs(unknown, settings=SETTINGS).prices.name == "size"
    asked: set[float] = set()

    def cost(size: float, examples: float) -> float:
        asked.add(examples)
        return size

    found = next_runs(unknown, cost=cost, settings=SETTINGS)
    assert asked == {-1.0}
    assert found.prices.spent == pytest.approx(3.0 * SIZES.sum())


def test_candidates_of_ones_own_keep_their_costs_and_names() -> None:
    mine = [
        Candidate(size=float(size), n_examples=500.0, cost=3.0, name=f"w{k}")
        for k, size in enumerate(SIZES)
    ]
    found = next_runs(table(), mine, settings=SETTINGS, budget=60.0)
    assert found.plan.cost <= 60.0
    assert {one.candidate for one in found.plan.chosen} <= set(mine)


def test_a_dataset_with_too_few_sizes_gets_runs_of_its_own() -> None:
    both = table()
    few = (both.n_examples == 2000) | (both.column("n_parameters") <= SIZES[1])
    found = next_runs(both.where(few), settings=SETTINGS)
    assert found.plan.coarse
    assert {one.candidate.n_examples for one in found.plan.chosen} == {500.0}


def test_candidates_that_name_no_dataset_are_of_each() -> None:
    mine = [Candidate(size=float(size), cost=3.0) for size in SIZES]
    found = next_runs(table(), mine, settings=SETTINGS, target=1.2)
    assert {one.candidate.n_examples for one in found.plan.chosen} == {500.0, 2000.0}


def test_sizes_may_be_an_array_of_whole_numbers() -> None:
    listed = next_runs(table(), [800.0, 12_800.0], settings=SETTINGS)
    array = next_runs(table(), np.array([800, 12_800]), settings=SETTINGS)  # type: ignore[arg-type]
    assert array.plan.chosen == listed.plan.chosen


@pytest.mark.parametrize(
    ("given", "target", "said"),
    [
        ([Candidate(size=800.0, cost=1.0, n_examples=501.0)], None, "none is of a dataset size"),
        ([Candidate(size=800.0, cost=1.0), 900.0], None, "candidates: .* not both"),
        (["wide"], None, "candidates: sizes must be numbers"),
        (None, Target(n_examples=(501.0,)), r"target: .*500, 2,000.*501"),
    ],
)
def test_what_is_about_nothing_in_the_table_is_refused(
    given: list[Candidate], target: Target | None, said: str
) -> None:
    with pytest.raises(AnalysisError, match=said):
        next_runs(table(), given, target=target, settings=SETTINGS)


def test_the_batch_is_told_in_words_and_as_json() -> None:
    found = next_runs(table(), settings=SETTINGS)
    assert f"next: {found.plan.runs} runs" in found.summary()
    rows = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert sum(row["runs"] for row in rows["runs"]) == found.plan.runs
    assert [row["state"] for row in rows["standings"]] == [
        one.state for one in found.plan.standings
    ]


def test_a_table_without_a_curve_says_what_to_run() -> None:
    with pytest.raises(AnalysisError, match="runs of several sizes"):
        next_runs(table(sizes=SIZES[:1]), settings=SETTINGS)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(AnalysisError, match=r"cost: .*'price'"):
        next_runs(table(), cost="price", settings=SETTINGS)


def test_runs_that_are_proposed_are_not_said_to_be_of_no_help() -> None:
    rng = np.random.default_rng(3)
    rows = [
        {
            "n_parameters": float(size),
            "test_error": rng.binomial(
                60, 0.05 * (1.0 + (size / 4000.0) ** -0.6) * math.exp(0.02 * rng.normal())
            )
            / 60,
            "n_examples": 500,
            "n_test": 60,
            "seed": seed,
        }
        for size in SIZES
        for seed in range(2)
    ]
    found = next_runs(TrialTable.from_rows(rows), settings=SETTINGS)
    (now,) = found.plan.standings
    assert (now.obstacle, now.settled) == ("test_set", False)
    assert found.plan.chosen
    assert f"at best: {OBSTACLES['test_set']}" in found.summary()
    assert "would not help" not in found.summary()
