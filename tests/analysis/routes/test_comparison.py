"""Routes: paired curves, crossings and sizes saved, on studies whose truth is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.routes.comparison import RouteStudy, study_routes
from analysis.settings import AnalysisSettings
from analysis.study import analyse
from analysis.table.trials import TrialTable
from analysis.words.rows import crossing_rows, routes_rows, saving_rows
from benchmarks.simulation.routes import (
    RouteTruth,
    calibrate_routes,
    draw_truth,
    simulate_routes,
)

SETTINGS = AnalysisSettings(resamples=300)
TRUTH = RouteTruth(
    x=np.log(500.0 * 2.0 ** np.arange(8)),
    level=math.log(0.05),
    alpha=0.6,
    bend=math.log(16000.0),
    crossing=math.log(6000.0),
    lean=0.15,
    saved=math.log(2.0),
)


@pytest.fixture(scope="module")
def table() -> TrialTable:
    return simulate_routes(TRUTH, np.random.default_rng(5))


@pytest.fixture(scope="module")
def study(table: TrialTable) -> RouteStudy:
    (found,) = study_routes(table, SETTINGS)
    return found


def test_routes_are_compared_on_non_zero_weights_where_masks_leave_the_size(
    study: RouteStudy,
) -> None:
    assert study.size == "n_nonzero"
    names = [curve.name for curve in study.curves]
    assert names == ["trained", "pruned (one-shot-global)", "distilled"]


def test_a_known_crossing_is_found_the_right_way_round(study: RouteStudy) -> None:
    crossing = study.crossing("pruned (one-shot-global)", "trained")
    assert crossing.kind == "crosses"
    assert crossing.better_above == "pruned (one-shot-global)"
    assert crossing.low < 6000.0 < crossing.high


def test_the_size_saved_by_distillation_is_found(study: RouteStudy) -> None:
    saving = study.saving("distilled")
    assert saving.low < 2.0 < saving.high and saving.saves
    for step in saving.steps:
        assert step.low <= step.ratio <= step.high


def test_no_crossing_in_the_range_is_said_with_its_probability(table: TrialTable) -> None:
    truth = replace(TRUTH, crossing=TRUTH.x[-1] + 3.0)
    (study,) = study_routes(simulate_routes(truth, np.random.default_rng(6)), SETTINGS)
    crossing = study.crossing("trained", "pruned (one-shot-global)")
    assert crossing.kind == "first_better"
    assert crossing.probability >= 0.8 and crossing.high_open
    assert math.isnan(crossing.size)
    assert crossing.clear_first == "trained"
    assert crossing.range_low < crossing.clear_until <= crossing.range_high * 1.001


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    score = calibrate_routes(20, seed=11, settings=AnalysisSettings(resamples=200))
    # P(at most 15 of 20 | 90%) = 4%; a factor of two in the spread would give 60%: P(16+) = 5%.
    assert score.crossing_covered >= 16
    assert score.saving_covered >= 16
    assert score.wrong <= 2


def test_the_same_table_gives_the_same_numbers(table: TrialTable, study: RouteStudy) -> None:
    (again,) = study_routes(table, SETTINGS)
    assert crossing_rows([again]) == crossing_rows([study])
    assert saving_rows([again]) == saving_rows([study])


def test_pairing_takes_the_shared_luck_out() -> None:
    """Routes on the same test examples differ with less spread than each alone has."""
    rng = np.random.default_rng(2)
    (study,) = study_routes(simulate_routes(TRUTH, rng), SETTINGS)
    trained, distilled = study.curve("trained").drawn, study.curve("distilled").drawn
    assert trained is not None and distilled is not None
    alone = trained.log_error[:, 20].var() + distilled.log_error[:, 20].var()
    apart = (trained.log_error[:, 20] - distilled.log_error[:, 20]).var()
    assert apart < 0.8 * alone


def test_too_few_sizes_is_a_reason_not_a_number(table: TrialTable) -> None:
    small = np.array(
        [
            route != "distilled" or size < 1100
            for route, size in zip(table.route, table.n_nonzero, strict=True)
        ]
    )
    (study,) = study_routes(table.where(small), SETTINGS)
    saving = study.saving("distilled")
    assert math.isnan(saving.ratio) and saving.why is not None
    assert (saving.why.kind, saving.why.of_route) == ("few_sizes", "distilled")
    assert study.crossing("trained", "distilled").kind == "cannot_tell"


def test_of_two_parents_at_one_size_the_validation_set_chooses(table: TrialTable) -> None:
    rows = table.to_rows()
    worse = []
    for row in rows:
        if row["route"] == "pruned":
            ratio = 1.0 - row["n_nonzero"] / 1e9
            change = {"parent": "other", "n_parameters": 1e9, "prune_ratio": ratio, "seed": 90}
            # Better on the test set, which must not count.
            change |= {"val_error": 1.5 * row["val_error"], "test_error": row["test_error"] / 2}
            worse.append(row | change | {"test_correct": None})
    (study,) = study_routes(TrialTable.from_rows([*rows, *worse]), SETTINGS)
    curve = study.curve("pruned (one-shot-global)").fit.curve
    assert sum(e.count for e in curve.excluded) == len(worse)
    (alone,) = study_routes(table, SETTINGS)
    np.testing.assert_array_equal(
        curve.error, alone.curve("pruned (one-shot-global)").fit.curve.error
    )


def test_a_study_of_one_route_has_no_comparison(table: TrialTable) -> None:
    only = np.array([route == "trained" for route in table.route])
    assert study_routes(table.where(only), SETTINGS) == ()


def test_the_whole_analysis_carries_the_routes(table: TrialTable) -> None:
    analysis = analyse(table, SETTINGS)
    whole = json.loads(json.dumps(analysis.to_json(), allow_nan=False))
    assert [row["route"] for row in whole["routes"]] == ["trained", "pruned", "distilled"]
    assert len(whole["crossings"]) == 3
    assert "Route distilled" in analysis.markdown()
    assert analysis.metrics()["times_smaller_distilled_n1000"] > 1.0
    trained = np.array([route == "trained" for route in table.route])
    alone = analyse(table.where(trained), SETTINGS)
    assert alone.numbers() == analysis.numbers()  # the curve of trained models is its own


def test_the_trained_route_has_the_payoff_points_of_the_study(table: TrialTable) -> None:
    analysis = analyse(table, replace(SETTINGS, size="n_nonzero"))
    assert analysis.routes[0].payoff("trained") == analysis.fits[0].verdict


def test_rows_name_every_route(study: RouteStudy) -> None:
    rows = routes_rows([study])
    assert [row["route"] for row in rows] == ["trained", "pruned", "distilled"]
    assert all(row["cells"] == 8 for row in rows)


def test_drawn_truths_cross_inside_their_range() -> None:
    for seed in range(20):
        truth = draw_truth(np.random.default_rng(seed))
        assert truth.x[0] < truth.crossing < truth.x[-1]
