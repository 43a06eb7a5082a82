"""A file as a sheet: text in any usual layout, JSON or Parquet, packed or not.

What a file is, is told from what it holds; its name decides only between JSON and JSON lines.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from analysis.errors import AnalysisError
from analysis.table.encodings import decode, require_text, unpack
from analysis.table.json_forms import read_json
from analysis.table.separated import read_separated
from analysis.table.sheet import Sheet

MOST_CELLS = 100_000_000
MOST_CELLS_A_BYTE = 100
"""Parquet holds columns that are all alike in hardly a byte; a table of runs has others too."""
SURELY_CELLS = 5_000_000
"""Cells that are read whatever they were packed to."""
_LINES = (".jsonl", ".ndjson")
_TEXT = {".csv": "CSV", ".tsv": "TSV", ".tab": "TSV"}


def read_sheet(path: Path | str, *, shown: str = "") -> Sheet:
    """The table in a file, as it stands there.

    Raises
    ------
    AnalysisError
        If the file is missing, no table, or one whose cells cannot be told apart.
    """
    path = Path(path)
    shown = shown or str(path)
    unpacked = unpack(path)
    kinds = [suffix.lower() for suffix in path.suffixes[-2:]]
    if unpacked.content.startswith(b"PAR1") or ".parquet" in kinds or ".pq" in kinds:
        sheet, encoding = _parquet(unpacked.content, shown), ""
    else:
        require_text(unpacked.content, shown)
        text, encoding = decode(unpacked.content)
        begin = text.lstrip("\ufeff \t\r\n")[:1]
        if not begin:
            raise AnalysisError(f"{shown}: is empty and holds no trial")
        lines = any(kind in _LINES for kind in kinds)
        if lines or begin == "{" or (begin == "[" and "\n[" not in text[:200]):
            sheet = read_json(text.lstrip("\ufeff"), shown, lines=lines)
        else:
            kind = next((name for suffix, name in _TEXT.items() if suffix in kinds), "text")
            sheet = read_separated(text.lstrip("\ufeff"), shown)
            sheet = replace(sheet, format=f"{kind}, {sheet.format}")
    if not len(sheet):
        raise AnalysisError(f"{shown}: holds no trial; a table needs at least one row")
    words = [sheet.format, encoding, unpacked.packing]
    return replace(sheet, format=", ".join(word for word in words if word))


class Frame(Protocol):
    """A data frame of pandas or polars."""

    @property
    def columns(self) -> Any:
        """Names of its columns."""

    def __getitem__(self, name: Any, /) -> Any:
        """One column."""


def frame_sheet(frame: Frame) -> Sheet:
    """A data frame as a sheet; its index is left out.

    Raises
    ------
    AnalysisError
        If it is none, has no row, or two columns of one name.
    """
    from analysis.table.separated import refuse_doubled

    what = "the DataFrame"
    if not hasattr(frame, "columns") or not hasattr(frame, "__getitem__"):
        raise AnalysisError(f"path: must be the path of a file or a DataFrame, got {frame!r}")
    names = list(frame.columns)
    refuse_doubled([str(name) for name in names], what)
    columns = [frame[name] for name in names]
    cells = {
        str(name): (one.tolist() if hasattr(one, "tolist") else one.to_list())
        for name, one in zip(names, columns, strict=True)
    }
    n_rows = len(next(iter(cells.values()), []))
    if not n_rows:
        raise AnalysisError(f"{what}: holds no trial; a table needs at least one row")
    return Sheet(cells=cells, n_rows=n_rows, name=what, format="DataFrame")


def _parquet(content: bytes, shown: str) -> Sheet:
    arrow, parquet = arrow_of(shown)
    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        _require_some(file.metadata.num_rows * file.metadata.num_columns, len(content), shown)
        table = file.read()
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise AnalysisError(f"{shown}: is not readable as Parquet ({reason})") from None
    from analysis.table.separated import is_index, refuse_doubled

    refuse_doubled(table.column_names, shown)
    cells: dict[str, list[Any]] = {}
    notes = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        values, told = _values(column, arrow)
        notes += [f"{name}: {told}"] if told else []
        if name.startswith("__index_level_") and is_index(values):
            notes.append(f"the column {name} counts the rows: not used")
        else:
            cells[name] = values
    return Sheet(
        cells=cells, n_rows=table.num_rows, name=shown, format="Parquet", notes=tuple(notes)
    )


def _require_some(cells: int, n_bytes: int, shown: str) -> None:
    """Raise AnalysisError of more cells than memory bears, or than so few bytes hold in earnest."""
    most = min(MOST_CELLS, max(SURELY_CELLS, MOST_CELLS_A_BYTE * n_bytes))
    if cells > most:
        raise AnalysisError(
            f"{shown}: says that it has {cells:,} cells, more than the {most:,} that a table of "
            f"{n_bytes:,} bytes may have; take a part of its rows or columns"
        )


def _values(column: Any, arrow: Any) -> tuple[list[Any], str]:
    """The cells of a column, and what was done where Python has no such values."""
    try:
        return column.to_pylist(), ""
    except (arrow.ArrowException, ValueError, OverflowError, KeyError, ImportError):
        pass
    try:  # a moment beyond the calendar, or of a time zone that nobody knows
        return column.cast(arrow.int64()).to_pylist(), "times beyond the calendar, read as numbers"
    except (arrow.ArrowException, ValueError, OverflowError):
        return [None] * len(column), f"cells of the type {column.type} cannot be read: left empty"


def arrow_of(shown: str) -> tuple[Any, Any]:
    """The package that reads Parquet, and its reader; AnalysisError without it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise AnalysisError(
            f"{shown}: Parquet needs the package pyarrow; install it or convert the file to CSV"
        ) from None
    return pyarrow, pyarrow.parquet
