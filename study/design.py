"""The design of a study: which cells, which trials, in which order, with which seeds.

Everything here is a pure function of the spec. A trial's place in the design is its *slot*; its
seed, subset draw and (but for the adaptive sampler) its hyperparameters follow from the slot, never
from the worker that happens to run it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from study.halton import halton
from study.record import Phase, Value

if TYPE_CHECKING:
    from study.spec import StudySpec


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One dataset size x one capacity."""

    n_examples: int
    capacity: Mapping[str, Value]
    """Scientific axes but the prune ratio: width, depth, ..."""

    @property
    def name(self) -> str:
        """Readable and unique in the study: ``n1280-width64-depth2``."""
        parts = "".join(f"-{axis}{value}" for axis, value in self.capacity.items())
        return f"n{self.n_examples}{parts}"


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One trial of the design."""

    name: str
    """Unique in the study."""
    unit: str
    """Trials of one unit share one training: the dense parent and what is pruned from it."""
    cell: Cell
    phase: Phase
    index: int
    """Which search point or which replicate of the cell."""
    draw: int
    seed: int
    prune_ratio: float
    params: Mapping[str, Value]
    """What is known before the trial starts: all of it for search trials, only the scientific and
    fixed values for replicates (the rest comes from the winner of the cell's search)."""


def seed_of(study_seed: int, *words: object) -> int:
    """Return a seed in [0, 2**31) that follows from the study's seed and the words alone.

    Examples
    --------
    >>> seed_of(0, "n80-width4-depth1", 2) == seed_of(0, "n80-width4-depth1", 2)
    True
    """
    text = "\x1f".join(str(word) for word in (study_seed, *words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def cells(spec: StudySpec) -> tuple[Cell, ...]:
    """Return every cell, smallest dataset size first."""
    capacities: dict[tuple[tuple[str, Value], ...], None] = {}
    for point in spec.space.grid():
        capacity = {name: value for name, value in point.items() if name != "prune_ratio"}
        capacities[tuple(capacity.items())] = None
    return tuple(
        Cell(n_examples=n, capacity=dict(capacity)) for n in spec.sizes for capacity in capacities
    )


def prune_ratios(spec: StudySpec) -> tuple[float, ...]:
    """Return the prune ratios, rising; 0.0 is the dense network."""
    for axis in spec.space.scientific:
        if axis.name == "prune_ratio":
            return tuple(sorted(float(value) for value in axis.values))
    return (0.0,)


def fixed_params(spec: StudySpec) -> dict[str, Value]:
    """Return the hyperparameters that never vary."""
    return {axis.name: axis.values[0] for axis in spec.space.fixed}


def n_search(spec: StudySpec) -> int:
    """Return the search trials of one cell: none where nothing is left to tune."""
    return spec.search.trials if spec.space.nuisance else 0


def slots(spec: StudySpec) -> Iterator[Slot]:
    """Yield every trial of the study, all search trials before all replicates."""
    every = cells(spec)
    for cell in every:
        yield from _search_slots(spec, cell)
    for cell in every:
        yield from _replicate_slots(spec, cell)


def _search_slots(spec: StudySpec, cell: Cell) -> Iterator[Slot]:
    points = _nuisance_points(spec, cell)
    for index, nuisance in enumerate(points):
        name = f"{cell.name}-search{index}"
        yield Slot(
            name=name,
            unit=name,
            cell=cell,
            phase="search",
            index=index,
            draw=0,
            seed=seed_of(spec.study.seed, name),
            prune_ratio=0.0,
            params={**cell.capacity, "prune_ratio": 0.0, **nuisance, **fixed_params(spec)},
        )


def _replicate_slots(spec: StudySpec, cell: Cell) -> Iterator[Slot]:
    for index in range(spec.replicates.total):
        unit = f"{cell.name}-replicate{index}"
        for ratio in prune_ratios(spec):
            yield Slot(
                name=unit if ratio == 0 else f"{unit}-pruned{ratio:g}",
                unit=unit,
                cell=cell,
                phase="replicate",
                index=index,
                draw=1 + index // spec.replicates.seeds_per_draw,
                seed=seed_of(spec.study.seed, unit),
                prune_ratio=ratio,
                params={**cell.capacity, "prune_ratio": ratio, **fixed_params(spec)},
            )


def _nuisance_points(spec: StudySpec, cell: Cell) -> list[dict[str, Value]]:
    """Return the search points of a cell; empty dicts where Optuna's sampler will choose.

    Quasi-random points cover a low-dimensional box more evenly than independent ones for the same
    budget (Bousquet et al. 2017, "Critical hyper-parameters: no random, no cry").
    """
    n, n_axes = n_search(spec), len(spec.space.nuisance)
    if n == 0:
        return []
    if spec.search.sampler == "tpe":
        return [{} for _ in range(n)]
    rng = np.random.default_rng(seed_of(spec.study.seed, cell.name, spec.search.sampler))
    units = halton(n, n_axes, rng) if spec.search.sampler == "halton" else rng.random((n, n_axes))
    return [spec.space.from_units([float(u) for u in row]) for row in units]


def relative_cost(spec: StudySpec, cell: Cell) -> float:
    """Estimate the time of one training, in arbitrary units, for ordering and for time left.

    Steps x (a constant for dispatch + a term that grows with the square of the width): crude, but
    it only has to rank cells; measured times replace it as soon as there are any.
    """
    width = float(cell.capacity.get("width", 1))
    depth = float(cell.capacity.get("depth", 1))
    steps = spec.training.steps(cell.n_examples)
    return steps * (1.0 + 0.15 * depth + width * width * max(depth, 1.0) / 40_000)


PADDED_WIDTH = 16
"""Perceptrons up to this width train together whatever their width: see
:data:`study.training.packing.PADDED_WIDTH`."""


def pack_group(spec: StudySpec, slot: Slot) -> tuple[object, ...]:
    """Return what units must have in common to be worth training as one pack."""
    capacity = dict(slot.cell.capacity)
    width = capacity.get("width")
    if spec.model.family == "mlp" and isinstance(width, int) and width <= PADDED_WIDTH:
        capacity["width"] = PADDED_WIDTH
    return (slot.phase, *capacity.items())
