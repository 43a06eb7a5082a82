"""How the models of a pack take their steps: what every way of doing it has in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from study.packs.batches import Batches
from study.packs.loss import PackLoss
from study.packs.optimizer import PackOptimizer
from study.packs.parameters import Stack
from study.training.settings import TrainJob

EVALUATION_VALUES = 2**21
"""Input and activation values of one forward pass of an evaluation, about: bounds its memory."""


class Steps(Protocol):
    """Trains and asks the models of a pack."""

    def advance(self, step: int, n_steps: int) -> None:
        """Take ``n_steps`` steps, the first of index ``step`` (from 0)."""

    def losses(self) -> Tensor:
        """Sum of each model's training losses since the last call: (models,), float64."""

    def keep(self, parameters: Stack, rows: Tensor) -> None:
        """Drop all models but ``rows``; ``parameters`` is what is left of them."""

    def rows_at_once(self, values: int, parameters: Stack) -> int:
        """How many examples, of so many ``values`` each, should be asked for at a time."""

    def predict(self, parameters: Stack, x: Tensor) -> Tensor:
        """Outputs for ``x`` (models or 1, examples, ...): (models, outputs, examples)."""


class Program(Protocol):
    """A family's forward and backward passes for a whole pack, in torch's operations."""

    batches: Batches
    loss: PackLoss

    def bind_gradients(self, gradients: Stack) -> None:
        """Say where gradients are to be written."""

    def gradients(self) -> None:
        """Gather the next batch and write the gradients of the mean loss."""

    def keep(self, parameters: Stack, rows: Tensor) -> None:
        """Drop all models but ``rows``; ``parameters`` is what is left of them."""

    def predict(self, parameters: Stack, x: Tensor) -> Tensor:
        """Outputs for ``x`` (models or 1, examples, ...): (models, outputs, examples)."""


class TorchSteps:
    """:class:`Steps` of a program, one after the other, all models at once.

    The parameters are trained in place, and multiplied by the masks (zeros and ones) after every
    step. Jobs that read the same rows stand side by side.
    """

    def __init__(
        self,
        program: Callable[[Sequence[TrainJob], Stack], Program],
        jobs: Sequence[TrainJob],
        parameters: Stack,
        masks: Stack | None,
    ) -> None:
        self._optimizer = PackOptimizer(parameters, [job.settings for job in jobs], masks)
        self._program = program(jobs, parameters)
        self._program.bind_gradients(self._optimizer.gradients)

    def advance(self, step: int, n_steps: int) -> None:
        """See :class:`Steps`."""
        for each in range(step, step + n_steps):
            self._program.gradients()
            self._optimizer.step(each)

    def losses(self) -> Tensor:
        """See :class:`Steps`."""
        return self._program.loss.drain(self._program.batches.at + 1)

    def keep(self, parameters: Stack, rows: Tensor) -> None:
        """See :class:`Steps`."""
        self._optimizer.keep(parameters, rows)
        self._program.keep(parameters, rows)
        self._program.bind_gradients(self._optimizer.gradients)

    def rows_at_once(self, values: int, parameters: Stack) -> int:
        """See :class:`Steps`."""
        units = sum(shape[0] for shape in parameters.layout.shapes)
        return max(16, EVALUATION_VALUES // (parameters.n_models * (values + units)))

    def predict(self, parameters: Stack, x: Tensor) -> Tensor:
        """See :class:`Steps`."""
        return self._program.predict(parameters, x)
