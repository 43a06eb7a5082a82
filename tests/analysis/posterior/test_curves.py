"""The drawn curves: quick tables of weights against one covariance and one shape at a time."""

from __future__ import annotations

import csv
import gzip
import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.curves.curve import Curve, build_curves
from analysis.curves.noise import measure_noise
from analysis.curves.points import Points, merge_points, size_grid
from analysis.fitted import fit_curve
from analysis.posterior.combinations import Combinations, combine
from analysis.posterior.curves import _sample, draw_curves
from analysis.posterior.departures import Departures
from analysis.posterior.evidence import SPAN, ShapeSpan, log_sums, log_weights
from analysis.posterior.shapes import coarse_shapes, refine_shapes
from analysis.routes.crossings import _first_size
from analysis.settings import AnalysisSettings
from analysis.table.trials import TrialTable
from analysis.verdicts.curve_fit import FittedCurve

OWN = Path(__file__).parents[1] / "data" / "digits_study.csv.gz"
PUBLISHED = Path(__file__).parents[2] / "certified" / "data" / "scaling_curves_dev.csv.gz"

Array = np.ndarray


def digits(n_examples: int) -> Curve:
    """One curve of the default study: sizes of two depths, replicates, known test examples."""
    with gzip.open(OWN, "rt", newline="") as file:
        table = TrialTable.from_rows(csv.DictReader(file))
    curves = build_curves(table, AnalysisSettings())
    return next(curve for curve in curves if curve.n_examples == n_examples)


def published() -> Curve:
    """A curve of one training a size, of which nothing tells the noise."""
    points = defaultdict(list)
    with gzip.open(PUBLISHED, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if row["Training"] == "1":
                points[row["Task"], row["Model"]].append(row)
    rows = points[min(points)][::4]
    columns = {"n_parameters": "Seen Examples", "test_error": "Loss"}
    (curve,) = build_curves(TrialTable.from_rows(rows, columns=columns), AnalysisSettings())
    return curve


CURVES = {"80 digits": lambda: digits(80), "1,280 digits": lambda: digits(1280),
          "published": published}  # fmt: skip


@pytest.mark.parametrize("name", list(CURVES))
def test_a_table_of_weights_is_that_of_one_covariance_and_shape_at_a_time(name: str) -> None:
    curve = CURVES[name]()
    noise = measure_noise(curve)
    points = merge_points(curve, noise)
    departures = Departures(points.x, size_grid(points.x)[0])
    rng = np.random.default_rng(3)
    ways = departures.coarse()
    ways = departures.refine(ways, np.zeros(len(ways)), rng)
    coarse = coarse_shapes(points.x)
    shapes = refine_shapes(coarse, np.zeros(len(coarse.log_prior)), points.x, rng)
    shapes = shapes.only(rng.choice(len(shapes.log_prior), 60, replace=False))
    found = combine(points, noise, ways)
    found = found.only(rng.choice(len(found), 40, replace=False))
    at_points = shapes.evaluate(points.x)
    quick = log_weights(found, ShapeSpan.of(at_points))
    np.testing.assert_allclose(quick, slow_weights(found, at_points), atol=1e-7, rtol=1e-10)
    for k in (0, 7, 39):
        root, _ = departures.roots(ways, int(found.way[k]))
        np.testing.assert_allclose(root @ root.T, ways.covariance[found.way[k]], atol=1e-9)


@pytest.mark.parametrize("kind", ["none", "smooth", "hump", "bend", "step", "pair"])
def test_curves_are_drawn_from_the_conditional_distribution_of_their_combination(kind: str) -> None:
    curve = CURVES["1,280 digits"]()
    noise = measure_noise(curve)
    points = merge_points(curve, noise)
    grid, _ = size_grid(points.x)
    departures = Departures(points.x, grid)
    coarse = departures.coarse()
    ways = departures.refine(coarse, np.zeros(len(coarse)), np.random.default_rng(0))
    ways = ways.and_also(departures._pairs(coarse, np.zeros(len(coarse)), np.random.default_rng(0)))
    way = next(k for k in range(len(ways)) if ways.kind(k) == kind)
    found = combine(points, noise, ways)
    one = found.only(np.flatnonzero(found.way == way)[:1])
    shapes = coarse_shapes(points.x).only(np.array([200]))
    at_points, on_grid = shapes.evaluate(points.x), shapes.evaluate(grid)
    n = 20_000
    which = np.zeros(n, dtype=np.int64)
    drawn, _ = _sample(
        one, departures, which, np.repeat(at_points, n, axis=0), np.repeat(on_grid, n, axis=0),
        np.random.default_rng(1),
    )  # fmt: skip
    root, far = departures.roots(ways, way)
    prior = far @ far.T
    covariance = one.covariances()[0]
    # A flat prior on the level is a normal one of a large variance, up to rounding.
    vague = 1e4
    inverse = np.linalg.inv(covariance + vague)
    across = far @ root.T + vague
    residual = points.y - at_points[0]
    mean = on_grid[0] + across @ inverse @ residual
    spread = np.sqrt(np.diag(prior + vague - across @ inverse @ across.T))
    assert np.abs(drawn.mean(axis=0) - mean).max() < 5.0 * spread.max() / math.sqrt(n) + 1e-4
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.05, atol=1e-4)


def test_the_same_stream_draws_the_same_curves() -> None:
    curve = CURVES["80 digits"]()
    noise = measure_noise(curve)
    one, two = (
        draw_curves(curve, noise, resamples=300, level=0.9, rng=np.random.default_rng(5))
        for _ in range(2)
    )
    assert np.array_equal(one.log_error, two.log_error)
    assert one.carriers == two.carriers
    assert 0.8 < sum(c.share for c in one.carriers) <= 1.0 + 1e-9
    assert [c.share for c in one.carriers] == sorted((c.share for c in one.carriers), reverse=True)


def noisy(true: Callable[[Array], Array], noise: float, seed: int, runs: int = 5) -> FittedCurve:
    """Nine sizes in doublings, five runs each."""
    size = np.repeat(250.0 * 2.0 ** np.arange(9), runs)
    error = true(size) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(size)))
    return fit_curve(size.tolist(), error.tolist(), settings=AnalysisSettings(resamples=1000))


def law(size: Array) -> Array:
    return np.asarray(0.05 + 0.25 * (size / 250.0) ** -0.7)


def dropping(size: Array) -> Array:
    return np.asarray(0.1 + 0.2 / (1.0 + (size / 6000.0) ** 12))


def test_at_low_noise_many_shapes_carry_the_weights_and_the_interval_holds() -> None:
    held = 0
    for seed in range(25):
        point = noisy(law, 0.005, seed).verdict
        assert 1.0 < point.high / point.low < 1.2
        held += point.low <= 11_118.0 <= point.high
    assert held >= 19  # of 25 at 90%: fewer once in 300 runs


def test_a_step_between_two_sizes_may_be_anywhere_between_them_and_a_size_there_is_asked_for() -> (
    None
):
    fit = noisy(dropping, 0.02, 1)
    point = fit.verdict
    assert 4000.0 < point.low < 5600.0 < point.high < 8200.0
    assert point.next_step is not None and point.next_step.kind == "size_between"
    assert (point.next_step.low, point.next_step.high) == (4000.0, 8000.0)
    assert fit.payoff("overfit").kind == "no_upturn"
    assert fit.draws is not None
    assert any(c.kind == "step" and 4000 < (c.near or 0.0) < 8000 for c in fit.draws.carriers)


def stairs(size: Array) -> Array:
    steps = [1.0 + 0.8 / (1.0 + (place / size) ** 20) for place in (700.0, 6000.0, 40_000.0)]
    return np.asarray(0.5 / np.prod(steps, axis=0))


def test_a_rise_that_no_size_tried_shows_is_not_claimed() -> None:
    for seed in range(6):
        assert noisy(stairs, 0.02, seed).payoff("overfit").kind in ("no_upturn", "cannot_tell")


def test_a_smooth_law_at_low_noise_asks_for_no_size_between() -> None:
    assert noisy(law, 0.01, 2).verdict.next_step is None


def slow_weights(combinations: Combinations, shapes: Array) -> Array:
    """Each covariance inverted, each shape's chi-square by itself; shapes as closely as there."""
    left, values, right = np.linalg.svd(shapes, full_matrices=False)
    values = np.where(values > SPAN * values[0], values, 0.0)
    shapes = (left * values) @ right
    rows = []
    for k in range(len(combinations)):
        one = combinations.only(np.array([k]))
        covariance = slow_noise(one) + slow_departure(one)
        inverse = np.linalg.inv(covariance)
        information = inverse.sum()
        away = one.points.y - shapes
        away = away - (away @ inverse.sum(axis=0) / information)[:, None]
        chi2 = np.einsum("tk,kl,tl->t", away, inverse, away, optimize=True)
        determinant = np.linalg.slogdet(covariance)[1]
        rows.append(one.log_prior[0] - 0.5 * (determinant + math.log(information) + chi2))
    return np.array(rows)


def slow_noise(one: Combinations) -> Array:
    points: Points = one.points
    covariance = points.covariance + np.diag(points.variance * (one.kappa[0] ** 2 - 1.0))
    covariance += np.diag(one.scatter[0])
    return covariance + one.offset[0] ** 2 * (points.shape[:, None] == points.shape[None, :])


def slow_departure(one: Combinations) -> Array:
    return np.asarray(one.ways.covariance[one.way[0]])


def test_combinations_are_every_choice_and_their_priors_add_up() -> None:
    curve = digits(80)
    points = merge_points(curve, measure_noise(curve))
    ways = Departures(points.x, size_grid(points.x)[0]).coarse()
    found = combine(points, measure_noise(curve), ways)
    choices = zip(found.way, found.scatter_index, found.offset, found.kappa, strict=True)
    assert len(set(choices)) == len(found) == len(ways) * 7 * 3
    assert np.exp(found.log_prior).sum() == pytest.approx(np.exp(ways.log_prior).sum())


def test_sums_of_weights_do_not_overflow_and_know_what_weighs_nothing() -> None:
    table = np.array([[1000.0, 1000.0, -np.inf], [0.0, -5000.0, 990.0]])
    rows, columns = log_sums(table)
    assert rows == pytest.approx([1000.0 + math.log(2.0), 990.0])
    assert columns[:2] == pytest.approx([1000.0, 1000.0]) and columns[2] == pytest.approx(990.0)


def test_first_sizes_that_reach_an_error_are_those_of_one_curve_at_a_time() -> None:
    curve = digits(80)
    rng = np.random.default_rng(1)
    draws = draw_curves(curve, measure_noise(curve), resamples=300, level=0.9, rng=rng)
    least = np.minimum.accumulate(draws.log_error[:, : draws.n_inside], axis=1)
    levels = np.append(np.linspace(least[:, 0].max(), least.min(), 7), least[0, 0])
    x = draws.x[: draws.n_inside]
    for row, sizes in zip(least, _first_size(draws, least, levels), strict=True):
        for level, size in zip(levels, sizes, strict=True):
            reached = np.flatnonzero(row <= level)
            expected = np.inf if not len(reached) else x[0]
            if len(reached) and reached[0] > 0:
                k = reached[0]
                expected = np.interp(-level, -row[[k - 1, k]], x[[k - 1, k]])
            assert size == pytest.approx(expected, abs=1e-12)


def test_a_flat_span_has_one_dimension() -> None:
    span = ShapeSpan.of(np.zeros((3, 5)))
    curve = digits(80)
    assert span.basis.shape == (1, 5) and span.monomials.shape == (3, 3)
    points = merge_points(curve, measure_noise(curve))
    ways = Departures(points.x, size_grid(points.x)[0]).coarse().only(np.array([0]))
    found = combine(points, measure_noise(curve), ways)
    weights = log_weights(found, ShapeSpan.of(np.zeros((3, len(curve)))))
    assert np.ptp(weights, axis=1) == pytest.approx(0.0)
