"""Choosing a law: by what it predicts of hidden sizes, and out if it misses what noise explains."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.findings import Reason
from analysis.laws.selection import CURVE_LAWS, Choice, _hidden_sizes, _weights, choose_law
from analysis.laws.solution import Status

SIZES = np.geomspace(1e3, 1e6, 10)
SHAPES = {
    "power": 2.0 * SIZES**-0.3,
    "power_floor": 0.05 + 3.0 * SIZES**-0.4,
    "passage": 0.9 * (300.0 * SIZES**-0.8 + 0.05) / np.hypot(1.0, 300.0 * SIZES**-0.8 + 0.05),
    "u": 0.05 + 3.0 * SIZES**-0.4 + 1e-5 * SIZES**0.7,
    "flat": np.full(len(SIZES), 0.3),
}


def noisy(name: str, seed: int, sd: float = 0.02) -> np.ndarray:
    noise = sd * np.random.default_rng(seed).standard_normal(len(SIZES))
    return np.asarray(SHAPES[name] * np.exp(noise))


def best(choice: Choice) -> str:
    return choice.laws[int(choice.weights.argmax())].name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["power_floor", "passage"])
def test_noise_free_truth_gets_the_weight(name: str) -> None:
    choice = choose_law(SIZES, SHAPES[name], noise=0.01)
    assert best(choice) == name
    assert choice.weights.max() > 0.8
    at = int(choice.weights.argmax())
    np.testing.assert_allclose(choice.fits[at].predict(SIZES)[0], SHAPES[name], rtol=2e-3)


@pytest.mark.slow
def test_weights_sum_to_one() -> None:
    choice = choose_law(SIZES, noisy("power_floor", 3), noise=0.02)
    assert choice.weights.sum() == pytest.approx(1.0)
    assert (choice.weights >= 0.0).all()


@pytest.mark.slow
def test_known_noise_rules_out_falling_laws_for_a_curve_that_turns_up() -> None:
    for seed in range(5):
        choice = choose_law(SIZES, noisy("u", seed), noise=0.02)
        assert best(choice).startswith("broken")
        weight = dict(zip(CURVE_LAWS, choice.weights, strict=True))
        assert weight["power"] == weight["power_floor"] == weight["passage"] == 0.0
        assert choice.reasons[0] == Reason(kind="misses_points", about=("power",))


@pytest.mark.slow
def test_a_flat_curve_is_predicted_flat() -> None:
    choice = choose_law(SIZES, noisy("flat", 0), noise=0.02)
    paths = np.array([fit.predict([4e6])[0, 0] for fit in choice.fits])
    weighty = choice.weights > 0.1
    np.testing.assert_allclose(paths[weighty], 0.3, rtol=0.05)


def test_hidden_sizes_are_whole_sizes_from_the_top() -> None:
    x = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2)
    hidden = _hidden_sizes(x)
    assert [int(h.sum()) for h in hidden] == [2, 4]
    assert all(x[h].min() > x[~h].max() for h in hidden)


def test_weights_follow_the_stated_formula() -> None:
    scores = np.array([0.02, 0.04, np.inf])
    yes = np.ones(3, dtype=bool)
    weight = _weights(scores, yes, yes, 3, np.array([3.0, 2.0, 2.0]))
    expected = np.exp(0.5 - 1.5 * ((0.04**2 + 1e-8) / (0.02**2 + 1e-8) - 1.0))
    assert weight[1] / weight[0] == pytest.approx(expected)
    assert weight[2] == 0.0


def test_too_few_sizes_to_hide_weight_the_fitted_laws_by_their_prior() -> None:
    laws = ("power", "power_floor", "broken1")
    choice = choose_law(SIZES[:4], SHAPES["power"][:4], laws, noise=0.02)
    assert np.isinf(choice.scores).all()
    np.testing.assert_allclose(choice.weights[1] / choice.weights[0], np.exp(-0.5))
    assert choice.weights[2] == 0.0
    assert choice.fits[2].status[0] == Status.UNDERDETERMINED
    assert choice.reasons[:2] == (None, None)
    assert choice.reasons[2] is not None and choice.reasons[2].kind == "underdetermined"


def test_no_law_fits_two_points() -> None:
    choice = choose_law(SIZES[:2], SHAPES["power"][:2], ("power_floor", "passage"), noise=0.02)
    assert np.isnan(choice.weights).all()
    assert all(choice.reasons)


def test_wrong_arguments_raise() -> None:
    with pytest.raises(AnalysisError, match="laws: must name at least one"):
        choose_law(SIZES, SHAPES["flat"], (), noise=0.02)
    with pytest.raises(AnalysisError, match="did you mean 'power'"):
        choose_law(SIZES, SHAPES["flat"], ("powr",), noise=0.02)
    with pytest.raises(AnalysisError, match="must have shape"):
        choose_law(SIZES, SHAPES["flat"][:-1], noise=0.02)
