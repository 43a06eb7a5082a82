"""Test sets that rotate: each draw its own, none with an example that it trains or chooses on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from study.data.dataset import Dataset
from study.data.registry import load_dataset
from study.data.source import DataSource, check
from study.data.subsets import Draw, check_sizes, draw_indices, draw_split
from study.errors import DataError


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset(DataSource(), base=Path())


def made(counts: list[int], *, n_validation: int, n_test: int) -> Dataset:
    """Classes of so many examples each, whose test sets rotate."""
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.random.default_rng(0).normal(size=(len(y), 3)).astype(np.float32)
    return Dataset(
        name="made",
        task="classification",
        x_development=x,
        y_development=y,
        x_test=x,
        y_test=y,
        n_outputs=len(counts),
        n_validation=n_validation,
        digest="",
        duplicates=0,
        n_test_drawn=n_test,
    )


def fair(y: np.ndarray, chosen: np.ndarray, others: np.ndarray) -> bool:
    """Whether the classes of some examples have the proportions of those they are taken from."""
    held = np.bincount(y[chosen], minlength=int(y.max()) + 1)
    share = len(chosen) * np.bincount(y[others], minlength=len(held))
    return bool(np.all((held >= share // len(others)) & (held <= -(-share // len(others)))))


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
    total = sum(counts)
    n_validation = data.draw(st.integers(1, total - 2))
    n_test = data.draw(st.integers(1, total - n_validation - 1))
    dataset = made(counts, n_validation=n_validation, n_test=n_test)
    assert dataset.pool == total - n_validation - n_test
    assert dataset.n_test_pool == total - n_validation
    sizes = sorted(data.draw(st.lists(st.integers(1, dataset.pool), min_size=2, max_size=4)))
    draws = [draw_indices(dataset, size, draw, seed) for size in sizes]
    y, every = np.asarray(dataset.y_test), np.arange(total)
    first = draws[0]
    assert len(set(first.validation)) == n_validation
    others = np.setdiff1d(every, first.validation)
    kept = first.test[:n_test]
    pool = np.setdiff1d(others, kept)
    assert len(pool) == dataset.pool
    assert fair(y, first.validation, every)
    assert fair(y, kept, others)
    for size, found, larger in zip(sizes, draws, [*draws[1:], draws[-1]], strict=True):
        assert found.validation.tolist() == first.validation.tolist()
        assert found.test[:n_test].tolist() == kept.tolist()
        # All that is left over is tested on as well: there are fewer than are enough.
        assert sorted([*found.test, *found.train]) == others.tolist()
        assert len(found.test) == dataset.n_test_at(size)
        assert len(set(found.train)) == size
        assert set(found.train) <= set(pool)
        assert found.train.tolist() == larger.train[:size].tolist()
        assert fair(y, found.train, pool)


def test_no_test_set_holds_an_example_of_the_one_validation_set(digits: Dataset) -> None:
    draws = [draw_indices(digits, 80, draw, 3) for draw in range(40)]
    assert len({found.validation.tobytes() for found in draws}) == 1
    assert len({found.test.tobytes() for found in draws}) == 40
    validation = set(draws[0].validation)
    for found in draws:
        assert validation.isdisjoint(found.test)
        assert validation.isdisjoint(found.train)
        assert set(found.train).isdisjoint(found.test)


def test_all_others_get_their_turn_about_equally_often(digits: Dataset) -> None:
    draws = [draw_indices(digits, 1280, draw, 0) for draw in range(60)]
    times = np.bincount(np.concatenate([found.test for found in draws]), minlength=1797)
    others = np.setdiff1d(np.arange(1797), draws[0].validation)
    assert np.flatnonzero(times).tolist() == others.tolist()
    expected = 60 * 360 / 1640
    assert times[others].mean() == pytest.approx(expected)
    binomial = expected * (1 - 360 / 1640)
    assert times[others].var() == pytest.approx(binomial, rel=0.2)


def test_draws_follow_from_seed_and_number_alone(digits: Dataset) -> None:
    def parts(found: Draw) -> tuple[bytes, bytes, bytes]:
        return found.train.tobytes(), found.validation.tobytes(), found.test.tobytes()

    keys = [(draw, seed) for draw in range(3) for seed in range(3)]
    found = [parts(draw_indices(digits, 80, *key)) for key in keys]
    assert len({train for train, _, _ in found}) == len({test for _, _, test in found}) == 9
    assert len({validation for _, validation, _ in found}) == 3
    again = load_dataset(DataSource(), base=Path("/"))
    assert found == [parts(draw_indices(again, 80, *key)) for key in reversed(keys)][::-1]


def test_digits_hold_what_they_held_with_a_fixed_test_set(digits: Dataset) -> None:
    fixed = load_dataset(DataSource(test_sets="fixed"), base=Path())
    assert (digits.n_test_drawn, digits.n_validation, digits.pool) == (360, 157, 1280)
    assert (len(fixed.y_test), fixed.n_validation, fixed.pool) == (360, 157, 1280)
    assert [digits.n_test_at(n) for n in (80, 640, 1280)] == [1560, 1000, 360]
    assert [fixed.n_test_at(n) for n in (80, 1280)] == [360, 360]
    assert (digits.n_test_pool, fixed.n_test_pool) == (1640, 0)
    assert check_sizes(digits, (80, 160, 320, 640, 1280), 6, 0) == []
    assert digits.x_test is digits.x_development  # not held twice


def test_the_digest_is_golden(digits: Dataset) -> None:
    """It names the data of published studies: change it only with a note in the changelog."""
    assert digits.digest == "e64ffef14cc45aec900a52cb8274b8fc2cb467aede786562e304e43b785991de"


def test_splits_hold_the_chosen_examples_standardised_on_the_training_subset(
    digits: Dataset,
) -> None:
    chosen = draw_indices(digits, 320, 1, 7)
    split = draw_split(digits, 320, 1, 7)
    x = digits.x_development[chosen.train].astype(np.float64)
    wanted = (digits.x_development[chosen.test] - x.mean()) / x.std()
    assert split.x_test == pytest.approx(wanted, abs=1e-5)
    assert split.y_test.tolist() == digits.y_development[chosen.test].tolist()
    assert split.x_test.flags.writeable
    assert not digits.x_development.flags.writeable


def test_noise_is_in_training_and_validation_and_never_in_a_test_set(digits: Dataset) -> None:
    noisy = load_dataset(DataSource(label_noise=0.2), base=Path())
    changed = noisy.y_development != digits.y_development
    assert changed.sum() == round(0.2 * 1797)
    assert np.array_equal(noisy.y_test, digits.y_development)
    assert noisy.digest != digits.digest
    assert "test sets are clean" in noisy.notes[0]
    for draw in range(3):
        chosen, split = draw_indices(noisy, 640, draw, 0), draw_split(noisy, 640, draw, 0)
        assert changed[chosen.test].any() and changed[chosen.validation].any()
        assert np.array_equal(split.y_test, digits.y_development[chosen.test])
        assert np.array_equal(split.y_train, noisy.y_development[chosen.train])


def function(folder: Path, body: str, **fields: object) -> Dataset:
    (folder / "own.py").write_text(f"import numpy as np\ndef load():\n    {body}\n")
    source = {"task": "classification", **fields}
    return load_dataset(
        DataSource(name="function", function="own.py:load", **source),  # type: ignore[arg-type]
        base=folder,
    )


def test_data_with_a_test_set_of_their_own_keep_it(tmp_path: Path) -> None:
    body = "x = np.arange(60.0); y = x % 2; return x[:50], y[:50], x[50:], y[50:]"
    own = function(tmp_path, body)
    assert (own.n_test_at(5), own.n_test_pool, own.pool) == (10, 0, 45)
    with pytest.raises(DataError, match=r"data.test_sets: the data bring their own test set of 10"):
        function(tmp_path, body, test_sets="rotate")
    for source in (
        DataSource(name="MNIST", root="x", test_sets="rotate"),
        DataSource(name="table", file="a.csv", test_file="b.csv", target="y",
                   task="classification", test_sets="rotate"),
    ):  # fmt: skip
        assert check(source) == [
            "data.test_sets: the data bring their own test set, got 'rotate'; set it to 'fixed'"
        ]
    assert check(DataSource(test_sets="often")) == [  # type: ignore[arg-type]
        "data.test_sets: must be auto, rotate or fixed, got 'often'; correct it"
    ]


def test_inputs_that_repeat_are_told_or_dropped(tmp_path: Path) -> None:
    body = "x = np.arange(60.0) // 1.5; return x, np.arange(60) % 2"
    told = function(tmp_path, body)
    assert told.notes == (
        "20 of 60 inputs repeat an earlier one, so training, validation and test sets may share "
        "them",
    )
    assert (told.duplicates, len(told.x_development)) == (40, 60)
    dropped = function(tmp_path, body, duplicates="drop")
    assert dropped.notes == ("20 of 60 inputs repeat an earlier one and were dropped",)
    assert (dropped.duplicates, len(dropped.x_development), dropped.n_test_drawn) == (0, 40, 8)


def test_what_leaves_nothing_is_one_line_with_its_remedy(tmp_path: Path) -> None:
    body = "return np.arange(30.0), np.arange(30) % 3"
    for fields, line in (
        ({"test": 30}, "data.test: must leave examples to train on, got 30 of 30; lower it"),
        (
            {"test": 20, "validation": 10},
            "data.validation: must leave training examples, got 10 of the 10 outside the test "
            "set; lower it",
        ),
    ):
        with pytest.raises(DataError) as caught:
            function(tmp_path, body, **fields)
        assert str(caught.value) == line
    data = function(tmp_path, body, test=10, validation=5)
    assert check_sizes(data, [16], 1, 0) == [
        "data.sizes: each must be at most 15 (the function training pool), got 16; "
        "lower it or make data.test or data.validation smaller"
    ]


def test_a_class_that_validation_and_tests_use_up_is_named() -> None:
    dataset = made([98, 2], n_validation=50, n_test=49)
    assert check_sizes(dataset, [1], 1, 0) == [
        "data.sizes: each must hold every class, got 1, which misses 1; add examples of it or drop "
        'the class, or set data.test_sets to "fixed"'
    ]


def test_targets_are_balanced_by_tenths_in_every_test_set(tmp_path: Path) -> None:
    body = "x = np.linspace(0, 1, 200); return x, x * 7 - 3"
    data = function(tmp_path, body, task="regression")
    assert (data.n_test_drawn, data.n_test_pool, data.pool) == (40, 184, 144)
    for draw in range(5):
        chosen = draw_indices(data, 100, draw, 0)
        tenths = np.bincount(chosen.test[:40] // 20, minlength=10)
        assert tenths.min() >= 3 and tenths.max() <= 5
