"""Tables in JSON: records, lines, columns, and the other forms that pandas writes, as a sheet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.errors import AnalysisError
from analysis.table.sheet import Sheet

MOST_DIGITS = 300
"""Digits of an integer that a float can hold."""
_WRAPPERS = ("data", "rows", "records", "runs", "trials", "results", "items")


def read_json(text: str, shown: str, *, lines: bool) -> Sheet:
    """The sheet of a text in JSON; with ``lines`` each line is an object.

    Raises
    ------
    AnalysisError
        If it is no JSON, no table, or one object has two values of one name.
    """
    if lines:
        return Sheet.of_rows(_lines(text, shown), name=shown, format="JSON lines")
    try:
        value = _loads(text, shown)
    except json.JSONDecodeError as error:
        if "\n" in text.strip() and text.lstrip().startswith("{"):
            return Sheet.of_rows(_lines(text, shown), name=shown, format="JSON lines")
        raise AnalysisError(
            f"{shown}: line {error.lineno} is not JSON ({error.msg}); mend the file"
        ) from None
    rows, form = _table(value, shown)
    return Sheet.of_rows(rows, name=shown, format=f"JSON, {form}")


def _lines(text: str, shown: str) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = _loads(line, shown)
        except json.JSONDecodeError as error:
            raise AnalysisError(f"{shown}: line {number} is not JSON ({error.msg})") from None
        if not isinstance(row, dict):
            raise AnalysisError(f"{shown}: line {number} must be a JSON object")
        rows.append(row)
    return rows


def _loads(text: str, shown: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise AnalysisError(
                    f"{shown}: an object has {name!r} twice ({found[name]!r} and {value!r}); "
                    "rename one, so that it is clear which is meant"
                )
            found[name] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=once, parse_int=_whole)
    except RecursionError:
        raise AnalysisError(f"{shown}: is nested too deeply for a table") from None


def _whole(digits: str) -> float:
    """An integer; one beyond all floats is infinite."""
    return int(digits) if len(digits) < MOST_DIGITS else float(digits)


def _table(value: Any, shown: str) -> tuple[list[dict[str, Any]], str]:
    """Rows and the form that they were in."""
    if isinstance(value, list):
        if value and all(isinstance(row, dict) for row in value):
            return value, "records"
        if value and all(isinstance(row, list) for row in value):
            return _of_lists([str(name) for name in value[0]], value[1:], shown), "rows of cells"
    elif isinstance(value, dict):
        if {"columns", "data"} <= set(value) and isinstance(value["columns"], list):
            return _of_lists(
                [str(name) for name in value["columns"]], value["data"], shown
            ), "split"
        if "schema" in value and isinstance(value.get("data"), list):
            return _table(value["data"], shown)[0], "table with its schema"
        inner = list(value.values())
        if inner and all(isinstance(one, list) for one in inner) and not _wrapped(value):
            return _of_columns(value, shown), "columns"
        if inner and all(isinstance(one, dict) for one in inner):
            return _of_objects(value)
        for name in (*_WRAPPERS, *value):
            if isinstance(value.get(name), list | dict) and value[name]:
                rows, form = _table(value[name], shown)
                return rows, f"{form} in {name!r}"
    raise AnalysisError(
        f"{shown}: holds no table; it must be a list of objects, one a run, or an object of columns"
    )


def _wrapped(value: Mapping[str, list[Any]]) -> bool:
    """Whether a list of rows only has a name."""
    return len(value) == 1 and all(isinstance(row, dict) for row in next(iter(value.values())))


def _of_lists(names: Sequence[str], rows: Any, shown: str) -> list[dict[str, Any]]:
    from analysis.table.separated import refuse_doubled

    refuse_doubled(names, shown)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != len(names):
            raise AnalysisError(f"{shown}: row {number} must be a list of {len(names)} cells")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _of_columns(value: Mapping[str, list[Any]], shown: str) -> list[dict[str, Any]]:
    lengths = {name: len(column) for name, column in value.items()}
    if len(set(lengths.values())) > 1:
        raise AnalysisError(f"{shown}: all columns must have one length, got {lengths}")
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _of_objects(value: Mapping[str, dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """An object of objects: columns where only the inner names are numbers, else rows by name."""
    inner = dict.fromkeys(name for one in value.values() for name in one)
    numbered = all(name.lstrip("-").isdigit() for name in value)
    if inner and not numbered and all(name.lstrip("-").isdigit() for name in inner):
        return [{name: one.get(key) for name, one in value.items()} for key in inner], "columns"
    rows = [one if numbered else {"name": name, **one} for name, one in value.items()]
    return rows, "rows by their index" if numbered else "rows by name"
