"""Width or depth: the best shape at each size, which way to grow, and what other costs say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from analysis.findings import Estimate, Finding
from analysis.settings import AnalysisSettings
from analysis.shapes.best import choose, spans, taken
from analysis.shapes.findings import Ways
from analysis.shapes.growing import Growth
from analysis.shapes.study import ShapeStudy, nearest_cell
from analysis.study import StudyAnalysis, analyse
from analysis.table.trials import TrialTable
from analysis.words.kinds import tell

Array = npt.NDArray[np.float64]
S = AnalysisSettings(resamples=400)
WIDTHS = (4, 8, 16, 32, 64, 128, 256, 512)


def law(size: float) -> float:
    return 0.03 + 0.6 * float((size / 100.0) ** -0.9)


def shaped_rows(
    move: Callable[[int, float], float],
    depths: Sequence[int] = (1, 2),
    *,
    noise: float = 0.02,
    seed: int = 0,
    n_examples: int = 1000,
) -> list[dict[str, object]]:
    """Ladders of several depths; ``move`` is the factor of the error at a depth and a size."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for depth in depths:
        for width in WIDTHS:
            size = 75 * width + (depth - 1) * (width * width + width)
            for r in range(4):
                error = law(size) * move(depth, size) * math.exp(noise * rng.standard_normal())
                rows.append({
                    "n_parameters": size, "test_error": error, "depth": depth, "width": width,
                    "seed": r, "draw": r, "n_examples": n_examples,
                    "cell": f"n{n_examples}-width{width}-depth{depth}",
                    "flops_per_example": 2.0 * size * depth, "latency_seconds": 1e-4 * depth,
                })  # fmt: skip
    return rows


def analysed(
    move: Callable[[int, float], float], **more: object
) -> tuple[StudyAnalysis, ShapeStudy]:
    analysis = analyse(TrialTable.from_rows(shaped_rows(move, **more)), S)  # type: ignore[arg-type]
    (study,) = analysis.shapes
    return analysis, study


def test_a_shape_that_is_worse_everywhere_is_told_and_left() -> None:
    analysis, study = analysed(lambda depth, size: 1.25 if depth == 2 else 1.0)
    assert study.axes == ("depth",) and study.grown_by == "width"
    assert {(one.shape, one.standing) for one in study.choices} == {("depth 1", "best")}
    for choice in study.choices:
        (other,) = choice.others
        assert other.more.low - 0.01 <= 0.25 <= other.more.high + 0.01
    assert "keep" in {one.way for one in study.growths} <= {"keep", "neither"}
    (best,) = analysis.found("best_shape")
    assert tell(best).text.startswith("depth 2 pays at no size compared, depth 1 is enough: ")


def test_shapes_that_make_no_difference_are_not_told_and_the_simpler_is_enough() -> None:
    _, study = analysed(lambda depth, size: 1.0, depths=(1, 2, 3))
    # Beyond its ladder no shape is named.
    assert {one.shape for one in study.choices if one.size < 40_000.0} == {"depth 1"}
    assert {one.standing for one in study.choices} == {"enough"}
    assert all(one.probability >= 0.9 for one in study.choices)


def test_a_crossing_is_found_where_it_is() -> None:
    def crossing(depth: int, size: float) -> float:
        return 1.0 if depth == 1 else math.exp(0.3 * math.tanh(math.log(4000.0 / size)))

    analysis, study = analysed(crossing)
    told = [one for one in study.choices if one.standing == "best"]
    assert {one.shape for one in told if one.size < 2500.0} == {"depth 1"}
    assert {one.shape for one in told if one.size > 7000.0} == {"depth 2"}
    assert len(told) > 6
    assert study.spans[0].shape == "depth 1"
    # The headline is of the best network of each size.
    (fit,) = analysis.fits
    best = np.array([law(s) * min(1.0, crossing(2, s)) for s in (600.0, 30_000.0)])
    assert np.allclose(fit.errors([600.0, 30_000.0]), best, rtol=0.05)


def test_sizes_that_coincide_are_two_points() -> None:
    rows = shaped_rows(lambda depth, size: 1.0 + 0.3 * (depth - 1), depths=(1, 2))
    for row in rows:
        row["n_parameters"] = 100.0 * float(str(row["width"]))
    analysis = analyse(TrialTable.from_rows(rows), S)
    assert len(analysis.fits[0].curve) == 2 * len(WIDTHS)
    assert {one.standing for one in analysis.shapes[0].choices} == {"best"}


def test_the_order_of_the_words_is_the_order_of_the_numbers() -> None:
    _, study = analysed(lambda depth, size: 1.0, depths=(10, 2, 1))
    assert study.shapes == ("depth 1", "depth 2", "depth 10")


def test_a_shape_is_taken_by_what_is_known_of_it() -> None:
    rng = np.random.default_rng(0)
    level = 0.1 * rng.standard_normal(4000)
    apart = np.stack([level, level - 0.2 - 0.02 * rng.standard_normal(4000)], axis=1)
    assert taken(apart)[:2] == (1, "best")
    same = np.stack([level, level + 0.01 * rng.standard_normal(4000)], axis=1)
    assert taken(same)[:2] == (0, "enough")
    loose = np.stack([level, level + 0.2 * rng.standard_normal(4000)], axis=1)
    assert taken(loose)[:2] == (0, "open")
    likely = np.stack([level, level - 0.15 + 0.16 * rng.standard_normal(4000)], axis=1)
    assert taken(likely)[:2] == (1, "open")


def test_where_one_shape_was_tried_nothing_is_chosen() -> None:
    drawn = np.zeros((10, 2, 3))
    tried = np.array([[True, True, True], [False, True, False]])
    choices = choose(drawn, tried, np.array([1.0, 2.0, 3.0]), ["a", "b"], 0.9)
    assert [one.size for one in choices] == [2.0]
    assert len(spans(choices)) == 1


def test_steps_are_those_that_the_study_tried() -> None:
    _, study = analysed(lambda depth, size: 1.3 if depth == 2 else 1.0)
    deeper = [one for one in study.steps if one.axis == "depth"]
    wider = [one for one in study.steps if one.axis == "width"]
    assert len(deeper) == len(WIDTHS) and len(wider) == 2 * (len(WIDTHS) - 1)
    first = deeper[0]
    assert (first.start, first.now, first.to) == ("n1000-width4-depth1", "1", "2")
    assert first.factor == pytest.approx((75 * 4 + 20) / (75 * 4))
    truth = 1.0 - 1.3 * law(320.0) / law(300.0)
    assert abs(first.saves.value - truth) < 0.02
    assert first.along is not None and first.along.value > first.saves.value
    assert wider[0].along is None


def test_other_costs_order_shapes_otherwise() -> None:
    # At equal parameters the second is better; it costs twice the FLOPs.
    _, study = analysed(lambda depth, size: 0.9 if depth == 2 else 1.0)
    assert {one.shape for one in study.choices} == {"depth 2"}
    by_cost = {one.cost: one for one in study.costs}
    small = by_cost["flops_per_example"].choices[2]
    assert small.shape == "depth 1" and small.standing == "best"
    assert "latency_seconds" not in {c for c, one in by_cost.items() if not one.choices}


def test_budgets_name_networks_of_the_study_that_fit() -> None:
    analysis, study = analysed(lambda depth, size: 1.25 if depth == 2 else 1.0)
    assert [one.most for one in study.budgets] == [500.0, 1000.0, 2000.0, 5000.0, 10_000.0,
                                                   20_000.0, 50_000.0, 100_000.0, 200_000.0,
                                                   500_000.0]  # fmt: skip
    for one in study.budgets:
        assert one.value <= one.most and one.shape == "depth 1" and one.cost == "n_parameters"
        assert one.cell in analysis.fits[0].curve.cell
    assert study.budgets[3].grown == 64.0


def test_the_cell_of_the_payoff_point_is_of_the_best_shape() -> None:
    analysis, _ = analysed(lambda depth, size: 1.25 if depth == 1 else 1.0)
    (fit,) = analysis.fits
    for size in (330.0, 3000.0, 20_000.0):
        assert nearest_cell(fit, size).endswith("depth2")


def test_too_short_ladders_are_not_compared_and_that_is_said() -> None:
    rows = [
        row
        for row in shaped_rows(lambda depth, size: 1.0)
        if row["depth"] == 1 or row["width"] in (8, 64)
    ]
    analysis = analyse(TrialTable.from_rows(rows), S)
    assert analysis.shapes == ()
    (short,) = analysis.found("short_ladders")
    assert short.next_step is not None and short.next_step.kind == "sizes_of_shape"


def test_one_shape_has_nothing_to_compare() -> None:
    analysis = analyse(TrialTable.from_rows(shaped_rows(lambda depth, size: 1.0, depths=(2,))), S)
    assert analysis.shapes == () and analysis.fits[0].ladders is None
    assert analysis.found("short_ladders", "best_shape", "ways_to_grow") == []


def test_axes_of_an_own_trainer_are_shapes_too() -> None:
    rng = np.random.default_rng(3)
    rows: list[dict[str, object]] = []
    for heads in (1, 4):
        for blocks in (1, 2):
            for dim in (8, 16, 32, 64, 128):
                size = 10 * dim * dim * blocks
                for r in range(4):
                    error = law(size) * (1.3 if heads == 1 else 1.0)
                    rows.append({
                        "cell": f"n500-dim{dim}-heads{heads}-blocks{blocks}", "n_examples": 500,
                        "n_parameters": size, "seed": r,
                        "test_error": error * math.exp(0.02 * rng.standard_normal()),
                        "params": {"dim": dim, "heads": heads, "blocks": blocks,
                                   "learning_rate": float(rng.random())},
                    })  # fmt: skip
    analysis = analyse(TrialTable.from_rows(rows), S)
    (study,) = analysis.shapes
    assert study.axes == ("heads", "blocks") and study.grown_by == "dim"
    assert len(study.shapes) == 4
    assert all("heads 4" in one.shape for one in study.choices)
    assert {one.axis for one in study.steps} == {"dim", "heads", "blocks"}
    # More heads cost no parameters: a step at equal size.
    more_heads = [one for one in study.steps if one.axis == "heads"]
    assert all(one.factor == 1.0 and one.along is None for one in more_heads)
    assert all(one.saves.low <= 1.0 - 1.0 / 1.3 <= one.saves.high for one in more_heads[:3])


def test_losses_have_shapes_too() -> None:
    rng = np.random.default_rng(4)
    rows = [
        {
            "n_parameters": size, "test_error": loss, "depth": depth, "seed": r,
            "n_examples": 1000,
        }
        for depth in (1, 2)
        for size in 300.0 * 2.0 ** np.arange(8)
        for r in range(3)
        for loss in [
            2.0 + 1.5 * float((size / 300.0) ** -0.4) * (1.15 if depth == 1 else 1.0)
            + 0.005 * rng.standard_normal()
        ]
    ]  # fmt: skip
    analysis = analyse(TrialTable.from_rows(rows), S, metric="nats")
    (study,) = analysis.shapes
    assert {(one.shape, one.standing) for one in study.choices[:5]} == {("depth 2", "best")}
    (best,) = analysis.found("best_shape")
    assert "depth 1 is 0." in tell(best).text and "higher at 300, " in tell(best).text
    (networks,) = analysis.found("best_network")
    assert tell(networks).text.startswith("up to 500 parameters depth 2 at 300 (3.")
    (ways,) = analysis.found("ways_to_grow")
    assert "of the perplexity with depth 2" in tell(ways).text


def test_the_same_table_gives_the_same_answer() -> None:
    one, other = (
        analyse(TrialTable.from_rows(shaped_rows(lambda depth, size: 1.0 + 0.05 * depth)), S)
        for _ in range(2)
    )
    assert one.markdown() == other.markdown()
    assert one.shapes[0].choices == other.shapes[0].choices


def test_how_the_shape_changes_with_data_is_told() -> None:
    rows = [
        *shaped_rows(lambda depth, size: 1.3 if depth == 2 else 1.0, n_examples=100),
        *shaped_rows(lambda depth, size: 1.3 if depth == 1 else 1.0, n_examples=1000, seed=1),
    ]
    analysis = analyse(TrialTable.from_rows(rows), S)
    (finding,) = analysis.found("shape_and_data")
    assert [one.taken for one in finding.facts.by_data] == ["depth 1", "depth 2"]
    assert all(one.told > 0.5 for one in finding.facts.by_data)
    noted = [one for one in analysis.found("best_shape") if one.noted]
    assert [one.n_examples for one in noted] == [1000]


def test_a_ladder_that_ends_early_makes_the_frontier_rise_nowhere() -> None:
    rng = np.random.default_rng(6)
    rows = []
    for depth, first in ((1, 0), (2, 4)):  # the second begins where the first ends, and is worse
        for k in range(first, first + 5):
            size = 100.0 * 2.0**k
            for r in range(4):
                error = law(size) * (1.8 if depth == 2 else 1.0)
                rows.append({
                    "n_parameters": size, "depth": depth, "width": 2**k, "seed": r,
                    "test_error": error * math.exp(0.02 * rng.standard_normal()),
                })  # fmt: skip
    (fit,) = analyse(TrialTable.from_rows(rows), S).fits
    frontier = fit.errors(np.geomspace(100.0, 25_600.0, 60))
    assert (np.diff(frontier) <= 1e-9).all()
    assert fit.payoff("overfit").kind != "hurts_beyond"


def test_cells_may_be_named_without_their_dataset_size() -> None:
    rows = shaped_rows(lambda depth, size: 1.2 if depth == 2 else 1.0)
    for row in rows:
        row["cell"] = str(row["cell"]).removeprefix("n1000-")
    (study,) = analyse(TrialTable.from_rows(rows), S).shapes
    assert study.grown_by == "width" and study.axes == ("depth",)


def test_a_way_is_told_with_its_own_probability_and_nothing_is_saved_below_zero() -> None:
    """Where both ways gain the same, neither is the better."""
    growth = Growth(
        low=100.0, high=100.0, way="change", shape="depth 1", other="depth 2",
        keep=Estimate(value=-0.001, low=-0.06, high=0.004),
        change=Estimate(value=0.2, low=0.1, high=0.3), pays=0.9, keeps=0.1, changes=0.7,
        at=200.0, alike=0.3,
    )  # fmt: skip
    facts = Ways(growths=(growth,), grown_by="width", axes=("depth",))
    said = tell(Finding(kind="ways_to_grow", facts=facts)).text
    assert "go on to depth 2 (probability 70%)" in said
    assert "saves 0% (-6% to 0%) with depth 1" in said


def test_a_shape_may_be_called_as_a_field_of_the_trial_table_is() -> None:
    rows = [{**row, "cell": ""} for row in shaped_rows(lambda depth, size: 1.0)]
    for row in rows:
        row["params"] = {"trial": row.pop("depth")}
    settings = replace(S, shape=("trial",))
    (study,) = analyse(TrialTable.from_rows(rows), settings).shapes
    assert study.shapes == ("trial 1", "trial 2")


def test_one_broken_network_of_one_shape_is_no_upturn() -> None:
    for seed in range(3):
        analysis, _ = analysed(
            lambda depth, size: 3.0 if depth == 2 and 2000.0 < size < 4000.0 else 1.0, seed=seed
        )
        assert analysis.fits[0].payoff("overfit").kind in ("no_upturn", "cannot_tell")
