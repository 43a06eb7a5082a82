"""Noise taken apart level by level, and a bootstrap that gives it back."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike

from analysis.curves.curve import Curve, build_curves
from analysis.curves.noise import measure_noise, resample
from analysis.settings import AnalysisSettings
from analysis.table.trials import TrialTable


def plain(size: ArrayLike, error: ArrayLike, n_test: int = 0) -> Curve:
    """Rows of one size are replicates of one cell."""
    pairs = zip(np.ravel(size), np.ravel(error), strict=True)
    rows = [{"n_parameters": m, "test_error": e, "n_test": n_test} for m, e in pairs]
    (curve,) = build_curves(TrialTable.from_rows(rows), AnalysisSettings())
    return curve


def simulated(
    rng: np.random.Generator, *, cells: int, replicates: int, seed: float, draw: float
) -> Curve:
    shifts = draw * rng.standard_normal(replicates)
    rows = [
        {
            "n_parameters": 100.0 * 2.0**k,
            "test_error": 0.3 * np.exp(shifts[r] + seed * rng.standard_normal()),
            "draw": r,
            "seed": r,
        }
        for k in range(cells)
        for r in range(replicates)
    ]
    (curve,) = build_curves(TrialTable.from_rows(rows), AnalysisSettings())
    return curve


def test_spreads_of_seed_and_draw_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    noises = [
        measure_noise(simulated(rng, cells=10, replicates=8, seed=0.04, draw=0.1))
        for _ in range(40)
    ]
    seed = np.mean([noise.run_variance.mean() for noise in noises])
    draw = np.mean([noise.draw_variance for noise in noises])
    assert np.sqrt(seed) == pytest.approx(0.04, rel=0.05)
    assert np.sqrt(draw) == pytest.approx(0.1, rel=0.1)


@pytest.mark.slow
def test_three_replicates_do_not_make_the_spread_too_small() -> None:
    rng = np.random.default_rng(1)
    variances = [
        measure_noise(simulated(rng, cells=8, replicates=3, seed=0.05, draw=0.0)).run_variance
        for _ in range(200)
    ]
    assert np.sqrt(np.mean(variances)) == pytest.approx(0.05, rel=0.08)


def test_one_wild_cell_keeps_its_own_spread() -> None:
    rng = np.random.default_rng(2)
    size = np.repeat(100.0 * 2.0 ** np.arange(8), 4)
    error = 0.2 * np.exp(0.02 * rng.standard_normal(32))
    error[12] *= 10.0
    noise = measure_noise(plain(size, error))
    spread = np.sqrt(noise.run_variance)
    assert spread[3] > 0.5
    assert np.delete(spread, 3).max() < 0.1


def test_identical_replicates_leave_a_floor_of_spread() -> None:
    noise = measure_noise(plain([1, 1, 2, 2, 4, 4], [0.5] * 6))
    assert (noise.run_variance >= 1e-6).all()


def test_zeros_are_lifted_to_half_a_test_example() -> None:
    curve = plain([1, 1, 2, 2], [0.1, 0.1, 0.0, 0.0], n_test=100)
    noise = measure_noise(curve)
    assert noise.lifted == 1
    np.testing.assert_allclose(np.exp(noise.log_error), [0.1, 0.0025])


def test_shared_test_luck_is_seen_in_correctness() -> None:
    rng = np.random.default_rng(3)
    hard = rng.random(400) < 0.2  # every model fails on the same examples, and on few others
    rows = []
    for k in range(4):
        for r in range(3):
            wrong = hard ^ (rng.random(400) < 0.01)
            rows.append(
                {
                    "n_parameters": 10.0 * 2.0**k,
                    "test_error": float(wrong.mean()),
                    "seed": r,
                    "n_test": 400,
                    "test_correct": np.packbits(~wrong).tobytes(),
                }
            )
    (curve,) = build_curves(TrialTable.from_rows(rows), AnalysisSettings())
    covariance = measure_noise(curve).test_covariance
    binomial = (1 - curve.error) / (400 * curve.error)
    np.testing.assert_allclose(np.diag(covariance), binomial, rtol=0.15)
    correlation = covariance[0, 1:] / covariance[0, 0]
    assert (correlation > 0.85).all()


def test_resamples_have_the_mean_and_spread_of_the_noise() -> None:
    rng = np.random.default_rng(4)
    curve = simulated(rng, cells=6, replicates=4, seed=0.05, draw=0.05)
    noise = measure_noise(curve)
    drawn = np.log(resample(curve, noise, 20_000, np.random.default_rng(5)))
    expected = noise.mean_covariance(curve.replicates)
    np.testing.assert_allclose(drawn.mean(axis=0), noise.log_error, atol=0.002)
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.1 * expected.max())


def test_resamples_are_the_same_for_the_same_seed() -> None:
    curve = simulated(np.random.default_rng(6), cells=5, replicates=3, seed=0.05, draw=0.0)
    noise = measure_noise(curve)
    one, two = (resample(curve, noise, 50, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
