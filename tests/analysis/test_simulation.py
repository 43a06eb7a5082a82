"""Calibration on studies of known truth (the whole table: ``python -m benchmarks.calibration``).

The bounds are what the counts allow: with n answers a true rate p is missed by more than
2.6 sqrt(p (1 - p) / n) once in a hundred runs, and the seed is fixed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis import AnalysisSettings
from benchmarks.simulation.calibration import calibrate, table
from benchmarks.simulation.truths import TRUTHS, simulate

SETTINGS = AnalysisSettings(resamples=400)


@pytest.mark.slow
def test_intervals_cover_and_verdicts_are_right_over_all_truths() -> None:
    scores = calibrate(30, seed=11, settings=SETTINGS)
    located = sum(s.located for s in scores)
    covered = sum(s.covered for s in scores)
    clear = sum(s.clear for s in scores)
    right, wrong = sum(s.right for s in scores), sum(s.wrong for s in scores)
    assert located > 250
    assert 0.90 - 2.6 * math.sqrt(0.9 * 0.1 / located) < covered / located < 0.97
    assert right / clear > 0.90 - 2.6 * math.sqrt(0.9 * 0.1 / clear)
    assert wrong / clear < 0.03 + 2.6 * math.sqrt(0.03 * 0.97 / clear)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["marginal", "plateau", "overfit", "economic"])
def test_each_rule_covers_on_a_truth_that_has_its_payoff_point_inside(rule: str) -> None:
    truth = "U-shape" if rule == "overfit" else "power law with floor"
    (score,) = calibrate(50, seed=3, truths=(truth,), rules=(rule,), settings=SETTINGS)  # type: ignore[arg-type]
    assert score.located >= 35
    assert score.coverage > 0.9 - 2.6 * math.sqrt(0.9 * 0.1 / score.located)


def test_the_table_has_a_row_for_each_truth_and_rule() -> None:
    scores = calibrate(
        1, truths=("flat", "still falling"), settings=AnalysisSettings(resamples=100)
    )
    lines = table(scores, 0.9).splitlines()
    assert len(lines) == 2 + 2 * 4
    assert lines[2].startswith("| flat | marginal | 1 | none inside |")


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
