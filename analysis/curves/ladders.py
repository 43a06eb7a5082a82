"""Shapes and ladders: which columns say how a size is made, and which axis is left to grow it.

A *shape* is all that makes a network of a given size what it is, but the one axis by which it is
grown: with width and depth swept, the depth; with heads, blocks and width, heads and blocks. The
cells of one shape are its *ladder*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.settings import AnalysisSettings
from analysis.table.fields import UNKNOWN, FloatArray, IntArray, Value
from analysis.table.ladders import grows
from analysis.table.trials import TrialTable
from search_spaces.errors import nearest

CAPACITY = ("width", "depth")
"""Columns of the trial table that are axes of a network."""
GROWN = "width"
"""The axis that grows a ladder, wherever a study has it."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One shape: a value for each axis that says it."""

    values: tuple[tuple[str, Value], ...]

    @property
    def name(self) -> str:
        """As tables and pictures call it: ``depth 2``, ``heads 4, blocks 2``."""
        return ", ".join(f"{axis} {_shown(value)}" for axis, value in self.values)

    @property
    def rank(self) -> tuple[tuple[int, float, str], ...]:
        """Its place among others, the simpler first: the lower number, then the word."""
        return tuple(
            (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value))
            for _, value in self.values
        )


@dataclass(frozen=True, kw_only=True)
class ShapeAxes:
    """Which columns say the shape, and which one grows a ladder."""

    shape: tuple[str, ...] = ()
    """None: the table has one shape, or does not say."""
    grown: str = ""
    """Empty where no column is known to be."""


def shape_axes(table: TrialTable, settings: AnalysisSettings) -> ShapeAxes:
    """Find the axes of the shape: those that the settings name, or a study's own.

    Raises
    ------
    AnalysisError
        If the settings name a column that the table does not have.
    """
    if settings.shape:
        for name in settings.shape:
            if name not in CAPACITY and name not in table.params:
                known = (*CAPACITY, *table.params)
                raise AnalysisError(
                    f"shape: the trials have no column {name!r}{nearest(name, known)}"
                )
        return ShapeAxes(shape=settings.shape, grown=_named_width(table, settings.shape))
    swept = _axes_of_cells(table)
    if not swept and _varies(table, "depth") and (table.depth != UNKNOWN).all():
        swept = [name for name in CAPACITY if _varies(table, name)]
        if swept == ["depth"]:
            return ShapeAxes(shape=("depth",))
    if len(swept) < 2:
        return ShapeAxes()
    grown = GROWN if GROWN in swept else _most_like(table, swept, table.column(settings.size))
    return ShapeAxes(shape=tuple(name for name in swept if name != grown), grown=grown)


def values_of(table: TrialTable, name: str) -> Sequence[Value]:
    """One axis of every trial; None where it has none."""
    words = name in table.params and name in CAPACITY and (table.column(name) == UNKNOWN).all()
    if name in CAPACITY and not words:
        return [None if value == UNKNOWN else value for value in table.columns[name].tolist()]
    found: Sequence[Value] = table.params.get(name, (None,) * len(table))
    return found


def shapes_of(
    table: TrialTable, axes: ShapeAxes, rows: IntArray
) -> tuple[IntArray, tuple[Shape, ...]]:
    """(rows,) which shape each row has, and the shapes, the simpler first."""
    if not axes.shape or not len(rows):
        return np.zeros(len(rows), dtype=np.int64), ()
    columns = [values_of(table, name) for name in axes.shape]
    found = [
        Shape(values=tuple(zip(axes.shape, (c[row] for c in columns), strict=True)))
        for row in rows.tolist()
    ]
    shapes = tuple(sorted(set(found), key=lambda shape: shape.rank))
    place = {shape: k for k, shape in enumerate(shapes)}
    return np.array([place[shape] for shape in found], dtype=np.int64), shapes


def _named_width(table: TrialTable, shape: Sequence[str]) -> str:
    """The axis that grows, beside a shape that was named: the width, whatever it is called."""
    names = [GROWN]
    if not any(table.slot):  # a study's own hyperparameters are searched
        names += [name for name in table.params if grows(name)]
    for name in names:
        numbers = name == GROWN or all(map(_is_number, values_of(table, name)))
        if name not in shape and numbers and _varies(table, name):
            return name
    return ""


def _axes_of_cells(table: TrialTable) -> list[str]:
    """Axes that the names of a study's cells tell, in their order; those of one value left out.

    ``n1280-width64-depth2`` tells width and depth.
    """
    first: dict[str, int] = {}
    for row, cell in enumerate(table.cell):
        first.setdefault(cell, row)
    if not first or "" in first:
        return []
    told = []
    for name in (*CAPACITY, *table.params):
        column = values_of(table, name)
        marks = [(f"-{name}{column[row]}", f"-{cell}") for cell, row in first.items()]
        if all(mark in cell for mark, cell in marks) and len({mark for mark, _ in marks}) > 1:
            told.append((marks[0][1].find(marks[0][0]), name))
    return list(dict.fromkeys(name for _, name in sorted(told)))


def _most_like(table: TrialTable, names: Sequence[str], size: FloatArray) -> str:
    """The axis whose values follow the size most closely, by rank, whichever way."""
    known = np.isfinite(size)
    ranks = _ranks(size[known])
    likeness = {}
    for name in names:
        column = [value for value, k in zip(values_of(table, name), known, strict=True) if k]
        if not all(_is_number(value) for value in column):
            continue
        own = _ranks(np.array(column, dtype=np.float64))
        likeness[name] = abs(float(np.corrcoef(own, ranks)[0, 1])) if np.ptp(own) > 0.0 else 0.0
    return max(likeness, key=lambda name: likeness[name]) if likeness else names[-1]


def _ranks(values: FloatArray) -> FloatArray:
    """(N,) ranks; equal values have one."""
    return np.unique(values, return_inverse=True)[1].astype(np.float64)


def _varies(table: TrialTable, name: str) -> bool:
    return len(set(values_of(table, name))) > 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Value) -> str:
    if value is None:
        return "unknown"
    return f"{value:g}" if isinstance(value, float) else str(value)
