"""Pictures of routes, costs, surfaces and checks: the info holds what is shown, and it is drawn."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse, plots
from analysis.errors import AnalysisError
from analysis.export.prose import MARKDOWN
from analysis.export.route_tables import regularisation_table
from analysis.plots.gallery import pictures_of, screen_figure
from analysis.plots.print_figures import write_printed
from analysis.plots.venues import VENUES
from benchmarks.simulation.routes import simulate_routes
from tests.analysis.routes.test_comparison import TRUTH
from tests.analysis.routes.test_findings import (
    pruned_rows,
    regularised_rows,
    regularised_table,
    regulariser_words,
)
from tests.support.tables import study_rows


@pytest.fixture(scope="module")
def routes() -> StudyAnalysis:
    table = simulate_routes(TRUTH, np.random.default_rng(5))
    return analyse(table, AnalysisSettings(resamples=300))


@pytest.fixture(scope="module")
def sizes() -> StudyAnalysis:
    rows = study_rows(pruned=True)
    return analyse(TrialTable.from_rows(rows), AnalysisSettings(rule="plateau", resamples=300))


def test_the_routes_picture_shows_every_route_and_crossing(routes: StudyAnalysis) -> None:
    info = plots.routes_info(routes)
    assert [line.label for line in info.lines] == ["trained", "pruned", "distilled"]
    found = [c for c in routes.routes[0].crossings if c.kind == "crosses"]
    assert [mark.size for mark in info.crossings] == [c.size for c in found] != []
    axes = plots.draw_routes(info, Figure().add_subplot())
    assert {"trained", "pruned", "distilled"} <= {text.get_text() for text in axes.texts}
    assert axes.get_xlabel() == "Non-zero weights"


def test_the_front_is_in_order_and_nothing_on_it_is_beaten(routes: StudyAnalysis) -> None:
    info = plots.pareto_info(routes, "n_nonzero")
    assert (np.diff(info.front_cost) > 0).all() and (np.diff(info.front_error) < 0).all()
    assert sum(len(group.cost) for group in info.groups) == 24
    assert plots.draw_pareto(info).get_xscale() == "log"


@pytest.mark.slow
def test_the_marginal_return_ends_one_doubling_before_the_largest_size(
    sizes: StudyAnalysis,
) -> None:
    info = plots.marginal_info(sizes)
    assert len(info.lines) == 3
    for line, fit in zip(info.lines, sizes.fits, strict=True):
        assert line.size[-1] <= fit.curve.size[-1] / 2 * 1.001
        at = len(line.size) // 2
        m = float(line.size[at])
        gain = 1.0 - float(fit.predict(2 * m) / fit.predict(m))
        assert line.gain[at] == pytest.approx(gain, abs=0.02)
    plots.draw_marginal(info)


def test_the_growth_picture_has_a_mark_for_each_verdict(sizes: StudyAnalysis) -> None:
    info = plots.growth_info(sizes)
    assert [mark.n_examples for mark in info.marks] == [100, 400, 1600]
    assert [mark.size for mark in info.marks] == [fit.verdict.size for fit in sizes.fits]
    assert len(info.n) and info.n[-1] == pytest.approx(3200)
    plots.draw_growth(info)


def test_the_surface_is_the_curves_at_the_sizes_that_were_run(sizes: StudyAnalysis) -> None:
    info = plots.surface_info(sizes)
    np.testing.assert_allclose(info.error[0], sizes.fits[0].predict(info.size))
    np.testing.assert_allclose(info.error[-1], sizes.fits[-1].predict(info.size))
    plots.draw_surface(info)


def test_residuals_are_relative_to_the_curve(sizes: StudyAnalysis) -> None:
    info = plots.residuals_info(sizes)
    fit = sizes.fits[0]
    np.testing.assert_allclose(
        info.groups[0].residual, np.exp(fit.noise.log_error) / fit.predict(fit.curve.size) - 1.0
    )
    axes = plots.draw_residuals(info)
    assert all(label.get_text().endswith("%") for label in axes.get_yticklabels())


def test_the_extrapolation_check_never_sees_what_it_is_checked_on(sizes: StudyAnalysis) -> None:
    info = plots.extrapolation_info(sizes)
    assert info.hidden_size.min() > info.edge == info.size.max()
    assert math.isfinite(info.relative_error) and info.relative_error < 0.5
    assert info.grid[-1] == pytest.approx(float(sizes.fits[-1].curve.size[-1]), rel=0.02)
    plots.draw_extrapolation(info)


def test_learning_curves_take_plain_mappings() -> None:
    steps = range(10, 110, 10)
    info = plots.learning_info(
        {
            "small": [[(s, 0.5 / s**0.3 * f) for s in steps] for f in (1.0, 1.1, 1.2)],
            "large": [(s, 0.4 / s**0.5) for s in steps],
            "none": [],
        }
    )
    assert [line.label for line in info.lines] == ["small", "large"]
    assert info.lines[0].middle[0] == pytest.approx(0.5 / 10**0.3 * 1.1)
    plots.draw_learning_curves(info)
    with pytest.raises(AnalysisError, match="'broken' must be"):
        plots.learning_info({"broken": [3.0, 4.0]})  # type: ignore[dict-item]


def test_without_search_trials_there_are_no_effects(routes: StudyAnalysis) -> None:
    assert plots.effects_info(routes).rows == ()
    assert "no search trials" in plots.draw_effects(plots.effects_info(routes)).texts[0].get_text()


def test_methods_of_pruning_have_a_line_each() -> None:
    rows = pruned_rows([0.5, 0.9])
    again = [
        row | {"slot": row["slot"] + "-again", "method": "iterative-global"}
        for row in rows
        if row.get("route") == "pruned"
    ]
    analysis = analyse(TrialTable.from_rows(rows + again), AnalysisSettings(resamples=200))
    info = plots.ladder_info(analysis)
    assert [line.label for line in info.lines] == ["iterative-global", "one-shot-global"]


def test_an_empty_study_has_words_and_no_picture() -> None:
    table = TrialTable.from_rows([{"n_parameters": 10, "test_error": 0.5, "phase": "search"}])
    analysis = analyse(table)
    assert [picture.name for picture in pictures_of(analysis)] == ["size_error"]
    for name in ("routes", "pareto", "marginal", "growth", "surface", "residuals", "extrapolation"):
        info = getattr(plots, f"{name}_info")(analysis)
        assert len(getattr(plots, f"draw_{name}")(info).texts) == 1


@pytest.mark.slow
@pytest.mark.parametrize("venue", ["icml", "neurips"])
def test_every_label_lies_inside_the_printed_page(
    routes: StudyAnalysis, tmp_path: Path, venue: str
) -> None:
    written = write_printed(routes, tmp_path, VENUES[venue], ("pdf",))
    assert {"routes", "pareto", "marginal_return", "residuals"} <= {f.name for f in written}
    for picture in pictures_of(routes):
        figure = screen_figure(picture, routes)
        figure.draw_without_rendering()
        page = figure.bbox
        for text in [t for axes in figure.axes for t in axes.texts if t.get_text()]:
            box = text.get_window_extent()
            assert box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1, (picture.name, text.get_text())


def test_a_regulariser_has_a_picture_of_what_it_is_worth(tmp_path: Path) -> None:
    analysis = analyse(regularised_table(0.15), AnalysisSettings(resamples=200))
    info = plots.regularisation_info(analysis)
    (found,) = analysis.regularisation
    (group,) = info.groups
    assert info.regulariser == "dropout" and info.weakest == 0.0
    np.testing.assert_array_equal(group.gain, [step.gain for step in found.steps])
    np.testing.assert_array_equal(group.low, [step.low for step in found.steps])
    assert group.used.all()
    axes = Figure().add_subplot()
    assert plots.draw_regularisation(info, axes) is axes
    written = write_printed(analysis, tmp_path, VENUES["icml"], ("svg",))
    assert "regularisation_dropout" in {figure.name for figure in written}
    with pytest.raises(AnalysisError, match="did you mean 'dropout'"):
        plots.regularisation_info(analysis, "droput")


@pytest.mark.parametrize("alone", [4, 8, 32])
def test_capacities_without_pairs_have_no_mark_and_leave_the_others_in_sight(alone: int) -> None:
    table = regularised_rows(
        lambda dropout, width: (2, 3) if dropout and width == alone else (0, 1)
    )
    info = plots.regularisation_info(analyse(table, AnalysisSettings(resamples=200)))
    (group,) = info.groups
    unknown = group.size == 100.0 * alone
    assert np.isnan(group.gain[unknown]).all() and np.isnan(group.low[unknown]).all()
    assert np.isfinite(group.low[~unknown]).all()
    axes = plots.draw_regularisation(info, Figure().add_subplot())
    low, high = axes.get_ylim()
    assert -0.05 < low < 0.0 < 0.2 < high < 0.5


@pytest.mark.parametrize("widths", [(4, 8, 16, 32), (16,)])
def test_a_single_draw_shows_gains_without_bars(widths: tuple[int, ...]) -> None:
    """Each capacity has one pair, or all but one have chosen the weakest value."""
    table = regularised_rows(lambda *_: (0,))
    value = np.array(table.params["dropout"])
    refused = (value > 0.0) & ~np.isin(table.width, widths)
    table = replace(
        table, columns={**table.columns, "val_error": np.where(refused, 1.0, table.val_error)}
    )
    analysis = analyse(table, AnalysisSettings(resamples=200))
    info = plots.regularisation_info(analysis)
    (group,) = info.groups
    assert group.used.sum() == len(widths)
    assert np.isnan(group.low).all() and group.gain[group.used] == pytest.approx(0.2)
    figure = Figure()
    axes = plots.draw_regularisation(info, figure.add_subplot())
    low, high = axes.get_ylim()
    assert -0.05 < low < 0.0 < 0.2 < high < 0.3
    assert "no bar: too few pairs" in axes.get_title(loc="left")
    (found,) = analysis.regularisation
    words = regulariser_words(found)
    table_of_them = regularisation_table(analysis)
    assert table_of_them is not None
    ends = table_of_them.rows(MARKDOWN)[0][4]
    if len(widths) == 1:
        assert "saves there 20% of the error (too few pairs of runs for an interval)" in words
        assert ends == ""
    else:
        assert "saves 20% of the error (90% interval" in words and ends.endswith("%")


def test_every_picture_of_a_study_draws_on_axes_given_by_the_reader(
    routes: StudyAnalysis, sizes: StudyAnalysis
) -> None:
    names = ("size_error", "surface", "marginal", "growth", "routes", "pareto", "ladder",
             "effects", "residuals", "extrapolation", "regularisation")  # fmt: skip
    for analysis in (routes, sizes):
        for name in names:
            axes = Figure().add_subplot()
            info = getattr(plots, f"{name}_info")(analysis)
            assert getattr(plots, f"draw_{name}")(info, axes) is axes
    axes = Figure().add_subplot()
    lines = plots.learning_info({"small": [(10, 0.5), (20, 0.4)]})
    assert plots.draw_learning_curves(lines, axes) is axes
