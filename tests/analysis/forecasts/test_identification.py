"""What the runs of a surface do not identify has no number, and says why."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from analysis.errors import AnalysisError
from analysis.fitted import SurfaceFit, fit_surface
from analysis.forecasts.coordinates import sizes_and_data
from analysis.forecasts.frontier import frontier
from analysis.forecasts.support import UnsupportedForecast
from analysis.laws.law import Array
from analysis.words.surfaces import estimated
from tests.analysis.forecasts.test_surface import TRUTH

A, B, E, ALPHA, BETA = TRUTH.values()


def truth(n: Array, d: Array) -> Array:
    return np.asarray(E + A * n**-ALPHA + B * d**-BETA)


def grid(side: int = 5) -> tuple[Array, Array]:
    n, d = np.meshgrid(np.geomspace(1e4, 1e7, side), np.geomspace(1e5, 1e8, side))
    return n.ravel(), d.ravel()


def scattered(count: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return np.exp(rng.uniform(9.0, 17.0, count)), np.exp(rng.uniform(11.0, 19.0, count))


def fitted(n: Array, d: Array, *, sd: float = 0.01, seed: int = 0, law: str = "chinchilla",
           level: float = 0.95, resamples: int = 150) -> SurfaceFit:  # fmt: skip
    noise = np.exp(sd * np.random.default_rng(seed + 100).standard_normal(len(n)))
    y = truth(n, d) * noise
    return fit_surface(n, d, y, law=law, n_resamples=resamples, level=level, seed=seed)


@pytest.mark.parametrize(("count", "kind"), [(5, "no_freedom"), (6, "resamples_fail")])
def test_too_few_runs_to_tell_the_noise_give_no_number_and_never_a_zero(
    count: int, kind: str
) -> None:
    surface = fitted(*scattered(count))
    assert surface.fit.ok[0]
    for one in surface.parameters.values():
        numbers = (one.value, one.standard_error, one.lower, one.upper)
        assert np.isnan(numbers).all() and not one.identified
        assert one.why is not None and one.why.kind == kind
        assert one.next_step is not None and one.next_step.to == 7
        assert estimated(one).startswith("not identified: ")
    low, high = surface.band(1e6, 1e7)
    assert np.isnan(low) and np.isnan(high)
    (point,) = frontier(surface, flops=[1e14])
    assert np.isnan([point.n_parameters.value, point.error.value, point.run.upper]).all()
    with pytest.warns(UnsupportedForecast, match="not identified"):
        assert np.isnan(surface.predict(1e9, 1e10))


def test_summary_says_not_identified_once_for_all_parameters_of_one_reason() -> None:
    surface = fitted(*scattered(5))
    summary = surface.summary(frontier(surface, flops=[1e14]))
    assert "A, B, E, alpha, beta: not identified: 5 runs and 5 parameters" in summary
    assert "n_parameters, n_examples, error: not identified" in summary
    assert "(0.0)" not in summary and "nan" not in summary


def test_a_line_of_runs_cannot_tell_size_from_data() -> None:
    n = np.geomspace(1e4, 1e7, 20)
    surface = fitted(n, 20.0 * n)
    for name in ("A", "B", "alpha", "beta"):
        one = surface.parameters[name]
        assert np.isnan(one.value) and one.why is not None and one.why.kind == "exchangeable"
        assert one.next_step is not None and one.next_step.kind == "vary_ratio"
        assert (one.next_step.low, one.next_step.high) == pytest.approx((5.0, 80.0))
    floor = surface.parameters["E"]
    assert floor.identified and 0.0 < floor.standard_error < 0.1
    (point,) = frontier(surface, flops=[1e14])
    assert np.isnan(point.n_parameters.value) and point.n_parameters.why is not None
    # On the line all that fit say the same; off it they do not.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(surface.predict(1e6, 20e6)) == pytest.approx(float(truth(
            np.array(1e6), np.array(20e6))), rel=0.02)  # fmt: skip
    with pytest.warns(UnsupportedForecast) as caught:
        assert np.isnan(surface.predict(1e6, 4e8))
    (told,) = caught
    assert isinstance(told.message, UnsupportedForecast)
    assert told.message.cautions == surface.cautions(1e6, 4e8)
    kinds = {one.why.kind for one in surface.cautions(1e6, 4e8)}
    assert kinds == {"exchangeable", "beyond_points", "one_direction"}
    assert np.isnan(surface.band(1e6, 4e8)).all()


@pytest.mark.slow
@pytest.mark.parametrize("slope", [0.5, 2.0])
def test_a_bent_line_and_much_noise_leave_no_term_known_either(slope: float) -> None:
    n = np.geomspace(1e4, 1e7, 12)
    for seed in range(6):
        surface = fitted(n, 1e7 * (n / 10**5.5) ** slope, sd=0.1, seed=seed, resamples=40)
        for name in ("A", "B", "alpha", "beta"):
            assert np.isnan(surface.parameters[name].value)
        assert np.isnan(surface.band([1e5, 3e6], [3e8, 3e6])).all()


def test_the_other_optimum_of_a_line_fits_as_well_and_exchanges_the_exponents() -> None:
    n = np.geomspace(1e4, 1e7, 20)
    surface = fitted(n, 20.0 * n)
    other = surface.identified.other
    assert other is not None
    here, there = surface.law.predict(np.array([surface.fit.theta[0], other]), surface.x)
    np.testing.assert_allclose(there, here, rtol=1e-3)
    np.testing.assert_allclose(other[[4, 3]], surface.fit.theta[0][[3, 4]], atol=0.02)


def test_a_line_leaves_the_tied_law_its_exponent_but_not_its_scales() -> None:
    n = np.geomspace(1e4, 1e7, 20)
    surface = fitted(n, 20.0 * n, law="chinchilla_tied")
    assert surface.parameters["alpha"].identified and surface.parameters["E"].identified
    for name in ("A", "B"):
        why = surface.parameters[name].why
        assert why is not None and (why.kind, why.about) == ("fits_alike", ("A", "B"))
    assert np.isfinite(surface.band(1e6, 20e6)).all()
    assert np.isnan(surface.band(1e6, 4e8)).all()


def test_one_dataset_size_identifies_the_term_of_size_alone() -> None:
    n = np.geomspace(1e4, 1e7, 20)
    surface = fitted(n, np.full(20, 1e7))
    assert {name for name, one in surface.parameters.items() if one.identified} == {"A", "alpha"}
    assert np.isfinite(surface.band(1e5, 1e7)).all()
    assert np.isnan(surface.band(1e5, 1e8)).all()


def test_a_floor_that_the_runs_do_not_bound_has_no_lower_end() -> None:
    surface = fitted(*grid(), sd=0.2)
    floor = surface.parameters["E"]
    assert floor.why is not None and floor.why.kind in ("open_end", "at_bound")
    assert np.isnan(floor.lower) and np.isnan(floor.standard_error) and floor.upper > E
    assert "at most" in estimated(floor) and not floor.identified


def test_exact_points_have_values_and_no_intervals() -> None:
    surface = fitted(*grid(), sd=0.0)
    for name, value in TRUTH.items():
        one = surface.parameters[name]
        assert one.value == pytest.approx(value, rel=1e-6)
        assert np.isnan([one.standard_error, one.lower, one.upper]).all()
        assert one.why is not None and one.why.kind == "no_scatter"
        assert "interval not identified" in estimated(one)


def test_what_is_asked_beyond_the_runs_is_cautioned_by_name() -> None:
    n, d = grid()
    surface = fitted(n, d)
    assert surface.cautions(n, d) == ()
    found = {one.why.about: one for one in surface.cautions([1e6, 1e8], [1e7, 1e8])}
    assert set(found) == {("n_parameters",), ("flops",)}
    size = found[("n_parameters",)]
    assert size.why.value == pytest.approx(1e8) and size.n_asked == 1
    assert (size.why.low, size.why.high) == pytest.approx((1e4, 1e7))
    assert found[("flops",)].why.high == pytest.approx(6e15)
    (point,) = frontier(surface, flops=[1e20])
    assert {one.why.kind for one in point.cautions} == {"beyond_points"} and not point.inside
    assert np.isfinite([point.error.lower, point.run.upper]).all()


def test_a_ratio_that_no_run_had_is_cautioned_inside_both_ranges() -> None:
    n = np.repeat(np.geomspace(1e4, 1e7, 8), 3)
    d = n * np.tile([10.0, 20.0, 40.0], 8)
    surface = fitted(n, d)
    (ratio,) = surface.cautions(1e6, 2e5 * 10.0)
    assert ratio.why.about == ("examples_per_parameter",)
    assert ratio.why.value == pytest.approx(2.0) and ratio.why.low == pytest.approx(10.0)


def test_runs_and_questions_are_told_by_any_two_of_four_names() -> None:
    n, d = grid()
    y = truth(n, d) * np.exp(0.01 * np.random.default_rng(3).standard_normal(len(n)))
    plain = fit_surface(n, d, y, n_resamples=20)
    named = fit_surface(error=y, flops=6.0 * n * d, examples_per_parameter=d / n, n_resamples=20)
    np.testing.assert_allclose(named.fit.theta, plain.fit.theta, rtol=1e-6)
    expected = plain.predict(1e6, 1e7)
    for where in (
        {"flops": 6e13, "n_parameters": 1e6},
        {"flops": 6e13, "n_examples": 1e7},
        {"flops": 6e13, "examples_per_parameter": 10.0},
        {"n_examples": 1e7, "examples_per_parameter": 10.0},
    ):
        np.testing.assert_allclose(plain.predict(**where), expected, rtol=1e-9)
    with pytest.raises(AnalysisError, match="give two of n_parameters, n_examples, flops"):
        sizes_and_data(1e6)
    with pytest.raises(AnalysisError, match="flops_per: must be finite and positive"):
        sizes_and_data(flops=1e10, n_examples=1e5, flops_per=0.0)
    with pytest.raises(AnalysisError, match="n_parameters: must be finite and positive, got -1"):
        plain.band(-1.0, 1e6)


def test_bands_are_asked_rightly() -> None:
    surface = fitted(*grid())
    with pytest.raises(AnalysisError, match="kind: must be 'mean' or 'run'"):
        surface.band(1e6, 1e7, kind="both")  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="level: must lie between 0 and 1"):
        surface.band(1e6, 1e7, level=90.0)
    mean, run = surface.band([1e5, 1e6], 1e7), surface.band([1e5, 1e6], 1e7, kind="run")
    assert (run[0] < mean[0]).all() and (mean[1] < run[1]).all()
    half = surface.band([1e5, 1e6], 1e7, level=0.5)
    assert (half[0] > mean[0]).all() and (half[1] < mean[1]).all()


AT = (np.array([3e5, 1e6, 1e8, 1e4]), np.array([3e6, 2e7, 1e9, 1e8]))


@pytest.mark.slow
@pytest.mark.parametrize("sd", [0.01, 0.05])
@pytest.mark.parametrize("design", ["eight", "grid", "near a line"])
def test_bands_hold_means_and_runs_about_as_often_as_they_say(design: str, sd: float) -> None:
    rng = np.random.default_rng(7)
    held = {"mean": 0, "run": 0}
    asked = 0
    for seed in range(25):
        n, d = grid() if design == "grid" else scattered(8, seed)
        if design == "near a line":
            n = np.geomspace(1e4, 1e7, 20)
            d = 20.0 * n * np.exp(rng.normal(0.0, 0.5, 20))
        surface = fitted(n, d, sd=sd, seed=seed, level=0.9, resamples=100)
        mean = truth(*AT)
        run = mean * np.exp(sd * rng.standard_normal(len(mean)))
        bands = surface.band(*AT), surface.band(*AT, kind="run")
        asked += int(np.isfinite(bands[0][0]).sum())
        for (low, high), kind, value in zip(bands, held, (mean, run), strict=True):
            held[kind] += int(((low <= value) & (value <= high)).sum())
    # At least 95 of 100 have a band. Four points of one surface go together: as if there were 25
    # to 100 of them, so that a coverage of 90% shows as 78% or less in under 5%.
    assert asked >= 95
    assert all(count / asked >= 0.80 for count in held.values()), (held, asked)
