"""Every law: its gradient is right, its starts lie in its box, and it recovers a known truth."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.laws import LAWS, Array, Law, law_named
from analysis.laws.fitting import fit_law
from analysis.laws.passage import Passage
from analysis.laws.sigmoidal import solve_sigmoid
from analysis.laws.solution import Status

SIZES = np.geomspace(1e2, 1e7, 24)

# Internal parameters of a plausible truth of each law.
TRUTHS: dict[str, list[float]] = {
    "power": [np.log(3.0), 0.3],
    "power_floor": [np.log(3.0), 0.4, 0.02],
    "saturating": [np.log(3.0), 0.3, 1e-6],
    "sigmoidal": [4.0, 0.5, 0.05, np.log(0.9), np.log(1.6)],
    "passage": [np.log(80.0), 0.6, 0.03, np.log(0.9)],
    "mmf4": [4.0, 0.5, 0.05, np.log(0.9)],
    "wbl4": [np.log(0.7), np.log(0.03), 0.1, 0.35],
    "pow4": [np.log(8.0), 0.4, 0.03, 3000.0],
    "broken1": [np.log(1.5), 0.2, 0.01, 0.5, np.log(2e4), np.log(0.4)],
    "broken2": [np.log(1.2), 0.15, 0.02, -0.6, np.log(3e3), -1.2, 1.0, np.log(6e4), -1.0],
    "chinchilla": [np.log(480.0), np.log(2000.0), 1.8, 0.35, 0.37],
    "size_data": [np.log(60.0), np.log(30.0), 0.05, 0.5, 0.4, np.log(0.9)],
    "chinchilla_tied": [np.log(480.0), np.log(2000.0), 1.8, 0.36],
    "gadre": [np.log(480.0), np.log(2000.0), 1.8, 0.18],
    "size_data_tied": [np.log(60.0), np.log(30.0), 0.05, 0.45, np.log(0.9)],
    "pruning": [np.log(0.9), np.log(0.4), np.log(0.8), 0.9, 1.4, np.log(0.92)],
    "distillation": [5.0, 6.0, 0.35, 0.4, 0.2, 1.2, 3.0, np.log(1.1), np.log(0.3)],
}


def inputs(law: Law) -> Array:
    """Sizes for a law of one input, or a seeded design for one of several."""
    if len(law.inputs) == 1:
        return SIZES
    rng = np.random.default_rng(5)
    if law.name == "pruning":
        density = 0.8 ** rng.integers(0, 24, 120)
        depth, width = rng.choice([0.5, 1.0, 2.0], 120), rng.choice([0.25, 0.5, 1.0], 120)
        return np.stack([density, depth, width, rng.uniform(0.05, 0.2, 120)], axis=1)
    n = np.exp(rng.uniform(np.log(1e5), np.log(1e9), 150))
    d = np.exp(rng.uniform(np.log(1e6), np.log(1e10), 150))
    if law.name == "distillation":
        alone = 1.8 + 400.0 * n**-0.35 + 2000.0 * d**-0.37
        return np.stack([n, d, alone * rng.uniform(0.7, 1.3, 150), alone], axis=1)
    return np.stack([n, d], axis=1)


def test_every_law_has_a_truth_here() -> None:
    assert set(TRUTHS) == set(LAWS)


@pytest.mark.parametrize("name", LAWS)
def test_gradient_is_the_derivative(name: str) -> None:
    law, theta = LAWS[name], np.array(TRUTHS[name])
    x = inputs(law)
    gradient = law.gradient(theta, x)
    assert gradient.shape == (len(x), len(theta))
    for index in range(len(theta)):
        step = 1e-5 * max(abs(theta[index]), 1e-1) if theta[index] else 1e-6
        if law.name == "saturating" and index == 2:
            step = 1e-11
        moved = np.zeros_like(theta)
        moved[index] = step
        numeric = (law.predict(theta + moved, x) - law.predict(theta - moved, x)) / (2.0 * step)
        scale = np.abs(gradient[:, index]).max()
        np.testing.assert_allclose(gradient[:, index], numeric, atol=1e-6 * scale, rtol=1e-5)


@pytest.mark.parametrize("name", LAWS)
def test_evaluation_broadcasts_over_leading_axes(name: str) -> None:
    law, theta = LAWS[name], np.array(TRUTHS[name])
    x = inputs(law)
    stack = np.broadcast_to(theta, (2, 3, len(theta)))
    one = law.predict(theta, x)
    np.testing.assert_array_equal(law.predict(stack, x), np.broadcast_to(one, (2, 3, len(x))))
    assert law.gradient(stack, x).shape == (2, 3, len(x), len(theta))
    assert law.natural(stack).shape == stack.shape
    value, gradient = law.evaluate_log(theta, x)
    assert gradient is not None
    np.testing.assert_allclose(value, np.log(one), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient, law.gradient(theta, x).T / one, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LAWS)
def test_starts_lie_in_the_box(name: str) -> None:
    law = LAWS[name]
    x = inputs(law)
    y = law.predict(np.array(TRUTHS[name]), x)
    lower, upper = law.bounds(x, y)
    starts = law.starts(x, y)
    assert starts.ndim == 2 and starts.shape[1] == len(law.parameters)
    assert np.isfinite(law.predict(starts, x)).any(axis=1).all()
    assert ((starts >= lower) & (starts <= upper)).all()


@pytest.mark.parametrize("name", LAWS)
def test_noise_free_truth_is_recovered_to_six_digits(name: str) -> None:
    law, theta = LAWS[name], np.array(TRUTHS[name])
    x = inputs(law)
    fit = fit_law(law, x, law.predict(theta, x))
    assert fit.status[0] == Status.CONVERGED, fit.why()
    np.testing.assert_allclose(fit.parameters[0], law.natural(theta), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_noisy_truth_is_recovered_on_the_curve(name: str) -> None:
    law, theta = LAWS[name], np.array(TRUTHS[name])
    x = inputs(law)
    truth = law.predict(theta, x)
    rng = np.random.default_rng(11)
    y = truth * np.exp(0.01 * rng.standard_normal((20, len(x))))
    fit = fit_law(law, x, y, noise=0.01, max_iterations=3000)
    assert fit.ok.all()
    # The fitted curve is closer to the truth than the noisy points are, in every one of 20 draws.
    miss = np.abs(np.log(fit.predict(x) / truth)).mean(axis=1)
    assert (miss < np.abs(np.log(y / truth)).mean(axis=1)).all()


def test_sigmoid_root_is_exact_for_extreme_shapes() -> None:
    q = np.linspace(-200.0, 200.0, 81)[:, None]
    shape = np.exp(np.linspace(-3.0, 3.0, 13))
    t = solve_sigmoid(q, shape)
    back = shape * np.logaddexp(0.0, t) - np.logaddexp(0.0, -t)
    np.testing.assert_allclose(back, np.broadcast_to(q, back.shape), rtol=1e-12, atol=1e-12)


def test_known_chance_level_is_used() -> None:
    law = Passage(chance=0.9)
    theta = np.array([np.log(80.0), 0.6, 0.03])
    fit = fit_law(law, SIZES, law.predict(theta, SIZES))
    assert law.parameters == ("B", "alpha", "E")
    np.testing.assert_allclose(fit.theta[0], theta, rtol=1e-6)


def test_unknown_law_names_the_nearest() -> None:
    with pytest.raises(AnalysisError, match="did you mean 'power_floor'"):
        law_named("power_flor")


def test_gadre_s_law_is_the_chinchilla_surface_with_one_exponent() -> None:
    a, b, floor, eta = 480.0, 2000.0, 1.8, 0.18
    x = inputs(LAWS["gadre"])
    compute, ratio = 6.0 * x[:, 0] * x[:, 1], x[:, 1] / x[:, 0]
    published = floor + (a * ratio**eta + b * ratio**-eta) * compute**-eta
    theta = np.array([np.log(a), np.log(b), floor, eta])
    np.testing.assert_allclose(LAWS["gadre"].predict(theta, x), published, rtol=1e-12)
    scales = np.log([a, b]) - eta * np.log(6.0)
    tied = np.array([*scales, floor, 2.0 * eta])
    free = np.array([*scales, floor, 2.0 * eta, 2.0 * eta])
    np.testing.assert_allclose(LAWS["chinchilla_tied"].predict(tied, x), published, rtol=1e-12)
    np.testing.assert_allclose(LAWS["chinchilla"].predict(free, x), published, rtol=1e-12)


def test_laws_that_are_told_in_other_parameters_have_one_optimum() -> None:
    x = inputs(LAWS["gadre"])
    noise = np.exp(0.02 * np.random.default_rng(2).standard_normal(len(x)))
    y = LAWS["gadre"].predict(np.array(TRUTHS["gadre"]), x) * noise
    tied, gadre = fit_law("chinchilla_tied", x, y), fit_law("gadre", x, y)
    assert tied.objective[0] == pytest.approx(gadre.objective[0], rel=1e-9)
    a, b, floor, eta = gadre.parameters[0]
    expected = [a * 6.0**-eta, b * 6.0**-eta, floor, 2.0 * eta]
    np.testing.assert_allclose(tied.parameters[0], expected, rtol=1e-4)
