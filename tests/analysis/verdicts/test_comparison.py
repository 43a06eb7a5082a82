"""Two sizes compared: paired, calibrated, and honest where they cannot be told apart."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import AnalysisError, AnalysisSettings, TrialTable, fit_curve
from analysis.curves.curve import build_curves
from analysis.curves.noise import measure_noise
from analysis.verdicts.comparison import Comparison, compare_cells


def compared(rng: np.random.Generator, ratio: float, *, alike: bool) -> Comparison:
    """Two cells of three runs whose draws move both by 20%, on shared or separate test examples."""
    draws = np.exp(0.2 * rng.standard_normal(3))
    hard = rng.permutation(1000)
    rows = []
    for size, factor in ((100.0, 1.0), (400.0, ratio)):
        for r in range(3):
            mean = 0.2 * factor * draws[r] * np.exp(0.02 * rng.standard_normal())
            count = round(1000 * mean)
            wrong = np.isin(
                np.arange(1000), hard[:count] if alike else rng.permutation(1000)[:count]
            )
            rows.append(
                {
                    "n_parameters": size,
                    "test_error": count / 1000,
                    "draw": r,
                    "n_test": 1000,
                    "test_correct": np.packbits(~wrong).tobytes(),
                }
            )
    for size in (200.0, 800.0):  # more cells, so that draws and seeds are told apart
        for r in range(3):
            error = 0.2 * draws[r] * np.exp(0.02 * rng.standard_normal())
            row = rows[r] | {"n_parameters": size, "test_error": round(1000 * error) / 1000}
            rows.append(row)
    (curve,) = build_curves(TrialTable.from_rows(rows), AnalysisSettings())
    return compare_cells(curve, measure_noise(curve), 100.0, 400.0, level=0.9)


def test_a_difference_smaller_than_the_draws_spread_is_seen_because_draws_are_shared() -> None:
    found = [compared(np.random.default_rng(k), 0.85, alike=True) for k in range(20)]
    assert np.mean([c.gain for c in found]) == pytest.approx(0.15, abs=0.02)
    assert sum(c.better is True for c in found) >= 17
    assert all(c.low < c.gain < c.high for c in found)


def test_no_difference_is_seldom_called_one() -> None:
    found = [compared(np.random.default_rng(k), 1.0, alike=True) for k in range(60)]
    assert sum(c.better is not None for c in found) <= 12  # 6 expected at the 90% level


def test_a_fit_compares_the_nearest_sizes() -> None:
    size = np.repeat([10.0, 20.0, 40.0, 80.0], 3)
    error = np.array([0.5, 0.51, 0.49, 0.3, 0.31, 0.29, 0.3, 0.29, 0.31, 0.4, 0.41, 0.39])
    fit = fit_curve(size, error)
    better, same, worse = fit.compare(11, 19), fit.compare(20, 40), fit.compare(40, 80)
    assert (better.small, better.large, better.better) == (10.0, 20.0, True)
    assert same.better is None and same.p_value > 0.5
    assert worse.better is False and worse.gain == pytest.approx(-1 / 3)


def test_wrong_questions_are_refused() -> None:
    fit = fit_curve([10, 10, 20, 20], [0.5, 0.5, 0.4, 0.4])
    with pytest.raises(AnalysisError, match="both sizes are nearest to 10"):
        fit.compare(9, 11)
    with pytest.raises(AnalysisError, match="sizes must be positive"):
        fit.compare(-1, 11)
    with pytest.raises(AnalysisError, match="no size was trained twice"):
        fit_curve([10, 20], [0.5, 0.4]).compare(10, 20)
