"""Trial tables on disk: CSV, JSON lines and Parquet, in and out without loss.

In CSV and Parquet each hyperparameter is a column ``params.NAME``; in JSON lines ``params`` is an
object. Numbers are written with all their digits, so that reading back gives the same table.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis.errors import AnalysisError
from analysis.table.columns import FIELDS
from analysis.table.trials import TrialTable

SUFFIXES = (".csv", ".jsonl", ".parquet")
_PREFIX = "params."


def read_rows(path: Path | str) -> list[dict[str, Any]]:
    """Rows of a file as they stand, before any check; the suffix says the format.

    Raises
    ------
    AnalysisError
        If the file is missing, not readable as its format, or holds no row.
    """
    path = Path(path)
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    reader = readers.get(_suffix(path))
    if reader is None:
        raise AnalysisError(
            f"{path}: the name must end in one of {', '.join(SUFFIXES)}; convert or rename the file"
        )
    try:
        rows = reader(path)
    except FileNotFoundError:
        raise AnalysisError(f"{path}: there is no such file; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise AnalysisError(f"{path}: cannot be read ({error})") from None
    if not rows:
        raise AnalysisError(f"{path}: holds no trial; a table needs at least one row")
    return rows


def read_table(path: Path | str, *, columns: Mapping[str, str] | None = None) -> TrialTable:
    """Read and check a trial table.

    Parameters
    ----------
    path : path
        A CSV, JSON lines or Parquet file.
    columns : mapping, optional
        Field of :class:`TrialTable` -> name of the file's column that holds it.
    """
    return TrialTable.from_rows(fold_params(read_rows(path)), columns=columns)


def write_table(table: TrialTable, path: Path | str) -> None:
    """Write a trial table; the suffix says the format. The same table gives the same bytes."""
    path = Path(path)
    writers = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}
    writer = writers.get(_suffix(path))
    if writer is None:
        raise AnalysisError(
            f"{path}: the name must end in one of {', '.join(SUFFIXES)}, got {path.suffix!r}"
        )
    writer(table.to_rows(), path)


def fold_params(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Gather ``params.NAME`` columns into one ``params`` mapping."""
    for row in rows:
        loose = [name for name in row if name.startswith(_PREFIX)]
        if not loose:
            yield row
            continue
        folded = {name: value for name, value in row.items() if not name.startswith(_PREFIX)}
        folded["params"] = {
            name.removeprefix(_PREFIX): _decode(row[name])
            for name in loose
            if row[name] is not None and row[name] != ""
        }
        yield folded


def _suffix(path: Path) -> str:
    return {".ndjson": ".jsonl", ".pq": ".parquet"}.get(path.suffix.lower(), path.suffix.lower())


def _read_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        sample = file.read(65536)
        file.seek(0)
        header = sample.partition("\n")[0]
        delimiter = max(",;\t", key=header.count)
        try:
            reader = csv.DictReader(file, delimiter=delimiter)
            rows: list[dict[str, Any]] = []
            for row in reader:
                row.pop(None, None)
                rows.append(row)
        except csv.Error as error:
            raise AnalysisError(f"{path}: is not readable as CSV ({error})") from None
    return rows


def _read_jsonl(path: Path) -> list[dict[str, Any]]:
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise AnalysisError(f"{path}: line {number} is not JSON ({error.msg})") from None
            if not isinstance(row, dict):
                raise AnalysisError(f"{path}: line {number} must be a JSON object")
            rows.append(row)
    return rows


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    arrow, parquet = _arrow(path)
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    except arrow.ArrowInvalid as error:
        raise AnalysisError(f"{path}: is not readable as Parquet ({error})") from None
    return rows


def _arrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise AnalysisError(
            f"{path}: Parquet needs the package pyarrow; install it or convert the file to CSV"
        ) from None
    return pyarrow, pyarrow.parquet


def _flat(rows: list[dict[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """Rows with ``params`` spread over columns of their own, and all column names in order."""
    names = [name for name in FIELDS if name != "params"]
    loose = sorted({name for row in rows for name in row["params"]})
    flat = []
    for row in rows:
        line = {name: row[name] for name in names}
        line |= {f"{_PREFIX}{name}": _encode(row["params"].get(name)) for name in loose}
        flat.append(line)
    return names + [f"{_PREFIX}{name}" for name in loose], flat


def _write_csv(rows: list[dict[str, Any]], path: Path) -> None:
    names, flat = _flat(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_cell(row[name]) for name in names] for row in flat)


def _write_jsonl(rows: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            known = {name: value for name, value in row.items() if not _unknown(value)}
            file.write(json.dumps(known, allow_nan=False) + "\n")


def _write_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    arrow, parquet = _arrow(path)
    names, flat = _flat(rows)
    columns = {name: [row[name] for row in flat] for name in names}
    parquet.write_table(arrow.table(columns), path)


def _unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _cell(value: object) -> str:
    if _unknown(value):
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def _encode(value: object) -> str | None:
    """A hyperparameter as text from which :func:`_decode` gives the value back, type and all."""
    if value is None:
        return None
    if isinstance(value, str):
        return json.dumps(value) if value == "" or _is_json(value) else value
    return json.dumps(value)


def _decode(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True
