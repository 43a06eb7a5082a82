"""The named columns as numbers and words of the trial table; rows without them are left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.table.columns import FIELDS
from analysis.table.draft import Draft
from analysis.table.fields import (
    BEYOND,
    Field,
    FloatArray,
    Integer,
    Number,
    RowError,
    Share,
    Size,
    is_measurable,
)
from analysis.table.numbers import Numbers, read_numbers
from analysis.table.roles import find
from analysis.table.units import unit_in, unit_of_cells

LABELS = ("seed", "draw")
"""Whole numbers that only tell runs apart: any words do as well."""


def settle(draft: Draft) -> Draft:
    """Read what the user named."""
    options = {draft.size_field: "--size", draft.error_field: "--error", **draft.asked.options}
    for field, column in draft.roles.items():
        option = options.get(field, "--map")
        if field in (draft.size_field, "n_examples"):
            draft = _counted(draft, field, column, option)
        elif field == draft.error_field:
            draft = _error(draft, field, column, option)
        elif field in LABELS:
            draft = draft.with_numbers(**{field: _labels(draft.cells(column))})
        elif isinstance(FIELDS[field], Number | Integer):
            draft = _number(draft, field, column, option)
        else:
            draft = _words(draft, FIELDS[field], column)
    return draft


def _read(draft: Draft, column: str, option: str, *, counted: bool = False) -> Numbers:
    return read_numbers(
        draft.cells(column), column=column, option=option, counted=counted, sheet=draft.sheet,
        decimal=draft.asked.decimal,
    )  # fmt: skip


def _in_unit(draft: Draft, field: str, column: str, numbers: Numbers) -> tuple[Draft, Numbers]:
    """Numbers of a column that was named for a field, in the field's unit: ``latency ms``."""
    kind = FIELDS[field]
    counted = isinstance(kind, Size) or (isinstance(kind, Number) and kind.unit)
    if field not in draft.asked.columns or not counted:
        return draft, numbers
    if numbers.unit or "suffix" in numbers.read_as:  # the cells themselves say it
        word, times = numbers.unit, unit_of_cells(numbers.unit, kind.unit)
    else:
        word, times = unit_in(column, kind.unit)
    known = np.abs(numbers.values[np.isfinite(numbers.values)])
    if times == 1.0 or not len(known):
        return draft, numbers
    if not kind.unit and float(np.median(known)) >= times:
        return draft.noting(f"{column}: taken for {field} as it stands, too large to be in {word}"
                            ), numbers  # fmt: skip
    to = f"{kind.unit}s" if kind.unit else "ones"
    draft = draft.noting(f"{column} is in {word}: times {times:g}, as {field} is in {to}")
    read_as = "; ".join(filter(None, (numbers.read_as, f"{word}, made {to}")))
    return draft, replace(numbers, values=numbers.values * times, read_as=read_as)


def _told(draft: Draft, column: str, numbers: Numbers) -> Draft:
    """The account of how a column was written."""
    columns = tuple(
        replace(one, read_as=numbers.read_as) if one.column == column else one
        for one in draft.account.columns
    )
    return draft.telling(columns=columns)


def _counted(draft: Draft, field: str, column: str, option: str) -> Draft:
    """A size, of the model or of the data."""
    numbers = _read(draft, column, option, counted=True)
    draft, numbers = _in_unit(draft, field, column, numbers)
    draft = _told(draft, column, numbers)
    draft = draft.leave_out(numbers.broken, reason=f"{column}: must be a number", column=column)
    values = numbers.values
    draft = draft.leave_out(np.isnan(values), reason=f"{column}: has no value", column=column)
    wrong = ~(np.isfinite(values) & (values > 0.0))
    draft = draft.leave_out(wrong, reason=f"{column}: must be positive and finite", column=column)
    draft = draft.leave_out(~is_measurable(values), reason=f"{column}: {BEYOND}", column=column)
    return draft.with_numbers(**{field: values})


def _error(draft: Draft, field: str, column: str, option: str) -> Draft:
    """The metric, with what the file says of its spread."""
    numbers = _read(draft, column, option)
    draft = _told(draft, column, numbers)
    draft = draft.leave_out(numbers.broken, reason=f"{column}: must be a number", column=column)
    draft = draft.leave_out(
        np.isnan(numbers.values), reason=f"{column}: has no value", column=column
    )
    spread = numbers.spread
    if draft.asked.spread:
        beside = find(draft, draft.asked.spread, "--spread")
        told = _read(draft, beside, "--spread")
        draft, spread = draft.taking(beside, "spread", "--spread", told.read_as), told.values
    if spread is not None:
        draft = replace(draft, spread=np.abs(spread))
    return replace(draft.with_numbers(**{field: numbers.values}), error_is_percent=numbers.percent)


def _labels(cells: Sequence[Any]) -> FloatArray:
    """Numbers that tell runs apart: their own where all are whole, else by first sight."""
    try:
        found = [-1.0 if cell in (None, "") else float(cell) for cell in cells]
        if all(math.isfinite(one) and one == int(one) and -1 <= one < 2**53 for one in found):
            return np.array(found)
    except (TypeError, ValueError, OverflowError):
        pass
    place = {cell: k for k, cell in enumerate(dict.fromkeys(c for c in cells if c))}
    return np.array([float(place.get(cell, -1)) for cell in cells])


def _number(draft: Draft, field: str, column: str, option: str) -> Draft:
    """Any other number: rows keep what the field allows."""
    numbers = _read(draft, column, option)
    draft, numbers = _in_unit(draft, field, column, numbers)
    draft = _told(draft, column, numbers)
    kind, values = FIELDS[field], numbers.values.copy()
    draft = draft.leave_out(numbers.broken, reason=f"{column}: must be a number", column=column)
    known = ~np.isnan(values)
    if isinstance(kind, Integer):
        wrong = known & ~(
            np.isfinite(values) & (values == np.round(values)) & (abs(values) < 2**53)
        )
        draft = draft.leave_out(wrong, reason=f"{column}: must be a whole number", column=column)
        draft = draft.leave_out(
            known & (values < kind.least), reason=f"{column}: must be at least {kind.least}",
            column=column,
        )  # fmt: skip
    elif isinstance(kind, Share):
        draft = draft.leave_out(
            known & ~((values >= 0.0) & (values < 1.0)),
            reason=f"{column}: must be at least 0 and below 1", column=column,
        )  # fmt: skip
    values[~known | (draft.fate >= 0)] = kind.default
    return draft.with_numbers(**{field: values})


def _words(draft: Draft, field: Field[Any], column: str) -> Draft:
    """Words of the trial table's own choice, flags and such."""
    found: list[Any] = []
    broken: dict[str, list[int]] = {}
    known: dict[Any, Any] = {}
    for k, cell in enumerate(draft.cells(column)):
        value = field.default
        if cell is not None and str(cell).strip():
            try:
                if cell not in known:
                    known[cell] = field.convert(column, cell)
                value = known[cell]
            except RowError as error:
                broken.setdefault(str(error), []).append(k)
        found.append(value)
    for reason, rows in broken.items():
        wrong = np.zeros(len(draft.sheet), dtype=bool)
        wrong[rows] = True
        draft = draft.leave_out(wrong, reason=reason, column=column)
    return replace(draft, words=MappingProxyType({**draft.words, field.name: found}))


def require_rows(draft: Draft) -> Draft:
    """Raise AnalysisError where no row is left, with the reasons and the values that led to it."""
    if draft.kept.any():
        return draft
    reasons = "; ".join(
        f"{out.count:,} x {out.reason}" + (f" ({out.example!r})" if out.example else "")
        for out in draft.account.left_out
    )
    raise AnalysisError(f"{draft.sheet.name}: no row can be used: {reasons}")
