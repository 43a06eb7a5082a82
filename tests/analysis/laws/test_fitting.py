"""The batched solver: robust, bounded, the same alone or in a batch, and honest about failures."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import optimize

from analysis.errors import AnalysisError
from analysis.findings import Reason
from analysis.laws import LAWS
from analysis.laws.fitting import DELTA_KNOWN_NOISE, DELTA_UNKNOWN_NOISE, fit_law
from analysis.laws.levenberg import huber
from analysis.laws.solution import Status

SIZES = np.geomspace(1e3, 1e7, 10)
TRUTH = np.array([np.log(4.0), 0.35, 0.03])


def curve(noise: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    clean = LAWS["power_floor"].predict(TRUTH, SIZES)
    return np.asarray(clean * np.exp(noise * rng.standard_normal(len(SIZES))))


def loss(theta: np.ndarray, y: np.ndarray, delta: float, weights: np.ndarray) -> float:
    r = np.log(LAWS["power_floor"].predict(theta, SIZES)) - np.log(y)
    return float((weights * huber(r, delta)).sum())


def test_huber_is_the_textbook_function() -> None:
    r = np.array([-3.0, -0.5, 0.0, 0.5, 3.0])
    np.testing.assert_allclose(huber(r, 1.0), [2.5, 0.125, 0.0, 0.125, 2.5])
    np.testing.assert_allclose(huber(r, np.inf), 0.5 * r**2)


@pytest.mark.parametrize("delta", [1e-3, 0.02, np.inf])
@pytest.mark.parametrize("seed", range(5))
def test_no_general_optimiser_finds_better(delta: float, seed: int) -> None:
    y, weights = curve(0.03, seed), np.random.default_rng(seed).uniform(0.2, 3.0, len(SIZES))
    fit = fit_law("power_floor", SIZES, y, weights=weights, delta=delta)
    bounds = LAWS["power_floor"].bounds(SIZES, y)
    best = min(
        optimize.minimize(
            loss,
            np.clip(fit.theta[0] + shift, *bounds),
            args=(y, delta, weights),
            method="Nelder-Mead",
            bounds=list(zip(*bounds, strict=True)),
            options={"xatol": 1e-10, "fatol": 1e-15, "maxiter": 5000},
        ).fun
        for shift in (0.0, 0.02, -0.02)
    )
    assert fit.objective[0] == pytest.approx(loss(fit.theta[0], y, delta, weights), rel=1e-12)
    assert fit.objective[0] <= best * (1.0 + 1e-9)


def test_batch_gives_what_single_fits_give() -> None:
    y = np.stack([curve(0.03, seed) for seed in range(12)])
    batch = fit_law("power_floor", SIZES, y, starts=LAWS["power_floor"].starts(SIZES, y[0]))
    for row in range(len(y)):
        alone = fit_law("power_floor", SIZES, y[row])
        assert alone.objective[0] == pytest.approx(batch.objective[row], rel=1e-9)
        np.testing.assert_allclose(alone.theta[0], batch.theta[row], rtol=1e-5, atol=1e-8)


def test_resample_weights_are_repeated_points() -> None:
    y = curve(0.05)
    counts = np.array([2, 0, 1, 3, 1, 0, 1, 1, 2, 1])
    weighted = fit_law("power_floor", SIZES, y, weights=counts)
    repeated = fit_law("power_floor", np.repeat(SIZES, counts), np.repeat(y, counts))
    assert weighted.objective[0] == pytest.approx(repeated.objective[0], rel=1e-9)
    np.testing.assert_allclose(weighted.theta, repeated.theta, rtol=1e-5)


def test_same_input_gives_the_same_bits() -> None:
    y = np.stack([curve(0.03, seed) for seed in range(30)])
    first, second = (fit_law("passage", SIZES, y) for _ in range(2))
    np.testing.assert_array_equal(first.theta, second.theta)


def test_one_outlier_of_ten_times_does_not_bend_the_curve() -> None:
    y = curve(0.01, seed=4)
    y[4] *= 10.0
    fit = fit_law("power_floor", SIZES, y)
    np.testing.assert_allclose(fit.predict(SIZES)[0], curve(), rtol=0.03)


def test_threshold_follows_what_is_known_of_the_noise() -> None:
    assert fit_law("power", SIZES, curve()).delta == DELTA_UNKNOWN_NOISE
    assert fit_law("power", SIZES, curve(), noise=0.02).delta == DELTA_KNOWN_NOISE


def test_noisy_points_count_less() -> None:
    y = curve()
    y[-1] *= 1.3
    noise = np.full(len(SIZES), 0.01)
    trusted = fit_law("power_floor", SIZES, y, noise=noise, delta=np.inf)
    noise[-1] = 1.0
    doubted = fit_law("power_floor", SIZES, y, noise=noise, delta=np.inf)
    truth = curve()[-1]
    assert abs(doubted.predict(SIZES)[0, -1] - truth) < 0.01 * truth
    assert abs(trusted.predict(SIZES)[0, -1] - truth) > 0.03 * truth


def test_floor_ends_exactly_on_its_bound_where_there_is_none() -> None:
    # A curve that steepens in logs is best met without a floor.
    y = 3.0 * SIZES**-0.3 * np.exp(-0.004 * np.log(SIZES) ** 2)
    fit = fit_law("power_floor", SIZES, y)
    assert fit.parameters[0, 2] == 0.0
    assert fit.at_bound[0].tolist() == [False, False, True]
    assert fit.ok[0]


def test_starts_at_best_are_counted() -> None:
    fit = fit_law("power_floor", SIZES, curve(0.02))
    assert (
        1
        <= fit.starts_at_best[0]
        <= fit.n_starts
        == len(LAWS["power_floor"].starts(SIZES, curve(0.02)))
    )


@pytest.mark.parametrize("law", ["power_floor", "passage", "saturating"])
def test_too_few_sizes_are_underdetermined(law: str) -> None:
    fit = fit_law(law, SIZES[:2], curve()[:2])
    assert fit.status[0] == Status.UNDERDETERMINED and not fit.ok[0]
    assert np.isnan(fit.theta).all() and np.isnan(fit.predict(SIZES)).all()
    assert (found := fit.why()) is not None and found.kind == "underdetermined"


def test_sizes_all_the_same_are_underdetermined() -> None:
    fit = fit_law("power", np.full(8, 1e4), np.linspace(0.1, 0.2, 8))
    assert fit.status[0] == Status.UNDERDETERMINED


def test_equal_errors_fit_and_say_what_is_free() -> None:
    fit = fit_law("power_floor", SIZES, np.full(len(SIZES), 0.3))
    assert fit.status[0] == Status.UNIDENTIFIED
    np.testing.assert_allclose(fit.predict(SIZES)[0], 0.3, rtol=1e-6)
    free = [name for name, one in zip(fit.law.parameters, fit.unidentified[0], strict=True) if one]
    assert free and fit.why() == Reason(kind="unidentified", about=tuple(free))


def test_rising_errors_give_the_best_flat_curve() -> None:
    y = 0.1 * (SIZES / SIZES[0]) ** 0.05
    fit = fit_law("power_floor", SIZES, y)
    predicted = fit.predict(SIZES)[0]
    assert np.ptp(predicted) < 1e-6
    assert y.min() < predicted[0] < y.max()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -0.1])
def test_bad_error_is_reported_unless_it_has_no_weight(bad: float) -> None:
    y = np.stack([curve(), curve()])
    y[0, 3] = bad
    fit = fit_law("power_floor", SIZES, y)
    assert fit.status.tolist() == [Status.BAD_DATA, Status.CONVERGED]
    assert (found := fit.why(0)) is not None and found.kind == "bad_error"
    assert fit.why(1) is None
    weights = np.ones(len(SIZES))
    weights[3] = 0.0
    spared = fit_law("power_floor", SIZES, y[0], weights=weights)
    np.testing.assert_allclose(spared.theta[0], TRUTH, rtol=1e-6)


def test_iteration_limit_is_reported() -> None:
    fit = fit_law("passage", SIZES, curve(0.05), max_iterations=1)
    assert fit.status[0] == Status.ITERATION_LIMIT and not fit.ok[0]


@pytest.mark.slow
def test_nothing_warns_on_extreme_scales() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for scale in (1e-12, 1e12):
            for reach in (1e-9, 1e9):
                for law in ("power_floor", "passage", "sigmoidal", "wbl4", "broken1"):
                    fit = fit_law(law, SIZES * reach, curve(0.02) * scale)
                    assert fit.ok[0], (law, scale, reach, fit.why())


def test_results_are_read_only() -> None:
    fit = fit_law("power", SIZES, curve())
    with pytest.raises(ValueError, match="read-only"):
        fit.theta[0, 0] = 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": SIZES[:, None]}, r"x: must have shape \(n,\)"),
        ({"x": -SIZES}, "x: sizes must be finite and positive"),
        ({"x": np.array([])}, "x: must have at least one point"),
        ({"y": curve()[:-1]}, "y: must have shape"),
        ({"weights": -np.ones(10)}, "weights: must be finite and not negative"),
        ({"weights": np.ones(9)}, "shapes must fit"),
        ({"noise": 0.0}, "noise: must be finite and positive"),
        ({"delta": 0.0}, "delta: must be positive"),
        ({"starts": np.ones((3, 2))}, r"starts: must have shape \(S, 3\)"),
        ({"theta0": np.ones(2)}, "theta0: must have shape"),
        ({"law": "power_flor"}, "did you mean 'power_floor'"),
    ],
)
def test_wrong_arguments_raise(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"law": "power_floor", "x": SIZES, "y": curve()} | change
    law, x, y = arguments.pop("law"), arguments.pop("x"), arguments.pop("y")
    with pytest.raises(AnalysisError, match=message):
        fit_law(law, x, y, **arguments)  # type: ignore[arg-type]
