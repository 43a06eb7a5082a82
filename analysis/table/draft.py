"""A table on its way: what the file holds, what the user asked, what has been settled so far.

Each step takes a draft and gives the next one (``def settle(draft: Draft) -> Draft``); a step that
cannot go on raises :class:`~analysis.errors.Question`. The steps, in this order (``reading.py``):

1. ``files``: bytes to a sheet: encoding, separator, header, format
2. ``nested``, ``exports``: objects in cells and what known programs write, as plain columns
3. ``roles``: which column is the size, the error, the dataset size, ...
4. ``states``: rows that ``--where`` leaves, runs that finished
5. ``numbers``: cells to numbers, each column by one convention
6. ``sentinels``: numbers that stand for "failed"
7. ``direction``: which way the metric improves
8. ``replicates``: what rows of one size are to each other; which of them draw the curve
   ``metrics``: what the metric is, and its error
9. the trial table
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.metric import Better, Metric
from analysis.table.account import Account, LeftOut, TakenFor
from analysis.table.fields import BoolArray, FloatArray, IntArray, read_only
from analysis.table.sheet import NOTHING, Sheet

MOST_ROWS_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the user said of the table, in the words of the command line."""

    size: str = "n_parameters"
    error: str = "test_error"
    columns: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Field of the trial table -> the table's column (``--examples``, ``--seed``, ``--map``)."""
    options: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Field -> the option that named its column, where it is not ``--map``."""
    spread: str = ""
    """Column of the error's spread; empty: none, or behind ``±`` in its cells."""
    where: tuple[str, ...] = ()
    """``COLUMN=VALUE`` each."""
    finished: tuple[str, ...] = ()
    """Words of the state column that mean finished, beside those that are known."""
    decimal: str = ""
    """``.`` or ``,`` where both could be the decimal mark; empty: not said."""
    better: str = ""
    """``lower`` or ``higher``; empty: not said."""
    metric: str = ""
    """What the metric is, a kind of :mod:`analysis.metric`; empty: not said."""
    of: str = ""
    """What a rule's fraction is of; ``perplexity`` says that the metric is a loss."""
    alike: tuple[str, ...] = ()
    """Columns in which replicates may differ."""
    tuned: tuple[str, ...] = ()
    """Columns of what was tuned: of each size the best counts."""
    shape: tuple[str, ...] = ()
    """Columns that say how a size is made: depth, heads, ..."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Draft:
    """A table on its way."""

    sheet: Sheet
    asked: Asked
    account: Account
    fate: IntArray
    """(rows,) what happened to each row: -1 kept, else its place in ``account.left_out``."""
    roles: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Field of the trial table -> the sheet's column; ``n_parameters`` (or another cost) is the
    size and ``test_error`` (or another error) the error: see ``size_field``, ``error_field``."""
    size_field: str = "n_parameters"
    error_field: str = "test_error"
    numbers: Mapping[str, FloatArray] = field(default_factory=lambda: NOTHING)
    """Field -> (rows,) its numbers; NaN where a row has none. The error is an error from step 9
    on: lower is better."""
    error_is_percent: bool = False
    """Whether its cells had a percent sign; its numbers are fractions then."""
    words: Mapping[str, Sequence[Any]] = field(default_factory=lambda: NOTHING)
    """Field -> (rows,) its values, of fields that are no numbers."""
    shape: Mapping[str, Sequence[Any]] = field(default_factory=lambda: NOTHING)
    """Name -> (rows,) of each model's shape: a number or a word; None where a row has none."""
    better: Better = "lower"
    """Which way the metric improves."""
    metric: Metric = field(default_factory=Metric)
    """What it is, and how errors are made of it."""
    spread: FloatArray | None = None
    """(rows,) what the file says of the error's spread (``0.31±0.02``); None: nothing."""

    @classmethod
    def of(cls, sheet: Sheet, asked: Asked) -> Draft:
        """The draft in which nothing has been settled."""
        account = Account(
            file=sheet.name,
            format=sheet.format,
            ours=sheet.ours,
            rows_read=len(sheet),
            notes=sheet.notes,
        )
        fate = read_only(np.full(len(sheet), -1, dtype=np.int64))
        return cls(sheet=sheet, asked=asked, account=account, fate=fate)

    @property
    def kept(self) -> BoolArray:
        """(rows,) which rows are still there."""
        return np.asarray(self.fate < 0)

    @property
    def size(self) -> FloatArray:
        """(rows,) the size, of all rows."""
        return self.numbers[self.size_field]

    @property
    def error(self) -> FloatArray:
        """(rows,) the metric, of all rows."""
        return self.numbers[self.error_field]

    @property
    def size_column(self) -> str:
        """The user's name of the size."""
        return self.roles[self.size_field]

    @property
    def error_column(self) -> str:
        """The user's name of the metric."""
        return self.roles[self.error_field]

    def cells(self, column: str) -> Sequence[Any]:
        """All cells of a column as the file has them."""
        return self.sheet.cells[column]

    def leave_out(self, which: npt.ArrayLike, *, reason: str, column: str = "") -> Draft:
        """The draft without those rows of ``which`` (rows,) that are still kept; none: as it is."""
        mask = np.asarray(which, dtype=bool) & self.kept
        index = np.flatnonzero(mask)
        if not len(index):
            return self
        example = shown(self.sheet.cells[column][index[0]]) if column in self.sheet.cells else ""
        out = LeftOut(
            reason=reason,
            column=column,
            count=len(index),
            example=example,
            rows=tuple(int(k) + 1 for k in index[:MOST_ROWS_NAMED]),
        )
        fate = self.fate.copy()
        fate[index] = len(self.account.left_out)
        return replace(self, fate=read_only(fate)).telling(left_out=(*self.account.left_out, out))

    def telling(self, **facts: Any) -> Draft:
        """The draft with other facts in its account."""
        return replace(self, account=replace(self.account, **facts))

    def noting(self, *notes: str) -> Draft:
        """The draft with notes added to its account."""
        return self.telling(notes=(*self.account.notes, *notes))

    def taking(self, column: str, role: str, why: str, read_as: str = "") -> Draft:
        """The draft with a line on what a column was taken for; a later one counts."""
        one = TakenFor(column=column, role=role, why=why, read_as=read_as)
        others = [old for old in self.account.columns if (old.column, old.role) != (column, role)]
        return self.telling(columns=(*others, one))

    def with_numbers(self, **columns: FloatArray) -> Draft:
        """The draft with other numbers of some fields."""
        closed = {name: read_only(np.asarray(v, dtype=np.float64)) for name, v in columns.items()}
        return replace(self, numbers=MappingProxyType({**self.numbers, **closed}))


def shown(cell: object, most: int = 40) -> str:
    """A cell as messages show it: short, on one line."""
    text = "" if cell is None else " ".join(str(cell).split())
    return text if len(text) <= most else f"{text[: most - 3]}..."
