"""Values for each cell's replicates by a model of the whole search: each cell learns from all.

A pure function of the design and of what the search returned, so that every worker finds the same
(:mod:`analysis.tuning.pooled` has the model). Values lie on a lattice of each range, and are
rounded: what two machines' arithmetic differs by does not show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.table.trials import FloatArray
from search_spaces.domains import Categorical, Domain, Int
from search_spaces.space import Axis
from study.plan.design import Cell, cells, n_search, space_of
from study.record import Value
from study.spec.study_file import StudySpec

if TYPE_CHECKING:
    from analysis.tuning.pooled import Searched

LEAST_TRIALS = 2
"""Trials in all that the model wants for each hyperparameter, and as many more."""
MOST_CHOSEN = 300
"""Cells whose next point is chosen by a model of all."""
LOG_RATIO = 4.0
"""Capacities whose ends differ by this factor are compared by their ratios."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A search trial that has ended."""

    cell: Cell
    values: Mapping[str, Value]
    """Of the axes that the search varies."""
    error: float
    """On the validation set; infinite if it diverged or failed."""


def lacking(spec: StudySpec) -> str:
    """Say why winners that should be pooled are the best of each cell's own; empty if they are not.

    Networks that are made in one way share a model.
    """
    if spec.search.winner != "pooled":
        return ""
    groups: dict[str, list[Cell]] = {}
    for cell in cells(spec):
        groups.setdefault(cell.teacher, []).append(cell)
    for same in groups.values():
        count = len(space_of(spec, same[0]).nuisance)
        trials = len(same) * n_search(spec, same[0])
        if count and trials < (least := LEAST_TRIALS * (count + 1)):
            return (
                f"winners are the best of each cell's own search trials: {trials} in all are too "
                f"few for a model of them, which asks for {least} (search.trials)"
            )
    return ""


def pooled_winners(axes: Sequence[Axis], tried: Sequence[Tried]) -> dict[str, dict[str, Value]]:
    """Return the values of each cell by name.

    Left out are cells of which the model cannot tell: too few trials in all, or none of the cell's
    own with an error, or values that hardly matter.
    """
    from analysis.tuning.pooled import pooled_best

    known = searched(axes, tried)
    if known is None:
        return {}
    names, trials = known
    found = pooled_best(trials)
    if found is None:
        return {}
    return {
        name: values_at(axes, row)
        for name, row in zip(names, found, strict=True)
        if np.isfinite(row).all()
    }


def next_values(
    axes: Sequence[Axis], tried: Sequence[Tried], seed: int
) -> dict[str, dict[str, Value]]:
    """Return what each cell should try next, by name: where its winner's error falls most.

    Left out are cells of which the model cannot tell, and all where they are too many: the time
    grows with the fourth power of their number.
    """
    from analysis.tuning.next_points import gradient, next_points

    known = searched(axes, tried)
    if known is None or len(known[0]) > MOST_CHOSEN:
        return {}
    names, trials = known
    points = next_points(trials, gradient, seed)
    if points is None:
        return {}
    return {name: values_at(axes, row) for name, row in zip(names, points, strict=True)}


def searched(axes: Sequence[Axis], tried: Sequence[Tried]) -> tuple[list[str], Searched] | None:
    """Return the cells that have an error, by name, and their trials as the model reads them.

    None where they are too few for a model.
    """
    from analysis.tuning.pooled import Searched

    members: dict[str, list[Tried]] = {}
    for one in tried:
        members.setdefault(one.cell.name, []).append(one)
    kept = [mine for mine in members.values() if any(math.isfinite(one.error) for one in mine)]
    trials = [one for mine in kept for one in mine]
    positive = [one.error for one in trials if 0.0 < one.error < math.inf]
    if len(trials) < LEAST_TRIALS * (len(axes) + 1):
        return None
    if not positive or any(one.error < 0.0 for one in trials):
        return None
    # An error of zero of a finite validation set is less than its smallest step.
    least = min(positive) / 2.0
    places = _places([mine[0].cell for mine in kept])
    return [mine[0].cell.name for mine in kept], Searched(
        y=np.log([max(one.error, least) for one in trials]),
        u=np.array([[_unit(a, one.values[a.name]) for a in axes] for one in trials]),
        choices=[_choices(axis.domain) for axis in axes],
        place=np.repeat(places, [len(mine) for mine in kept], axis=0),
        cell=np.repeat(np.arange(len(kept)), [len(mine) for mine in kept]),
    )


def values_at(axes: Sequence[Axis], row: FloatArray) -> dict[str, Value]:
    """Return the values that lie at a point of the model's, (K,)."""
    return {axis.name: _value(axis, float(u)) for axis, u in zip(axes, row, strict=True)}


def _choices(domain: Domain) -> int:
    """Number of choices of a category; 0 of a range."""
    return len(domain.choices) if isinstance(domain, Categorical) else 0


def _unit(axis: Axis, value: Value) -> float:
    """Return where a value lies in its range, from -1 to 1; of a category, its number."""
    domain = axis.domain
    if isinstance(domain, Categorical):
        marked = [(type(choice), choice) for choice in domain.choices]
        return float(marked.index((type(value), value)))
    low, high, at = float(domain.low), float(domain.high), float(value)
    if domain.log:
        low, high, at = math.log(low), math.log(high), math.log(at)
    return 2.0 * (at - low) / (high - low) - 1.0


def _value(axis: Axis, u: float) -> Value:
    """Return the value that lies there: whole or of the step where the range is."""
    domain = axis.domain
    if isinstance(domain, Categorical):
        return domain.choices[round(u)]
    low, high, share = float(domain.low), float(domain.high), (u + 1.0) / 2.0
    at = low * (high / low) ** share if domain.log else low + (high - low) * share
    step = domain.step or (1 if isinstance(domain, Int) else None)
    if step is None:
        return min(max(float(f"{at:.4g}"), low), high)
    steps = round((min(max(at, low), high) - low) / step)
    if isinstance(domain, Int):
        return domain.low + steps * int(step)
    return min(float(f"{low + steps * step:.12g}"), high)


def _places(cells: Sequence[Cell]) -> FloatArray:
    """Return where cells lie among each other, (cells, coordinates): each from -1 to 1."""
    columns = [_spread([cell.n_examples for cell in cells])]
    for name in cells[0].capacity:
        columns.append(_spread([cell.capacity[name] for cell in cells]))
    return np.stack(columns, axis=1)


def _spread(values: Sequence[Value]) -> FloatArray:
    """Numbers in proportion, or by their ratios where they span much; words by their order."""
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        order = sorted({str(v) for v in values})
        values = [order.index(str(v)) for v in values]
    found = np.array([float(v) for v in values])
    if found.min() > 0.0 and found.max() >= LOG_RATIO * found.min():
        found = np.log(found)
    width = float(np.ptp(found))
    return 2.0 * (found - found.min()) / width - 1.0 if width > 0.0 else np.zeros(len(found))
