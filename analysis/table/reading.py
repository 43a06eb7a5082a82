"""The door: any table in, a trial table and the account of what was done out.

The steps and their order are those of :mod:`analysis.table.draft`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np

from analysis.errors import AnalysisError
from analysis.metric import MetricKind
from analysis.table import (
    direction,
    exports,
    ladders,
    metrics,
    replicates,
    roles,
    sentinels,
    shapes,
    states,
    typed,
)
from analysis.table.account import Account
from analysis.table.columns import FIELDS, names_of
from analysis.table.draft import Asked, Draft
from analysis.table.fields import Array, BoolArray, Cost, Error
from analysis.table.files import Frame, frame_sheet, read_sheet
from analysis.table.sheet import Sheet
from analysis.table.trials import Dropped, TrialTable, require_field
from analysis.table.writing import decode, fold_params
from search_spaces.errors import nearest

Step = Callable[[Draft], Draft]

STEPS: tuple[Step, ...] = (
    roles.settle,
    states.settle,
    exports.settle,
    typed.settle,
    typed.require_rows,
    sentinels.settle,
    shapes.settle,
    typed.require_rows,
    metrics.refuse_mixed,
    direction.settle,
    replicates.settle,
    metrics.settle,
    typed.require_rows,
    ladders.settle,
)
"""What is done to a stranger's table, in this order; see :mod:`analysis.table.draft`."""

_CHOSEN = "not chosen by --where"
_ARGUMENTS = {
    "--size": 'columns={"n_parameters": ...}',
    "--error": 'columns={"test_error": ...}',
    "--examples": 'columns={"n_examples": ...}',
    "--map": "columns={...}",
    "--where": 'where=["COLUMN=VALUE"]',
    "--group": "where=[...] once for each",
    "--better": 'better="..."',
    "--metric": 'metric="..."',
    "--alike": 'alike=["..."]',
    "--tuned": 'tuned=["..."]',
    "--shape": 'shape=["..."]',
    "--finished": 'finished=["..."]',
    "--decimal": 'decimal="..."',
    "--spread": 'spread="..."',
}
"""Options of the command line -> the arguments of :func:`read_table` that do the same."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """A table as it was read."""

    table: TrialTable
    account: Account
    draft: Draft
    """Each row and what happened to it."""

    @property
    def shape(self) -> tuple[str, ...]:
        """Names by which the trial table holds the shape of each model."""
        return tuple(self.draft.shape)


def read(sheet: Sheet, asked: Asked) -> Reading:
    """Read a sheet as the user asked.

    Raises
    ------
    Question
        If the table can't say what must be known.
    AnalysisError
        If a column is missing or no row can be used.
    """
    try:
        sheet = exports.recognise(sheet)
    except RecursionError:
        raise AnalysisError(f"{sheet.name}: is nested too deeply for a table") from None
    draft = choose(Draft.of(sheet, asked))
    if sheet.ours:
        return _ours(draft)
    for step in STEPS:
        draft = step(draft)
    return _finished(draft)


def read_table(
    path: Path | str | Frame,
    *,
    columns: Mapping[str, str] | None = None,
    where: Sequence[str] = (),
    better: Literal["", "lower", "higher"] = "",
    metric: MetricKind | None = None,
    alike: Sequence[str] = (),
    tuned: Sequence[str] = (),
    shape: Sequence[str] = (),
    finished: Sequence[str] = (),
    decimal: Literal["", ".", ","] = "",
    spread: str = "",
) -> TrialTable:
    """Read and check a trial table, or any table of runs.

    Parameters
    ----------
    path : path or DataFrame
        A file of any kind that ``payoff fit`` reads: CSV and other text, JSON, Parquet, packed
        or not; or a data frame of pandas or polars, without its index.
    columns : mapping, optional
        Field of :class:`TrialTable` -> name of the file's column that holds it.
    where : sequence of str
        ``COLUMN=VALUE`` of the rows to use.
    better : {"lower", "higher"}, optional
        Which way the metric improves, where its name does not say.
    metric : str, optional
        What it is: ``"error"``, ``"nats"``, ``"bits"``, ``"perplexity"``, ``"own"``; without it,
        what its name and values say.
    alike, tuned : sequences of str
        Columns in which replicates may differ, and of what was tuned.
    shape : sequence of str
        Columns that say how a size is made (depth, heads, ...). The table holds them by their
        names, without a tracker's prefix, and remembers them: :func:`payoff.analyse` draws a curve
        for each shape.
    finished : sequence of str
        Words of a column of states that mean finished, beside those that are known.
    decimal : {".", ","}, optional
        The decimal mark, where every number can be read in two ways.
    spread : str, optional
        Column of the error's spread.

    Raises
    ------
    Question
        If the table can't say what must be known.
    AnalysisError
        If it can't be read, or no row can be used.
    """
    named = dict(columns or {})
    for name in named:
        require_field(name)
    size, error = (
        next((named[name] for name in names_of(kind) if name in named), usual)
        for kind, usual in ((Cost, "n_parameters"), (Error, "test_error"))
    )
    asked = Asked(
        size=size, error=error, columns=named, where=_names(where), better=better,
        metric=metric or "", alike=_names(alike), tuned=_names(tuned), shape=_names(shape),
        finished=_names(finished), decimal=decimal, spread=spread,
    )  # fmt: skip
    sheet = read_sheet(path) if isinstance(path, str | PathLike) else frame_sheet(path)
    try:
        return read(sheet, asked).table
    except AnalysisError as error:
        legend = _legend(str(error))
        if not legend:
            raise
        raise type(error)(f"{error} (in Python: {legend})") from None


def _names(given: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, or words; a lone one may stand by itself."""
    return (given,) if isinstance(given, str) else tuple(given)


def _legend(text: str) -> str:
    """What the options in a line are called as arguments; empty where there is none."""
    said = dict.fromkeys(re.findall(r"(?<![\w-])--[a-z]+", text))
    return ", ".join(f"{one} is {_ARGUMENTS[one]}" for one in said if one in _ARGUMENTS)


def read_arrays(arrays: Mapping[str, Sequence[Any]], names: Mapping[str, str]) -> Draft:
    """Arrays of one length, by field of the trial table, as numbers; ``names`` are the user's.

    What is no number, no size, or marks a failed run is left out, as of a file.
    """
    said = {field: names.get(field, field) for field in arrays}
    sheet = Sheet(
        cells={said[field]: cells for field, cells in arrays.items()},
        n_rows=len(next(iter(arrays.values()))),
        name="the arrays",
    )
    draft = replace(Draft.of(sheet, Asked(options=said)), roles=said)
    return sentinels.settle(typed.settle(draft))


def choose(draft: Draft) -> Draft:
    """Leave out the rows that ``--where`` does not choose; of one column, any value will do."""
    wanted: dict[str, list[str]] = {}
    for condition in draft.asked.where:
        name, equals, value = condition.partition("=")
        if not equals:
            raise AnalysisError(f"--where: must be COLUMN=VALUE, got {condition!r}")
        wanted.setdefault(roles.find(draft, name, "--where"), []).append(value)
    for column, values in wanted.items():
        chosen = np.array(
            [any(_same(cell, value) for value in values) for cell in draft.cells(column)]
        )
        if not (chosen & draft.kept).any():
            condition = " or ".join(f"{column}={value}" for value in values)
            raise AnalysisError(
                f"--where: no row of {draft.sheet.name} has {condition}; check the value"
                f"{nearest(values[0], {str(cell) for cell in draft.cells(column)})}"
            )
        draft = draft.leave_out(~chosen, reason=_CHOSEN, column=column)
        draft = draft.taking(column, "chosen by", "--where")
    return draft


def _same(found: object, wanted: str) -> bool:
    if str(found).strip() == wanted.strip():
        return True
    try:
        return float(str(found)) == float(wanted)
    except ValueError:
        return False


def _ours(draft: Draft) -> Reading:
    """A table that payoff wrote: its columns mean what payoff means by them."""
    asked = draft.asked
    columns = dict(asked.columns)
    for usual, column, kind in (
        ("n_parameters", asked.size, Cost), ("test_error", asked.error, Error)
    ):  # fmt: skip
        field = column if column in names_of(kind) else usual
        columns[field] = roles.find(draft, column, f"--{kind.__name__.lower()}") if (
            column != field or column not in draft.sheet.names) else column  # fmt: skip
        draft = draft.taking(columns[field], "size" if kind is Cost else "error", "its name")
    draft = shapes.settle(draft)
    kept = np.flatnonzero(draft.kept)
    rows = list(draft.sheet.rows())
    table, broken = TrialTable.checked(fold_params(rows[k] for k in kept), columns=columns)
    for reason, places in broken.items():
        wrong = np.zeros(len(draft.sheet), dtype=bool)
        wrong[kept[places]] = True
        draft = draft.leave_out(wrong, reason=reason, column=reason.partition(":")[0])
    numbered = tuple(
        replace(out, rows=tuple(int(kept[k]) for k in out.rows)) for out in table.dropped
    )
    table = shapes.held(replace(table, dropped=numbered), draft, kept[_used(broken, len(kept))])
    draft = draft.telling(
        n_curves=len(np.unique(table.n_examples)) if len(table) else 0,
        replicate="trials of the phase 'replicate', one a seed and subset draw",
        why_better="an error",
    )
    return Reading(table=table, account=draft.account, draft=draft)


def _finished(draft: Draft) -> Reading:
    """The trial table of what is kept."""
    index = np.flatnonzero(draft.kept)
    kept: list[int] = index.tolist()
    columns: dict[str, Any] = {"trial": index}
    for name, values in draft.numbers.items():
        field = FIELDS[name]
        assert isinstance(field, Array)
        columns[name] = values[index]
    for name, words in draft.words.items():
        columns[name] = [words[k] for k in kept]
    params = {
        **_widths(draft, kept), **_params(draft.sheet, kept), **shapes.params(draft, kept)
    }  # fmt: skip
    if params:
        columns["params"] = params
    dropped = tuple(
        Dropped(reason=out.reason, count=out.count, rows=tuple(row - 1 for row in out.rows))
        for out in draft.account.left_out
        if out.reason != _CHOSEN and not out.reason.startswith(replicates.ANOTHER)
    )
    spread = None if draft.spread is None else draft.spread[index]
    table = TrialTable.from_columns(columns, len(kept), dropped=dropped, spread=spread)
    table = replace(table, metric=draft.metric, shape=tuple(draft.shape))
    if not draft.account.n_curves:
        draft = draft.telling(n_curves=len(np.unique(table.n_examples)))
    return Reading(table=table, account=draft.account, draft=draft)


def _used(broken: Mapping[str, Sequence[int]], n: int) -> BoolArray:
    """(n,) which rows broke no rule."""
    used = np.ones(n, dtype=bool)
    for places in broken.values():
        used[list(places)] = False
    return used


def _widths(draft: Draft, kept: Sequence[int]) -> Mapping[str, tuple[Any, ...]]:
    """What grows a ladder, as its name tells, of a table whose shapes were named: ``d_model``."""
    if not draft.shape:
        return {}
    named = set(draft.roles.values()) | {one.column for one in draft.account.columns}
    found = {}
    for name, cells in draft.sheet.cells.items():
        if name in named or not ladders.grows(name):
            continue
        values = [shapes.as_shape(cells[k]) for k in kept]
        if all(isinstance(one, int | float) for one in values):
            found[roles.bare(name)] = tuple(values)
    return found


def _params(sheet: Sheet, kept: list[int]) -> Mapping[str, tuple[Any, ...]]:
    """Hyperparameters: columns ``params.NAME`` or ``config.NAME``, as values and not as text."""
    return {
        name.partition(".")[2]: tuple(
            None if cells[k] in (None, "") else decode(cells[k]) for k in kept
        )
        for name, cells in sheet.cells.items()
        if name.startswith(("params.", "config."))
    }
