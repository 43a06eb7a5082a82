"""What a network is counted by, and what it took to make it by its whole route.

A cost that is declared with its measure (:mod:`analysis.table.costs`) is measured here unnamed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from analysis.table.columns import FIELDS
from analysis.table.fields import Cost
from study.compression.structured import groups
from study.models.sizes import forward_flops, measure
from study.record import Value

if TYPE_CHECKING:
    from torch import nn

    from study.training.settings import TrainResult
    from study.trials.laboratory import Laboratory
    from study.trials.networks import Network


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A network as costs see it: :class:`analysis.table.made.Made`."""

    laboratory: Laboratory
    network: Network
    counts: Mapping[str, float]

    @property
    def model(self) -> nn.Module:
        """The network itself."""
        return self.network.model

    @property
    def result(self) -> TrainResult:
        """Its own training."""
        return self.network.result

    @property
    def parent(self) -> TrainResult | None:
        """Its dense parent's."""
        return self.network.parent

    @property
    def teacher(self) -> Mapping[str, float] | None:
        """What is on record of its teacher."""
        teacher = self.network.task.teacher
        return None if teacher is None else {**teacher.metrics, **teacher.sizes}

    @property
    def peak_memory_bytes(self) -> float:
        """Most memory that its training, or its teacher's, held."""
        return float(self.laboratory.peaks.of(self.network.task))


def measured(laboratory: Laboratory, network: Network) -> dict[str, Value]:
    """Measure everything that is known of one network, by the names of columns; NaN if not."""
    counts = counted(laboratory, network)
    made = Measured(laboratory=laboratory, network=network, counts=counts)
    costs = {
        name: field.measure(made)
        for name, field in FIELDS.items()
        if isinstance(field, Cost) and field.measure is not None
    }
    return {**counts, **costs, **units_left(network)}


def counted(laboratory: Laboratory, network: Network) -> dict[str, float]:
    """Count the network itself."""
    cell, model = network.task.slot.cell, network.model
    shapes = tuple(tuple(parameter.shape) for parameter in model.parameters())
    architecture = (tuple(cell.capacity.items()), shapes)
    known, shape = laboratory.forward_flops, laboratory.dataset.input_shape
    if architecture not in known:
        known[architecture] = forward_flops(model, shape)
    sizes = measure(model, shape, flops=known[architecture])
    return {name: float(n) for name, n in asdict(sizes).items()}


def units_left(network: Network) -> dict[str, float]:
    """Count the hidden units of each layer that structured pruning left."""
    if not network.task.slot.method.startswith("structured"):
        return {}
    found = enumerate(groups(network.model), start=1)
    return {f"units_{place}": float(group.n_units) for place, group in found}


def price(network: Network) -> dict[str, float]:
    """Return what it took to get this network, its parent's or its teacher's training included."""
    teacher, parent = network.task.teacher, network.parent
    flops, seconds = network.result.train_flops, network.result.wall_seconds
    if parent is not None:
        flops, seconds = flops + parent.train_flops, seconds + parent.wall_seconds
    if teacher is not None:
        flops += teacher.metrics.get("train_flops", math.nan)
        seconds += teacher.metrics.get("train_seconds", math.nan)
    return {"route_flops": flops, "route_seconds": seconds}
