"""From whatever a user calls a label to whole numbers from 0, and the noise put into them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from study.errors import DataError

MAX_CLASS_SHARE = 0.5
"""More distinct labels than this share of the examples are names or measurements, not classes."""


def encode_labels(
    y: npt.NDArray[np.generic],
    y_test: npt.NDArray[np.generic] | None,
    key: str,
    *,
    in_range: bool,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None, tuple[str, ...]]:
    """Number the labels from 0 in sorted order.

    Labels are texts, booleans, whole numbers, or floats that are whole. ``in_range``: numbers must
    be 0 .. classes - 1 already, as arrays made by a program should be.
    """
    values = _whole_or_text(y, key)
    tests = None if y_test is None else _whole_or_text(y_test, key)
    if tests is not None and (values.dtype.kind in "iu") != (tests.dtype.kind in "iu"):
        values, tests = values.astype(str), tests.astype(str)
    classes, numbers = np.unique(values, return_inverse=True)
    if in_range and values.dtype.kind in "iu":
        _check_range(values, tests, len(classes), key)
    if len(classes) < 2:
        raise DataError(
            f"{key}: needs at least two classes, got {len(classes)} ({_list(classes)}); "
            "check the labels"
        )
    if len(classes) > MAX_CLASS_SHARE * len(values):
        raise DataError(
            f"{key}: these are no classes, got {len(classes)} distinct labels in {len(values)} "
            "examples; set data.task = 'regression' or name another column"
        )
    encoded = None
    if tests is not None:
        unknown = np.setdiff1d(tests, classes)
        if len(unknown):
            count = int(np.isin(tests, unknown).sum())
            raise DataError(
                f"{key}: every test label must occur outside the test set too, got "
                f"{_list(unknown)} ({count} test examples); correct the split"
            )
        encoded = np.searchsorted(classes, tests).astype(np.int64)
    return numbers.reshape(-1).astype(np.int64), encoded, tuple(str(name) for name in classes)


def noisy_labels(
    y: npt.NDArray[np.int64], n_classes: int, share: float, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Replace exactly ``round(share * len(y))`` labels by another class, each equally likely.

    This is the noise of Nakkiran et al. (Deep Double Descent, ICLR 2020), an *incorrect* label,
    with its number made exact. Replacing by any class, the right one included, as the mnist1d
    notebook does, is this noise with a share smaller by the factor ``1 - 1 / n_classes``.
    """
    count = round(share * len(y))
    chosen = generator.choice(len(y), size=count, replace=False)
    noisy = y.copy()
    noisy[chosen] = (y[chosen] + generator.integers(1, n_classes, size=count)) % n_classes
    return noisy


def _whole_or_text(y: npt.NDArray[np.generic], key: str) -> npt.NDArray[np.generic]:
    """Integers, or texts; raise for what is neither."""
    if y.dtype.kind == "b":
        return y.astype(np.int64)
    if y.dtype.kind in "iu":
        return y
    if y.dtype.kind == "f":
        wrong = ~np.isfinite(y)
        if wrong.any():
            raise DataError(missing(key, wrong))
        if (y != np.floor(y)).any():
            example = y[y != np.floor(y)][0]
            raise DataError(
                f"{key}: labels must be whole numbers or texts, got {example}; set data.task = "
                "'regression' or round them"
            )
        return y.astype(np.int64)
    texts = y.astype(object)
    wrong = np.array([value is None or value != value for value in texts], dtype=bool)
    if wrong.any():
        raise DataError(missing(key, wrong))
    if all(isinstance(value, int | np.integer) for value in texts):
        return texts.astype(np.int64)
    return np.array([value.decode() if isinstance(value, bytes) else str(value) for value in texts])


def missing(key: str, wrong: npt.NDArray[np.bool_]) -> str:
    """Say which rows of a column are NaN, infinite or empty."""
    rows = np.flatnonzero(wrong)
    some = ", ".join(str(row) for row in rows[:3]) + (", ..." if len(rows) > 3 else "")
    return (
        f"{key}: must have no missing, NaN or infinite values, got {len(rows)} of {len(wrong)} "
        f"(rows {some}, counted from 0); fill them in or drop the rows"
    )


def _check_range(
    values: npt.NDArray[np.generic],
    tests: npt.NDArray[np.generic] | None,
    n_classes: int,
    key: str,
) -> None:
    whole = values if tests is None else np.concatenate([values, tests])
    numbers = whole.astype(np.int64)
    outside = (numbers < 0) | (numbers >= n_classes)
    if outside.any():
        raise DataError(
            f"{key}: {n_classes} classes must be numbered 0 to {n_classes - 1}, got "
            f"{_list(np.unique(numbers[outside]))} ({int(outside.sum())} examples out of range); "
            "renumber them"
        )


def _list(values: npt.NDArray[np.generic]) -> str:
    return ", ".join(repr(value.item()) for value in values[:5]) + (
        ", ..." if len(values) > 5 else ""
    )
