"""What a cost may be measured of: one network that a trial made, without a word on who made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Spent(Protocol):
    """What one training took."""

    @property
    def train_flops(self) -> float:
        """Forward and backward, in the counting of ``flops_per_example``."""

    @property
    def wall_seconds(self) -> float:
        """Time."""

    @property
    def energy_joules(self) -> float:
        """Estimated energy; NaN if nobody asked for it."""


class Made(Protocol):
    """A network that was trained, pruned or distilled."""

    @property
    def model(self) -> Any:
        """The network itself, a ``torch.nn.Module``."""

    @property
    def result(self) -> Spent:
        """Its own training."""

    @property
    def parent(self) -> Spent | None:
        """The training of the dense network that it was pruned from."""

    @property
    def teacher(self) -> Mapping[str, float] | None:
        """What is on record of the network that it learnt from, by the names of columns."""

    @property
    def counts(self) -> Mapping[str, float]:
        """How many parameters, operations and bytes it has, by the names of columns."""

    @property
    def peak_memory_bytes(self) -> float:
        """Most memory that its training held, or its teacher's if that took more."""
