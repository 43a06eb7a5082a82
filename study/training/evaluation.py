"""Losses and errors of a network on a set of examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from study.data.dataset import Task
from study.training.settings import Scores
from study.training.tensors import TensorSplit

ROWS_AT_ONCE = 1024
"""Examples in one forward pass of an evaluation: bounds its memory, changes no result but in
rounding."""


class Evaluation(NamedTuple):
    """Loss and error as scalars still on the device, so that nothing waits for them."""

    loss: Tensor
    """Mean cross-entropy (nats), or mean squared error; float64."""
    error: Tensor
    """Fraction misclassified, or root mean squared error over the targets' scale; float64."""
    correct: Tensor | None
    """Per example: classified rightly; None for regression."""


def training_loss(outputs: Tensor, targets: Tensor, task: Task, label_smoothing: float) -> Tensor:
    """Mean loss of a batch: cross-entropy with smoothed labels, or squared error."""
    if task == "classification":
        return functional.cross_entropy(outputs, targets, label_smoothing=label_smoothing)
    return functional.mse_loss(outputs.squeeze(-1), targets)


def chance_loss(data: TensorSplit) -> float:
    """Loss of the best answer that ignores the input: ln(classes), or the targets' variance."""
    if data.task == "classification":
        return math.log(max(data.n_outputs, 2))
    return data.target_scale**2


@torch.no_grad()
def evaluate(model: nn.Module, x: Tensor, y: Tensor, data: TensorSplit) -> Evaluation:
    """Evaluate ``model``, which must be in evaluation mode, on the examples ``x``, ``y``.

    ``data`` tells the task and the scale of the targets.
    """
    chunks = [model(rows) for rows in torch.split(x, ROWS_AT_ONCE)]
    outputs = chunks[0] if len(chunks) == 1 else torch.cat(chunks)
    if data.task == "classification":
        correct = outputs.argmax(dim=-1) == y
        loss = functional.cross_entropy(outputs.double(), y)
        return Evaluation(loss, 1 - correct.double().mean(), correct)
    loss = functional.mse_loss(outputs.squeeze(-1).double(), y.double())
    return Evaluation(loss, loss.sqrt() / data.target_scale, None)


def score(model: nn.Module, data: TensorSplit) -> Scores:
    """All scores of a trained network in evaluation mode."""
    train = evaluate(model, data.x_train, data.y_train, data)
    validation = evaluate(model, data.x_validation, data.y_validation, data)
    test = evaluate(model, data.x_test, data.y_test, data)
    numbers = torch.stack([*train[:2], *validation[:2], *test[:2]]).tolist()
    return scores_of(numbers, None if test.correct is None else test.correct.cpu().numpy())


def scores_of(numbers: Sequence[float], correct: npt.NDArray[np.bool_] | None) -> Scores:
    """Name loss and error on training, validation and test examples, in this order."""
    train_loss, train_error, val_loss, val_error, test_loss, test_error = numbers
    if correct is not None:
        correct.flags.writeable = False
    return Scores(
        train_loss=train_loss,
        train_error=train_error,
        val_loss=val_loss,
        val_error=val_error,
        test_loss=test_loss,
        test_error=test_error,
        test_correct=correct,
    )


def no_scores() -> Scores:
    """Scores of a run that diverged: all NaN."""
    return scores_of([math.nan] * 6, None)
