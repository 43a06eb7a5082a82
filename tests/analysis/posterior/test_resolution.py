"""Between the sizes tried: values there stay, falls stay falls, only sharp turns are moved."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.posterior.resolution import blur_between

X = np.log(250.0 * 2.0 ** np.arange(9))
GRID = X[0] + np.log(2.0) / 16 * np.arange(16 * 8 + 33)


def step_at(place: float) -> np.ndarray:
    return np.asarray(-np.log(3.0) / (1.0 + np.exp(-(GRID - place) / 0.05)))


def middle(rows: np.ndarray) -> np.ndarray:
    """(R,) where each curve is half way down."""
    return np.asarray(GRID[np.argmax(rows < -0.5 * np.log(3.0), axis=1)])


def test_a_step_moves_between_its_two_sizes_and_not_beyond_and_a_fall_stays_one() -> None:
    place = 0.5 * (X[4] + X[5])
    rows = np.repeat(step_at(place)[None], 4000, axis=0)
    blurred = blur_between(X, GRID, rows, np.random.default_rng(0))
    at_sizes = np.searchsorted(GRID, X + 1e-9) - 1
    np.testing.assert_allclose(blurred[:, at_sizes], rows[:, at_sizes], atol=1e-12)
    assert (np.diff(blurred, axis=1) <= 1e-12).all()
    low, high = np.quantile(middle(blurred), [0.05, 0.95])
    assert X[4] < low < place - 0.25 * np.log(2.0) < place + 0.2 * np.log(2.0) < high < X[5]
    np.testing.assert_array_equal(blurred[:, X[-1] < GRID], rows[:, X[-1] < GRID])


def test_straight_and_gently_bent_curves_stay_as_they_are() -> None:
    straight = np.repeat((-0.3 * (GRID - GRID[0]))[None], 50, axis=0)
    assert np.array_equal(blur_between(X, GRID, straight, np.random.default_rng(0)), straight)
    bent = np.repeat(np.log(0.05 + 0.25 * np.exp(-0.7 * (GRID - GRID[0])))[None], 50, axis=0)
    assert np.abs(blur_between(X, GRID, bent, np.random.default_rng(0)) - bent).max() < 2e-3


def test_two_sizes_have_no_turn_between_them_and_close_ones_count_as_one() -> None:
    rows = np.repeat(step_at(X[4])[None], 3, axis=0)
    assert np.array_equal(blur_between(X[[0, 8]], GRID, rows, np.random.default_rng(0)), rows)
    twice = np.sort(np.concatenate([X, X + 0.01]))
    blurred = blur_between(twice, GRID, rows, np.random.default_rng(0))
    assert np.isfinite(blurred).all() and blurred.shape == rows.shape
    assert blurred[:, 0] == pytest.approx(rows[:, 0])
