"""What is written by hand for a family: its passes in torch's operations, and what C is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.packs.parameters import Stack
    from study.packs.steps import Program
    from study.training.settings import TrainJob


@dataclass(frozen=True, kw_only=True)
class Passes:
    """How packs of one family are trained."""

    program: Callable[[Sequence[TrainJob], Stack], Program]
    """Their forward and backward passes in torch's operations."""
    values_per_example: Callable[[TrainJob, int, float], int]
    """``(job, width, share)`` -> values that a step of the program writes per example; ``share``
    of the inputs are the model's own."""
    layers: Callable[[TrainJob], list[tuple[int, ...]]] = lambda job: []
    """What the C kernels are told of each layer, where depth and widths don't say all."""
    always_faster: bool = False
    """Whether the reference trainer is known to be slower, and need not be timed."""
