"""Curves of several shapes, drawn together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.curves.curve import Curve, build_curves
from analysis.curves.ladders import Shape, shape_axes
from analysis.curves.noise import measure_noise
from analysis.errors import AnalysisError
from analysis.posterior.ladders import LadderDraws, comparable, draw_ladders
from analysis.posterior.moves import PRIORS, Moves, likeness
from analysis.settings import AnalysisSettings
from analysis.table.trials import TrialTable


def two_ladders(*, last: int = 8) -> Curve:
    """The second 20% worse; it ends after ``last`` sizes."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "n_parameters": size, "depth": depth, "seed": r,
            "test_error": (0.05 + 0.4 * float((size / 100.0) ** -0.7)) * (1.0 + 0.2 * (depth - 1))
            * float(np.exp(0.01 * rng.standard_normal())),
        }
        for depth in (1, 2)
        for size in 100.0 * 2.0 ** np.arange(8 if depth == 1 else last) * (1.0 + 0.1 * depth)
        for r in range(3)
    ]  # fmt: skip
    (curve,) = build_curves(TrialTable.from_rows(rows), AnalysisSettings())
    return curve


def drawn(curve: Curve, n: int = 400) -> LadderDraws:
    noise = measure_noise(curve)
    return draw_ladders(curve, noise, resamples=n, level=0.9, rng=np.random.default_rng(1))


def test_rows_belong_together_and_differences_are_known_better_than_levels() -> None:
    draws = drawn(two_ladders())
    at = draws.at(np.log([800.0]))[:, :, 0]
    ratio = np.exp(at[:, 1] - at[:, 0])
    assert abs(np.median(ratio) - 1.2) < 0.02
    assert ratio.std() < 0.02


def test_the_frontier_is_the_least_of_all_and_ends_nowhere() -> None:
    draws = drawn(two_ladders())
    frontier = draws.frontier()
    assert frontier.log_error.shape == (400, len(draws.x))
    assert np.isfinite(frontier.log_error).all()
    inside = (draws.x >= max(draws.first)) & (draws.x <= min(draws.last))
    assert np.array_equal(frontier.log_error[:, inside], draws.log_error.min(axis=1)[:, inside])


def test_a_ladder_that_ended_promises_nothing_further_and_is_not_forgotten() -> None:
    draws = drawn(two_ladders(last=4))
    assert draws.tried(np.log([300.0, 12_000.0])).tolist() == [[True, True], [True, False]]
    # One that is worse throughout never counts, wherever it ends.
    far = draws.x > draws.last[1] + 1.0
    assert np.allclose(draws.frontier().log_error[:, far], draws.log_error[:, 0][:, far])
    assert draws.frontier().n_inside == draws.n_inside


def test_where_the_better_shape_was_tried_no_larger_the_frontier_ends() -> None:
    rng = np.random.default_rng(3)
    rows = [
        {
            "n_parameters": 100.0 * 2.0**k, "depth": depth, "seed": r,
            "test_error": 0.3 * 2.0 ** (-0.25 * k) * (1.0 if depth == 1 else 4.0)
            * float(np.exp(0.01 * rng.standard_normal())),
        }
        for depth, sizes in ((1, 5), (2, 9))
        for k in range(sizes)
        for r in range(3)
    ]  # fmt: skip
    (curve,) = build_curves(TrialTable.from_rows(rows), AnalysisSettings())
    draws = drawn(curve)
    frontier = draws.frontier()
    assert np.exp(draws.x[frontier.n_inside - 1]) == pytest.approx(1600.0, rel=0.1)
    beyond = draws.x > draws.last[0]
    assert np.ptp(frontier.log_error[:, beyond], axis=1).max() == 0.0


def test_what_can_be_compared() -> None:
    assert comparable(two_ladders())
    assert not comparable(two_ladders(last=2))
    assert not comparable(replace(two_ladders(), shapes=()))


def test_every_move_has_a_covariance_and_a_curve_of_the_same_kind() -> None:
    shapes = [Shape(values=(("depth", depth),)) for depth in (1, 2, 3)]
    x = np.repeat(np.linspace(0.0, 5.0, 6), 3)
    shape = np.tile(np.arange(3), 6)
    grid = np.linspace(0.0, 6.0, 61)
    moves = Moves.of(x, shape, grid, shapes)
    assert len(moves) == len(PRIORS) and abs(np.exp(moves.log_prior).sum() - 1.0) < 0.02
    rng = np.random.default_rng(0)
    for move in range(len(moves)):
        n = moves.at_points[move].shape[1]
        assert np.allclose(moves.at_points[move] @ moves.at_points[move].T, moves.covariance[move])
        z = rng.standard_normal((5, n))
        on_grid = moves.on(move, z)
        assert on_grid.shape == (5, 3, 61)
        at = (z @ moves.at_points[move].T)[:, 3:6]
        assert np.allclose(on_grid[:, [0, 1, 2], 10], at)


def test_neighbours_are_more_alike_than_others_and_words_are_all_apart() -> None:
    numbers = likeness([Shape(values=(("depth", depth),)) for depth in (1, 2, 4)])
    assert numbers[0, 1] > numbers[0, 2] > 0.0
    words = likeness([Shape(values=(("kind", kind),)) for kind in ("a", "b", "c")])
    assert np.array_equal(words, np.eye(3))
    for one in (numbers, words):
        assert np.linalg.eigvalsh(one).min() > 0.1


def test_a_shape_that_no_column_says_is_refused() -> None:
    rows = [{"n_parameters": 1.0, "test_error": 0.1, "params": {"layers": 2}}]
    with pytest.raises(AnalysisError, match="layer"):
        shape_axes(TrialTable.from_rows(rows), AnalysisSettings(shape=("layer",)))


def test_many_cells_are_merged_within_their_shapes() -> None:
    rng = np.random.default_rng(2)
    rows = [
        {"n_parameters": size, "depth": depth, "seed": r,
         "test_error": 0.5 * float(size**-0.1) * (1.0 + 0.1 * depth) * float(np.exp(0.02 * z))}
        for depth in (1, 2, 3)
        for size in np.geomspace(100.0, 1e5, 40)
        for r, z in enumerate(rng.standard_normal(2))
    ]  # fmt: skip
    (curve,) = build_curves(TrialTable.from_rows(rows), AnalysisSettings())
    draws = drawn(curve, 200)
    at = draws.at(np.log([3000.0]))[:, :, 0]
    assert np.median(np.exp(at[:, 2] - at[:, 0])) == pytest.approx(1.3 / 1.1, abs=0.03)


def test_scatter_of_single_runs_is_not_taken_for_what_shapes_do() -> None:
    """Without replicates any spread is possible, and which moves are likely hangs on it."""
    rng = np.random.default_rng(0)
    rows = [
        {"n_parameters": size, "depth": depth,
         "test_error": (0.05 + 0.3 * float((size / 1000.0) ** -0.5))
         * float(np.exp(0.15 * rng.standard_normal()))}
        for depth in range(1, 9)
        for size in np.geomspace(1000.0, 1e5, 6) * (1.0 + 0.02 * depth)
    ]  # fmt: skip
    (curve,) = build_curves(TrialTable.from_rows(rows), AnalysisSettings())
    frontier = drawn(curve, 200).frontier()
    here = int(np.argmin(np.abs(frontier.x - np.log(5000.0))))
    off = frontier.log_error[:, here] - np.log(0.05 + 0.3 * 5.0**-0.5)
    assert abs(np.median(off)) < 0.1
    assert np.quantile(off, 0.95) > 0.0
