"""The design of a study: which cells, which trials, in which order, with which seeds.

Everything here is a pure function of the spec. A trial's place in the design is its *slot*; its
seed, subset draw and (but for the adaptive sampler) its hyperparameters follow from the slot, never
from the worker that happens to run it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.table.columns import Phase
from search_spaces.space import SearchSpace
from study.models.registry import family_named
from study.plan.halton import halton
from study.record import Value
from study.spec.routes import BEST, capacities, capacity_name
from study.spec.study_file import StudySpec

LONGER = 2
"""How often the steps of the others a trial of phase longer takes."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One dataset size x one capacity."""

    n_examples: int
    capacity: Mapping[str, Value]
    """Scientific axes but the prune ratio: width, depth, ..."""
    teacher: str = ""
    """Of whom the networks are students: ``"best"`` or the name of a capacity; empty: of nobody."""

    @property
    def name(self) -> str:
        """Readable and unique in the study: ``n1280-width64-depth2``."""
        parts = "".join(f"-{axis}{value}" for axis, value in self.capacity.items())
        student = "-distilled" if self.teacher else ""
        whose = "" if self.teacher in ("", BEST) else f"-from-{self.teacher}"
        return f"n{self.n_examples}{parts}{student}{whose}"


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
    method: str = ""
    """How it is pruned, such as ``"iterative-global"``; empty for a dense network."""
    params: Mapping[str, Value]
    """What is known before the trial starts: all of it for search trials, only the scientific and
    fixed values for replicates (the rest comes from the winner of the cell's search)."""

    @property
    def length(self) -> int:
        """How often the steps of the study file it is trained for."""
        return LONGER if self.phase == "longer" else 1


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
    """Return every cell, those without a teacher first, then the smallest dataset size."""
    grid = capacities(spec.space)
    taught_by = ("", *(spec.distillation.teachers if "distill" in spec.study.routes else ()))
    return tuple(
        Cell(n_examples=n, capacity=capacity, teacher=teacher)
        for teacher in taught_by
        for n in spec.sizes
        for capacity in grid
    )


def prune_ratios(spec: StudySpec) -> tuple[float, ...]:
    """Return the prune ratios, rising; 0.0 is the dense network."""
    for axis in spec.space.scientific:
        if axis.name == "prune_ratio":
            return tuple(sorted(float(value) for value in axis.values))
    return (0.0,)


def prune_methods(spec: StudySpec) -> tuple[str, ...]:
    """Return every way of pruning: each method in each scope."""
    return tuple(
        f"{method}-{scope}" for method in spec.pruning.methods for scope in spec.pruning.scopes
    )


def space_of(spec: StudySpec, cell: Cell | None = None) -> SearchSpace:
    """Return the space of a cell: students have axes of their own."""
    if cell is not None and cell.teacher:
        return spec.space.add(*spec.distill_axes)
    return spec.space


def fixed_params(spec: StudySpec, cell: Cell | None = None) -> dict[str, Value]:
    """Return the hyperparameters that never vary in a cell."""
    return {axis.name: axis.values[0] for axis in space_of(spec, cell).fixed}


def n_search(spec: StudySpec, cell: Cell | None = None) -> int:
    """Return the search trials of one cell: none where nothing is left to tune.

    But one where students are tuned: they need a teacher that was trained on the search's draw.
    """
    if space_of(spec, cell).nuisance:
        return spec.search.trials
    return int(any(axis.role == "nuisance" for axis in spec.distill_axes))


def n_trials(spec: StudySpec) -> int:
    """Return how many trials :func:`slots` yields, counted and not laid out."""
    plain = len(spec.sizes) * len(capacities(spec.space))
    student = Cell(n_examples=0, capacity={}, teacher=BEST)
    students = plain * len(spec.distillation.teachers) if "distill" in spec.study.routes else 0
    pruned = (len(prune_ratios(spec)) - 1) * len(prune_methods(spec))
    search = plain * n_search(spec) + students * n_search(spec, student)
    longer = plain * spec.replicates.longer
    return search + spec.replicates.total * (plain * (1 + pruned) + students) + longer


def slots(spec: StudySpec) -> Iterator[Slot]:
    """Yield every trial of the study: all search trials, all replicates, and those again longer."""
    every = cells(spec)
    for cell in every:
        yield from search_slots(spec, cell, 0, n_search(spec, cell))
    for cell in every:
        yield from replicate_slots(spec, cell, 0, spec.replicates.total)
    for cell in every:
        yield from _longer_slots(spec, cell)


def search_slots(spec: StudySpec, cell: Cell, start: int, stop: int) -> Iterator[Slot]:
    """Yield some search trials of a cell, by their index."""
    points = _nuisance_points(spec, cell, max(start, stop))
    for index, nuisance in list(enumerate(points))[start:stop]:
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
            params={**cell.capacity, "prune_ratio": 0.0, **nuisance, **fixed_params(spec, cell)},
        )


def replicate_slots(
    spec: StudySpec, cell: Cell, start: int, stop: int, *, pruned: bool = True
) -> Iterator[Slot]:
    """Yield some replicates of a cell by their index, each with what is ``pruned`` from it."""
    for index in range(start, stop):
        unit = f"{cell.name}-replicate{index}"
        for ratio, method in _prunings(spec, cell) if pruned else [(0.0, "")]:
            how = "" if method in ("", "one-shot-global") else f"-{method}"
            yield Slot(
                name=unit if ratio == 0 else f"{unit}-pruned{ratio:g}{how}",
                unit=unit,
                method=method,
                cell=cell,
                phase="replicate",
                index=index,
                draw=1 + index // spec.replicates.seeds_per_draw,
                seed=seed_of(spec.study.seed, unit),
                prune_ratio=ratio,
                params={**cell.capacity, "prune_ratio": ratio, **fixed_params(spec, cell)},
            )


def _longer_slots(spec: StudySpec, cell: Cell) -> Iterator[Slot]:
    """Yield some replicates of a cell without a teacher once more.

    Each has the seed, the draw and the values of the replicate that it is compared with. Cells take
    draws in an order of their own, so that the luck of one draw is not that of a whole curve, and a
    study that grows keeps the trials it had.
    """
    total, each = spec.replicates.total, spec.replicates.seeds_per_draw
    order = sorted(range(total), key=lambda index: seed_of(spec.study.seed, cell.name, index))
    in_turn = sorted(order, key=lambda index: index % each)  # one seed of each draw comes first
    for index in [] if cell.teacher else in_turn[: spec.replicates.longer]:
        name = f"{cell.name}-longer{index}"
        yield Slot(
            name=name,
            unit=name,
            cell=cell,
            phase="longer",
            index=index,
            draw=1 + index // each,
            seed=seed_of(spec.study.seed, f"{cell.name}-replicate{index}"),
            prune_ratio=0.0,
            params={**cell.capacity, "prune_ratio": 0.0, **fixed_params(spec, cell)},
        )


def _prunings(spec: StudySpec, cell: Cell) -> Iterator[tuple[float, str]]:
    """Yield every prune ratio with every method; students are not pruned."""
    for ratio in prune_ratios(spec):
        if ratio == 0:
            yield 0.0, ""
        elif not cell.teacher:
            yield from ((ratio, method) for method in prune_methods(spec))


def teachers(every: Iterable[Slot]) -> dict[str, tuple[str, ...]]:
    """Return, per unit of a student, the trials among which its teacher is.

    They have the student's dataset size and draw, so that the teacher has seen no example that the
    student is validated or tested on. The one with the lowest validation error teaches.
    """
    students: dict[str, Slot] = {}
    taught: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for slot in every:
        key = (slot.cell.n_examples, slot.phase, slot.draw)
        if slot.cell.teacher:
            students[slot.unit] = slot
        elif slot.prune_ratio == 0:
            taught[*key, BEST].append(slot.name)
            taught[*key, capacity_name(slot.cell.capacity)].append(slot.name)
    shared = {key: tuple(names) for key, names in taught.items()}
    return {
        unit: shared[slot.cell.n_examples, slot.phase, slot.draw, slot.cell.teacher]
        for unit, slot in students.items()
    }


def best_of(spec: StudySpec) -> tuple[str, ...]:
    """Return the capacities of whose networks the best teaches; empty where nobody learns from it.

    They are no part of the study's digest, since a study may grow; once there are students they
    must stay, since another capacity may be the better teacher.
    """
    if "distill" not in spec.study.routes or BEST not in spec.distillation.teachers:
        return ()
    return tuple(sorted(map(capacity_name, capacities(spec.space))))


def _nuisance_points(spec: StudySpec, cell: Cell, n: int) -> list[dict[str, Value]]:
    """Return the first ``n`` search points of a cell; empty dicts for what is chosen later.

    Quasi-random points cover a low-dimensional box more evenly than independent ones for the same
    budget (Bousquet et al. 2017, "Critical hyper-parameters: no random, no cry").
    """
    if spec.search.sampler == "tpe":
        return [{} for _ in range(n)]
    points = spread_points(spec, cell, n)
    return [*points[:-1], {}] if chooses(spec, n) else points


def chooses(spec: StudySpec, n: int) -> bool:
    """Whether a model chooses the last of a cell's ``n`` search points, from all others."""
    return spec.search.sampler == "model" and n > 1


def is_chosen(spec: StudySpec, slot: Slot) -> bool:
    """Whether a model chooses the values of a search trial, once all others have finished."""
    n = n_search(spec, slot.cell)
    return slot.phase == "search" and chooses(spec, n) and slot.index == n - 1


def spread_points(spec: StudySpec, cell: Cell, n: int) -> list[dict[str, Value]]:
    """Return ``n`` search points of a cell that know nothing of any other trial."""
    if not cell.teacher:
        return _points(spec, spec.space, n, cell.name)
    # A student tries what the trained network of its size tries, and a way of teaching with each:
    # what differs between the two is then the teaching, and not the luck of the other draws.
    alone = replace(cell, teacher="").name
    plain = _points(spec, spec.space, n, alone)
    ways = _points(spec, SearchSpace(spec.distill_axes), n, cell.name)
    return [{**point, **way} for point, way in zip(plain, ways, strict=True)]


def _points(spec: StudySpec, space: SearchSpace, n: int, seed: str) -> list[dict[str, Value]]:
    """Return ``n`` points of the nuisance axes of a space."""
    n_axes = len(space.nuisance)
    if not n_axes:
        return [{} for _ in range(n)]
    sampler = "halton" if spec.search.sampler == "model" else spec.search.sampler
    rng = np.random.default_rng(seed_of(spec.study.seed, seed, sampler))
    units = halton(n, n_axes, rng) if sampler == "halton" else rng.random((n, n_axes))
    return [space.from_units([float(u) for u in row]) for row in units]


def relative_cost(spec: StudySpec, cell: Cell) -> float:
    """Estimate the time of one training, in arbitrary units, for ordering and for time left.

    Steps x (a constant for dispatch + a term that grows with the square of the width): crude, but
    it only has to rank cells; measured times replace it as soon as there are any.
    """
    width = float(cell.capacity.get("width", 1))
    depth = float(cell.capacity.get("depth", 1))
    steps = spec.training.steps(cell.n_examples)
    return steps * (1.0 + 0.15 * depth + width * width * max(depth, 1.0) / 40_000)


def pack_group(spec: StudySpec, slot: Slot) -> tuple[object, ...]:
    """Return what units must have in common to be worth training as one pack."""
    capacity = dict(slot.cell.capacity)
    width = capacity.get("width")
    padded = family_named(spec.model.family).padded_width
    if isinstance(width, int) and width <= padded:
        capacity["width"] = padded
    return (slot.phase, bool(slot.cell.teacher), *capacity.items())
