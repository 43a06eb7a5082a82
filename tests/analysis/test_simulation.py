"""Calibration on studies of known truth (the whole table: ``python -m benchmarks.calibration``).

The bounds are what the counts allow: with n answers a true rate p is missed by more than
2.6 sqrt(p (1 - p) / n) once in a hundred runs, and the seed is fixed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis import AnalysisSettings
from benchmarks.simulation.calibration import HELD_OUT, TRUTHS, calibrate, pooled, table
from benchmarks.simulation.noises import REGIMES, simulate

SETTINGS = AnalysisSettings(resamples=400)


@pytest.mark.slow
def test_intervals_cover_and_verdicts_are_right_over_truths_and_noises() -> None:
    scores = calibrate(12, seed=11, truths=TRUTHS, settings=SETTINGS)
    for score in pooled(scores, ("rule",)):
        least = 0.88 - 2.6 * math.sqrt(0.88 * 0.12 / score.located)
        assert score.located > 40
        most = 0.97 + 2.6 * math.sqrt(0.97 * 0.03 / score.located)
        assert least < score.coverage < most, score.rule
        assert score.right / score.clear > 0.88 - 2.6 * math.sqrt(0.88 * 0.12 / score.clear)
        assert score.wrong / score.clear < 0.02 + 2.6 * math.sqrt(0.02 * 0.98 / score.clear)


@pytest.mark.slow
@pytest.mark.parametrize("truth", ["step", "kink, then flat", "U-shape"])
def test_intervals_hold_at_corners_and_where_noise_is_low(truth: str) -> None:
    scores = calibrate(
        40, seed=3, truths=(truth,), rules=("marginal", "plateau"), regimes=("usual", "quiet"),
        settings=SETTINGS,
    )  # fmt: skip
    for score in pooled(scores, ("rule",)):
        assert score.located > 30
        assert score.coverage > 0.86 - 2.6 * math.sqrt(0.86 * 0.14 / score.located)


def test_a_third_of_the_truths_is_held_out() -> None:
    assert set(HELD_OUT) < set(TRUTHS)
    assert len(TRUTHS) // 3 <= len(HELD_OUT) <= len(TRUTHS) // 3 + 1


@pytest.mark.parametrize("regime", list(REGIMES))
def test_every_regime_of_noise_scatters_about_the_truth(regime: str) -> None:
    rng = np.random.default_rng(5)
    truth = TRUTHS["power law with floor"](rng)
    mean = np.exp(truth.log_error(truth.x))
    seen = []
    for _ in range(40):
        trials = simulate(truth, rng, REGIMES[regime])
        k = np.argmin(np.abs(np.log(trials.n_parameters)[:, None] - truth.x[None, :]), axis=1)
        assert (np.bincount(k, minlength=len(mean)) >= 2).all()
        seen.append((trials.test_error / mean[k]).mean())
    assert np.mean(seen) == pytest.approx(1.0, abs=0.06)


def test_the_table_has_a_row_for_each_truth_and_rule() -> None:
    scores = calibrate(
        2, truths=("flat", "still falling"), regimes=("usual", "quiet"),
        settings=AnalysisSettings(resamples=100),
    )  # fmt: skip
    lines = table(pooled(scores, ("truth", "rule")), 0.9).splitlines()
    assert len(lines) == 2 + 2 * 4
    assert lines[2].startswith("| flat | all | marginal | 2 | none inside |")


@pytest.mark.parametrize("name", list(TRUTHS))
def test_simulated_studies_scatter_about_their_truth(name: str) -> None:
    rng = np.random.default_rng(0)
    truth = TRUTHS[name](rng)
    tables = [simulate(truth, rng) for _ in range(20)]
    sizes = np.exp(truth.x)
    for size, mean in zip(sizes, np.exp(truth.log_error(truth.x)), strict=True):
        seen = [t.test_error[np.isclose(t.n_parameters, size)].mean() for t in tables]
        assert np.mean(seen) == pytest.approx(min(mean, 0.995), rel=0.1)


def test_the_same_seed_gives_the_same_scores() -> None:
    one, two = (calibrate(2, seed=4, truths=("U-shape",), settings=SETTINGS) for _ in range(2))
    assert one == two
