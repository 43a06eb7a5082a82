"""Data from a user's own function, and how parts are sized, whatever the source."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.data.dataset import Dataset
from study.data.registry import load_dataset
from study.data.source import DataSource
from study.errors import DataError

HEADER = "import numpy as np\ndef load():\n    "


@pytest.fixture(autouse=True)
def _path_kept() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before


def load(tmp_path: Path, body: str, **fields: Any) -> Dataset:
    (tmp_path / "own.py").write_text(HEADER + body)
    source: dict[str, Any] = {"task": "classification", "test_sets": "fixed", **fields}
    return load_dataset(
        DataSource(name="function", function="own.py:load", **source), base=tmp_path
    )


def test_arrays_lists_and_tensors_are_taken(tmp_path: Path) -> None:
    data = load(tmp_path, "return [[k, k % 3] for k in range(30)], [k % 3 for k in range(30)]")
    assert (data.input_shape, data.n_outputs, len(data.x_test)) == ((2,), 3, 6)
    (tmp_path / "tensors").mkdir()
    tensors = load(
        tmp_path / "tensors",
        "import torch; x = torch.arange(60.0, requires_grad=True).reshape(30, 2)\n"
        "    return x, x.sum(1), x[:4], x[:4].sum(1)",
        task="regression",
    )
    assert (tensors.task, len(tensors.x_development), len(tensors.x_test)) == ("regression", 30, 4)
    assert tensors.duplicates == 4


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "return np.eye(4)",
            "data.function: must return x, y or x, y, x_test, y_test, got ndarray",
        ),
        ("return 1, 2, 3", "data.function: must return x, y or x, y, x_test, y_test, got 3 values"),
        (
            "raise ValueError('no disk')",
            "data.function: own.py fails (line 3), got ValueError: no disk; correct the code",
        ),
        ("return np.eye(4), [0, 1, 2, 3]", "data.function (y): these are no classes"),
        (
            "return np.eye(9), [0, 1, 7] * 3",
            "data.function (y): 3 classes must be numbered 0 to 2, got 7 (3 examples out of range)",
        ),
        (
            "return np.full((4, 2), np.nan), [0, 1] * 2",
            "data.function (x): must have no missing, NaN or infinite values, got 4 of 4 (rows 0, "
            "1, 2, ..., counted from 0)",
        ),
        (
            "return np.eye(4), [0, 1] * 2, np.eye(4), [0, 1, 1, 2]",
            "data.function (y): 2 classes must be numbered 0 to 1, got 2",
        ),
    ],
)
def test_what_cannot_be_used_is_named(body: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, body)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"test": 30}, "data.test: must leave examples to train on, got 30 of 30; lower it"),
        ({"test": 0.001}, "data.test: must be at least one example, got 0.001 of 30; raise it"),
        ({"validation": 24}, "data.validation: must leave training examples, got 24 of the 24"),
    ],
)
def test_parts_that_leave_nothing_are_refused(
    fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, "return np.arange(30), np.arange(30) % 3", **fields)
    assert str(caught.value).startswith(message)


def test_a_class_that_the_test_set_uses_up_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="every class must occur outside the test set, got none of"):
        load(tmp_path, "return np.arange(30), np.arange(30) // 29", test=29)


def test_inputs_that_are_all_in_the_test_set_cannot_be_dropped(tmp_path: Path) -> None:
    body = "x = np.arange(8); return x, x % 2, x, x % 2"
    assert load(tmp_path, body).duplicates == 8
    with pytest.raises(DataError, match=r"^data.duplicates: must leave training examples"):
        load_dataset(
            DataSource(
                name="function",
                function="own.py:load",
                task="classification",
                duplicates="drop",
            ),
            base=tmp_path,
        )


def test_a_class_that_dropping_uses_up_is_noticed(tmp_path: Path) -> None:
    body = "x = np.arange(12); y = (x > 9) * 1; return x, y, x[10:], y[10:]"
    with pytest.raises(
        DataError, match=r"^data.duplicates: every class must occur .* none of 1 once"
    ):
        load(tmp_path, body, duplicates="drop")


def test_label_noise_needs_labels(tmp_path: Path) -> None:
    noisy = load(tmp_path, "return np.arange(30), np.arange(30) % 3", label_noise=0.5)
    wrong = noisy.y_development != (noisy.x_development[:, 0] % 3)
    assert wrong.sum() == 12
    assert np.array_equal(noisy.y_test, noisy.x_test[:, 0] % 3)
