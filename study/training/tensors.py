"""A split's arrays as tensors on the device that trains: read once, no loader in between."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from study.data.dataset import Split, Task
from study.errors import DataError

ARRAYS = ("x_train", "y_train", "x_validation", "y_validation", "x_test", "y_test")


@dataclass(frozen=True, kw_only=True)
class TensorSplit:
    """Training, validation and test tensors on one device.

    ``x_*`` is float32 of shape ``(examples, *input_shape)``; ``y_*`` is int64 of shape
    ``(examples,)`` for classification and float32 for regression.
    """

    x_train: Tensor
    y_train: Tensor
    x_validation: Tensor
    y_validation: Tensor
    x_test: Tensor
    y_test: Tensor
    task: Task
    n_outputs: int
    target_scale: float
    """Standard deviation of the training targets; 1 for classification."""

    @classmethod
    def from_split(cls, split: Split, device: torch.device | str = "cpu") -> TensorSplit:
        """Copy the arrays to ``device``. Constant regression targets have a scale of 1."""
        for part in ("train", "validation", "test"):
            if len(getattr(split, f"x_{part}")) == 0:
                raise DataError(f"{part}: must have at least one example, got 0; add examples")
        y_type = np.int64 if split.task == "classification" else np.float32
        scale = float(split.y_train.std()) if split.task == "regression" else 1.0
        types = {name: np.float32 if name.startswith("x") else y_type for name in ARRAYS}
        arrays = {
            name: torch.tensor(np.asarray(getattr(split, name), dtype=kind), device=device)
            for name, kind in types.items()
        }
        return cls(**arrays, task=split.task, n_outputs=split.n_outputs, target_scale=scale or 1.0)

    def to(self, device: torch.device | str) -> TensorSplit:
        """Return the same split on ``device``; itself when it is there already."""
        target = torch.empty(0, device=device).device
        if target == self.device:
            return self
        moved: dict[str, Any] = {name: getattr(self, name).to(target) for name in ARRAYS}
        return dataclasses.replace(self, **moved)

    @property
    def n_examples(self) -> int:
        """Training examples."""
        return len(self.x_train)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.x_train.shape[1:])

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.x_train.device
