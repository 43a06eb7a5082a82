"""Draws: disjoint, nested, balanced, standardised on what is trained on, and repeatable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from study.data.dataset import Dataset, Labels
from study.data.registry import load_dataset
from study.data.source import DataSource
from study.data.subsets import check_sizes, draw_indices, draw_split
from study.errors import DataError


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset(DataSource(test_sets="fixed"), base=Path())


def made(
    y: object, *, n_validation: int, shape: tuple[int, ...] = (3,), task: str = "classification"
) -> Dataset:
    labels: Labels = np.asarray(y).astype(np.float32)
    if task == "classification":
        labels = np.asarray(y).astype(np.int64)
    generator = np.random.default_rng(0)
    x = generator.normal(3.0, 2.0, size=(len(labels), *shape)).astype(np.float32)
    return Dataset(
        name="made",
        task=task,  # type: ignore[arg-type]
        x_development=x,
        y_development=labels,
        x_test=x[:5].copy(),
        y_test=labels[:5].copy(),
        n_outputs=int(labels.max()) + 1 if task == "classification" else 1,
        n_validation=n_validation,
        digest="",
        duplicates=0,
    )


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(3, 40), min_size=2, max_size=8),
    seed=st.integers(0, 2**40),
    draw=st.integers(0, 50),
    data=st.data(),
)
def test_draws_are_disjoint_nested_and_balanced(
    counts: list[int], seed: int, draw: int, data: DataObject
) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    n_validation = data.draw(st.integers(1, len(y) - 1))
    dataset = made(y, n_validation=n_validation)
    sizes = sorted(data.draw(st.lists(st.integers(1, dataset.pool), min_size=2, max_size=4)))
    draws = [draw_indices(dataset, size, draw, seed) for size in sizes]
    validation = set(draws[0].validation.tolist())
    assert len(validation) == n_validation
    pool = np.setdiff1d(np.arange(len(y)), draws[0].validation)
    in_pool = np.bincount(y[pool], minlength=len(counts))
    for size, found, larger in zip(sizes, draws, [*draws[1:], draws[-1]], strict=True):
        assert found.validation.tolist() == draws[0].validation.tolist()
        assert len(set(found.train.tolist())) == size
        assert validation.isdisjoint(found.train.tolist())
        assert found.train.tolist() == larger.train[:size].tolist()
        held = np.bincount(y[found.train], minlength=len(counts))
        assert np.all(held >= size * in_pool // len(pool))
        assert np.all(held <= -(-size * in_pool // len(pool)))


def test_draws_differ_by_seed_and_number_and_repeat_exactly(digits: Dataset) -> None:
    def digest(draw: int, seed: int) -> tuple[bytes, bytes]:
        found = draw_indices(digits, 80, draw, seed)
        return found.train.tobytes(), found.validation.tobytes()

    keys = [(draw, seed) for draw in range(4) for seed in range(4)]
    found = [digest(*key) for key in keys]
    assert len({train for train, _ in found}) == len({val for _, val in found}) == len(keys)
    assert found == [digest(*key) for key in keys]


def test_splits_hold_the_chosen_examples_standardised_by_channel(digits: Dataset) -> None:
    chosen = draw_indices(digits, 320, 1, 7)
    split = draw_split(digits, 320, 1, 7)
    x = digits.x_development[chosen.train].astype(np.float64)
    wanted = (x - x.mean()) / x.std()
    assert split.x_train == pytest.approx(wanted, abs=1e-5)
    x = digits.x_development[chosen.train].astype(np.float64)
    test = (digits.x_test.astype(np.float64) - x.mean()) / x.std()
    assert split.x_test == pytest.approx(test, abs=1e-5)
    assert split.y_train.tolist() == digits.y_development[chosen.train].tolist()
    assert split.y_validation.tolist() == digits.y_development[chosen.validation].tolist()
    assert split.y_test.tolist() == digits.y_test.tolist()
    assert (split.n_examples, split.draw, split.n_outputs) == (320, 1, 10)
    assert len(split.x_validation) == 157
    for array in (split.x_train, split.y_train, split.x_test, split.y_test):
        assert array.flags.writeable and array.flags.c_contiguous


@pytest.mark.parametrize(
    ("shape", "axes"), [((3,), (0,)), ((2, 7), (0, 2)), ((3, 4, 4), (0, 2, 3))]
)
def test_means_are_zero_and_deviations_one(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    split = draw_split(made(np.arange(60) % 3, n_validation=20, shape=shape), 30, 0, 0)
    assert split.x_train.dtype == np.float32
    assert split.x_train.mean(axis=axes) == pytest.approx(0, abs=1e-6)
    assert split.x_train.std(axis=axes) == pytest.approx(1, abs=1e-6)


def test_a_feature_constant_in_the_subset_is_zero_everywhere() -> None:
    dataset = made(np.arange(60) % 3, n_validation=20)
    chosen = draw_indices(dataset, 30, 0, 0)
    x = dataset.x_development.copy()
    x[:, 1] = 7.7
    x[chosen.validation, 1] = 1e6
    changed = Dataset(**{**vars(dataset), "x_development": x})
    split = draw_split(changed, 30, 0, 0)
    for part in (split.x_train, split.x_validation, split.x_test):
        assert np.all(part[:, 1] == 0)
        assert np.all(np.isfinite(part))
    assert np.ptp(split.x_train[:, 0]) > 0


def test_one_example_is_enough_to_standardise() -> None:
    dataset = made([0.0, 1.0, 2.0, 3.0], n_validation=1, task="regression")
    with pytest.raises(DataError, match="targets of a training subset must vary, got 1 equal ones"):
        draw_split(dataset, 1, 0, 0)


def test_regression_targets_are_standardised_on_the_training_subset() -> None:
    dataset = made(np.linspace(100, 300, 200), n_validation=50, task="regression")
    chosen = draw_indices(dataset, 100, 2, 0)
    split = draw_split(dataset, 100, 2, 0)
    y = dataset.y_development[chosen.train].astype(np.float64)
    assert split.y_train.mean() == pytest.approx(0, abs=1e-6)
    assert split.y_train.std() == pytest.approx(1, abs=1e-6)
    assert split.y_train.dtype == split.y_test.dtype == np.float32
    assert (split.target_center, split.target_scale) == pytest.approx((y.mean(), y.std()))
    back = split.y_test * split.target_scale + split.target_center
    assert back == pytest.approx(dataset.y_test, rel=1e-5)
    tenths = np.sort(dataset.y_development[chosen.train])[::10]
    assert np.diff(tenths) == pytest.approx(20, abs=15)


def test_a_size_above_the_pool_is_refused(digits: Dataset) -> None:
    message = (
        "data.sizes: each must be at most 1280 (the digits training pool), got 5000; "
        "lower it or make data.test or data.validation smaller"
    )
    for call in (draw_indices, draw_split):
        with pytest.raises(DataError) as caught:
            call(digits, 5000, 0, 0)
        assert str(caught.value) == message
    assert check_sizes(digits, [80, 0, 5000], 3, 0) == [
        "data.sizes: each must be at least 1, got 0; raise it",
        message,
    ]


def test_a_class_missing_from_a_subset_is_refused_with_the_size_that_would_do() -> None:
    dataset = made(np.repeat([0, 1, 2], [90, 90, 6]), n_validation=31)
    with pytest.raises(DataError) as caught:
        draw_split(dataset, 10, 0, 0)
    assert str(caught.value) == (
        "data.sizes: each must hold every class, got 10, which misses 2; use at least 31"
    )
    assert draw_split(dataset, 31, 0, 0).n_examples == 31
    assert check_sizes(dataset, [10, 50], 3, 0) == [str(caught.value)]
    assert check_sizes(dataset, [31, 50], 20, 0) == []


def test_a_class_that_validation_uses_up_is_named() -> None:
    dataset = made(np.repeat([0, 1], [99, 1]), n_validation=99)
    found = [check_sizes(dataset, [1], 1, seed)[0] for seed in range(3)]
    assert all("each must hold every class, got 1, which misses" in line for line in found)
