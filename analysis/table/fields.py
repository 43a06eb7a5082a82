"""Kinds of fields that a trial has: which values they take, where they stand, what they are called.

A field is declared once, in :class:`analysis.table.columns.Columns`. Where a record keeps it, the
column it has in the trial table, its name in MLflow and its plain words follow from that.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar, overload

import numpy as np
import numpy.typing as npt

from analysis.metric import MEASURABLE
from analysis.table.made import Made

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Words = tuple[str, ...]
Value = str | int | float | bool | None
Column = TypeVar("Column")
Place = Literal["own", "params", "metrics", "sizes", "flags", "words"]

UNKNOWN = -1
"""An integer that nobody recorded (a width, a seed, a number of examples)."""

LOGGED: Mapping[Place, str] = {
    "params": "params", "metrics": "metrics", "sizes": "metrics", "flags": "tags", "words": "tags"
}  # fmt: skip
"""Where MLflow keeps each part of a record."""


class RowError(ValueError):
    """One row that breaks the schema."""


class Table(Protocol):
    """What has columns."""

    @property
    def columns(self) -> Mapping[str, Any]:
        """Field name -> column."""


@dataclass(kw_only=True, eq=False)
class Field(Generic[Column]):
    """One fact of every trial; as an attribute of a table, its column."""

    plain: str = ""
    """In plain words; empty: its name."""
    unit: str = ""
    """As siunitx calls it; empty: a number without one."""
    place: Place = "own"
    """The part of a record where it stands; ``own``: it is an attribute itself."""
    keys: tuple[str, ...] = ()
    """Its names there and in MLflow; none: its own."""
    charted: bool = False
    """Whether it is a parameter in MLflow as well, so that charts can group by it."""
    default: Any = None
    """What a trial has of whom it is not known."""
    only_if_any: bool = False
    """Whether files are written without it where no trial has another value than the default."""
    name: str = ""

    kept_as_is: ClassVar[type | None] = None
    """Type of values that need no conversion."""
    own_logged: ClassVar[str] = "tags"
    """Where MLflow keeps it if it is an attribute of a record."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, table: None, owner: type) -> Self: ...
    @overload
    def __get__(self, table: Table, owner: type) -> Column: ...
    def __get__(self, table: Table | None, owner: type) -> Self | Column:
        if table is None:
            return self
        column: Column = table.columns[self.name]
        return column

    @property
    def logged(self) -> str:
        """Part of an MLflow run that holds it: params, metrics or tags; empty: none does."""
        return LOGGED.get(self.place, self.own_logged)

    @property
    def names(self) -> tuple[str, ...]:
        """Its names in a record and in MLflow, of which the first found counts."""
        return self.keys or (self.name,)

    def found_in(self, values: Mapping[str, Any]) -> Any:
        """Its value, under the first of its names that is there; None without any."""
        return next((values[name] for name in self.names if name in values), None)

    def convert(self, key: str, value: object) -> Any:
        """A value of any source as one of this field; RowError with ``key`` if it is none."""
        raise NotImplementedError

    def check(self, key: str, row: dict[str, Any]) -> None:
        """Raise RowError if the field's value in a converted row cannot be."""

    def gather(self, values: Sequence[Any]) -> Any:
        """The column of these values."""
        return tuple(values)

    def listed(self, column: Any) -> list[Any]:
        """The values of a column, as JSON knows them."""
        return list(column)

    def picked(self, column: Any, index: IntArray) -> Any:
        """The column of some of the rows."""
        return tuple(column[k] for k in index)


@dataclass(kw_only=True, eq=False)
class Word(Field[Words]):
    """Text; of the table's own choice of words where there are ``choices``."""

    default: str = ""
    choices: tuple[str, ...] = ()

    def convert(self, key: str, value: object) -> str:
        word = str(value)
        if self.choices and word not in self.choices:
            raise RowError(f"{key}: must be one of {', '.join(self.choices)}")
        return word


@dataclass(kw_only=True, eq=False)
class Array(Field[Column]):
    """What a column holds as an array, closed to writing."""

    dtype: ClassVar[Any]

    def gather(self, values: Sequence[Any]) -> Any:
        return read_only(np.array(values, dtype=self.dtype))

    def listed(self, column: Any) -> list[Any]:
        listed: list[Any] = column.tolist()
        return listed

    def picked(self, column: Any, index: IntArray) -> Any:
        return read_only(column[index])


@dataclass(kw_only=True, eq=False)
class Integer(Array[IntArray]):
    """A whole number, at least 0."""

    default: int = UNKNOWN
    least: int = 0
    dtype = np.int64

    def convert(self, key: str, value: object) -> int:
        number = as_number(key, value)
        if math.isnan(number):
            return self.default
        if not math.isfinite(number) or number != int(number) or abs(number) >= 2.0**53:
            raise RowError(f"{key}: must be a whole number")
        return int(number)

    def check(self, key: str, row: dict[str, Any]) -> None:
        if UNKNOWN < row[self.name] < self.least:
            raise RowError(f"{key}: must be at least {self.least}")


@dataclass(kw_only=True, eq=False)
class Count(Array[FloatArray]):
    """A whole number, at least 0; of a stranger's table also a fraction, or beyond all integers."""

    default: float = UNKNOWN
    least: int = 0
    dtype = np.float64

    def convert(self, key: str, value: object) -> float:
        return Integer(default=int(self.default)).convert(key, value)

    def check(self, key: str, row: dict[str, Any]) -> None:
        if UNKNOWN < row[self.name] < self.least:
            raise RowError(f"{key}: must be at least {self.least}")

    def listed(self, column: Any) -> list[Any]:
        return [int(n) if n.is_integer() else n for n in column.tolist()]


@dataclass(kw_only=True, eq=False)
class Number(Array[FloatArray]):
    """Any number; NaN where nobody knows."""

    default: float = math.nan
    place: Place = "metrics"
    dtype = np.float64
    kept_as_is = float
    own_logged = "metrics"

    def convert(self, key: str, value: object) -> float:
        return as_number(key, value)


@dataclass(kw_only=True, eq=False)
class Share(Number):
    """A fraction, at least 0 and below 1."""

    default: float = 0.0

    def check(self, key: str, row: dict[str, Any]) -> None:
        if not 0.0 <= row[self.name] < 1.0:
            raise RowError(f"{key}: must be at least 0 and below 1")


@dataclass(kw_only=True, eq=False)
class Size(Number):
    """A positive number."""

    place: Place = "sizes"

    def check(self, key: str, row: dict[str, Any]) -> None:
        if math.isinf(row[self.name]) or row[self.name] <= 0.0:
            raise RowError(f"{key}: must be positive and finite")
        if not (math.isnan(row[self.name]) or is_measurable(row[self.name])):
            raise RowError(f"{key}: {BEYOND}")


@dataclass(kw_only=True, eq=False)
class Cost(Size):
    """What a model may be counted by; any of them can be the size axis."""

    pruned: bool = True
    """Whether pruning changes it; only then may pruned models draw a curve over it."""
    measure: Callable[[Made], float] | None = None
    """Measures it of each network that a trial makes, NaN if it cannot; None: who trains does."""


@dataclass(kw_only=True, eq=False)
class Error(Number):
    """An error, at least 0; one that is not finite is unknown where the trial failed."""

    def check(self, key: str, row: dict[str, Any]) -> None:
        if math.isinf(row[self.name]):
            if row["status"] == "complete":
                raise RowError(f"{key}: must be finite")
            row[self.name] = math.nan
        if row[self.name] < 0.0:
            raise RowError(f"{key}: must not be negative")
        if row[self.name] > 0.0 and not is_measurable(row[self.name]):
            raise RowError(f"{key}: {BEYOND}")


@dataclass(kw_only=True, eq=False)
class Flag(Array[BoolArray]):
    """True or false."""

    default: bool = False
    place: Place = "flags"
    dtype = np.bool_
    kept_as_is = bool

    def convert(self, key: str, value: object) -> bool:
        word = str(value).strip().lower()
        if word in {"true", "1", "1.0", "yes"}:
            return True
        if word in {"false", "0", "0.0", "no", "nan"}:
            return False
        raise RowError(f"{key}: must be true or false")


@dataclass(kw_only=True, eq=False)
class Bits(Field[tuple[bytes | None, ...]]):
    """Packed bits, one for each test example; None where nobody knows."""

    own_logged = ""

    def convert(self, key: str, value: object) -> bytes | None:
        if isinstance(value, bytes):
            return value or None
        try:
            return base64.b64decode(str(value), validate=True)
        except (binascii.Error, ValueError):
            raise RowError(f"{key}: must be base64 text or bytes") from None

    def check(self, key: str, row: dict[str, Any]) -> None:
        bits = row[self.name]
        if bits is not None and len(bits) != (row["n_test"] + 7) // 8:
            raise RowError(f"{key}: must hold one bit for each of n_test examples")

    def listed(self, column: Any) -> list[Any]:
        return [None if bits is None else base64.b64encode(bits).decode() for bits in column]


@dataclass(kw_only=True, eq=False)
class Params(Field[Mapping[str, tuple[Value, ...]]]):
    """Hyperparameters by name; of each trial its value, or None where it has no such thing."""

    own_logged = ""

    def convert(self, key: str, value: object) -> Mapping[str, Value]:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except json.JSONDecodeError:
                raise RowError(f"{key}: must be a JSON object") from None
        if not isinstance(value, Mapping):
            raise RowError(f"{key}: must be a mapping")
        return {str(name): _value(item) for name, item in value.items()}

    def gather(self, values: Sequence[Any]) -> Any:
        values = [params or {} for params in values]
        known = sorted({name for params in values for name in params})
        return MappingProxyType(
            {name: tuple(params.get(name) for params in values) for name in known}
        )

    def picked(self, column: Any, index: IntArray) -> Any:
        return MappingProxyType(
            {name: tuple(values[k] for k in index) for name, values in column.items()}
        )


BEYOND = f"must lie between {MEASURABLE[0]:g} and {MEASURABLE[1]:g}"
"""What is said of a number that nothing measures."""


def is_measurable(values: Any) -> Any:
    """Whether positive numbers (one, or an array of them) are such as anything measures."""
    return (values >= MEASURABLE[0]) & (values <= MEASURABLE[1])


def as_number(key: str, value: object) -> float:
    """A value as a number; RowError with ``key`` if it is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.copysign(math.inf, value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise RowError(f"{key}: must be a number") from None


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same array, closed to writing."""
    array.setflags(write=False)
    return array


def _value(item: object) -> Value:
    """A plain Python value, so that tables compare and serialise alike."""
    if isinstance(item, np.generic):
        item = item.item()
    if isinstance(item, float) and not math.isfinite(item):
        return None
    return item if item is None or isinstance(item, str | int | float | bool) else str(item)
