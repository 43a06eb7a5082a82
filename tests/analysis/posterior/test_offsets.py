"""Curves of losses: their floor may lie anywhere, and intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitted import CurveFit, fit_curve
from analysis.settings import AnalysisSettings
from analysis.table.fields import FloatArray

N: FloatArray = np.asarray(1e6 * 2.0 ** np.arange(9), dtype=np.float64)
LEVELS = (3.0, 0.0, -5.0)
"""Of the floor: what it is makes no difference to where the curve bends."""


def loss(n: FloatArray, floor: float) -> FloatArray:
    return np.asarray(floor + 0.15 * (n / N[0]) ** -0.5)


TRUTH = N[0] * (0.15 * (1.0 - 2.0**-0.5) / -np.log(0.98)) ** 2
"""Size from which a doubling lowers the perplexity by less than 2%."""


def fitted(seed: int, floor: float) -> CurveFit:
    n = np.repeat(N, 3)
    value = loss(n, floor) + 0.005 * np.random.default_rng(seed).standard_normal(len(n))
    return fit_curve(n, value, metric="nats", settings=AnalysisSettings(resamples=500))


def test_the_floor_s_place_does_not_matter() -> None:
    sizes = [fitted(0, floor).verdict.size for floor in LEVELS]
    assert sizes[0] == pytest.approx(TRUTH, rel=0.3)
    assert sizes == pytest.approx([sizes[0]] * 3, rel=0.05)


def test_values_come_back_as_they_were_given() -> None:
    fit = fitted(1, -5.0)
    np.testing.assert_allclose(fit.predict(N), loss(N, -5.0), atol=0.006)
    low, high = fit.band(N)
    assert (low < high).all() and ((loss(N, -5.0) - low) > -0.006).all()


def test_perplexities_and_their_logarithms_have_one_answer() -> None:
    n = np.repeat(N, 3)
    value = loss(n, 2.0) + 0.005 * np.random.default_rng(2).standard_normal(len(n))
    settings = AnalysisSettings(resamples=500)
    nats = fit_curve(n, value, metric="nats", settings=settings).verdict
    perplexity = fit_curve(n, np.exp(value), metric="perplexity", settings=settings).verdict
    bits = fit_curve(n, value / np.log(2.0), metric="bits", settings=settings).verdict
    assert nats.size == pytest.approx(perplexity.size, rel=1e-6)
    assert nats.size == pytest.approx(bits.size, rel=1e-6)


@pytest.mark.slow
def test_intervals_hold_the_truth() -> None:
    held = []
    for seed in range(60):
        point = fitted(seed, 3.0).verdict
        low = 0.0 if point.low_open else point.low
        high = np.inf if point.high_open else point.high
        held.append(low <= TRUTH <= high)
    # Nine of ten; below 0.8 has a probability of 1% then.
    assert np.mean(held) >= 0.8
