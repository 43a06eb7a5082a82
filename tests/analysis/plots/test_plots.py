"""Figures: the info holds what is shown, and files repeat byte for byte."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis import AnalysisSettings, StudyAnalysis, TrialTable, analyse
from analysis.plots import (
    draw_size_error,
    ladder_info,
    save_figure,
    size_error_figure,
    size_error_info,
    write_figures,
)
from analysis.plots.style import line_colours, readable_ticks, spread_labels
from tests.support.tables import study_rows


@pytest.fixture(scope="module")
def study() -> StudyAnalysis:
    return analyse(TrialTable.from_rows(study_rows(pruned=True)), AnalysisSettings(rule="plateau"))


def test_the_info_holds_a_line_for_each_dataset_size(study: StudyAnalysis) -> None:
    info = size_error_info(study)
    assert [line.label for line in info.lines] == ["100 examples", "400 examples", "1,600 examples"]
    for line, fit in zip(info.lines, study.fits, strict=True):
        assert len(line.run_error) == 24
        np.testing.assert_array_equal(line.size, fit.curve.size)
        assert (line.low < line.mean).all() and (line.mean < line.high).all()
        (mark,) = line.marks
        assert (mark.size, mark.low, mark.high) == (
            fit.verdict.size,
            fit.verdict.low,
            fit.verdict.high,
        )
        assert mark.error == pytest.approx(float(fit.predict(mark.size)))


def test_the_figure_is_drawn_on_given_axes_with_readable_ticks(study: StudyAnalysis) -> None:
    axes = Figure().add_subplot()
    draw_size_error(size_error_info(study), axes)
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert axes.get_legend() is None
    words = [label.get_text() for label in axes.get_xticklabels()]
    assert "1k" in words
    assert all("e" not in word and "$" not in word for word in words)
    drawn = {text.get_text() for text in axes.texts}
    assert {"100 examples", "400 examples", "1,600 examples"} <= drawn


def test_a_study_without_a_curve_still_draws() -> None:
    rows = [{"n_parameters": 10, "test_error": 0.5, "phase": "search"}]
    figure = size_error_figure(analyse(TrialTable.from_rows(rows)))
    assert len(figure.axes) == 1


def test_a_single_curve_without_examples_draws() -> None:
    rows = [{"n_parameters": 10 * 2**k, "test_error": 0.5 / (k + 1)} for k in range(3)]
    analysis = analyse(TrialTable.from_rows(rows))
    assert size_error_info(analysis).lines[0].label == "all runs"
    size_error_figure(analysis).canvas.draw()


def test_the_ladder_shows_what_is_free(study: StudyAnalysis) -> None:
    info = ladder_info(study)
    assert info.n_examples == 1600
    assert len(info.lines) == 6
    for line in info.lines:
        np.testing.assert_allclose(line.kept, [1.0, 0.5, 0.2, 0.05])
        assert line.free == 0.5


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_files_are_the_same_byte_for_byte(
    study: StudyAnalysis, tmp_path: Path, suffix: str
) -> None:
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        save_figure(size_error_figure(study), path)
    one, two = (path.read_bytes() for path in paths)
    assert one == two
    assert len(one) > 5000


@pytest.mark.slow
def test_every_figure_is_written_in_every_format(study: StudyAnalysis, tmp_path: Path) -> None:
    names = [path.name for path in write_figures(study, tmp_path)]
    assert names[0] == "size_error.png"
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 9


@pytest.mark.parametrize(
    ("low", "high"), [(90, 1e5), (0.021, 0.034), (1e2, 1e9), (0.99, 1.01), (3, 1e15)]
)
def test_ticks_lie_inside_and_are_few(low: float, high: float) -> None:
    ticks = readable_ticks(low, high, most=7)
    assert len(ticks) <= 7
    assert all(low * 0.99 <= tick <= high * 1.01 for tick in ticks)


def test_labels_move_apart_and_keep_their_order() -> None:
    placed = spread_labels([0.5, 0.5, 0.51, 0.9], 0.1, 0.0, 1.0)
    assert (np.diff(placed) > 0.099).all()


def test_colours_differ_in_lightness_so_that_grey_print_tells_them_apart() -> None:
    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
        return math.sqrt(0.299 * red**2 + 0.587 * green**2 + 0.114 * blue**2)

    steps = np.diff([lightness(colour) for colour in line_colours(6)])
    assert (steps < -0.05).all()
