"""Verdicts: each kind is reached, and "cannot tell" says why and what to run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.findings import NextStep, Reason
from analysis.fitted import CurveFit, fit_curve
from analysis.settings import AnalysisSettings
from analysis.table.names import format_size
from analysis.verdicts.decide import decide
from analysis.words.reasons import what_next
from analysis.words.reasons import why as why_words
from analysis.words.verdicts import phrase

FALLING, ZEROS = [0.5, 0.4, 0.3, 0.2], [0.1, 0.0, 0.0, 0.0]
SIZES = np.repeat(100.0 * 2.0 ** np.arange(10), 3)


def fitted(error: np.ndarray, spread: float = 0.03, sizes: np.ndarray = SIZES) -> CurveFit:
    noise = np.exp(spread * np.random.default_rng(0).standard_normal(len(sizes)))
    return fit_curve(sizes, error * noise, settings=AnalysisSettings(price=1e-5))


def test_a_floor_pays_off_until() -> None:
    point = fitted(0.05 + (SIZES / 50) ** -1.0).payoff("plateau")
    assert point.kind == "pays_off_until"
    assert point.low < point.size < point.high
    assert phrase(point, "parameters").startswith("pays off until ")


def test_a_power_law_is_still_paying() -> None:
    point = fitted(SIZES**-0.4).verdict
    assert point.kind == "still_paying"
    assert point.next_step == NextStep(kind="try_larger", high=4.0 * SIZES[-1])
    assert what_next(point.next_step) == "try sizes up to 205k"


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
    assert "turns up inside the range" in phrase(point, "")
    assert sizes[0] < point.size < sizes[3]
    assert sizes[2] < point.peak < sizes[5]


def test_a_falling_curve_shows_no_upturn() -> None:
    assert fitted(SIZES**-0.3).payoff("overfit").kind == "no_upturn"


@pytest.mark.parametrize(
    ("sizes", "errors", "kind", "why", "step"),
    [
        ([10, 20], [0.5, 0.4], "few_sizes", "only 2 sizes", "add sizes"),
        ([10] * 5, [0.5, 0.4, 0.5, 0.4, 0.5], "few_sizes", "only one size", "add sizes"),
        ([10, 11, 12, 13] * 3, FALLING * 3, "narrow_range", "only 1.3 times", "range to 5 - 52"),
        ([10, 20, 40, 80], FALLING, "unreplicated", "no size was trained twice", "3 seeds"),
        ([1, 2, 4, 8] * 3, ZEROS * 3, "no_errors_made", "made no error at all", "test examples"),
    ],
)
def test_too_little_data_cannot_tell(
    sizes: list[float], errors: list[float], kind: str, why: str, step: str
) -> None:
    point = fit_curve(sizes, errors).verdict
    assert point.kind == "cannot_tell" and point.why is not None
    assert point.why.kind == kind
    assert why in why_words(point.why)
    assert step in what_next(point.next_step)


def test_noise_too_large_cannot_tell() -> None:
    point = fitted(0.1 + (SIZES / 50) ** -1.0, spread=2.0).payoff("plateau")
    assert point.kind == "cannot_tell"
    assert point.why is not None and point.why.kind in ("torn", "wide_interval")
    assert "%" in why_words(point.why)
    assert point.next_step is not None


def test_a_law_that_fits_no_curve_is_a_reason() -> None:
    settings = AnalysisSettings(resamples=100)
    fit = fit_curve(SIZES, np.full(30, 0.2), law="power_floor", settings=settings)
    point = decide(fit.curve, fit.noise, None, "marginal", replace(settings, law="power_floor"))
    assert (point.kind, point.probability) == ("cannot_tell", 0.0)
    assert point.why == Reason(kind="law_misfits", about=("power_floor",))
    assert why_words(point.why).startswith("the law power_floor found no fit")
    assert what_next(point.next_step) == "take another law, or the average of all"


def test_sizes_are_readable() -> None:
    sizes = (266610, 1.24e6, 999.9, 850, 42, 1.5, 0.0123, 3e9, float("nan"))
    words = ["267k", "1.24M", "1k", "850", "42", "1.5", "0.0123", "3G", "-"]
    assert [format_size(size) for size in sizes] == words
