"""The trial table: one row a trial, checked once, the only input of everything that follows.

Columns are read-only arrays (numbers), or tuples (words, bytes). A value that nobody measured is
NaN (floats), -1 (integers) or empty (words). Rows that break the schema are left out, counted and
named in :attr:`TrialTable.dropped`; nothing is ever left out in silence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.errors import AnalysisError
from analysis.metric import Metric
from analysis.table.columns import FIELDS, PHASES, ROUTES, STATUSES, Columns
from analysis.table.fields import (
    UNKNOWN,
    Array,
    BoolArray,
    Cost,
    Count,
    Error,
    Field,
    Flag,
    FloatArray,
    IntArray,
    Integer,
    Number,
    RowError,
    Share,
    Size,
    Word,
    Words,
    read_only,
)
from search_spaces.errors import nearest

Key = tuple[Field[Any], str]
"""A field and the key that holds it in rows."""

_ASKED = (Word, (Integer, Count), Share, Cost, Error, Number, Flag, Field)
_CHECKED = ((Integer, Count), Share, Size, Error, Field)
"""Order of the fields by kind: of several rules that a row breaks, the first is its reason."""


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """Rows left out for one reason."""

    reason: str
    """The rule that the rows broke, naming the column."""
    count: int
    rows: tuple[int, ...]
    """Positions (0-based) of the first such rows in what was read, at most five."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialTable(Columns):
    """All trials of one study (or of one CSV file); each column is an attribute."""

    columns: Mapping[str, Any]
    """Field name -> column."""
    dropped: tuple[Dropped, ...] = ()
    """Rows that were read but broke the schema."""
    spread: FloatArray | None = None
    """(rows,) spread of ``test_error`` as a stranger's table tells it (``0.31±0.02``), in its
    unit; None where it does not."""
    metric: Metric | None = None
    """What its errors were made of; None: they stand as they were measured."""
    shape: tuple[str, ...] = ()
    """Columns that say how a size is made, as whoever read the table named them; empty: not
    said."""

    def __len__(self) -> int:
        return len(self.slot)

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Mapping[str, object]],
        *,
        columns: Mapping[str, str] | None = None,
    ) -> TrialTable:
        """Check rows and gather them into columns.

        Parameters
        ----------
        rows : iterable of mappings
            One a trial, with the names of this class's fields as keys; all are optional. ``params``
            is a mapping; ``test_correct`` is packed bits as bytes, or as base64 text.
        columns : mapping, optional
            Field name -> the key that holds it, for rows with names of their own.

        Returns
        -------
        TrialTable
            Rows that break the schema are in ``dropped``, with the reason.

        Raises
        ------
        AnalysisError
            If ``columns`` names a field that does not exist.
        """
        return cls.checked(rows, columns=columns)[0]

    @classmethod
    def checked(
        cls,
        rows: Iterable[Mapping[str, object]],
        *,
        columns: Mapping[str, str] | None = None,
    ) -> tuple[TrialTable, Mapping[str, list[int]]]:
        """The same, and for each reason the positions of all rows that were left out."""
        keys = _keys(columns)
        asked, checked = _in_turn(keys, _ASKED), _in_turn(keys, _CHECKED)
        kept: list[dict[str, Any]] = []
        dropped: dict[str, list[int]] = {}
        slots: set[str] = set()
        for position, row in enumerate(rows):
            try:
                clean = _checked(row, asked, checked)
                if clean["slot"] and clean["slot"] in slots:
                    raise RowError("slot: each must be unique, this one was seen before")
            except RowError as error:
                dropped.setdefault(str(error), []).append(position)
                continue
            if clean["trial"] == UNKNOWN:
                clean["trial"] = position
            slots.add(clean["slot"])
            kept.append(clean)
        gathered = {
            name: field.gather([row[name] for row in kept]) for name, field in FIELDS.items()
        }
        return cls(columns=MappingProxyType(gathered), dropped=summarise(dropped)), dropped

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, Sequence[Any] | npt.NDArray[Any]],
        n_rows: int,
        *,
        dropped: tuple[Dropped, ...] = (),
        spread: FloatArray | None = None,
    ) -> TrialTable:
        """The table of columns that were checked already; a field without one has its default.

        Raises
        ------
        AnalysisError
            If there is no such field, or a column has not ``n_rows`` values.
        """
        gathered: dict[str, Any] = {}
        for name, values in columns.items():
            require_field(name)
            if name != "params" and len(values) != n_rows:
                raise AnalysisError(f"{name}: must have {n_rows} values, got {len(values)}")
            field = FIELDS[name]
            if isinstance(values, np.ndarray) and isinstance(field, Array):
                gathered[name] = read_only(values.astype(field.dtype))
            elif isinstance(values, Mapping):
                gathered[name] = MappingProxyType(dict(values))
            else:
                gathered[name] = field.gather(list(values))
        gathered.setdefault("trial", read_only(np.arange(n_rows, dtype=np.int64)))
        for name, field in FIELDS.items():
            if name in gathered:
                continue
            if isinstance(field, Array):
                gathered[name] = read_only(np.full(n_rows, field.default, dtype=field.dtype))
            else:
                params = name == "params"
                gathered[name] = MappingProxyType({}) if params else (field.default,) * n_rows
        return cls(
            columns=MappingProxyType({name: gathered[name] for name in FIELDS}),
            dropped=dropped,
            spread=None if spread is None else read_only(spread),
        )

    def to_rows(self) -> list[dict[str, Any]]:
        """The table as rows that :meth:`from_rows` reads back without loss."""
        # Numbers come first in JSON lines, as they always did.
        order = sorted(self.columns, key=lambda name: not isinstance(FIELDS[name], Array))
        listed = {
            name: FIELDS[name].listed(self.columns[name]) for name in order if name != "params"
        }
        rows = [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]
        for k, row in enumerate(rows):
            row["params"] = {
                name: values[k] for name, values in self.params.items() if values[k] is not None
            }
        return rows

    def where(self, keep: npt.ArrayLike) -> TrialTable:
        """The rows for which ``keep`` (shape ``(rows,)``, bool) is true."""
        index = np.flatnonzero(np.asarray(keep, dtype=bool))
        if len(index) == len(self):
            return self
        picked = {name: FIELDS[name].picked(column, index) for name, column in self.columns.items()}
        spread = None if self.spread is None else read_only(self.spread[index])
        return replace(self, columns=MappingProxyType(picked), spread=spread)

    def with_columns(self, **columns: Sequence[Any] | npt.NDArray[Any]) -> TrialTable:
        """The same trials with other values of some fields, one a trial.

        Raises
        ------
        AnalysisError
            If there is no such field, or there are not as many values as trials.
        """
        changed = {}
        for name, values in columns.items():
            require_field(name)
            if len(values) != len(self):
                raise AnalysisError(f"{name}: must have {len(self)} values, got {len(values)}")
            changed[name] = FIELDS[name].gather(list(values))
        return replace(self, columns=MappingProxyType({**self.columns, **changed}))

    def column(self, name: str) -> FloatArray:
        """A numeric column by name, as floats (-1 of an integer column stays -1).

        Raises
        ------
        AnalysisError
            If there is no such numeric column.
        """
        known = [one for one in self.columns if isinstance(FIELDS[one], Array)]
        if name not in known:
            raise AnalysisError(
                f"{name}: no numeric column of the trial table has this name"
                f"{nearest(name, known)} (known: {', '.join(known)})"
            )
        return np.asarray(self.columns[name], dtype=np.float64)

    def correctness(self, k: int) -> BoolArray | None:
        """Per-test-example correctness of row ``k``, shape ``(n_test,)``; None if unknown."""
        bits = self.test_correct[k]
        if bits is None:
            return None
        return np.unpackbits(np.frombuffer(bits, np.uint8), count=int(self.n_test[k])).astype(bool)


def known(n: float) -> float | None:
    """A number of examples that somebody recorded; None for :data:`UNKNOWN`."""
    return None if n == UNKNOWN else exact(n)


def exact(n: float) -> float:
    """The same number, as an integer where it is whole: so many examples, or a share of them.

    Examples
    --------
    >>> exact(1e19), exact(0.25)
    (10000000000000000000, 0.25)
    """
    return int(n) if float(n).is_integer() else float(n)


def summarise(dropped: Mapping[str, list[int]]) -> tuple[Dropped, ...]:
    """One :class:`Dropped` for each reason, in the order met."""
    return tuple(
        Dropped(reason=reason, count=len(rows), rows=tuple(rows[:5]))
        for reason, rows in dropped.items()
    )


def require_field(name: str) -> None:
    """Raise AnalysisError unless the trial table has such a field."""
    if name not in FIELDS:
        raise AnalysisError(
            f"columns: no column of the trial table is called {name!r}{nearest(name, FIELDS)}"
        )


def _keys(columns: Mapping[str, str] | None) -> list[Key]:
    """Every field with its key in the rows; a key mapped to one field feeds no other."""
    mapped = dict(columns or {})
    for name in mapped:
        require_field(name)
    claimed = set(mapped.values())
    return [
        (field, mapped.get(name, "" if name in claimed else name)) for name, field in FIELDS.items()
    ]


def _in_turn(keys: list[Key], kinds: Sequence[Any]) -> list[Key]:
    """The fields in the order of their kinds, of the errors that of the test first."""

    def turn(key: Key) -> tuple[int, bool]:
        kind = next(k for k, kind in enumerate(kinds) if isinstance(key[0], kind))
        return kind, key[0].name != "test_error"

    return sorted(keys, key=turn)


def _checked(row: Mapping[str, object], asked: list[Key], checked: list[Key]) -> dict[str, Any]:
    """One row with every field present and of its kind; RowError if it breaks the schema."""
    clean: dict[str, Any] = {}
    for field, key in asked:
        value = row.get(key) if key else None
        if value is None or (isinstance(value, str) and not value.strip()):
            clean[field.name] = field.default
        elif type(value) is field.kept_as_is:
            clean[field.name] = value
        else:
            clean[field.name] = field.convert(key, value)
    for field, key in checked:
        if isinstance(field, Integer | Count) and clean[field.name] < UNKNOWN:
            raise RowError(f"{key}: must not be negative")
    for field, key in checked:
        field.check(key, clean)
    return clean


def middle(sizes: FloatArray) -> float:
    """Geometric mean of what is known; the size itself, digit for digit, where all are equal.

    Examples
    --------
    >>> middle(np.array([24.0, 24.0, np.nan])), round(middle(np.array([1.0, 100.0])), 9)
    (24.0, 10.0)
    """
    known = sizes[np.isfinite(sizes)]
    if not len(known):
        return math.nan
    if (known == known[0]).all():
        return float(known[0])
    return math.exp(float(np.log(known).mean()))


__all__ = [
    "PHASES",
    "ROUTES",
    "STATUSES",
    "UNKNOWN",
    "BoolArray",
    "Dropped",
    "FloatArray",
    "IntArray",
    "TrialTable",
    "Words",
    "known",
    "middle",
    "read_only",
]
