"""The drawn curves: quick tables of weights against one covariance and one shape at a time."""

from __future__ import annotations

import csv
import gzip
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from analysis.curves.curve import Curve, build_curves
from analysis.curves.noise import Noise, measure_noise
from analysis.curves.points import Points, draw_test_luck, merge_points, size_grid
from analysis.posterior.combinations import Combinations, combine
from analysis.posterior.curves import KEPT_WEIGHT, draw_curves
from analysis.posterior.departures import Departures
from analysis.posterior.evidence import ShapeSpan, log_sum, log_weights
from analysis.posterior.shapes import coarse_shapes, refine_shapes
from analysis.routes.crossings import _first_size
from analysis.settings import AnalysisSettings
from analysis.table.trials import TrialTable

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


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CURVES))
def test_quick_draws_are_those_of_one_covariance_at_a_time(name: str) -> None:
    curve = CURVES[name]()
    noise = measure_noise(curve)
    quick = draw_curves(curve, noise, resamples=2000, level=0.9, rng=np.random.default_rng([0, 80]))
    slow, departure = slow_draws(curve, noise, 2000, np.random.default_rng([0, 80]))
    same = np.isclose(quick.log_error, slow, rtol=0.0, atol=1e-8).all(axis=1)
    # Rounding may move a tick over the edge between two shapes: one curve in a thousand.
    assert same.mean() >= 0.999
    assert quick.departure == pytest.approx(departure, abs=1e-9)


def slow_draws(curve: Curve, noise: Noise, n: int, rng: np.random.Generator) -> tuple[Array, float]:
    """Curves, and the probability of a departure, in order of the combinations."""
    points = merge_points(curve, noise)
    grid, _ = size_grid(points.x)
    departures = Departures(points.x, grid)
    ways = departures.coarse()
    rough = combine(points, noise, ways).rough()
    coarse = coarse_shapes(points.x)
    by_shape = slow_weights(rough.simple(), coarse.evaluate(points.x))
    shapes = refine_shapes(coarse, np.logaddexp.reduce(by_shape, axis=0), points.x, rng)
    at_points, on_grid = np.split(
        shapes.evaluate(np.concatenate([points.x, grid])), [len(points.x)], axis=1
    )
    total = np.logaddexp.reduce(slow_weights(rough, at_points) + shapes.log_prior, axis=1)
    by_way = [np.logaddexp.reduce(total[rough.way == k]) for k in range(len(ways))]
    ways = departures.refine(ways, np.array(by_way) - np.log([w.prior for w in ways]), rng)
    share = np.bincount(rough.scatter_index, np.exp(total - total.max()))
    alive = np.flatnonzero(share >= KEPT_WEIGHT * share.sum())
    found = combine(points, noise, ways)
    found = found.only(np.isin(found.scatter_index, alive))
    log_weight = slow_weights(found, at_points) + shapes.log_prior
    weight = np.exp(log_weight - log_weight.max())
    by_combination = weight.sum(axis=1)
    kept = np.flatnonzero(by_combination >= KEPT_WEIGHT * by_combination.max())
    weight = weight[kept] / weight[kept].sum()
    edges = np.concatenate([[0.0], np.cumsum(weight)])
    ticks = np.floor(edges * (n / edges[-1]) + rng.random()).astype(int)
    ticks[-1] = ticks[0] + n
    counts = np.diff(ticks).reshape(weight.shape)
    drawn = [
        slow_sample(found.only(np.array([k])), count, at_points, on_grid, rng)
        for k, count in zip(kept, counts, strict=True)
        if count.any()
    ]
    log_error = np.concatenate(drawn)
    log_error += draw_test_luck(np.log(curve.size), noise, grid, n, rng)
    away = np.array([ways[k].size >= 0.1 for k in found.way[kept]])
    return log_error[rng.permutation(n)], float(weight[away].sum())


def slow_weights(combinations: Combinations, shapes: Array) -> Array:
    """Each covariance inverted, each shape's chi-square by itself; shapes to a ten-thousandth."""
    left, values, right = np.linalg.svd(shapes, full_matrices=False)
    values = np.where(values > 1e-4 * values[0], values, 0.0)
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
    root = one.ways[one.way[0]].at_points
    return np.asarray(root @ root.T)


def slow_sample(
    one: Combinations, counts: Array, at_points: Array, on_grid: Array, rng: np.random.Generator
) -> Array:
    which = np.repeat(np.arange(len(counts)), counts)
    inverse = np.linalg.inv(slow_noise(one) + slow_departure(one))
    solved, information = inverse.sum(axis=0), inverse.sum()
    residual = one.points.y - at_points[which]
    level = residual @ solved / information
    level += rng.standard_normal(len(which)) / math.sqrt(information)
    curves = level[:, None] + on_grid[which]
    root = one.ways[one.way[0]]
    if root.size:
        prior = rng.standard_normal((len(which), root.at_points.shape[1]))
        seen = prior @ root.at_points.T
        noise = rng.standard_normal((len(which), len(solved)))
        seen += noise @ np.linalg.cholesky(slow_noise(one)).T
        gain = inverse @ root.at_points @ root.on_grid.T
        curves += prior @ root.on_grid.T + (residual - level[:, None] - seen) @ gain
    return np.asarray(curves)


def test_combinations_are_every_choice_and_their_priors_add_up() -> None:
    curve = digits(80)
    points = merge_points(curve, measure_noise(curve))
    ways = Departures(points.x, size_grid(points.x)[0]).coarse()
    found = combine(points, measure_noise(curve), ways)
    choices = zip(found.way, found.scatter_index, found.offset, found.kappa, strict=True)
    assert len(set(choices)) == len(found) == len(ways) * 7 * 3
    assert np.exp(found.log_prior).sum() == pytest.approx(sum(way.prior for way in ways))


def test_sums_of_weights_do_not_overflow_and_know_what_weighs_nothing() -> None:
    table = np.array([[1000.0, 1000.0, -np.inf], [0.0, -5000.0, 990.0]])
    assert log_sum(table, axis=1) == pytest.approx([1000.0 + math.log(2.0), 990.0])
    assert table[0, 0] == 1000.0  # the table is left as it was


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
    ways = Departures(points.x, size_grid(points.x)[0]).coarse()[:1]
    found = combine(points, measure_noise(curve), ways)
    weights = log_weights(found, ShapeSpan.of(np.zeros((3, len(curve)))))
    assert np.ptp(weights, axis=1) == pytest.approx(0.0)
