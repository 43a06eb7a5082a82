"""The notebook interface: predictions, bands, payoff points, laws by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analysis import AnalysisError, AnalysisSettings, fit_curve
from analysis.fitted import CurveFit

SIZES = np.repeat(100.0 * 2.0 ** np.arange(9), 4)


def truth(size: np.ndarray) -> np.ndarray:
    return np.asarray(0.06 + 0.5 * (size / 100.0) ** -0.7)


def runs(seed: int, spread: float = 0.04) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(len(SIZES))
    return truth(SIZES) * np.exp(spread * noise)


@pytest.fixture(scope="module")
def fit() -> CurveFit:
    return fit_curve(SIZES, runs(0), seed=list(np.tile(range(4), 9)))


def test_predictions_are_near_the_truth(fit: CurveFit) -> None:
    grid = np.geomspace(100, 25600, 20)
    np.testing.assert_allclose(fit.predict(grid), truth(grid), rtol=0.05)


def test_a_number_gives_a_number(fit: CurveFit) -> None:
    assert fit.predict(400.0).shape == ()
    low, high = fit.band(400.0)
    assert low < fit.predict(400.0) < high


def test_bands_nest_by_level_and_a_new_run_needs_a_wider_one(fit: CurveFit) -> None:
    grid = np.geomspace(100, 25600, 9)
    narrow, wide, run = fit.band(grid, 0.5), fit.band(grid, 0.95), fit.band(grid, 0.95, kind="run")
    assert (wide[0] < narrow[0]).all() and (narrow[1] < wide[1]).all()
    assert (run[0] < wide[0]).all() and (wide[1] < run[1]).all()


@pytest.mark.slow
def test_bands_hold_the_mean_and_new_runs_as_often_as_they_say() -> None:
    mean, run = [], []
    for seed in range(30):
        fit = fit_curve(SIZES, runs(seed), settings=AnalysisSettings(resamples=500))
        low, high = fit.band(SIZES, 0.9)
        mean.append(np.mean((low <= truth(SIZES)) & (truth(SIZES) <= high)))
        low, high = fit.band(SIZES, 0.9, kind="run")
        new = runs(1000 + seed)
        run.append(np.mean((low <= new) & (new <= high)))
    assert 0.8 < np.mean(mean) < 0.98  # points of one curve are right or wrong together
    assert 0.86 < np.mean(run) < 0.94


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.05, 0.2])
def test_bands_hold_new_runs_where_no_size_has_two(spread: float) -> None:
    sizes = np.geomspace(100.0, 51200.0, 10)
    held = []
    for seed in range(30):
        noise = spread * np.random.default_rng(seed).standard_normal((2, len(sizes)))
        seen, new = truth(sizes) * np.exp(noise)
        fit = fit_curve(sizes, seen, settings=AnalysisSettings(resamples=500))
        low, high = fit.band(sizes, 0.9, kind="run")
        held.append(np.mean((low <= new) & (new <= high)))
    assert 0.85 < np.mean(held) < 0.97


def test_predictions_far_outside_are_refused(fit: CurveFit) -> None:
    assert fit.predict(25600.0 * 3.9) > 0.0
    with pytest.raises(AnalysisError, match=r"use analysis\.extrapolate"):
        fit.predict(1e6)
    with pytest.raises(AnalysisError, match="size: must lie between"):
        fit.band(10.0)


def test_a_rule_may_be_asked_with_another_number(fit: CurveFit) -> None:
    strict, loose = fit.payoff("plateau", plateau=0.05), fit.payoff("plateau", plateau=0.5)
    assert loose.size < strict.size
    assert fit.payoff().rule == "marginal"
    with pytest.raises(AnalysisError, match="payoff:"):
        fit.payoff("plateau", epsilon=0.1)


def test_the_summary_has_a_line_for_each_rule(fit: CurveFit) -> None:
    text = fit.summary()
    assert "9 points of 36 runs" in text
    assert all(rule in text for rule in ("marginal", "plateau", "overfit"))


def test_a_law_by_name_is_fitted_alone_and_agrees_where_it_holds(fit: CurveFit) -> None:
    alone = fit_curve(SIZES, runs(0), law="power_floor", settings=AnalysisSettings(resamples=300))
    grid = np.geomspace(100, 25600, 9)
    np.testing.assert_allclose(alone.predict(grid), fit.predict(grid), rtol=0.04)
    assert alone.payoff("plateau").kind == "pays_off_until"
    with pytest.raises(AnalysisError, match="did you mean 'power_floor'"):
        fit_curve(SIZES, runs(0), law="power_flor")


def test_runs_that_cannot_be_used_are_counted() -> None:
    error = runs(0)
    error[:3] = [np.nan, -1.0, np.inf]
    fit = fit_curve(SIZES, error)
    assert sum(e.count for e in fit.curve.excluded) == 3


def test_the_same_input_gives_the_same_draws(fit: CurveFit) -> None:
    again = fit_curve(SIZES, runs(0), seed=list(np.tile(range(4), 9)))
    assert fit.draws is not None and again.draws is not None
    np.testing.assert_array_equal(fit.draws.log_error, again.draws.log_error)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(AnalysisError, match="all arrays must have one length"):
        fit_curve([1, 2], [0.5])
    with pytest.raises(AnalysisError, match="one curve has one dataset size"):
        fit_curve([1, 2], [0.5, 0.4], examples=[10, 20])
    with pytest.raises(AnalysisError, match="no usable run"):
        fit_curve([-1.0], [0.5])
    with pytest.raises(AnalysisError, match="cannot be fitted, there is only one size"):
        fit_curve([1.0, 1.0], [0.5, 0.5]).predict(1.0)
    fit = fit_curve(SIZES, runs(0))
    with pytest.raises(AnalysisError, match="kind: must be"):
        fit.band(400.0, kind="both")  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="level: must lie"):
        fit.band(400.0, 90)


def test_columns_of_a_filtered_frame_are_read_by_position() -> None:
    import pandas as pd

    sizes = np.repeat(2.0 ** np.arange(6, 14), 3)
    errors = 0.05 + 2.0 * sizes**-0.5 + np.tile([0.001, 0.0, -0.001], 8)
    frame: Any = pd.DataFrame({"size": sizes, "error": errors}).sample(frac=1, random_state=0)
    frame = frame[frame["size"] > 64]
    plain = fit_curve(frame["size"].to_numpy(), frame["error"].to_numpy())
    for size, error in (
        (frame["size"], frame["error"]),
        (frame["size"], frame["error"].to_numpy()),
    ):
        assert fit_curve(size, error).payoff("marginal").size == plain.payoff("marginal").size
