"""What a data set is to the rest of the house: a test set, and draws that split the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Task = Literal["classification", "regression"]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """All examples of one data set, in memory, with the test set held apart.

    The arrays are read-only. ``x_*`` has shape ``(examples, *input_shape)``, float32, not yet
    standardised; ``y_*`` has shape ``(examples,)``: int64 labels in ``[0, n_outputs)`` for
    classification, float32 targets for regression (then ``n_outputs`` is 1).
    """

    name: str
    task: Task
    x_development: npt.NDArray[np.float32]
    """Examples that training and validation sets are drawn from."""
    y_development: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    x_test: npt.NDArray[np.float32]
    """Examples that choose nothing, the same for every trial of a study."""
    y_test: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    n_outputs: int
    """Classes, or 1 for regression."""
    n_validation: int
    """Examples of each draw that are set aside for validation; the pool is what is left."""
    digest: str
    """Hex SHA-256 over every array, the split and the task."""
    duplicates: int
    """Test examples whose input also stands, byte for byte, among the development examples (0 once
    those have been dropped)."""
    notes: tuple[str, ...] = ()
    """What a person must be told (label noise put in, duplicates found or dropped, ...)."""
    classes: tuple[str, ...] = ()
    """Names of the labels; empty for regression."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.x_development.shape[1:])

    @property
    def pool(self) -> int:
        """Largest training subset that can be drawn."""
        return len(self.x_development) - self.n_validation


@dataclass(frozen=True, kw_only=True)
class Split:
    """Training, validation and test arrays of one (draw, dataset size), standardised on train.

    Regression targets are standardised too, on the training targets; errors are then relative to
    the standard deviation of the training targets.
    """

    x_train: npt.NDArray[np.float32]
    y_train: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    x_validation: npt.NDArray[np.float32]
    y_validation: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    x_test: npt.NDArray[np.float32]
    y_test: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    task: Task
    n_outputs: int
    draw: int
    target_center: float = 0.0
    """What was taken off regression targets ..."""
    target_scale: float = 1.0
    """... and what they were then divided by."""

    @property
    def n_examples(self) -> int:
        """Training examples: the dataset size."""
        return len(self.x_train)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.x_train.shape[1:])
