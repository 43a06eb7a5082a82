"""Failures among three seeds of a size: named where they stand apart, real noise left alone."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.table.draft import Asked
from analysis.table.fields import FloatArray
from analysis.table.reading import Reading, read
from analysis.table.sheet import Sheet

SIZE = np.repeat(1000.0 * 2.0 ** np.arange(7), 3)
MEAN = 0.02 + 0.48 * (SIZE / 1000.0) ** -0.6


def reading(error: FloatArray, size: FloatArray = SIZE) -> Reading:
    cells = {"n_parameters": size.tolist(), "test_error": error.tolist()}
    return read(Sheet(cells=cells, n_rows=len(size), name="t.csv"), Asked())


def noisy(spread: float, seed: int) -> FloatArray:
    luck = np.random.default_rng(seed).standard_normal(len(SIZE))
    return np.asarray(MEAN * np.exp(spread * luck))


@pytest.mark.parametrize("places", [[12], [12, 15, 18]])
@pytest.mark.parametrize("value", [1.0, 345678.9, 127.5])
def test_one_of_three_seeds_that_failed_is_named(value: float, places: list[int]) -> None:
    error = noisy(0.03, 0)
    error[places] = value
    (out,) = reading(error).account.left_out
    assert (out.count, out.rows) == (len(places), tuple(k + 1 for k in places))
    assert ("marks a failed run" if value == 1.0 else "the run diverged") in out.reason


def test_runs_that_diverged_by_orders_of_magnitude_are_named_together() -> None:
    error = noisy(0.03, 1)
    error[[9, 12, 16]] = 345678.9, 5e8 + 0.5, 40.5
    (out,) = reading(error).account.left_out
    assert out.rows == (10, 13, 17)


def test_marks_and_runs_that_diverged_do_not_hide_each_other() -> None:
    error = noisy(0.03, 1)
    error[[9, 12, 16]] = 345678.9, 1.0, 1.2e300
    found = reading(error).account.left_out
    assert {out.rows: out.reason.split()[0] for out in found} == {
        (10,): "the", (13,): "1", (17,): "1.2e+300",
    }  # fmt: skip


@pytest.mark.parametrize("seeds", [3, 4])
@pytest.mark.parametrize("digits", [12, 2, 1])
def test_real_noise_is_left_alone(digits: int, seeds: int) -> None:
    size = np.repeat(1000.0 * 2.0 ** np.arange(7), seeds)
    mean = 0.02 + 0.48 * (size / 1000.0) ** -0.6
    for seed in range(200):
        noise = np.exp(0.4 * np.random.default_rng(seed).standard_normal(len(size)))
        error = np.asarray(np.maximum(mean * noise, 0.1)).round(digits)
        assert reading(error, size).account.left_out == (), seed


def test_a_seed_that_is_no_better_than_the_smallest_models_stays() -> None:
    error = noisy(0.03, 2)
    error[12] = 0.5  # ten spreads away, but other runs have it too
    assert reading(error).account.left_out == ()


def test_a_steep_ladder_has_no_failures() -> None:
    steep = 0.9 * (SIZE / 1000.0) ** -4.0 * noisy(0.1, 3) / MEAN
    assert reading(np.asarray(steep)).account.left_out == ()


def test_too_few_replicates_say_nothing() -> None:
    error = MEAN * (1.0 + 1e-3 * np.arange(len(SIZE)))
    error[12] = 1.0
    keep = np.r_[0:12:3, 12:15, 15:21:3]
    cells = {"n_parameters": SIZE[keep].tolist(), "test_error": error[keep].tolist()}
    assert read(Sheet(cells=cells, n_rows=len(keep), name="t"), Asked()).account.left_out == ()
