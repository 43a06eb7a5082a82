"""The whole study: curves per dataset size, a sentence, tables, prune ladders, growth."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse
from analysis.errors import AnalysisError
from analysis.findings import NextStep, Reason
from analysis.routes.pruning import prune_ladders, student
from tests.support.tables import study_rows


@pytest.fixture(scope="module")
def study() -> StudyAnalysis:
    return analyse(TrialTable.from_rows(study_rows(pruned=True)), AnalysisSettings(rule="plateau"))


def test_one_fit_for_each_dataset_size(study: StudyAnalysis) -> None:
    assert [fit.curve.n_examples for fit in study.fits] == [100, 400, 1600]
    assert all(fit.verdict.kind == "pays_off_until" for fit in study.fits)


def test_the_sentence_names_data_size_and_interval(study: StudyAnalysis) -> None:
    assert study.sentence.startswith("With 1,600 training examples, more capacity pays off until")
    assert "90% interval" in study.sentence
    assert study.sentence.count(". ") == 0
    assert study.sentence.endswith(".")


def test_growth_of_the_payoff_point_holds_the_truth(study: StudyAnalysis) -> None:
    assert study.growth is not None
    # Within 10% of the best error, that of the largest size: m = c / (0.1 + 1.1 c / m_K).
    c = 6.0 * np.array([100, 400, 1600]) ** 0.75
    truth = np.polyfit(np.log([100, 400, 1600]), np.log(c / (0.1 + 1.1 * c / 19210)), 1)[0]
    assert study.growth.low < truth < study.growth.high
    assert study.growth.n_sizes == 3


def test_rows_are_words_and_numbers_are_numbers(study: StudyAnalysis) -> None:
    assert len(study.rows()) == len(study.numbers()) == 9
    assert all(isinstance(value, str) for row in study.rows() for value in row.values())
    row = study.numbers()[0]
    assert (row["n_examples"], row["rule"], row["verdict"]) == (100, "plateau", "pays_off_until")
    assert row["low"] < row["size"] < row["high"]


def test_json_has_no_nan_and_holds_the_points(study: StudyAnalysis) -> None:
    again = json.loads(json.dumps(study.to_json(), allow_nan=False))
    assert len(again["curves"][0]["points"]) == 8
    assert again["settings"]["rule"] == "plateau"
    assert again["excluded"] == {"pruned models (summarised apart)": 3 * 8 * 3 * 3}


def test_metrics_are_finite_and_named_after_rule_and_data(study: StudyAnalysis) -> None:
    metrics = study.metrics()
    assert metrics["plateau_n1600_size"] == study.fits[-1].verdict.size
    assert all(math.isfinite(value) for value in metrics.values())


def test_markdown_has_a_row_for_each_rule_and_counts_what_was_left_out(
    study: StudyAnalysis,
) -> None:
    text = study.markdown()
    assert text.startswith(f"**{study.sentence}**\n")
    assert sum(line.startswith("| 1,600 |") for line in text.splitlines()) == 3
    assert "Left out of the curves: 216 pruned models" in text


def test_the_same_table_gives_the_same_answer() -> None:
    table = TrialTable.from_rows(study_rows())
    assert analyse(table).to_json() == analyse(table).to_json()


def test_prune_ladders_find_the_largest_free_ratio(study: StudyAnalysis) -> None:
    assert len(study.ladders) == 24
    for ladder in study.ladders:
        assert [step.prune_ratio for step in ladder.steps] == [0.5, 0.8, 0.95]
        assert ladder.free_ratio == ladder.sure_ratio == 0.5
        np.testing.assert_allclose([step.cost for step in ladder.steps], [0, 0.6, 1.05], atol=1e-9)


def test_a_pruned_run_without_its_parent_has_no_ladder() -> None:
    rows = [row for row in study_rows(pruned=True) if row.get("prune_ratio")]
    assert prune_ladders(TrialTable.from_rows(rows), AnalysisSettings()) == ()


def test_two_depths_side_by_side_have_one_frontier() -> None:
    """That of the better one, up to its own last size; of ten studies nine hold its point."""
    truth = 50.0 / (1.1 * (0.05 + 50.0 / 14_080.0) - 0.05)
    held = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rows = []
        for depth in (1, 2):
            for k in range(8):
                size = 100.0 * 2.0**k * (1.0 + 0.1 * depth)
                for r in range(3):
                    error = (0.05 + (size / 50) ** -1.0) * (1.25 if depth == 2 else 1.0)
                    rows.append(
                        {
                            "n_parameters": size,
                            "test_error": error * np.exp(0.02 * rng.standard_normal()),
                            "width": 2**k,
                            "depth": depth,
                            "seed": r,
                        }
                    )
        settings = AnalysisSettings(rule="plateau", resamples=500)
        point = analyse(TrialTable.from_rows(rows), settings).fits[0].verdict
        assert point.kind == "pays_off_until"
        assert math.log(point.high / point.low) < 1.5
        held += point.low < truth < point.high
    assert held >= 7


def test_an_empty_table_is_refused_with_its_reasons() -> None:
    with pytest.raises(AnalysisError, match="holds no usable trial"):
        analyse(TrialTable.from_rows([]))
    with pytest.raises(AnalysisError, match="1 x n_parameters: must be positive"):
        analyse(TrialTable.from_rows([{"n_parameters": -1}]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule": "knee"}, "rule: must be one of"),
        ({"marginal": 0.0}, "marginal: must be positive"),
        ({"marginal": 1.5}, "marginal: a fraction of the error must be below 1"),
        ({"level": 1.0}, "level: must be at least 0.5 and below 1"),
        ({"rule": "economic"}, "price: the economic rule needs one"),
        ({"price": -1.0}, "price: must be positive"),
        ({"resamples": 10}, "resamples: must be at least 100"),
        ({"chance_error": 0.0}, "chance_error: must be positive"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        AnalysisSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("degrees", [1, 2, 3, 5, 10, 100])
@pytest.mark.parametrize("p", [0.75, 0.95, 0.975])
def test_the_quantile_of_student_s_t_is_right_to_three_digits(p: float, degrees: int) -> None:
    from scipy.stats import t

    assert student(p, degrees) == pytest.approx(t.ppf(p, degrees), rel=5e-3)


def test_where_the_headline_cannot_tell_the_sentence_says_what_can_be_said(
    study: StudyAnalysis,
) -> None:
    fit = study.fits[-1]
    torn = replace(
        fit.verdict,
        rule="marginal",
        kind="cannot_tell",
        why=Reason(kind="curves_misfit"),
        next_step=NextStep(kind="train_seeds", to=3),
    )
    mixed = replace(study, fits=(replace(fit, payoffs=(torn, *fit.payoffs)),))
    assert mixed.sentence.startswith("With 1,600 training examples, about ")
    assert "within 10% of the best test error in the range; it cannot be told yet" in mixed.sentence
    assert mixed.sentence.endswith(
        "because the curves could not be fitted; train each size with at least 3 seeds."
    )
