"""Growth of the payoff point: the exponent, its interval, and the forecast for more data."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import AnalysisSettings, TrialTable, analyse
from analysis.errors import AnalysisError
from analysis.table.names import format_size
from analysis.verdicts.growth import Growth, grow
from tests.support.tables import study_rows

N = (100, 300, 1000, 3000, 10000)


def drawn(spread: float, tau: float, seed: int) -> Growth:
    """Payoff points 5 n^0.7, each off by ``tau`` and known to ``spread``."""
    rng = np.random.default_rng(seed)
    truth = np.log(5.0) + 0.7 * np.log(N) + tau * rng.standard_normal(len(N))
    found = truth + spread * rng.standard_normal(len(N))
    draws = found + spread * rng.standard_normal((2000, len(N)))
    return grow(N, draws, level=0.9, seed=seed)


def test_an_exact_power_law_is_recovered() -> None:
    growth = grow(N, np.tile(np.log(5.0) + 0.7 * np.log(N), (2000, 1)), level=0.9, seed=0)
    assert growth.exponent == pytest.approx(0.7, abs=1e-2)
    ahead = growth.forecast(100_000)
    assert ahead.size == pytest.approx(5.0 * 1e5**0.7, rel=0.05)
    assert ahead.low <= ahead.size <= ahead.high
    assert ahead.reach == 10.0


@pytest.mark.parametrize(("spread", "tau"), [(0.3, 0.0), (0.15, 0.2), (0.05, 0.3)])
def test_intervals_hold_the_truth_as_often_as_they_say(spread: float, tau: float) -> None:
    slope, ahead = 0, 0
    trials = 300
    for seed in range(trials):
        growth = drawn(spread, tau, seed)
        slope += growth.low <= 0.7 <= growth.high
        rng = np.random.default_rng([seed, 9])
        size = 5.0 * 30_000**0.7 * np.exp(tau * rng.standard_normal())
        found = growth.forecast(30_000)
        ahead += found.low <= size <= found.high
    # Binomial(300, 0.85): below 0.80 has a probability of 1%. Too wide is no fault of this size.
    assert slope / trials >= 0.80 and ahead / trials >= 0.80, (slope, ahead)
    assert slope / trials <= 0.99


def test_a_forecast_is_wider_the_farther_it_reaches() -> None:
    growth = drawn(0.2, 0.1, 0)
    widths = [np.log(f.high / f.low) for f in map(growth.forecast, (1000, 20_000, 200_000))]
    assert widths == sorted(widths)


def test_a_study_reports_its_growth_and_looks_ahead() -> None:
    analysis = analyse(
        TrialTable.from_rows(study_rows()), AnalysisSettings(rule="plateau", resamples=500)
    )
    assert analysis.growth is not None
    found = analysis.to_json()["growth"]
    assert found["n_examples"] == [100, 400, 1600]
    assert [ahead["n_examples"] for ahead in found["forecast"]] == [3200, 6400]
    c = 6.0 * 3200**0.75
    truth = c / (0.1 + 1.1 * c / 19210)
    assert found["forecast"][0]["low"] < truth < found["forecast"][0]["high"]
    said = analysis.markdown()
    assert "If that goes on, with 3,200 it would lie at about" in said
    here = format_size(analysis.growth.forecast(1600).size)
    assert f"; that line, drawn through all dataset sizes, has {here} at 1,600" in said


def test_fewer_than_three_dataset_sizes_have_no_growth() -> None:
    rows = [row for row in study_rows() if row["n_examples"] != 100]
    settings = AnalysisSettings(rule="plateau", resamples=200)
    assert analyse(TrialTable.from_rows(rows), settings).growth is None


def test_a_forecast_needs_examples() -> None:
    with pytest.raises(AnalysisError, match="n_examples: must be positive, got 0"):
        drawn(0.2, 0.0, 0).forecast(0)
