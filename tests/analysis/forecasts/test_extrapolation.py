"""Extrapolation: exact where the curve is, honest about its width, and clear about bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from analysis.errors import AnalysisError
from analysis.forecasts.extrapolation import (
    SHAPES,
    SHAPES_WEIGHT,
    SHAPES_WEIGHT_SMOOTHED,
    TREND,
    _folds,
    _recency,
    extrapolate,
)
from analysis.forecasts.shapes import MAX_ASKED, MAX_CELLS, forecast_shapes
from analysis.forecasts.trend import MAX_POINTS, forecast_trend

X = np.geomspace(1e3, 1e6, 30)
FURTHER = np.array([1.3e6, 2e6])


def floor(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.05 + 3.0 * x**-0.4)


def noisy(seed: int, sd: float = 0.01) -> np.ndarray:
    return np.asarray(floor(X) * np.exp(sd * np.random.default_rng(seed).standard_normal(len(X))))


def test_near_exact_curve_is_forecast_within_half_a_percent() -> None:
    forecast = extrapolate(X, floor(X), FURTHER)
    law = dict(zip(forecast.members, forecast.paths, strict=True))["power_floor"]
    np.testing.assert_allclose(law, floor(FURTHER), rtol=1e-6)
    np.testing.assert_allclose(forecast.prediction, floor(FURTHER), rtol=0.005)
    assert forecast.members[:2] == (SHAPES, TREND)
    assert forecast.weights.sum() == pytest.approx(1.0)


def test_bands_widen_with_distance_and_level() -> None:
    x_new = 1e6 * np.array([1.1, 2.0, 4.0])
    narrow, wide = (extrapolate(X, noisy(0), x_new, level=level) for level in (0.5, 0.95))
    width = np.log(narrow.upper / narrow.lower)
    assert (np.diff(width) > 0.0).all()
    assert (np.log(wide.upper / wide.lower) > 2.5 * width).all()


@pytest.mark.slow
def test_bands_hold_the_truth_of_a_power_law_with_a_floor() -> None:
    held = []
    for seed in range(60):
        forecast = extrapolate(X, noisy(seed, 0.03), FURTHER)
        held.append((forecast.lower <= floor(FURTHER)) & (floor(FURTHER) <= forecast.upper))
    assert np.mean(held) >= 0.85


def test_order_of_the_points_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(len(X))
    straight, shuffled = (
        extrapolate(x, y, FURTHER) for x, y in ((X, noisy(1)), (X[order], noisy(1)[order]))
    )
    np.testing.assert_array_equal(straight.prediction, shuffled.prediction)


def test_repeated_sizes_are_averaged() -> None:
    y = np.stack([noisy(seed) for seed in range(4)])
    once = forecast_trend(X, np.exp(np.log(y).mean(0)), FURTHER)
    often = forecast_trend(np.tile(X, 4), y.ravel(), FURTHER)
    np.testing.assert_allclose(often.mean, once.mean, atol=0.01)
    assert (often.sd_state < 1.2 * once.sd_state).all()


def test_long_curves_are_binned_not_slow() -> None:
    x = np.geomspace(1e3, 1e6, 20 * MAX_POINTS)
    y = floor(x) * np.exp(0.05 * np.random.default_rng(0).standard_normal(len(x)))
    forecast = forecast_trend(x, y, FURTHER)
    np.testing.assert_allclose(np.exp(forecast.mean), floor(FURTHER), rtol=0.03)


def test_trend_of_a_straight_line_in_logs_goes_on_and_fades() -> None:
    y = 2.0 * X**-0.3
    path = forecast_trend(X, y, np.array([1e6, 1e6 * np.e]))
    assert path.mean[0] == pytest.approx(np.log(y[-1]), abs=1e-3)
    assert -0.3 < path.mean[1] - path.mean[0] < -0.2


def test_sizes_inside_the_range_are_forecast_from_those_before_them() -> None:
    y = noisy(2)
    changed = y.copy()
    changed[20:] *= np.exp(0.01 * np.random.default_rng(9).standard_normal(10))
    inside = np.array([float(X[15]) * 1.01])
    first, second = (forecast_trend(X, values, inside).mean for values in (y, changed))
    # The weights of the grid are shared, so the forecast moves a little; the filtered level not.
    np.testing.assert_allclose(first, second, atol=0.002)


def hump(x: np.ndarray) -> np.ndarray:
    """Falls, rises by a third around 300,000, falls again."""
    bell = np.exp(-0.5 * ((np.log(x) - np.log(3e5)) / 0.7) ** 2)
    return np.asarray(0.3 * (x / 1e3) ** -0.15 * np.exp(0.4 * bell))


def test_a_rise_after_a_long_fall_is_not_forecast_to_go_on() -> None:
    shown = np.geomspace(1e3, 2.5e5, 40)
    further = np.geomspace(3e5, 1e6, 8)
    noise = np.exp(0.01 * np.random.default_rng(0).standard_normal(40))
    forecast = extrapolate(shown, hump(shown) * noise, further)
    miss = np.log(forecast.prediction / hump(further))
    assert np.sqrt((miss**2).mean()) < 0.25
    assert forecast.prediction[-1] < forecast.prediction[0]
    slope = np.polyfit(np.log(shown[-6:]), np.log(hump(shown[-6:])), 1)[0]
    continued = np.log(hump(shown[-1:])) + slope * np.log(further / shown[-1])
    assert slope > 0.05 and np.sqrt(((continued - np.log(hump(further))) ** 2).mean()) > 0.4
    held = (forecast.lower <= hump(further)) & (hump(further) <= forecast.upper)
    # Just beyond the turn the band is too narrow still; far beyond it spans the fall.
    assert held[-3:].all()


def test_kinds_of_outlines_are_told_apart() -> None:
    straight = dict(forecast_shapes(X, 2.0 * X**-0.3, FURTHER).kinds)
    humped = dict(forecast_shapes(X, hump(X), FURTHER).kinds)
    assert sum(straight.values()) == pytest.approx(1.0)
    assert straight["straight"] > 0.4 > humped["straight"]
    assert max(humped, key=lambda kind: humped[kind]) == "hump"


def test_noise_is_told_where_the_curve_is_steep() -> None:
    rng = np.random.default_rng(3)
    for sd in (0.005, 0.05):
        y = X**-0.8 * np.exp(sd * rng.standard_normal(len(X)))
        assert 0.6 * sd < forecast_shapes(X, y, FURTHER).noise < 1.7 * sd


@pytest.mark.slow
def test_bands_of_single_points_hold_them() -> None:
    held, truth = [], np.tile(floor(FURTHER), 20)
    for seed in range(30):
        forecast = extrapolate(X, noisy(seed, 0.03), FURTHER)
        noise = np.exp(0.03 * np.random.default_rng([seed, 1]).standard_normal((20, 2))).ravel()
        single = truth * noise
        low, high = np.tile(forecast.point_lower, 20), np.tile(forecast.point_upper, 20)
        held.append(((low <= single) & (single <= high)).mean())
        assert (forecast.point_upper > forecast.upper).all()
    assert 0.85 <= np.mean(held) <= 0.98


def test_smoothed_points_are_recognised_and_raw_ones_are_not() -> None:
    raw = np.arange(1.0, 401.0)
    rng = np.random.default_rng(1)
    y = raw**-0.15 * np.exp(0.03 * rng.standard_normal(len(raw)))
    kept = np.unique(np.round(np.geomspace(1, 400, 60)).astype(int)) - 1
    smooth = isotonic_regression(y, increasing=False).x
    for values, smoothed in ((smooth, True), (y, False), (raw**-0.15, False)):
        forecast = extrapolate(raw[kept], values[kept], [500.0])
        assert forecast.smoothed is smoothed
        assert forecast.weights[0] == (SHAPES_WEIGHT_SMOOTHED if smoothed else SHAPES_WEIGHT)
    # The noise of a raw point is more than an isotonic regression leaves of it.
    assert 0.01 < extrapolate(raw[kept], smooth[kept], [500.0]).noise < 0.05


def test_many_sizes_asked_for_are_interpolated() -> None:
    further = np.geomspace(1.1e6, 3e6, 10 * MAX_ASKED)
    many, few = (forecast_shapes(X, noisy(4), asked) for asked in (further, further[[0, -1]]))
    np.testing.assert_allclose(many.mean[[0, -1]], few.mean, atol=1e-9)
    assert (np.diff(many.mean) < 0.0).all()


def test_long_curves_are_put_into_cells_for_outlines() -> None:
    x = np.geomspace(1e3, 1e6, 20 * MAX_CELLS)
    y = floor(x) * np.exp(0.05 * np.random.default_rng(0).standard_normal(len(x)))
    np.testing.assert_allclose(
        np.exp(forecast_shapes(x, y, FURTHER).mean), floor(FURTHER), rtol=0.03
    )


def test_no_size_asked_for_gives_an_empty_forecast() -> None:
    forecast = extrapolate(X, floor(X), [])
    assert forecast.prediction.shape == forecast.point_upper.shape == (0,)


def test_holdouts_reach_as_far_as_the_forecast() -> None:
    folds = _folds(X, float(np.log(2.0)))
    assert len(folds) == 2
    for number, (shown, hidden) in enumerate(folds, start=1):
        last = X[shown > 0.0].max()
        assert last <= 1e6 / 2.0**number < X[hidden].min()
        assert X[hidden].max() <= 2.0 * 1e6 / 2.0**number * 1.001
    assert _folds(X[:5], 1.0) == []


def test_recency_leaves_enough_points() -> None:
    for n in (4, 8, 12, 60):
        weights = _recency(np.geomspace(1e3, 1e6, n), 4)
        effective = weights.sum() ** 2 / (weights**2).sum()
        assert effective >= min(n, 12) - 1e-6
        assert (np.diff(weights) >= 0.0).all()


def test_rising_flat_and_short_curves_get_an_answer() -> None:
    for y in (0.1 * X**0.05, np.full(len(X), 0.3), 0.2 + 1e-3 * np.sqrt(X)):
        forecast = extrapolate(X, y, FURTHER)
        assert np.isfinite(forecast.prediction).all()
    short = extrapolate(X[:3], noisy(0)[:3], X[3:5])
    assert np.isfinite(short.prediction).all() and short.members[:3] == (SHAPES, TREND, "power")
    assert [(law, why.kind) for law, why in short.left_out] == [("passage", "underdetermined")]
    assert np.isnan(short.scores).all()


@pytest.mark.parametrize(
    ("x", "y", "x_new", "message"),
    [
        (X[:2], floor(X)[:2], FURTHER, "at least 3 distinct sizes"),
        (np.full(9, 1e3), floor(X)[:9], FURTHER, "at least 3 distinct sizes"),
        (X, floor(X)[:-1], FURTHER, "y: must be as long as x"),
        (X, np.where(X > 5e5, np.nan, 0.1), FURTHER, "y: must be finite and positive"),
        (X, floor(X), [0.0], "x_new: must be finite and positive"),
        (X[None], floor(X), FURTHER, "x: must be one-dimensional"),
    ],
)
def test_wrong_arguments_raise(
    x: np.ndarray, y: np.ndarray, x_new: np.ndarray, message: str
) -> None:
    with pytest.raises(AnalysisError, match=message):
        extrapolate(x, y, x_new)


def test_level_outside_its_range_raises() -> None:
    with pytest.raises(AnalysisError, match="level: must be between 0 and 1"):
        extrapolate(X, floor(X), FURTHER, level=90)
