"""What known programs write: payoff's own tables by their mark, MLflow's parents, W&B's charts.

Payoff's own tables are told by the whole set of columns that every version wrote, with its own
words in them; no mark had to be added to files that exist. In such a table the columns mean what
payoff means by them. In any other they mean what its author meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.table.columns import PHASES, ROUTES, STATUSES
from analysis.table.draft import Draft
from analysis.table.nested import KEPT_WHOLE, unfold
from analysis.table.separated import counts, is_index
from analysis.table.sheet import Sheet

MARK = ("trial", "slot", "cell", "phase", "status", "n_examples", "draw", "seed", "width", "depth")
"""Columns that every version of payoff wrote, in files and in records."""

MOST_COMPARED = 50_000
"""Rows up to which runs that are there twice are looked for."""

_CHART = re.compile(r"^(?P<run>.+) - (?P<metric>(?:(?! - ).)+?)(?:__(?P<end>MIN|MAX))?$")
"""A column of a line chart that Weights & Biases exported."""
_STEPS = ("Step", "_step", "epoch", "Epoch", "trainer/global_step", "Relative Time (Process)",
          "Relative Time (Wall)", "Wall Time", "step")  # fmt: skip
_KEY = re.compile(r"^\s*(?P<key>[A-Za-z_][\w./ ]*?)\s*[:=]\s*(?P<value>[^,:=]+)\s*$")


def is_ours(sheet: Sheet) -> bool:
    """Whether payoff wrote a table: all of the mark is there, and only its own words in it."""
    if not set(MARK) <= set(sheet.names):
        return False
    return all(
        set(map(str, sheet.cells[column])) <= {*words, "", "None"}
        for column, words in (("phase", PHASES), ("status", STATUSES), ("route", ROUTES))
        if column in sheet.cells
    )


def recognise(sheet: Sheet) -> Sheet:
    """The sheet as plain columns: objects spread, twins and indices taken out, charts turned."""
    ours = is_ours(sheet)
    whole = KEPT_WHOLE if ours else ()
    if any(_has_objects(cells) for name, cells in sheet.cells.items() if name not in whole):
        sheet = replace(sheet, cells=Sheet.of_rows(unfold(sheet.rows(), whole=whole)).cells)
    if ours or is_ours(sheet):
        return replace(sheet, ours=True)
    return _without_twins(_chart_as_rows(_without_index(_lists_as_text(sheet))))


def settle(draft: Draft) -> Draft:
    """Leave out runs that are there twice, and MLflow's parents that only repeat one of their own.

    A row that is the same in every cell is the same run where a column names the runs: one that
    has as many values as there are different rows.
    """
    cells = draft.sheet.cells
    if 1 < len(draft.sheet) <= MOST_COMPARED:
        rows = list(zip(*(map(str, column) for column in cells.values()), strict=True))
        n_distinct = len(set(rows))
        roles = set(draft.roles.values())
        if n_distinct < len(rows) and any(
            name not in roles and len(set(map(str, column))) == n_distinct
            for name, column in cells.items()
        ):
            first = {row: k for k, row in reversed(list(enumerate(rows)))}
            again = [first[row] != k for k, row in enumerate(rows)]
            draft = draft.leave_out(again, reason="the same run once more")
    parent_of = next((cells[n] for n in cells if n.endswith("mlflow.parentRunId")), None)
    run_id = next((cells[n] for n in ("run_id", "info.run_id", "Run ID") if n in cells), None)
    if draft.account.ours or parent_of is None or run_id is None:
        return draft
    children: dict[str, list[int]] = {}
    for k, parent in enumerate(parent_of):
        if parent not in (None, ""):
            children.setdefault(str(parent), []).append(k)
    error, column = draft.cells(draft.error_column), draft.error_column
    repeats = np.zeros(len(draft.sheet), dtype=bool)
    for k, run in enumerate(run_id):
        of_run = children.get(str(run), ())
        if of_run and (error[k] in (None, "") or any(_same(error[c], error[k]) for c in of_run)):
            repeats[k] = True
    return draft.leave_out(
        repeats, reason="a parent run that repeats one of its own runs", column=column
    )


def _same(one: object, other: object) -> bool:
    """Whether two cells are one number, however they were written."""
    try:
        return math.isclose(float(str(one)), float(str(other)), rel_tol=1e-6)
    except ValueError:
        return one == other


def _has_objects(cells: Sequence[Any]) -> bool:
    return any(isinstance(cell, dict) or (type(cell) is str and cell[:1] == "{") for cell in cells)


def _lists_as_text(sheet: Sheet) -> Sheet:
    """Cells that are lists, as JSON's or Parquet's may be, as text: they are no numbers."""
    held = {
        name: [str(cell) if isinstance(cell, list | tuple | dict | set) else cell for cell in cells]
        for name, cells in sheet.cells.items()
        if any(isinstance(cell, list | tuple | dict | set) for cell in cells)
    }
    return sheet.with_cells({**sheet.cells, **held}) if held else sheet


def _without_index(sheet: Sheet) -> Sheet:
    """Take out columns that pandas made of an index: ``Unnamed: 0``, ``level_0``, ``index``."""
    gone = [
        name
        for name, cells in sheet.cells.items()
        if (re.fullmatch(r"__index_level_\d+__|Unnamed: \d+|\s*", name) and is_index(cells))
        or (name.casefold() in ("index", "level_0") and counts(cells))
    ]
    if not gone:
        return sheet
    kept = {name: cells for name, cells in sheet.cells.items() if name not in gone}
    return sheet.with_cells(kept, *(f"the column {n!r} counts the rows: not used" for n in gone))


def _without_twins(sheet: Sheet) -> Sheet:
    """Of a column that is there by its own and by its full name (``lr``, ``params.lr``): one."""
    bare = {name: name.partition(".")[2] for name in sheet.names if "." in name}
    twins = {
        short for name, short in bare.items()
        if short in sheet.cells and sheet.cells[short] == sheet.cells[name]
    }  # fmt: skip
    twins |= {  # what W&B calls config, as hyperparameters once more
        f"params.{short}" for name, short in bare.items()
        if name.startswith("config.") and f"params.{short}" in sheet.cells
    }  # fmt: skip
    if not twins:
        return sheet
    return sheet.with_cells({n: cells for n, cells in sheet.cells.items() if n not in twins})


def _chart_as_rows(sheet: Sheet) -> Sheet:
    """A chart of Weights & Biases, a column for each run, as a row for each run and step."""
    step = next((name for name in _STEPS if name in sheet.names), None)
    series = {name: told for name in sheet.names if (told := _CHART.match(name))}
    others = [name for name in sheet.names if name not in series and name != step]
    if step is None or not series or others:
        return sheet
    rows = []
    for name, told in series.items():
        if told.group("end"):
            continue
        keys = _keys(told.group("run"))
        for at, value in zip(sheet.cells[step], sheet.cells[name], strict=True):
            if value not in (None, ""):
                rows.append(
                    {"run": told.group("run"), **keys, step: at, told.group("metric"): value}
                )
    turned = Sheet.of_rows(rows)
    return replace(
        sheet,
        cells=turned.cells,
        n_rows=turned.n_rows,
        notes=(*sheet.notes, "a chart with a column for each run was read as a row for each "
               "run and step"),
    )  # fmt: skip


def _keys(run: str) -> dict[str, str]:
    """What a grouped chart says of its runs: ``n_params: 250, lr: 0.1``."""
    found = {}
    for part in run.split(","):
        told = _KEY.match(part)
        if told is None:
            return {}
        found[told.group("key").removeprefix("config.").strip()] = told.group("value").strip()
    return found
