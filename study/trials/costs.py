"""What a network is counted by, and what it took to make it by its whole route.

A new cost is one measure in :data:`MEASURES`, and its column in the trial table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from study.compression.structured import groups
from study.models.sizes import forward_flops, measure
from study.record import Value

if TYPE_CHECKING:
    from study.trials.laboratory import Laboratory
    from study.trials.networks import Network

Measure = Callable[["Laboratory", "Network"], Mapping[str, Value]]
"""What is known of one network, by the names of the trial table's fields; NaN if it is not."""


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


def peak_memory(laboratory: Laboratory, network: Network) -> dict[str, float]:
    """Count the memory of its training, or of its teacher's if that took more."""
    return {"peak_memory_bytes": float(laboratory.peaks.of(network.task))}


def energy(_: Laboratory, network: Network) -> dict[str, float]:
    """Sum the energy of its training, its parent's and its teacher's."""
    teacher, parent = network.task.teacher, network.parent
    joules = network.result.energy_joules
    joules += 0.0 if parent is None else parent.energy_joules
    joules += 0.0 if teacher is None else teacher.sizes.get("energy_joules", math.nan)
    return {"energy_joules": joules}


def units_left(_: Laboratory, network: Network) -> dict[str, float]:
    """Count the hidden units of each layer that structured pruning left."""
    if not network.task.slot.method.startswith("structured"):
        return {}
    found = enumerate(groups(network.model), start=1)
    return {f"units_{place}": float(group.n_units) for place, group in found}


MEASURES: tuple[Measure, ...] = (counted, peak_memory, energy, units_left)


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
