"""The best values of hyperparameters, and what wrong ones cost, against simulated truths."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from analysis.findings import Finding, NextStep
from analysis.report import report_html
from analysis.settings import AnalysisSettings
from analysis.study import analyse
from analysis.table.trials import TrialTable
from analysis.tuning.best_values import (
    BestAt,
    BestValue,
    best_value_findings,
    study_best_values,
)
from analysis.tuning.responses import DEGREE, legendre
from analysis.tuning.searched import Scale, searched_trials
from analysis.tuning.widening import widening
from analysis.words.kinds import tell
from tests.support.searches import DEFAULTS, Answer, Search
from tests.support.tables import study_rows

SETTINGS = AnalysisSettings(resamples=200)
MOVING = DEFAULTS["learning_rate"]
LEANING = {**DEFAULTS, "learning_rate": replace(MOVING, lean=4.0)}
AT_ENDS = {
    **DEFAULTS,
    "learning_rate": replace(MOVING, best=1.1, by_size=0.0, by_data=0.0),
    "dropout": replace(DEFAULTS["dropout"], best=-0.1, by_size=0.0, by_data=0.0),
}
SEARCHES = {
    "as the default study": Search(answers=DEFAULTS),
    "walls above the best": Search(answers=LEANING),
    "at the ends": Search(answers=AT_ENDS),
    "two that act together": Search(answers=DEFAULTS, crossed=0.8),
    "heavy tails": Search(answers=DEFAULTS, tails=3.0),
    "a tenth diverged": Search(answers=DEFAULTS, diverged=0.1),
    "much noise": Search(answers=DEFAULTS, spread=0.3),
    "one dataset size": Search(answers=DEFAULTS, datasets=1, trials=8),
    "two trials a cell": Search(answers=DEFAULTS, trials=2),
}


def found_in(search: Search, seed: int) -> dict[str, BestValue]:
    found = study_best_values(search.table(seed), SETTINGS)
    return {one.hyperparameter: one for one in found}


def truths(search: Search, one: BestValue) -> Iterator[tuple[BestAt, float]]:
    """Places with the true best values there."""
    for place in one.places:
        s = round(math.log(place.size / 50.0, 4))
        d = round(math.log2(place.n_examples / 20))
        yield place, search.best(one.hyperparameter, s, d)


def holds(place: BestAt, truth: float) -> bool:
    """Whether an interval holds a truth; an open end holds all beyond it."""
    best = place.best
    return (best.low_open or best.low <= truth) and (best.high_open or truth <= best.high)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHES)
def test_intervals_of_best_values_hold_the_truth_as_often_as_they_say(name: str) -> None:
    search = SEARCHES[name]
    seeds = 8 if search.crossed else 25
    held = [
        holds(place, truth)
        for seed in range(seeds)
        for key, one in found_in(search, seed).items()
        if search.answers[key].depth
        for place, truth in truths(search, one)
    ]
    # Those of one study go together: what is left of chance is that of some 40 intervals.
    assert np.mean(held) >= 0.82


@pytest.mark.slow
def test_hyperparameters_that_do_nothing_are_hardly_ever_told() -> None:
    still = Search(answers={name: replace(one, depth=0.0) for name, one in DEFAULTS.items()})
    told = [one.why is None for seed in range(40) for one in found_in(still, seed).values()]
    assert len(told) == 160 and np.mean(told) <= 0.05


def test_a_wall_of_diverged_trials_does_not_push_the_best_value_away() -> None:
    search = Search(answers=DEFAULTS, wall=0.3)
    one = found_in(search, 5)["learning_rate"]
    for place, truth in truths(search, one):
        assert 0.5 < place.best.value / truth < 2.0


def test_what_moves_the_best_value_is_told_with_its_direction() -> None:
    search = SEARCHES["as the default study"]
    found = found_in(search, 1)
    by_size, by_data = found["learning_rate"].moves
    # z falls by 0.25 in 9 steps of two doublings, and rises by 0.1 in 7 doublings of the data.
    assert by_size.by == "size" and by_size.sure
    assert by_size.change.high < 0.0
    assert by_size.change.value == pytest.approx(100.0 ** (-0.25 / 18) - 1.0, abs=0.02)
    assert by_data.by == "data" and by_data.change.value > 0.0
    assert not any(move.sure for move in found["weight_decay"].moves)
    assert not found["dropout"].log and found["learning_rate"].log


def test_the_cost_of_a_wrong_value_is_the_simulated_one() -> None:
    one = found_in(SEARCHES["as the default study"], 1)["learning_rate"]
    step = math.log(3.0) / math.log(100.0)
    assert one.cost is not None and one.smaller is not None and one.larger is not None
    assert one.cost.low <= math.expm1(MOVING.depth * step**2) <= one.cost.high
    assert one.cost.value == pytest.approx((one.smaller.value + one.larger.value) / 2.0, abs=0.02)


def test_a_linear_one_costs_what_its_worst_third_does() -> None:
    one = found_in(SEARCHES["as the default study"], 1)["dropout"]
    assert one.smaller is None and one.larger is None and one.cost is not None
    # The best z at the largest dataset and the middle size, and the third from 2/3 on.
    best = DEFAULTS["dropout"].best_z(5 / 9, 1.0)
    rise = 0.8 * np.mean((np.linspace(2 / 3, 1.0, 101) - best) ** 2)
    assert one.cost.low <= math.expm1(rise) <= one.cost.high


def test_at_an_end_of_the_range_the_interval_is_open_and_the_next_step_is_beyond() -> None:
    answers = {**AT_ENDS, "learning_rate": replace(AT_ENDS["learning_rate"], best=1.5, depth=0.5)}
    found = found_in(Search(answers=answers), 2)
    rate, dropout = found["learning_rate"], found["dropout"]
    assert rate.told is not None and dropout.told is not None
    assert rate.end == "high" and rate.told.best.high_open and rate.told.at_edge
    further = rate.next_step
    assert further is not None and further.high == pytest.approx(3.0 * rate.high, rel=0.05)
    assert further == NextStep(kind="widen_search", about="learning_rate", high=further.high)
    assert dropout.end == "low" and dropout.told.best.low_open
    assert dropout.next_step is None  # nothing lies below 0
    (finding,) = (f for f in best_value_findings((rate,)))
    text = tell(finding).whole
    assert "is at the high end of the range searched, 0.0" in text
    assert text.endswith("; search up to 0.29 too (in a study file: space.learning_rate.high)")


@pytest.mark.parametrize(
    ("scale", "end", "further"),
    [
        (Scale(name="learning_rate", log=True, low=0.001, high=0.03), "high", {"high": 0.09}),
        (Scale(name="learning_rate", log=True, low=0.001, high=0.03), "low", {"low": 0.00033}),
        (Scale(name="dropout", log=False, low=0.0, high=0.3), "high", {"high": 0.4}),
        (Scale(name="dropout", log=False, low=0.0, high=0.3), "low", None),
        (Scale(name="dropout", log=False, low=0.2, high=0.5), "low", {"low": 0.1}),
        (Scale(name="dropout", log=False, low=0.0, high=0.9), "high", None),
        (Scale(name="momentum", log=False, low=0.9, high=0.99), "high", {"high": 0.999}),
        (Scale(name="noise", log=False, low=0.1, high=1.3), "low", {"low": 0.0}),
        (Scale(name="noise", log=True, low=0.1, high=1.3), None, None),
    ],
)
def test_a_search_is_widened_within_bounds(
    scale: Scale, end: Literal["low", "high"] | None, further: dict[str, float] | None
) -> None:
    step = widening(scale, end)
    assert (step is None) == (further is None)
    if step is not None and further is not None:
        assert (step.kind, step.about) == ("widen_search", scale.name)
        assert (step.low, step.high) == (further.get("low"), further.get("high"))


@pytest.mark.parametrize(
    "search",
    [
        Search(answers=DEFAULTS, sizes=1, datasets=1),
        Search(answers=DEFAULTS, sizes=2, datasets=1, trials=2),
        Search(answers=DEFAULTS, sizes=3, datasets=2, trials=2),
    ],
)
def test_few_trials_cannot_tell(search: Search) -> None:
    found = study_best_values(search.table(3), SETTINGS)
    assert len(found) == 4
    for finding in best_value_findings(found):
        assert finding.why is not None and finding.estimate is None and not finding.noted
        assert "cannot be told" in tell(finding).whole


def test_no_search_trials_and_one_trial_a_cell_say_nothing() -> None:
    assert study_best_values(TrialTable.from_rows(study_rows()), SETTINGS) == ()
    assert study_best_values(Search(answers=DEFAULTS, trials=1).table(0), SETTINGS) == ()
    analysis = analyse(TrialTable.from_rows(study_rows()), SETTINGS)
    assert analysis.best_values == () and "best_values" not in analysis.to_json()


def test_errors_that_are_all_the_same_end_in_no_answer() -> None:
    table = Search(answers=DEFAULTS).table(0)
    table = table.with_columns(val_error=np.full(len(table), 0.25))
    assert all(one.why is not None for one in study_best_values(table, SETTINGS))


def test_noiseless_errors_give_the_truth() -> None:
    quiet = replace(SEARCHES["as the default study"], spread=0.0)
    for place, truth in truths(quiet, found_in(quiet, 0)["learning_rate"]):
        assert place.best.value == pytest.approx(truth, rel=0.02)


def test_the_same_table_gives_the_same_answer_and_the_order_of_rows_is_none() -> None:
    rows = SEARCHES["a tenth diverged"].rows(4)
    first = study_best_values(TrialTable.from_rows(rows), SETTINGS)
    assert first == study_best_values(TrialTable.from_rows(rows), SETTINGS)
    other = study_best_values(TrialTable.from_rows(rows[::-1]), SETTINGS)
    for one, two in zip(first, other, strict=True):
        assert one.hyperparameter == two.hyperparameter
        assert one.why is two.why is None or one.why is not None


def test_the_test_set_chooses_nothing() -> None:
    table = SEARCHES["as the default study"].table(0)
    changed = table.with_columns(test_error=np.linspace(0.1, 0.9, len(table)))
    assert study_best_values(table, SETTINGS) == study_best_values(changed, SETTINGS)


def test_axes_words_and_switches_have_no_best_value() -> None:
    rows = Search(answers=DEFAULTS, datasets=2).rows(0)
    for k, row in enumerate(rows):
        params = row["params"]
        assert isinstance(params, dict)
        params |= {"width": row["n_parameters"], "optimizer": "adam" if k % 2 else "sgd"}
        params |= {"nesterov": k % 3 == 0, "unused": None}
    searched = searched_trials(TrialTable.from_rows(rows), SETTINGS)
    assert searched is not None
    trials, scales, _ = searched
    assert sorted(scale.name for scale in scales) == sorted(DEFAULTS)
    assert trials.other.shape == (len(rows), 2)


def test_a_scale_is_log_where_values_lie_evenly_there() -> None:
    grid = {
        "rate": Answer(low=1e-4, high=1e-1, log=True),
        "width": Answer(low=1, high=9, log=False),
    }
    searched = searched_trials(Search(answers=grid).table(0), SETTINGS)
    assert searched is not None
    rate, width = searched[1]
    assert rate.log and not width.log
    assert rate.values(rate.places(np.array([1e-3]))) == pytest.approx(1e-3)


def test_polynomials_are_legendre_s() -> None:
    u = np.linspace(-1.0, 1.0, 9)
    expected = np.polynomial.legendre.legvander(u, DEGREE)[:, 1:]
    np.testing.assert_allclose(legendre(u), expected, atol=1e-12)


def test_notes_tell_only_what_costs_something() -> None:
    analysis = analyse(
        TrialTable.from_rows(study_rows() + SEARCHES["as the default study"].rows(1)), SETTINGS
    )
    found: list[Finding[BestValue]] = analysis.found("best_value")
    assert [one.about for one in found if one.noted][:2] == ["dropout", "learning_rate"]
    assert all(one.facts.cost is not None for one in found)
    assert all(f.noted == (f.why is None and f.facts.cost.value >= 0.03) for f in found)  # type: ignore[union-attr]
    page = report_html(analysis, TrialTable.from_rows(study_rows()))
    assert "the best learning_rate is about" in page.partition('id="analysis"')[0]
    assert "Best values" in page
    rows = analysis.to_json()["best_values"]
    assert {row["capacity"] for row in rows} == {"small", "middle", "large"}
    assert len(rows) == 4 * 8 * 3


def test_words_of_a_best_value() -> None:
    one = found_in(SEARCHES["as the default study"], 1)["learning_rate"]
    (finding,) = best_value_findings((one,))
    words = tell(finding).whole
    assert words.startswith("With 2,560 examples the best learning_rate is about 0.0")
    assert " at the middle size (90% interval 0.0" in words
    assert "; one three times too large or small costs " in words
    assert "with each doubling of the size" in words
