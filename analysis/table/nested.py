"""Columns that hold JSON objects spread over dotted columns, as exports of run trackers need.

Weights & Biases' API gives each run a ``config`` and a ``summary`` object; written to CSV they are
cells of JSON, or of Python's notation where pandas wrote them. ``summary`` with ``test_err`` in it
becomes the column ``summary.test_err``; what stands in ``config`` is a hyperparameter as well. The
wrapping ``{"desc": ..., "value": ...}`` of W&B's config files is taken off.

References
----------
Weights & Biases, "Import and export data", section "Export data": ``run.summary._json_dict`` and
``run.config`` as columns of a table written by ``pandas.DataFrame.to_csv``.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

KEPT_WHOLE = ("params", "test_correct")
"""Columns of the trial table whose cells are objects themselves."""

_BARE_NUMBERS = re.compile(r"(?<![\w'\"])-?(?:nan|inf|NaN|Infinity)(?![\w'\"])")


def unfold(
    rows: Iterable[dict[str, Any]], *, whole: Collection[str] = KEPT_WHOLE
) -> list[dict[str, Any]]:
    """Spread objects in cells over dotted columns, but for those kept ``whole``.

    Rows without any are returned as they are.

    Examples
    --------
    >>> unfold([{"name": "a", "summary": '{"test_err": 0.1, "best": {"epoch": 3}}'}])
    [{'name': 'a', 'summary.test_err': 0.1, 'summary.best.epoch': 3}]
    """
    return [_unfold_row(row, whole) for row in rows]


def flatten(values: Mapping[str, Any], origin: str = "") -> dict[str, Any]:
    """Nested objects as one, with dotted names; lists are left out, they are no column.

    Examples
    --------
    >>> flatten({"lr": {"desc": None, "value": 0.1}, "opt": {"name": "sgd"}, "betas": [0.9, 0.99]})
    {'lr': 0.1, 'opt.name': 'sgd'}
    """
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and "value" in value and set(value) <= {"desc", "value"}:
            value = value["value"]
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{origin}{name}.")
        elif not isinstance(value, list | tuple | set):
            flat[f"{origin}{name}"] = value
    return flat


def _unfold_row(row: dict[str, Any], whole: Collection[str]) -> dict[str, Any]:
    objects = {
        name: value
        for name, cell in row.items()
        if (isinstance(cell, dict) or (isinstance(cell, str) and cell[:1] == "{"))
        and name not in whole
        and (value := _object(cell)) is not None
    }
    if not objects:
        return row
    flat: dict[str, Any] = {}
    for name, cell in row.items():
        if name not in objects:
            flat[name] = cell
            continue
        for inner, value in flatten(objects[name]).items():
            flat[f"{name}.{inner}"] = value
            if name == "config" and "params" not in row:
                flat.setdefault(f"params.{inner}", value)
    return flat


def _object(cell: dict[str, Any] | str) -> dict[str, Any] | None:
    """The object in a cell, or None where there is none."""
    if isinstance(cell, dict):
        return cell
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(_BARE_NUMBERS.sub("None", cell))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    return value if isinstance(value, dict) else None
