"""Pictures of shapes: each point by the curve of its own shape, the best of them, and all in sight.

What is drawn is drawn at every venue's size, with no text over other text.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse, plots
from analysis.errors import AnalysisError
from analysis.plots import shape_marks
from analysis.plots.gallery import pictures_of
from analysis.plots.print_figures import write_printed
from analysis.plots.style import new_figure, printed
from analysis.plots.venues import VENUES, Venue
from analysis.report.checks import misses
from tests.support.tables import shaped_rows, study_rows

SETTINGS = AnalysisSettings(resamples=200)


@pytest.fixture(scope="module")
def depths() -> StudyAnalysis:
    return analyse(TrialTable.from_rows(shaped_rows()), SETTINGS)


@pytest.fixture(scope="module")
def heads() -> StudyAnalysis:
    """Two axes of the shape."""
    shapes = {"heads": (1, 2), "blocks": (2, 3)}
    return analyse(TrialTable.from_rows(shaped_rows(shapes, sizes=(200,))), SETTINGS)


def test_each_point_is_compared_with_the_curve_of_its_own_shape(depths: StudyAnalysis) -> None:
    fit = depths.fits[-1]
    assert fit.ladders is not None
    for j, shape in enumerate(fit.ladders.shapes):
        mine = np.array([fit.curve.shapes[k] == shape for k in fit.curve.shape])
        middle = np.median(fit.ladders.of(j).log_error, axis=0)
        expected = np.interp(np.log(fit.curve.size[mine]), fit.ladders.x, middle)
        np.testing.assert_allclose(np.log(fit.cell_errors()[mine]), expected)
    off = np.exp(fit.noise.log_error) / fit.cell_errors()
    np.testing.assert_allclose(plots.residuals_info(depths).groups[-1].residual, off - 1.0)
    np.testing.assert_allclose([row["ratio"] for row in misses(fit)], off)
    of_the_best = np.exp(fit.noise.log_error) / fit.errors(fit.curve.size)
    assert np.abs(off - 1.0).max() < 0.05 and of_the_best.max() > 1.3


def test_cells_of_another_curve_have_the_errors_of_their_shapes(depths: StudyAnalysis) -> None:
    fit = depths.fits[-1]
    deep = np.array([fit.curve.shapes[k].name == "depth 4" for k in fit.curve.shape])
    np.testing.assert_array_equal(fit.cell_errors(fit.curve.only(deep)), fit.cell_errors()[deep])


def test_without_ladders_points_are_compared_with_the_one_curve() -> None:
    fit = analyse(TrialTable.from_rows(study_rows()), SETTINGS).fits[0]
    assert fit.ladders is None
    np.testing.assert_allclose(fit.cell_errors(), fit.errors(fit.curve.size))


def test_the_curves_of_the_shapes_stand_behind_the_best(depths: StudyAnalysis) -> None:
    info = plots.size_error_info(depths)
    assert info.shapes == ("depth 1", "depth 2", "depth 4") and info.shape_axes == ("depth",)
    for line, fit in zip(info.lines, depths.fits, strict=True):
        assert fit.ladders is not None and line.shape is not None
        assert [one.place for one in line.ladders] == [0, 1, 2]
        for one, first, last in zip(line.ladders, fit.ladders.first, fit.ladders.last, strict=True):
            low, high = np.log(one.grid[[0, -1]])
            assert first - 0.1 < low < high < last + 0.1
    axes = plots.draw_size_error(info, Figure().add_subplot())
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["each depth alone:", "1", "2", "4"]


def test_the_map_has_a_field_for_each_network_and_the_path_of_those_to_take(
    depths: StudyAnalysis,
) -> None:
    info = plots.shape_map_info(depths)
    curve = depths.fits[-1].curve
    assert info.along == "Width" and info.shapes == ("depth 1", "depth 2", "depth 4")
    assert info.cell == curve.cell and len(info.fitted) == len(info.observed) == 18
    np.testing.assert_array_equal(info.at, curve.grown)
    taken = [curve.shapes[curve.shape[k]].name for k in info.path]
    assert taken[0] == "depth 1" and taken[-1] == "depth 4"
    assert taken == sorted(taken) and (np.diff(curve.size[info.path]) > 0).all()
    axes = plots.draw_shape_map(info, Figure(figsize=(6.6, 3.4)).add_subplot())
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "2", "4"]
    assert f"{info.observed[0]:.2g}" in {text.get_text() for text in axes.texts}


def test_the_strips_say_what_is_taken_and_the_points_what_the_others_lose(
    depths: StudyAnalysis,
) -> None:
    info = plots.best_shape_info(depths)
    assert [strip.label for strip in info.strips] == ["200", "800"]
    for strip, one in zip(info.strips, depths.shapes, strict=True):
        assert strip.standing == tuple(choice.standing for choice in one.choices)
        assert [info.shapes[j] for j in strip.shape] == [choice.shape for choice in one.choices]
        sizes = np.array([choice.size for choice in one.choices])
        assert ((strip.edge[:-1] < sizes) & (sizes < strip.edge[1:])).all()
    choices = depths.shapes[-1].choices
    assert sum(len(one.size) for one in info.rivals) == sum(len(c.others) for c in choices)
    first = choices[0].others[0]
    rival = next(one for one in info.rivals if info.shapes[one.shape] == first.shape)
    assert (rival.ratio[0], rival.low[0]) == (1.0 + first.more.value, 1.0 + first.more.low)
    axes = Figure().add_subplot()
    assert plots.draw_best_shape(info, axes) is axes and len(axes.child_axes) == 2


def test_shapes_of_several_axes_are_named_by_their_values(heads: StudyAnalysis) -> None:
    info = plots.best_shape_info(heads)
    title, names = shape_marks.terse(info.shape_axes, info.shapes)
    assert (title, names) == ("Heads, blocks", ("1, 2", "1, 3", "2, 2", "2, 3"))
    assert shape_marks.terse(["act"], ["act relu, act"]) == ("Act", ("relu, act",))


def test_a_study_of_one_shape_has_no_picture_of_shapes() -> None:
    analysis = analyse(TrialTable.from_rows(study_rows()), SETTINGS)
    assert not {"best_shape", "shape_map"} & {picture.name for picture in pictures_of(analysis)}
    assert plots.size_error_info(analysis).shapes == ()
    for name in ("shape_map", "best_shape"):
        info = getattr(plots, f"{name}_info")(analysis)
        assert len(getattr(plots, f"draw_{name}")(info).texts) == 1


def texts_of(figure: Figure) -> list[Text]:
    found = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


@pytest.mark.slow
@pytest.mark.parametrize("venue", VENUES.values(), ids=lambda venue: venue.name)
def test_text_has_its_size_stays_inside_and_lies_over_no_other(
    depths: StudyAnalysis, heads: StudyAnalysis, venue: Venue
) -> None:
    for analysis in (depths, heads):
        for picture in pictures_of(analysis):
            if picture.name not in ("size_error", "best_shape", "shape_map"):
                continue
            with printed(venue):
                figure = new_figure(venue.width, venue.height * picture.ratio)
                picture.draw(analysis, figure.add_subplot())
                figure.draw_without_rendering()
                texts = texts_of(figure)
            boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
            for text, (words, box) in zip(texts, boxes, strict=True):
                assert 7.0 <= float(text.get_fontsize()) <= 9.0, (picture.name, words)
                assert box.x0 > -1 and box.y0 > -1, (picture.name, words)
                assert box.x1 < figure.bbox.x1 + 1 and box.y1 < figure.bbox.y1 + 1, words
            for (words, box), (others, other) in combinations(boxes, 2):
                wide = min(box.x1, other.x1) - max(box.x0, other.x0)
                tall = min(box.y1, other.y1) - max(box.y0, other.y0)
                assert wide < 1 or tall < 1, (picture.name, words, others)


@pytest.mark.slow
def test_the_same_study_draws_the_same_bytes_in_every_format(
    depths: StudyAnalysis, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        written = write_printed(depths, tmp_path / folder, VENUES["icml"])
    drawn = {figure.name: figure.caption for figure in written}
    assert "bars: 90%" in drawn["best_shape"].lower() and "measured" in drawn["shape_map"]
    for figure in written:
        for path in figure.files:
            assert path.read_bytes() == (tmp_path / "one" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", ["best_shape", "shape_map", "size_error"])
def test_each_picture_has_a_figure_and_refuses_an_analysis(
    depths: StudyAnalysis, name: str
) -> None:
    assert len(getattr(plots, f"{name}_figure")(depths).axes) >= 1
    with pytest.raises(AnalysisError, match=rf"draw_{name}: .* pass plots\.{name}_info\(analysis"):
        getattr(plots, f"draw_{name}")(depths)


@pytest.mark.parametrize("name", ["best_shape", "shape_map", "size_error"])
@pytest.mark.parametrize("size", [(6.4, 4.8), (4.6, 4.0)])
def test_on_axes_of_ones_own_the_heading_is_broken_where_the_figure_ends(
    depths: StudyAnalysis, name: str, size: tuple[float, float]
) -> None:
    figure = Figure(figsize=size)
    axes = figure.add_subplot()
    getattr(plots, f"draw_{name}")(getattr(plots, f"{name}_info")(depths), axes)
    figure.draw_without_rendering()
    heading = axes.get_title(loc="left")
    (text,) = (one for one in texts_of(figure) if one.get_text() == heading)
    assert text.get_window_extent().x1 <= figure.bbox.x1


def test_a_figure_without_a_layout_is_written_as_large_as_its_text(
    depths: StudyAnalysis, tmp_path: Path
) -> None:
    figure = Figure(figsize=(3.0, 3.0))
    plots.draw_size_error(plots.size_error_info(depths), figure.add_subplot())
    plots.save_figure(figure, tmp_path / "own.png")
    assert imread(tmp_path / "own.png").shape[1] > 200 * 3.0


def test_the_line_of_the_map_changes_rows_along_their_borders(depths: StudyAnalysis) -> None:
    info = plots.shape_map_info(depths)
    figure = Figure(figsize=(6.6, 3.4))
    axes = plots.draw_shape_map(info, figure.add_subplot())
    figure.draw_without_rendering()
    assert len(axes.texts) == len(info.at)
    (line,) = (one for one in axes.lines if one.get_color() == "white")
    corners = axes.transData.transform(np.array(line.get_xydata()))
    for text in axes.texts:
        box = text.get_window_extent()
        for (x1, y1), (x2, y2) in pairwise(corners):
            beside = max(x1, x2) < box.x0 or min(x1, x2) > box.x1
            assert beside or max(y1, y2) < box.y0 or min(y1, y2) > box.y1, text.get_text()


@pytest.mark.parametrize(("n", "named"), [(8, True), (9, False)])
def test_up_to_eight_shapes_have_marks_and_a_note_says_where_more_are_told_apart(
    n: int, named: bool
) -> None:
    rows = shaped_rows({"depth": range(1, n + 1)}, sizes=(200,), widths=5)
    info = plots.size_error_info(
        analyse(TrialTable.from_rows(rows), AnalysisSettings(resamples=100))
    )
    axes = plots.draw_size_error(info, Figure(figsize=(6.6, 4.3)).add_subplot())
    marks = {line.get_marker() for line in axes.lines if line.get_color() == "white"}
    assert len(marks) == (n if named else 1)
    assert (axes.get_legend() is not None) == named
    assert ("see the map of shapes" in axes.get_title(loc="left")) != named
