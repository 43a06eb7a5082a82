from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from study.data.dataset import Split
from study.errors import DataError
from study.training.tensors import TensorSplit


def split(**changes: object) -> Split:
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    y = np.array([0, 1, 1])
    parts: dict[str, Any] = {f"x_{part}": x for part in ("train", "validation", "test")}
    parts |= {f"y_{part}": y for part in ("train", "validation", "test")}
    parts |= {"task": "classification", "n_outputs": 2, "draw": 0}
    return Split(**{**parts, **changes})


def test_arrays_become_tensors_of_the_right_types() -> None:
    source = split()

    data = TensorSplit.from_split(source)

    assert data.x_train.dtype == torch.float32 and data.y_train.dtype == torch.int64
    assert np.array_equal(data.x_test.numpy(), source.x_test)
    assert (data.n_examples, data.input_shape, data.n_outputs) == (3, (4,), 2)
    assert data.target_scale == 1


def test_read_only_arrays_are_copied_without_a_warning() -> None:
    source = split()
    source.x_train.flags.writeable = False

    TensorSplit.from_split(source).x_train[0] = 99

    assert source.x_train[0, 0] == 0


def test_regression_knows_the_scale_of_its_targets() -> None:
    y = np.array([1, 3, 5], dtype=np.float32)
    targets = {"y_train": y, "y_validation": y, "y_test": y}

    data = TensorSplit.from_split(split(task="regression", n_outputs=1, **targets))
    constant = TensorSplit.from_split(
        split(task="regression", n_outputs=1, **dict.fromkeys(targets, 0 * y))
    )

    assert data.y_train.dtype == torch.float32
    assert data.target_scale == pytest.approx(float(np.std([1, 3, 5])))
    assert constant.target_scale == 1


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_part_without_examples_is_refused(part: str) -> None:
    empty = {f"x_{part}": np.zeros((0, 4), np.float32), f"y_{part}": np.zeros(0, np.int64)}

    with pytest.raises(DataError, match=f"{part}: must have at least one example"):
        TensorSplit.from_split(split(**empty))


def test_moving_to_where_it_is_changes_nothing() -> None:
    data = TensorSplit.from_split(split())

    assert data.to("cpu") is data
    assert data.to("meta").x_test.device.type == "meta"
