"""Subset draws that not all cells have."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.curves.curve import Curve, build_curves
from analysis.curves.draws import Draws
from analysis.curves.noise import measure_noise
from analysis.settings import AnalysisSettings
from analysis.table.trials import TrialTable
from benchmarks.simulation.calibration import calibrate, pooled


def a_curve(cells: list[list[int]], *, spread: float = 0.2, seed: int = 0) -> Curve:
    """One cell for each list of draws, of the same true error; draws shift it by ``spread``."""
    rng = np.random.default_rng(seed)
    shift = spread * rng.standard_normal(1 + max(max(draws) for draws in cells))
    rows = [
        {
            "n_parameters": 100.0 * 2.0**k, "draw": draw, "seed": r, "n_examples": 100,
            "test_error": 0.1 * float(np.exp(shift[draw] + 0.02 * rng.standard_normal())),
        }
        for k, draws in enumerate(cells)
        for r, draw in enumerate(draws)
    ]  # fmt: skip
    (curve,) = build_curves(TrialTable.from_rows(rows), AnalysisSettings())
    return curve


def test_draws_that_all_cells_share_change_no_mean() -> None:
    curve = a_curve([[0, 1, 2, 3]] * 5)
    noise = measure_noise(curve)
    assert noise.draw_variance > 0.002
    assert noise.draw_covariance is None and noise.adjusted is None
    assert np.array_equal(noise.log_error, np.log(curve.error))
    assert noise.over_draws == noise.draw_variance / 4


def test_cells_with_other_draws_are_made_comparable() -> None:
    rng = np.random.default_rng(1)
    cells = [sorted(rng.choice(12, int(n), replace=False).tolist()) for n in rng.integers(2, 9, 10)]
    curve = a_curve(cells)
    noise = measure_noise(curve)
    assert noise.draw_covariance is not None and noise.adjusted is not None
    raw = np.log(curve.error)
    assert np.std(noise.log_error) < 0.35 * np.std(raw)
    assert np.allclose(noise.log_error - raw, noise.adjusted)


def test_the_adjustment_is_generalised_least_squares() -> None:
    curve = a_curve([[0, 1, 2], [1, 2, 3, 4], [0, 4], [2, 3, 5]], seed=2)
    draws = Draws.of(curve)
    assert draws is not None and not draws.shared
    relative = curve.run_error / curve.error[curve.run_cell] - 1.0
    variance, runs = 0.04, np.array([0.001, 0.002, 0.003, 0.001])
    shift, covariance = draws.adjust(curve, relative, variance, runs)
    x = (curve.run_cell[:, None] == np.arange(4)).astype(float)
    z = (draws.index[:, None] == np.arange(6)).astype(float)
    whole = np.diag(runs[curve.run_cell]) + variance * z @ z.T
    inverse = np.linalg.inv(whole)
    expected = np.linalg.inv(x.T @ inverse @ x)
    assert np.allclose(shift, expected @ x.T @ inverse @ relative)
    assert np.allclose(covariance + np.diag(runs / curve.replicates), expected)


def test_the_spread_of_draws_is_found_from_cells_that_share_only_some() -> None:
    rng = np.random.default_rng(3)
    found = []
    for seed in range(30):
        cells = [sorted(rng.choice(20, 6, replace=False).tolist()) for _ in range(12)]
        found.append(measure_noise(a_curve(cells, spread=0.1, seed=seed)).draw_variance)
    assert np.sqrt(np.mean(found)) == pytest.approx(0.1, rel=0.15)


def test_where_each_cell_has_one_draw_nothing_is_said_of_them() -> None:
    noise = measure_noise(a_curve([[0, 0, 0], [1, 1, 1], [2, 2, 2]]))
    assert noise.draw_variance == 0.0 and noise.draw_covariance is None


@pytest.mark.slow
def test_intervals_hold_where_cells_have_from_two_to_sixty_four_replicates() -> None:
    scores = calibrate(
        24, seed=5, truths=("power law with floor", "passage from chance", "floor reached early"),
        regimes=("unequal", "few draws"), rules=("marginal",),
    )  # fmt: skip
    (all_,) = pooled(scores, ("rule",))
    assert all_.located > 40
    assert all_.covered >= 0.84 * all_.located  # of 90%: fewer once in 100 such runs
    assert all_.wrong <= 0.03 * all_.clear
