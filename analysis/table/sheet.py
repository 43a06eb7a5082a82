"""A table as it stands in its file: named columns of cells, before anything is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from analysis.errors import AnalysisError

SURELY_CELLS = 5_000_000
"""Cells that a table may have whatever it holds."""
MOST_EMPTY = 50
"""Cells of a larger one for each that holds something."""

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""A mapping that is empty."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """Columns of one length. A cell is text where the file has text, else the file's own value."""

    cells: Mapping[str, Sequence[Any]]
    """Column -> its cells, in the file's order; None where a row has no such cell."""
    n_rows: int
    name: str = ""
    """The file's path or the address, without passwords."""
    format: str = ""
    """In words: ``CSV, tabs, UTF-16, gzip``."""
    ours: bool = False
    """Whether payoff wrote it."""
    better: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Column -> ``lower`` or ``higher``, where the source itself says which way it improves."""
    notes: tuple[str, ...] = ()
    """What was done to read it, a sentence each."""

    def __len__(self) -> int:
        return self.n_rows

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns, in the file's order."""
        return tuple(self.cells)

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]], **facts: Any) -> Sheet:
        """The sheet of rows that may each have columns of their own."""
        rows = list(rows)
        names = dict.fromkeys(name for row in rows for name in row)
        require_filled(len(rows), len(names), sum(map(len, rows)), facts.get("name", ""))
        cells = {name: [row.get(name) for row in rows] for name in names}
        return cls(cells=MappingProxyType(cells), n_rows=len(rows), **facts)

    def with_cells(self, cells: Mapping[str, Sequence[Any]], *notes: str) -> Sheet:
        """The same sheet with other columns of the same length."""
        return replace(self, cells=MappingProxyType(dict(cells)), notes=(*self.notes, *notes))

    def rows(self) -> Iterable[dict[str, Any]]:
        """Its rows, one mapping each."""
        names = self.names
        for row in zip(*self.cells.values(), strict=True):
            yield dict(zip(names, row, strict=True))


def require_filled(n_rows: int, n_columns: int, n_filled: int, name: str = "") -> None:
    """Raise AnalysisError of a table that is mostly holes, more of them than memory bears."""
    cells = n_rows * n_columns
    if cells > SURELY_CELLS and cells > MOST_EMPTY * n_filled:
        where = f"{name}: " if name else ""
        raise AnalysisError(
            f"{where}{n_rows:,} rows with {n_columns:,} columns hold {n_filled:,} cells in all: "
            "rows have hardly a column in common; write all of them with the same columns"
        )
