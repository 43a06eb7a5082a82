"""Trial tables to disk: CSV, JSON lines and Parquet, without loss.

In CSV and Parquet each hyperparameter is a column ``params.NAME``; in JSON lines ``params`` is an
object. Numbers are written with all their digits, so that reading back gives the same table.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from analysis.errors import AnalysisError
from analysis.table.columns import FIELDS
from analysis.table.draft import Draft
from analysis.table.files import arrow_of
from analysis.table.trials import TrialTable

SUFFIXES = (".csv", ".jsonl", ".parquet")
_PREFIX = "params."


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


def write_sheet(draft: Draft, path: Path | str) -> None:
    """Write a table as it was read: its cells, the numbers made of them, the fate of each row."""
    reasons = [
        f"left out: {out.reason}" + (f" ({out.column})" if out.column else "")
        for out in draft.account.left_out
    ]
    read = {
        "payoff:size": draft.numbers.get(draft.size_field),
        "payoff:error": draft.numbers.get(draft.error_field),
    }
    made = {name: values.tolist() for name, values in read.items() if values is not None}
    names = draft.sheet.names
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*names, *made, "payoff:row", "payoff:what"])
        columns = (*draft.sheet.cells.values(), *made.values(), draft.fate.tolist())
        for number, (*cells, fate) in enumerate(zip(*columns, strict=True), start=1):
            what = reasons[fate] if fate >= 0 else "used"
            writer.writerow([*map(_cell, cells), number, what])


def fold_params(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Gather ``params.NAME`` columns into one ``params`` mapping."""
    for row in rows:
        loose = [name for name in row if name.startswith(_PREFIX)]
        if not loose:
            yield row
            continue
        folded = {name: value for name, value in row.items() if not name.startswith(_PREFIX)}
        folded["params"] = {
            name.removeprefix(_PREFIX): decode(row[name])
            for name in loose
            if row[name] is not None and row[name] != ""
        }
        yield folded


def _suffix(path: Path) -> str:
    return {".ndjson": ".jsonl", ".pq": ".parquet"}.get(path.suffix.lower(), path.suffix.lower())


def _flat(rows: list[dict[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """Rows with ``params`` spread over columns of their own, and all column names in order."""
    left_out = _left_out(rows)
    names = [name for name in FIELDS if name != "params" and name not in left_out]
    loose = sorted({name for row in rows for name in row["params"]})
    flat = []
    for row in rows:
        line = {name: row[name] for name in names}
        line |= {f"{_PREFIX}{name}": _encode(row["params"].get(name)) for name in loose}
        flat.append(line)
    return names + [f"{_PREFIX}{name}" for name in loose], flat


def _left_out(rows: list[dict[str, Any]]) -> set[str]:
    """Columns that files are written without, as they were before there were such columns."""
    return {
        name
        for name, field in FIELDS.items()
        if field.only_if_any and all(row[name] == field.default for row in rows)
    }


def _write_csv(rows: list[dict[str, Any]], path: Path) -> None:
    names, flat = _flat(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_cell(row[name]) for name in names] for row in flat)


def _write_jsonl(rows: list[dict[str, Any]], path: Path) -> None:
    left_out = _left_out(rows)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            known = {
                name: value
                for name, value in row.items()
                if not _unknown(value) and name not in left_out
            }
            file.write(json.dumps(known, allow_nan=False) + "\n")


def _write_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    arrow, parquet = arrow_of(str(path))
    names, flat = _flat(rows)
    columns = {name: [row[name] for row in flat] for name in names}
    parquet.write_table(arrow.table(columns), path)


def _unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _cell(value: object) -> str:
    if _unknown(value):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


def _encode(value: object) -> str | None:
    """A hyperparameter as text from which :func:`decode` gives the value back, type and all."""
    if value is None:
        return None
    if isinstance(value, str):
        return json.dumps(value) if value == "" or _is_json(value) else value
    return json.dumps(value)


def decode(value: object) -> object:
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
