"""Surfaces of size and data: estimates with intervals, and the best size for a budget."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from analysis.errors import AnalysisError
from analysis.fitted import fit_surface
from analysis.laws import LAWS

TRUTH = {"A": 50.0, "B": 200.0, "E": 0.3, "alpha": 0.35, "beta": 0.4}
THETA = np.array([np.log(50.0), np.log(200.0), 0.3, 0.35, 0.4])


def design(seed: int = 0, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.exp(rng.uniform(9.0, 17.0, n)), np.exp(rng.uniform(11.0, 19.0, n))


def errors(seed: int = 0, sd: float = 0.01) -> np.ndarray:
    n, d = design()
    clean = LAWS["chinchilla"].predict(THETA, np.stack([n, d], axis=1))
    return np.asarray(clean * np.exp(sd * np.random.default_rng(seed).standard_normal(len(n))))


def test_noise_free_surface_is_recovered() -> None:
    surface = fit_surface(*design(), errors(sd=0.0), n_resamples=20)
    for name, value in TRUTH.items():
        assert surface.parameters[name].value == pytest.approx(value, rel=1e-6)
    n, d = design()
    np.testing.assert_allclose(surface.predict(n, d), errors(sd=0.0), rtol=1e-8)


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = dict.fromkeys(TRUTH, 0)
    for seed in range(30):
        surface = fit_surface(*design(), errors(seed), n_resamples=100, level=0.9, seed=seed)
        assert surface.n_failed == 0
        for name, value in TRUTH.items():
            estimate = surface.parameters[name]
            held[name] += estimate.lower <= value <= estimate.upper
    # Binomial(30, 0.9): 22 or fewer has a probability of 0.8%.
    assert all(count >= 23 for count in held.values()), held


def test_resamples_are_reproducible_and_seeded() -> None:
    surface = fit_surface(*design(), errors(), n_resamples=10)
    first, again, other = surface.resample(30, 1), surface.resample(30, 1), surface.resample(30, 2)
    np.testing.assert_array_equal(first.theta, again.theta)
    assert not np.array_equal(first.theta, other.theta)
    assert first.parameters.shape == (30, 5)


def test_best_size_is_the_optimum_of_the_surface() -> None:
    surface = fit_surface(*design(), errors(), n_resamples=100)
    flops = 1e14
    size, examples = surface.best_size(flops)
    assert 6.0 * size.value * examples.value == pytest.approx(flops)
    numeric = optimize.minimize_scalar(
        lambda log_n: float(surface.predict(np.exp(log_n), flops / 6.0 / np.exp(log_n))),
        bounds=(12.0, 16.5),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert np.log(size.value) == pytest.approx(numeric.x, abs=1e-4)
    assert size.lower < size.value < size.upper


def test_surface_with_the_passage_from_chance() -> None:
    n, d = design()
    theta = np.array([np.log(60.0), np.log(90.0), 0.05, 0.5, 0.4, np.log(0.9)])
    y = LAWS["size_data"].predict(theta, np.stack([n, d], axis=1))
    surface = fit_surface(n, d, y, law="size_data", n_resamples=10)
    assert surface.parameters["chance"].value == pytest.approx(0.9, rel=1e-6)
    assert surface.parameters["alpha"].value == pytest.approx(0.5, rel=1e-6)


def test_one_wild_run_does_not_bend_the_surface() -> None:
    y = errors()
    y[7] *= 10.0
    surface = fit_surface(*design(), y, n_resamples=10)
    assert surface.parameters["E"].value == pytest.approx(0.3, rel=0.05)


def test_too_few_runs_are_reported() -> None:
    n, d = design()
    surface = fit_surface(n[:3], d[:3], errors()[:3], n_resamples=10)
    assert not surface.fit.ok[0]
    assert (found := surface.fit.why()) is not None and found.kind == "underdetermined"
    assert np.isnan(surface.parameters["A"].value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"law": "power"}, "law: must be one of chinchilla, size_data, chinchilla_tied, gadre"),
        ({"n_resamples": 1}, "n_resamples: must be at least 2"),
        ({"level": 95.0}, "level: must be between 0 and 1"),
        ({"error": np.array([0.1])}, "equally long"),
        ({"error": np.where(errors() > 0.5, np.nan, errors())}, "error: must be finite"),
        ({"n_examples": -design()[1]}, "n_examples: must be finite and positive"),
    ],
)
def test_wrong_arguments_raise(change: dict[str, object], message: str) -> None:
    n, d = design()
    arguments: dict[str, object] = {"n_parameters": n, "n_examples": d, "error": errors()}
    with pytest.raises(AnalysisError, match=message):
        fit_surface(**(arguments | change))  # type: ignore[arg-type]


def test_budget_must_be_positive() -> None:
    surface = fit_surface(*design(), errors(), n_resamples=10)
    with pytest.raises(AnalysisError, match="flops: must be finite and positive"):
        surface.best_size(0.0)
    with pytest.raises(AnalysisError, match="n: must be at least 1 resample"):
        surface.resample(0, 0)
