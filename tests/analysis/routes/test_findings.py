"""Pareto fronts, masks, teachers, regularisation and the route laws, on tables of known truth."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.findings import Reason
from analysis.laws import law_named
from analysis.laws.fitting import fit_law
from analysis.laws.pruning import Pruning
from analysis.routes.fronts import mask_costs, pareto_fronts
from analysis.routes.laws import RouteLaw, held_out, study_laws
from analysis.routes.pruning import pooled_spread, prune_ladders, student
from analysis.routes.teachers import study_teachers
from analysis.settings import AnalysisSettings
from analysis.study import analyse
from analysis.table.trials import FloatArray, TrialTable
from analysis.tuning.findings import regulariser_findings
from analysis.tuning.regularisation import Regularisation, study_regularisation
from analysis.words.kinds import tell
from analysis.words.routes import not_fitted

SETTINGS = AnalysisSettings(resamples=400)
PRUNING = np.array([math.log(0.9), math.log(0.08), math.log(1.5), 0.0, 0.0, 0.0])


def regulariser_words(found: Regularisation) -> str:
    (first, *_) = regulariser_findings([found])
    return tell(first).whole


def a_row(width: int, draw: int, error: float, **changes: Any) -> dict[str, Any]:
    return {
        "slot": "", "n_examples": 1000, "draw": draw, "width": width, "depth": 1,
        "n_parameters": 100.0 * width, "n_nonzero": 100.0 * width, "test_error": error,
        "val_error": error,
    } | changes  # fmt: skip


def pruned_rows(ratios: list[float], *, noise: float = 0.01, seed: int = 0) -> list[dict[str, Any]]:
    rng, law = np.random.default_rng(seed), law_named("pruning")
    rows = []
    for width in (16, 32, 64, 128):
        dense = 0.3 * width**-0.4
        for draw in range(4):
            luck = math.exp(0.02 * rng.standard_normal())
            slot = f"w{width}-r{draw}"
            rows.append(
                a_row(width, draw, dense * luck, slot=slot, latency_seconds=1e-4, model_bytes=4e4)
            )
            for ratio in ratios:
                x = np.array([[1.0 - ratio, 1.0, float(width), dense * luck]])
                error = float(law.predict(PRUNING, x)[0]) * math.exp(noise * rng.standard_normal())
                rows.append(
                    a_row(
                        width, draw, error,
                        slot=f"{slot}-p{ratio}", route="pruned", method="one-shot-global",
                        parent=slot, prune_ratio=ratio, n_nonzero=100.0 * width * (1 - ratio),
                        latency_seconds=1e-4 * math.exp(0.02 * rng.standard_normal()),
                    )
                )  # fmt: skip
    return rows


def distilled_rows(change: float) -> list[dict[str, Any]]:
    """Students 20% better than alone with a teacher of 6,400, and ``change`` away with 51,200."""
    rng = np.random.default_rng(3)
    rows = []
    for width in (4, 8, 16):
        for draw in range(5):
            luck = 0.1 * rng.standard_normal()
            for teacher, factor in ((0, 1.0), (6400, 0.8), (51200, 0.8 * change)):
                error = 0.3 * width**-0.3 * factor * math.exp(luck + 0.02 * rng.standard_normal())
                rows.append(
                    a_row(width, draw, error)
                    if not teacher
                    else a_row(width, draw, error, route="distilled", teacher_size=float(teacher))
                )
    return rows


def test_the_front_is_what_nothing_cheaper_beats() -> None:
    table = TrialTable.from_rows(
        [
            a_row(w, d, e * (1 + 0.001 * d))
            for w, e in ((4, 0.3), (8, 0.35), (16, 0.2), (32, 0.1))
            for d in range(3)
        ]
    )
    fronts = pareto_fronts(table, SETTINGS)
    front = next(f for f in fronts if f.cost == "n_parameters")
    assert [p.on_front for p in front.points] == [True, False, True, True]
    assert [round(p.probability) for p in front.points] == [1, 0, 1, 1]


def test_ties_on_the_front_share_it_or_lose_to_the_cheaper_and_to_the_better() -> None:
    # Cost, error: twins; as good as they are but dearer; as cheap but worse; a better one.
    models = [(100.0, 0.2), (100.0, 0.2), (150.0, 0.2), (100.0, 0.25), (400.0, 0.1)]
    rows = []
    for width, (cost, error) in enumerate(models, start=1):
        # The same mean by other replicates, whose sum is rounded another way.
        spread = 0.0 if width == 2 else 0.03
        for draw, step in enumerate((-spread, 0.0, spread)):
            rows.append(a_row(width, draw, error + step, flops_per_example=cost * 1.1))
    fronts = pareto_fronts(TrialTable.from_rows(rows), SETTINGS)
    front = next(one for one in fronts if one.cost == "flops_per_example")
    on_front: dict[float, list[tuple[int, bool]]] = {
        round(point.error, 6): [] for point in front.points
    }
    for point in front.points:
        on_front[round(point.error, 6)].append((round(point.cost / 1.1), point.on_front))
    assert sorted(on_front[0.2]) == [(100, True), (100, True), (150, False)]
    assert on_front[0.25] == [(100, False)] and on_front[0.1] == [(400, True)]


def test_a_close_race_is_said_to_be_close() -> None:
    rng = np.random.default_rng(0)
    rows = [
        a_row(w, d, e * math.exp(0.1 * rng.standard_normal()))
        for w, e in ((4, 0.3), (8, 0.3), (16, 0.1))
        for d in range(4)
    ]
    front = pareto_fronts(TrialTable.from_rows(rows), SETTINGS)[0]
    assert 0.03 < front.points[1].probability < 0.97
    assert front.points[0].probability == 1.0  # the cheapest always is


def test_masks_alone_save_no_time() -> None:
    masks = mask_costs(TrialTable.from_rows(pruned_rows([0.5, 0.9])), SETTINGS)
    (latency,) = masks
    assert (latency.cost, latency.verdict) == ("latency_seconds", "saves_nothing")
    assert latency.low < 1.0 < latency.high and latency.pairs == 32


def test_models_that_were_cut_smaller_are_not_masked() -> None:
    rows = pruned_rows([0.5])
    for row in rows:
        if row.get("route") == "pruned":
            row["n_parameters"] /= 2
    assert mask_costs(TrialTable.from_rows(rows), SETTINGS) == ()


@pytest.mark.parametrize(("change", "verdict"), [(1.2, "hurts"), (0.8, "helps"), (1.0, None)])
def test_a_stronger_teacher_is_judged_pair_by_pair(change: float, verdict: str | None) -> None:
    found = study_teachers(TrialTable.from_rows(distilled_rows(change)), SETTINGS)
    assert found is not None
    assert [ladder.size for ladder in found.teachers] == [400.0, 800.0, 1600.0]
    for ladder in found.teachers:
        if verdict is None:
            assert abs(ladder.change) < 0.05
        else:
            assert ladder.verdict == verdict
        assert ladder.change_low < change - 1.0 < ladder.change_high
    for gain in found.gains:
        assert gain.low > 0.0  # students beat models trained alone
        assert gain.teacher_size == (51200.0 if change < 1.0 else 6400.0) or change == 1.0


def test_two_teachers_are_one_comparison() -> None:
    """The spread of a pair has as many degrees of freedom as there are pairs to tell it."""
    table = TrialTable.from_rows(distilled_rows(1.05))
    found = study_teachers(table, SETTINGS)
    assert found is not None
    for ladder in found.teachers:
        step = ladder.steps[-1]
        assert (ladder.change, ladder.change_high) == (-step.gain, -step.low)
    ratios = []
    for width in (4, 8, 16):
        of_teacher = [
            np.log(table.test_error[(table.width == width) & (table.teacher_size == teacher)])
            for teacher in (6400.0, 51200.0)
        ]
        ratios.append(of_teacher[1] - of_teacher[0])
    spread, degrees = pooled_spread(ratios)
    assert degrees == 12.0
    half = spread / math.sqrt(5.0) * student(0.95, degrees)
    for ladder, ratio in zip(found.teachers, ratios, strict=True):
        assert ladder.change_high == pytest.approx(math.expm1(ratio.mean() + half))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_the_noise_of_a_rung_does_not_depend_on_the_level_of_the_intervals(level: float) -> None:
    table = TrialTable.from_rows(pruned_rows([0.5, 0.7, 0.9], noise=0.05))
    (usual,) = study_laws(table, SETTINGS)
    (other,) = study_laws(table, replace(SETTINGS, level=level))
    np.testing.assert_array_equal(usual.points.spread, other.points.spread)
    costs = [step for ladder in prune_ladders(table, SETTINGS) for step in ladder.steps]
    assert [step.standard_error for step in costs] == usual.points.spread.tolist()
    # Noise of 0.05 on each pruned run, and luck that is shared: four pairs a rung.
    assert usual.points.spread == pytest.approx(0.025, rel=0.35)


def test_the_pruning_law_predicts_hidden_ratios() -> None:
    ratios = [0.2, 0.36, 0.5, 0.6, 0.7, 0.8, 0.88, 0.93, 0.96]
    (law,) = study_laws(TrialTable.from_rows(pruned_rows(ratios)), SETTINGS)
    assert not law.why
    inside, beyond = law.score("interpolation"), law.score("extrapolation")
    assert inside is not None and beyond is not None
    assert inside.mean_relative_error < 0.02 and inside.points == 28
    assert beyond.mean_relative_error < 0.1
    assert 0.0 < inside.noise < 0.02


def test_a_law_is_held_to_runs_made_afterwards() -> None:
    ratios = [0.2, 0.4, 0.6, 0.8, 0.9, 0.96]
    (law,) = study_laws(TrialTable.from_rows(pruned_rows(ratios)), SETTINGS)
    score = held_out(law, TrialTable.from_rows(pruned_rows([0.7, 0.93], seed=9)), SETTINGS)
    assert score.points == 8
    assert score.mean_relative_error < 0.03
    nothing = held_out(law, TrialTable.from_rows(pruned_rows([])), SETTINGS)
    assert nothing.points == 0 and math.isnan(nothing.mean_relative_error)


def test_too_few_points_for_a_law_is_a_reason() -> None:
    (law,) = study_laws(TrialTable.from_rows(pruned_rows([0.5])), SETTINGS)
    assert not_fitted(law) == "1 prune ratio shows no law; prune to at least 3"
    few = [row for row in pruned_rows([0.4, 0.5, 0.6]) if row["width"] < 32]
    (law,) = study_laws(TrialTable.from_rows(few), SETTINGS)
    assert law.next_step is not None and law.next_step.kind == "run_more_points"
    assert "run at least" in not_fitted(law) and np.isnan(law.theta).all() and not law.scores


def test_the_distillation_law_is_fitted_to_students_of_known_teachers() -> None:
    rng, law = np.random.default_rng(4), law_named("distillation")
    truth = np.array([2.0, 3.0, 0.4, 0.5, 0.0, 0.2, 1.0, 0.0, math.log(0.2)])
    rows = []
    for n in (500, 1000, 2000, 4000):
        for width in (2, 4, 8, 16, 32, 1024):
            size = 100.0 * width
            alone = float(2.0 * size**-0.3 + 3.0 * n**-0.5)
            for draw in range(3):
                luck = math.exp(0.005 * rng.standard_normal())
                own = a_row(width, draw, alone * luck, n_examples=n, slot=f"{n}-{width}-{draw}")
                rows.append(own)
                if width < 1024:
                    taught = float(2.0 * 102400.0**-0.3 + 3.0 * n**-0.5)
                    x = np.array([[size, float(n), taught, alone]])
                    error = float(law.predict(truth, x)[0]) * luck
                    rows.append(
                        a_row(
                            width, draw, error, n_examples=n, route="distilled",
                            teacher=f"{n}-1024-0", teacher_size=102400.0,
                        )
                    )  # fmt: skip
    (found,) = study_laws(TrialTable.from_rows(rows), SETTINGS)
    assert found.law == "distillation" and len(found.points) == 20
    score = found.score("interpolation")
    assert score is not None and score.mean_relative_error < 0.05


def regularised_table(effect: float) -> TrialTable:
    """Dropout saves ``effect`` of the error, more as models grow; weight decay was searched."""
    rng = np.random.default_rng(7)
    rows = []
    for width in 4 * 2 ** np.arange(6):
        floor = 0.15 + 1.2 / width
        for draw in range(4):
            luck = 0.03 * rng.standard_normal()
            for dropout, share in ((0.0, 0.0), (0.2, 1.0), (0.5, 0.3)):
                error = (
                    floor * (1.0 - effect * share) * math.exp(luck + 0.01 * rng.standard_normal())
                )
                rows.append(
                    a_row(
                        int(width), draw, error,
                        params={"dropout": dropout, "weight_decay": float(rng.uniform())},
                    )
                )  # fmt: skip
    return TrialTable.from_rows(rows)


def test_a_regulariser_on_the_grid_is_worth_what_it_saves() -> None:
    (dropout,) = study_regularisation(regularised_table(0.15), SETTINGS)
    assert dropout.regulariser == "dropout"  # weight decay was searched: no axis
    assert len(dropout.steps) == 6
    for step in dropout.steps:
        assert step.weakest == 0.0 and step.chosen == 0.2
        assert step.low > 0.0
    assert sum(step.low < 0.15 < step.high for step in dropout.steps) >= 4  # six 90% intervals
    ((n, gain),) = dropout.by_data
    assert n == 1000 and gain.low < 0.15 < gain.high
    (shift,) = dropout.payoff
    assert not shift.why and not shift.open
    assert shift.low < 1.0 < shift.high  # a constant factor moves no payoff point


def test_a_payoff_point_outside_the_range_cannot_be_seen_to_move() -> None:
    table = regularised_table(0.15)
    small = table.where(table.width <= 32)
    (dropout,) = study_regularisation(small, SETTINGS)
    (shift,) = dropout.payoff
    assert shift.why == Reason(kind="payoff_outside") and math.isnan(shift.ratio)


def with_validation(table: TrialTable, error: FloatArray) -> TrialTable:
    """The same trials with other validation errors."""
    return table.with_columns(val_error=error)


def test_the_weakest_value_compared_with_itself_narrows_no_interval() -> None:
    table = regularised_table(0.15)
    larger = table.width >= 16
    best = table.where(larger)
    # In the two smallest capacities the weakest value wins on validation, by a made-up margin.
    helped = np.array([value != 0.0 for value in table.params["dropout"]])
    validation = np.where(~larger & helped, 1.0, table.val_error)
    (all_of_them,) = study_regularisation(with_validation(table, validation), SETTINGS)
    (without_them,) = study_regularisation(best, SETTINGS)
    itself, others = all_of_them.steps[:2], all_of_them.steps[2:]
    assert [(one.chosen, one.gain, one.low, one.high, one.pairs) for one in itself] == [
        (0.0, 0.0, 0.0, 0.0, 0)
    ] * 2
    assert others == without_them.steps
    assert all_of_them.by_data == without_them.by_data


def test_a_regulariser_that_no_capacity_chose_saves_nothing() -> None:
    table = regularised_table(0.15)
    helped = np.array([value != 0.0 for value in table.params["dropout"]])
    (dropout,) = study_regularisation(
        with_validation(table, np.where(helped, 1.0, table.val_error)), SETTINGS
    )
    ((_, gain),) = dropout.by_data
    assert (gain.gain, gain.pairs) == (0.0, 0)
    assert "saves nothing: at every capacity" in regulariser_words(dropout)


def test_a_gain_at_some_capacities_is_said_to_be_that_and_a_loss_to_be_one() -> None:
    table = regularised_table(-0.15)  # it makes worse
    value = np.array(table.params["dropout"])
    chosen = (value == 0.2) & (table.width == 16)
    validation = np.where(chosen, 0.0, np.where(value > 0.0, 1.0, table.val_error))
    (dropout,) = study_regularisation(with_validation(table, validation), SETTINGS)
    ((n, gain),) = dropout.by_data
    words = regulariser_words(dropout)
    start = (
        f"Dropout at {n:,} examples, chosen on validation at 1 of 6 capacities, raises the error"
    )
    assert words.startswith(f"{start} there by {-gain.gain:.0%} (90% interval {-gain.high:.0%} to ")
    whole = study_regularisation(regularised_table(0.15), SETTINGS)[0]
    text = regulariser_words(whole)
    assert "chosen on validation" not in text and " saves " in text


def regularised_rows(draws_of: Callable[[float, int], Sequence[int]]) -> TrialTable:
    """Dropout saves a fifth, with draws that depend on its value and on the width."""
    rows = []
    for width in (4, 8, 16, 32):
        for dropout in (0.0, 0.2):
            for draw in draws_of(dropout, width):
                error = 0.3 / width**0.3 * (0.8 if dropout else 1.0)
                rows.append(a_row(width, draw, error, params={"dropout": dropout}))
    return TrialTable.from_rows(rows)


def test_values_that_share_no_draw_cannot_be_compared_and_are_said_so() -> None:
    table = regularised_rows(lambda dropout, _: (2, 3) if dropout else (0, 1))
    (dropout,) = study_regularisation(table, SETTINGS)
    words = regulariser_words(dropout)
    assert words.startswith(
        "Dropout at 1,000 examples, chosen on validation at 4 of 4 capacities: what it saves there "
        "cannot be told, no draw was run with both values"
    )


def test_a_comparison_without_pairs_is_left_out_of_the_spread() -> None:
    pairs, none = np.array([0.1, 0.3]), np.array([])
    assert pooled_spread([none, pairs, none]) == pooled_spread([pairs])
    assert pooled_spread([pairs, pairs, none])[1] == 2.0
    assert math.isnan(pooled_spread([none])[0])


def test_a_regulariser_that_does_nothing_is_worth_nothing_clear() -> None:
    (dropout,) = study_regularisation(regularised_table(0.0), SETTINGS)
    ((_, gain),) = dropout.by_data
    assert abs(gain.gain) < 0.03


def test_everything_goes_into_the_analysis_and_its_words() -> None:
    rows = [*pruned_rows([0.3, 0.5, 0.7, 0.9, 0.95]), *distilled_rows(1.3)]
    analysis = analyse(TrialTable.from_rows(rows), SETTINGS)
    whole = json.loads(json.dumps(analysis.to_json(), allow_nan=False))
    for key in ("laws", "students", "teachers", "pareto", "masks"):
        assert whole[key]
    text = analysis.markdown()
    assert "the strongest teacher hurts" in text
    assert "Masks alone save no seconds per prediction" in text
    assert "Pruning law (one-shot-global)" in text
    assert "Distilled against trained alone" in text


def test_a_teacher_of_each_draw_is_no_axis() -> None:
    """Where each draw has its own best teacher, all students of a size are replicates."""
    rows = []
    for row in distilled_rows(1.0):
        own = 6400.0 if row["draw"] % 2 else 51200.0
        if row.get("route") != "distilled" or row["teacher_size"] == own:
            rows.append(row)
    found = study_teachers(TrialTable.from_rows(rows), SETTINGS)
    assert found is not None and found.teachers == ()
    assert [gain.pairs for gain in found.gains] == [5, 5, 5]
    assert all(6400.0 < gain.teacher_size < 51200.0 for gain in found.gains)


def test_the_dip_that_fine_tuning_makes_is_part_of_the_pruning_law() -> None:
    """Lightly pruned networks 8% better than before: with enough ratios it is fitted."""
    ratios = [0.2, 0.36, 0.5, 0.6, 0.7, 0.8, 0.88, 0.93, 0.96]
    rows = pruned_rows(ratios)
    for row in rows:
        if row.get("route") == "pruned":
            row["test_error"] *= 0.92
    (law,) = study_laws(TrialTable.from_rows(rows), SETTINGS)
    inside = law.score("interpolation")
    assert inside is not None and inside.mean_relative_error < 0.02
    assert dict(law.parameters)["tuned"] == pytest.approx(0.92, abs=0.02)
    few = [row for row in rows if row.get("prune_ratio", 0) in (0, 0.2, 0.6, 0.8, 0.93)]
    (law,) = study_laws(TrialTable.from_rows(few), SETTINGS)
    assert dict(law.parameters)["tuned"] == 1.0


def dipped_law(ratios: list[float], *, widths: Sequence[int] = (16, 32, 64, 128)) -> RouteLaw:
    """The law of networks that are 8% better after light pruning."""
    rows = [row for row in pruned_rows(ratios) if row["width"] in widths]
    for row in rows:
        if row.get("route") == "pruned":
            row["test_error"] *= 0.92
    (law,) = study_laws(TrialTable.from_rows(rows), SETTINGS)
    assert not law.why
    return law


@pytest.mark.parametrize(
    ("ratios", "tuned"),
    [
        ([0.2, 0.5, 0.7, 0.85, 0.93], False),  # hidden in turn, they leave four
        ([0.2, 0.4, 0.6, 0.75, 0.85, 0.93], False),  # one of three splits leaves four
        ([0.2, 0.36, 0.5, 0.6, 0.75, 0.85, 0.93], True),  # each leaves at least five
    ],
)
def test_the_law_that_is_scored_is_the_law_that_is_shown(ratios: list[float], tuned: bool) -> None:
    law = dipped_law(ratios)
    factor = dict(law.parameters)["tuned"]
    assert factor == (pytest.approx(0.92, abs=0.02) if tuned else 1.0)
    density = law.points.x[:, 0]
    inside = np.unique(density)[1:-1]
    misses = []
    for start in range(3):
        hidden = np.isin(density, inside[start::3])
        shown = law.points.where(~hidden)
        fit = fit_law(Pruning(tuned=tuned), shown.x, shown.y)
        seen = law.points.where(hidden)
        misses += (np.abs(fit.predict(seen.x)[0] - seen.y) / seen.y).tolist()
    score = law.score("interpolation")
    assert score is not None and score.points == len(misses) == 4 * len(inside)
    assert score.mean_relative_error == pytest.approx(np.mean(misses), rel=1e-9)


def test_five_ratios_of_one_capacity_have_a_law_without_a_factor() -> None:
    law = dipped_law([0.2, 0.5, 0.7, 0.85, 0.93], widths=[32])
    assert dict(law.parameters)["tuned"] == 1.0 and law.fit_error < 0.05
    # Seven could carry the factor, but not with any of them hidden.
    law = dipped_law([0.2, 0.36, 0.5, 0.6, 0.75, 0.85, 0.93], widths=[32])
    assert dict(law.parameters)["tuned"] == 1.0 and law.score("interpolation") is not None
