"""Columns that say the shape of a model: how its size is made (``--shape depth``).

A shape is a number (``2``, ``2.0`` and ``"2"`` are one) or a word. Rows of one size that differ in
it belong to the ladders of different shapes: they are neither replicates nor asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.table.cells import MISSING
from analysis.table.draft import Draft
from analysis.table.fields import IntArray
from analysis.table.roles import bare, find
from analysis.table.trials import TrialTable

MOST_SHAPES = 24
"""More different values than this make no ladders: what varies so finely makes the size itself."""
FIELDS = ("width", "depth")
"""Shapes that are fields of the trial table."""


def settle(draft: Draft) -> Draft:
    """Find the columns of ``--shape``, and leave out the rows that have no value there.

    Raises
    ------
    AnalysisError
        If there is no such column, or it has too many values.
    """
    columns = list(dict.fromkeys(find(draft, one, "--shape") for one in draft.asked.shape))
    why = "--shape"
    if not columns and not draft.sheet.ours:
        columns, why = _told_by_cells(draft), "the names of its cells"
    names = [bare(column) for column in columns]
    for column, name in zip(columns, names, strict=True):
        if column in (draft.roles.get(draft.size_field), draft.roles.get(draft.error_field)):
            raise AnalysisError(
                f"--shape: {column!r} is the size or the error itself; name a column that says "
                "how a size is made, such as its depth"
            )
        values = shapes_of(draft.cells(column))
        missing = np.array([value is None for value in values], dtype=bool)
        draft = draft.leave_out(missing, reason="no shape", column=column)
        levels = {values[k] for k in np.flatnonzero(draft.kept).tolist()}
        require_few(levels, f"--shape: {column!r}")
        own = name if names.count(name) == 1 else column
        shape = {**draft.shape, own: tuple(values)}
        draft = replace(draft, shape=MappingProxyType(shape)).taking(column, "shape", why)
        if name == own and name in FIELDS and all(isinstance(one, int) for one in levels):
            numbers = [value if isinstance(value, int) else -1 for value in values]
            draft = draft.with_numbers(**{name: np.array(numbers, dtype=np.float64)})
    return draft


def _told_by_cells(draft: Draft) -> list[str]:
    """The depths of a table whose cells have payoff's own names: ``n1280-width64-depth2``."""
    names = {bare(name): name for name in draft.sheet.names}
    if not {"cell", "depth"} <= set(names) or {"depth", names["depth"]} & set(draft.asked.alike):
        return []
    rows = np.flatnonzero(draft.kept).tolist()
    cells, depths = (draft.cells(names[name]) for name in ("cell", "depth"))
    told = all(f"-depth{as_shape(depths[row])}" in f"-{cells[row]}" for row in rows)
    several = len({as_shape(depths[row]) for row in rows}) > 1
    return [names["depth"]] if told and several else []


def as_shape(cell: object) -> int | float | str | None:
    """A shape as a number or a word; None where there is none.

    Examples
    --------
    >>> as_shape("2.0"), as_shape(2), as_shape("0.5"), as_shape(" deep "), as_shape("n/a")
    (2, 2, 0.5, 'deep', None)
    """
    text = "" if cell is None else " ".join(str(cell).split())
    if text.casefold() in MISSING:
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    if not np.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


def shapes_of(cells: Iterable[object]) -> list[int | float | str | None]:
    """The shape of each row."""
    return [as_shape(cell) for cell in cells]


def require_few(levels: set[Any], what: str) -> None:
    """Raise AnalysisError where a shape has too many values to be one."""
    if len(levels) > MOST_SHAPES:
        raise AnalysisError(
            f"{what} has {len(levels)} different values, at most {MOST_SHAPES} can be shapes; name "
            "a column with few values, or take some with --where"
        )


def params(draft: Draft, rows: Sequence[int]) -> Mapping[str, tuple[Any, ...]]:
    """The shapes of some rows, as hyperparameters of the trial table."""
    return {
        name: tuple(values[k] for k in rows)
        for name, values in draft.shape.items()
        if not _in_field(draft, name)
    }


def _in_field(draft: Draft, name: str) -> bool:
    """Whether the shapes stand in a field of the trial table, as whole numbers."""
    return name in FIELDS and (draft.sheet.ours or name in draft.numbers)


def held(table: TrialTable, draft: Draft, rows: IntArray) -> TrialTable:
    """The trial table of some rows with their shapes in it."""
    if not draft.shape:
        return table
    merged = {**table.params, **params(draft, rows.tolist())}
    columns = {**table.columns, "params": MappingProxyType(merged)}
    return replace(table, columns=MappingProxyType(columns), shape=tuple(draft.shape))
