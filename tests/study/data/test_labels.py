"""Labels: numbered from 0, or refused with what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest

from study.data.labels import encode_labels, noisy_labels
from study.errors import DataError


def test_texts_numbers_and_booleans_are_numbered_in_order() -> None:
    for given, classes in [
        (np.array(["dog", "cat", "dog", "cat"]), ("cat", "dog")),
        (np.array(["dog", "cat", "dog", "cat"], dtype=object), ("cat", "dog")),
        (np.array([b"dog", b"cat", b"dog", b"cat"]), ("cat", "dog")),
        (np.array([10, 9, 10, 9]), ("9", "10")),
        (np.array([10, 9, 10, 9], dtype=object), ("9", "10")),
        (np.array([1.0, -1.0, 1.0, -1.0]), ("-1", "1")),
        (np.array([True, False, True, False]), ("0", "1")),
    ]:
        numbers, tests, names = encode_labels(given, given[:2], "k", in_range=False)
        assert numbers.tolist() == [1, 0, 1, 0]
        assert tests is not None and tests.tolist() == [1, 0]
        assert names == classes


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.0, 1.0, np.nan, 1.0], "k: must have no missing, NaN or infinite values, got 1 of 4"),
        (["a", None, "b", "a"], "k: must have no missing, NaN or infinite values, got 1 of 4"),
        ([0.5, 1.0, 0.5, 1.0], "k: labels must be whole numbers or texts, got 0.5; set data.task"),
        ([3, 3, 3, 3], "k: needs at least two classes, got 1 (3)"),
        (["a", "b", "c", "a"], "k: these are no classes, got 3 distinct labels in 4 examples"),
    ],
)
def test_what_are_no_labels_is_refused(y: list[object], message: str) -> None:
    with pytest.raises(DataError) as caught:
        encode_labels(np.array(y), None, "k", in_range=False)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("y", "outside"),
    [([1, 2, 1, 2], "got 2 (2 examples out of range)"), ([-1, 0, 0, -1], "got -1 (2 examples")],
)
def test_numbers_out_of_range_are_refused_where_a_program_made_them(
    y: list[int], outside: str
) -> None:
    with pytest.raises(DataError, match=r"k: 2 classes must be numbered 0 to 1, got") as caught:
        encode_labels(np.array(y), None, "k", in_range=True)
    assert outside in str(caught.value)
    assert encode_labels(np.array(y), None, "k", in_range=False)[0].max() == 1


def test_a_test_label_that_is_nowhere_else_is_refused() -> None:
    with pytest.raises(DataError, match=r"got 'c' \(2 test examples\)"):
        encode_labels(np.array(["a", "b"] * 2), np.array(["a", "c", "c"]), "k", in_range=False)


@pytest.mark.parametrize("share", [0.0, 0.15, 0.99])
def test_noise_replaces_an_exact_number_by_wrong_classes_evenly(share: float) -> None:
    y = np.repeat(np.arange(4), 1000)
    noisy = noisy_labels(y, 4, share, np.random.default_rng(0))
    changed = noisy != y
    assert changed.sum() == round(share * 4000)
    if share:
        shifts = np.bincount((noisy - y)[changed] % 4, minlength=4)
        assert shifts[0] == 0
        expected = changed.sum() / 3
        assert np.all(np.abs(shifts[1:] - expected) < 5 * np.sqrt(expected))
