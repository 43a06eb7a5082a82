"""Verdicts: each kind is reached, and "cannot tell" says why and what to run."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.settings import AnalysisSettings
from analysis.verdicts.curve_fit import CurveFit, fit_curve
from analysis.verdicts.decide import describe, format_size

SIZES = np.repeat(100.0 * 2.0 ** np.arange(10), 3)


def fitted(error: np.ndarray, spread: float = 0.03, sizes: np.ndarray = SIZES) -> CurveFit:
    noise = np.exp(spread * np.random.default_rng(0).standard_normal(len(sizes)))
    return fit_curve(sizes, error * noise, settings=AnalysisSettings(price=1e-5))


def test_a_floor_pays_off_until() -> None:
    point = fitted(0.05 + (SIZES / 50) ** -1.0).payoff("plateau")
    assert point.kind == "pays_off_until"
    assert point.low < point.size < point.high
    assert describe(point, "parameters").startswith("pays off until ")


def test_a_power_law_is_still_paying() -> None:
    point = fitted(SIZES**-0.4).verdict
    assert point.kind == "still_paying"
    assert point.next_step == "try sizes up to 205k"


def test_a_constant_is_flat() -> None:
    assert fitted(np.full(30, 0.2)).verdict.kind == "flat"


def test_a_u_shape_hurts_beyond_its_minimum() -> None:
    x = np.log(SIZES / 1600)
    point = fitted(0.1 * np.exp(0.12 * x**2)).payoff("overfit")
    assert point.kind == "hurts_beyond"
    assert not point.falls_again
    assert point.low < 1600 < point.high


def test_double_descent_is_seen_and_not_smoothed_away() -> None:
    # The published MNIST-1D curve with 15% label noise, test error in percent by hidden width.
    width = np.array([9, 16, 36, 47, 61, 104, 300])
    error = np.array([48.97, 47.24, 52.80, 54.05, 54.02, 50.23, 45.47]) / 100
    sizes = width * (width + 52) + 10.0 + width
    many = np.repeat(sizes, 3)
    point = fitted(np.repeat(error, 3), 0.01, many).payoff("overfit")
    assert point.kind == "hurts_beyond"
    assert point.falls_again
    assert "turns up inside the range" in describe(point, "")
    assert sizes[0] < point.size < sizes[3]
    assert sizes[2] < point.peak < sizes[5]


def test_a_falling_curve_shows_no_upturn() -> None:
    assert fitted(SIZES**-0.3).payoff("overfit").kind == "no_upturn"


@pytest.mark.parametrize(
    ("sizes", "errors", "why", "step"),
    [
        ([10, 20], [0.5, 0.4], "only 2 sizes", "add sizes"),
        ([10] * 5, [0.5, 0.4, 0.5, 0.4, 0.5], "only one size", "add sizes"),
        ([10, 11, 12, 13] * 3, [0.5, 0.4, 0.3, 0.2] * 3, "only 1.3 times", "widen the range"),
        ([10, 20, 40, 80], [0.5, 0.4, 0.3, 0.25], "no size was trained twice", "at least 3 seeds"),
        ([1, 2, 4, 8] * 3, [0.1, 0.0, 0.0, 0.0] * 3, "made no error at all", "more test examples"),
    ],
)
def test_too_little_data_cannot_tell(
    sizes: list[float], errors: list[float], why: str, step: str
) -> None:
    point = fit_curve(sizes, errors).verdict
    assert point.kind == "cannot_tell"
    assert why in point.why
    assert step in point.next_step


def test_noise_too_large_cannot_tell() -> None:
    point = fitted(0.1 + (SIZES / 50) ** -1.0, spread=2.0).payoff("plateau")
    assert point.kind == "cannot_tell"
    assert "%" in point.why
    assert point.next_step


def test_sizes_are_readable() -> None:
    sizes = (266610, 1.24e6, 999.9, 850, 42, 1.5, 0.0123, 3e9, float("nan"))
    words = ["267k", "1.24M", "1k", "850", "42", "1.5", "0.0123", "3G", "-"]
    assert [format_size(size) for size in sizes] == words
