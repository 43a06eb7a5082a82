"""The data-size frontier of a known surface."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize

from analysis import fit_surface, frontier
from analysis.errors import AnalysisError
from tests.analysis.forecasts.test_surface import TRUTH, design, errors

A, B, E, ALPHA, BETA = (TRUTH[k] for k in ("A", "B", "E", "alpha", "beta"))


def best_size(flops: float) -> float:
    """The optimum of the true surface, found without its formula."""

    def error(log_n: float) -> float:
        n = np.exp(log_n)
        return float(E + A * n**-ALPHA + B * (flops / 6.0 / n) ** -BETA)

    found = optimize.minimize_scalar(
        error, bounds=(5.0, 25.0), method="bounded", options={"xatol": 1e-11}
    )
    return float(np.exp(found.x))


def test_flops_are_spent_as_the_true_surface_says() -> None:
    surface = fit_surface(*design(), errors(sd=0.0), n_resamples=20)
    budgets = [1e12, 1e15, 1e18]
    for budget, point in zip(budgets, frontier(surface, flops=budgets), strict=True):
        assert point.n_parameters.value == pytest.approx(best_size(budget), rel=1e-4)
        assert point.flops.value == pytest.approx(budget)
        n, d = point.n_parameters.value, point.n_examples.value
        assert point.error.value == pytest.approx(E + A * n**-ALPHA + B * d**-BETA, rel=1e-6)


def test_examples_get_the_size_whose_flops_would_buy_them() -> None:
    surface = fit_surface(*design(), errors(sd=0.0), n_resamples=20)
    (point,) = frontier(surface, examples=[1e7])
    assert point.n_examples.value == pytest.approx(1e7)
    (back,) = frontier(surface, flops=[point.flops.value])
    assert back.n_parameters.value == pytest.approx(point.n_parameters.value, rel=1e-9)
    assert point.inside
    assert not frontier(surface, flops=[1e30])[0].inside


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(40):
        surface = fit_surface(*design(), errors(seed), n_resamples=100, level=0.9, seed=seed)
        size = frontier(surface, flops=[1e14])[0].n_parameters
        held += size.lower <= best_size(1e14) <= size.upper
    # Binomial(40, 0.9): 31 or fewer has a probability of 2%.
    assert held >= 31


def test_it_agrees_with_the_surface_s_best_size_and_knows_epochs() -> None:
    surface = fit_surface(*design(), errors(), n_resamples=50)
    (point,) = frontier(surface, flops=[1e14], flops_per=60.0)
    size, examples = surface.best_size(1e14, flops_per=60.0)
    assert point.n_parameters.value == pytest.approx(size.value)
    assert point.n_parameters.upper == pytest.approx(size.upper)
    assert point.n_examples.lower == pytest.approx(examples.lower)


def test_without_a_fit_nothing_is_claimed() -> None:
    n, d = design()
    surface = fit_surface(n[:3], d[:3], errors()[:3], n_resamples=10)
    (point,) = frontier(surface, flops=[1e14])
    assert np.isnan(point.n_parameters.value) and np.isnan(point.error.value)
    assert not point.inside


def test_budgets_are_checked() -> None:
    surface = fit_surface(*design(), errors(), n_resamples=10)
    wrong: list[dict[str, Any]] = [{}, {"flops": [1.0], "examples": [1.0]}]
    for arguments in wrong:
        with pytest.raises(AnalysisError, match="give one budget"):
            frontier(surface, **arguments)
    with pytest.raises(AnalysisError, match=r"examples: must be finite and positive, got -1.0"):
        frontier(surface, examples=[1e5, -1.0])
    with pytest.raises(AnalysisError, match="flops_per: must be finite"):
        frontier(surface, flops=[1e5], flops_per=0.0)
