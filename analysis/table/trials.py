"""The trial table: one row a trial, checked once, the only input of everything that follows.

Columns are read-only arrays (numbers), or tuples (words, bytes). A value that nobody measured is
NaN (floats), -1 (integers) or empty (words). Rows that break the schema are left out, counted and
named in :attr:`TrialTable.dropped`; nothing is ever left out in silence.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from analysis.errors import AnalysisError
from analysis.settings import Cost
from search_spaces.errors import nearest

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Words = tuple[str, ...]
Value = str | int | float | bool | None

UNKNOWN = -1
"""An integer that nobody recorded (a width, a seed, a number of examples)."""

PHASES = ("search", "replicate")
STATUSES = ("complete", "diverged", "failed")
ROUTES = ("trained", "pruned", "distilled", "custom")
SIZES: tuple[Cost, ...] = get_args(Cost)
"""Columns that a model may be counted by."""
ERRORS = ("test_error", "val_error", "train_error")

_INTEGERS: Mapping[str, int] = {
    "trial": UNKNOWN,
    "n_examples": UNKNOWN,
    "draw": UNKNOWN,
    "seed": UNKNOWN,
    "width": UNKNOWN,
    "depth": UNKNOWN,
    "n_test": 0,
}
_FLOATS: Mapping[str, float] = {
    "prune_ratio": 0.0,
    **dict.fromkeys(SIZES, math.nan),
    **dict.fromkeys(ERRORS, math.nan),
    "teacher_size": math.nan,
    "wall_seconds": math.nan,
}
_FLAGS = dict.fromkeys(("still_improving", "stopped_early", "layer_emptied"), False)
_WORDS: Mapping[str, str] = {
    "slot": "",
    "cell": "",
    "phase": "replicate",
    "status": "complete",
    "reason": "",
    "route": "trained",
    "method": "",
    "parent": "",
    "teacher": "",
}
_CHOICES: Mapping[str, tuple[str, ...]] = {"phase": PHASES, "status": STATUSES, "route": ROUTES}


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """Rows left out for one reason."""

    reason: str
    """The rule that the rows broke, naming the column."""
    count: int
    rows: tuple[int, ...]
    """Positions (0-based) of the first such rows in what was read, at most five."""


class _RowError(ValueError):
    """One row that breaks the schema."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialTable:
    """All trials of one study (or of one CSV file), column by column."""

    trial: IntArray
    """Number of the trial; the row's position where the source has none."""
    slot: Words
    """The trial's place in the design, unique; empty where the source has none."""
    cell: Words
    """Name of the trial's dataset size and capacity; empty where the source has none."""
    phase: Words
    """``"search"`` or ``"replicate"``; only replicates draw curves."""
    status: Words
    reason: Words
    """Why a trial diverged or failed."""
    route: Words
    """How the model was made small; a row without one is trained."""
    method: Words
    """How it was pruned (``"one-shot-global"``, ``"structured-layerwise"``, ...); else empty."""
    parent: Words
    """Slot of the dense trial that a pruned one was made from; empty otherwise."""
    teacher: Words
    """Slot of the trial that a distilled one learnt from; empty otherwise."""
    n_examples: IntArray
    draw: IntArray
    seed: IntArray
    width: IntArray
    depth: IntArray
    prune_ratio: FloatArray
    """Fraction of weights removed, in [0, 1)."""
    n_parameters: FloatArray
    n_nonzero: FloatArray
    macs_per_example: FloatArray
    flops_per_example: FloatArray
    model_bytes: FloatArray
    sparse_bytes: FloatArray
    """Bytes on disk where zeros are not stored."""
    peak_memory_bytes: FloatArray
    """Most memory that training held."""
    latency_seconds: FloatArray
    """Median time of one prediction of one example."""
    latency_p95_seconds: FloatArray
    """Its 95th percentile."""
    latency_128_seconds: FloatArray
    """Median time of one prediction of 128 examples."""
    latency_128_p95_seconds: FloatArray
    train_flops: FloatArray
    """Of the whole training, in the counting of ``flops_per_example``."""
    train_seconds: FloatArray
    energy_joules: FloatArray
    teacher_size: FloatArray
    """Parameters of the teacher; NaN where there is none."""
    val_error: FloatArray
    test_error: FloatArray
    train_error: FloatArray
    still_improving: BoolArray
    stopped_early: BoolArray
    layer_emptied: BoolArray
    """Pruning left nothing of a layer: without a path round it, the network answers the same
    whatever it is asked."""
    wall_seconds: FloatArray
    n_test: IntArray
    """Test examples behind ``test_error``; 0 if unknown."""
    test_correct: tuple[bytes | None, ...]
    """Packed bits of per-example test correctness, most significant first; None if unknown."""
    params: Mapping[str, tuple[Value, ...]]
    """Hyperparameter name -> value of each trial, None where a trial has no such value."""
    dropped: tuple[Dropped, ...] = ()
    """Rows that were read but broke the schema."""

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
        names = _names(columns)
        kept: list[dict[str, Any]] = []
        dropped: dict[str, list[int]] = {}
        slots: set[str] = set()
        for position, row in enumerate(rows):
            try:
                clean = _check(row, names, position)
                if clean["slot"] and clean["slot"] in slots:
                    raise _RowError("slot: each must be unique, this one was seen before")
            except _RowError as error:
                dropped.setdefault(str(error), []).append(position)
                continue
            slots.add(clean["slot"])
            kept.append(clean)
        return cls(**_columns(kept), dropped=summarise(dropped))

    def to_rows(self) -> list[dict[str, Any]]:
        """The table as rows that :meth:`from_rows` reads back without loss."""
        listed = {
            f.name: getattr(self, f.name).tolist()
            for f in fields(self)
            if isinstance(getattr(self, f.name), np.ndarray)
        }
        listed |= {name: list(getattr(self, name)) for name in _WORDS}
        listed["test_correct"] = [
            None if bits is None else base64.b64encode(bits).decode() for bits in self.test_correct
        ]
        rows = [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]
        for k, row in enumerate(rows):
            row["params"] = {
                name: values[k] for name, values in self.params.items() if values[k] is not None
            }
        return rows

    def where(self, keep: npt.ArrayLike) -> TrialTable:
        """The rows for which ``keep`` (shape ``(rows,)``, bool) is true."""
        index = np.flatnonzero(np.asarray(keep, dtype=bool))
        picked: dict[str, Any] = {}
        for f in fields(self):
            column = getattr(self, f.name)
            if isinstance(column, np.ndarray):
                picked[f.name] = read_only(column[index])
            elif f.name == "params":
                picked["params"] = MappingProxyType(
                    {name: tuple(values[k] for k in index) for name, values in column.items()}
                )
            elif f.name == "dropped":
                picked["dropped"] = column
            else:
                picked[f.name] = tuple(column[k] for k in index)
        return TrialTable(**picked)

    def column(self, name: str) -> FloatArray:
        """A numeric column by name, as floats (-1 of an integer column stays -1).

        Raises
        ------
        AnalysisError
            If there is no such numeric column.
        """
        known = [f.name for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray)]
        if name not in known:
            raise AnalysisError(
                f"{name}: no numeric column of the trial table has this name"
                f"{nearest(name, known)} (known: {', '.join(known)})"
            )
        return np.asarray(getattr(self, name), dtype=np.float64)

    def correctness(self, k: int) -> BoolArray | None:
        """Per-test-example correctness of row ``k``, shape ``(n_test,)``; None if unknown."""
        bits = self.test_correct[k]
        if bits is None:
            return None
        return np.unpackbits(np.frombuffer(bits, np.uint8), count=int(self.n_test[k])).astype(bool)


def known(n: int) -> int | None:
    """An integer that somebody recorded; None for :data:`UNKNOWN`."""
    return None if n == UNKNOWN else int(n)


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same array, closed to writing."""
    array.setflags(write=False)
    return array


def summarise(dropped: Mapping[str, list[int]]) -> tuple[Dropped, ...]:
    """One :class:`Dropped` for each reason, in the order met."""
    return tuple(
        Dropped(reason=reason, count=len(rows), rows=tuple(rows[:5]))
        for reason, rows in dropped.items()
    )


def field_names() -> tuple[str, ...]:
    """Names that a row may have, in the order in which files are written."""
    return tuple(f.name for f in fields(TrialTable) if f.name != "dropped")


def _names(columns: Mapping[str, str] | None) -> dict[str, str]:
    """Field name -> key in the rows; a key mapped to one field feeds no other."""
    names = {name: name for name in field_names()}
    for name, key in (columns or {}).items():
        if name not in names:
            raise AnalysisError(
                f"columns: no column of the trial table is called {name!r}{nearest(name, names)}"
            )
        names[name] = key
    claimed = set((columns or {}).values())
    own = set(columns or {})
    return {name: key for name, key in names.items() if name in own or key not in claimed}


def _check(row: Mapping[str, object], names: Mapping[str, str], position: int) -> dict[str, Any]:
    """One row with every field present and of its type, or :class:`_RowError`."""
    clean = _taken(row, names, _WORDS, _word)
    for name, choices in _CHOICES.items():
        if clean[name] not in choices:
            raise _RowError(f"{names[name]}: must be one of {', '.join(choices)}")
    clean |= _taken(row, names, _INTEGERS, _integer)
    clean |= _taken(row, names, _FLOATS, _number, kind=float)
    clean |= _taken(row, names, _FLAGS, _flag, kind=bool)
    clean |= _taken(row, names, {"test_correct": None}, _bits)
    clean |= _taken(row, names, {"params": {}}, _params)
    if clean["trial"] == UNKNOWN:
        clean["trial"] = position
    _check_ranges(clean, names)
    return clean


def _taken(
    row: Mapping[str, object],
    names: Mapping[str, str],
    usual: Mapping[str, object],
    convert: Callable[[str, object], object],
    *,
    kind: type | None = None,
) -> dict[str, Any]:
    """Some fields of a row: as they are if of the kind wanted, the usual value if absent."""
    found: dict[str, Any] = {}
    for name, default in usual.items():
        key = names.get(name)
        value = None if key is None else row.get(key)
        if value is None:
            found[name] = default
        elif type(value) is kind:
            found[name] = value
        else:
            found[name] = default if _absent(value) else convert(key or name, value)
    return found


def _check_ranges(clean: dict[str, Any], names: Mapping[str, str]) -> None:
    """Numbers that cannot be: negative counts and errors, impossible ratios, infinities."""
    for name in _INTEGERS:
        if clean[name] < UNKNOWN:
            raise _RowError(f"{names[name]}: must not be negative")
    if clean["n_examples"] == 0:
        raise _RowError(f"{names['n_examples']}: must be at least 1")
    if not 0.0 <= clean["prune_ratio"] < 1.0:
        raise _RowError(f"{names['prune_ratio']}: must be at least 0 and below 1")
    for name in (*SIZES, "teacher_size"):
        if math.isinf(clean[name]) or clean[name] <= 0.0:
            raise _RowError(f"{names[name]}: must be positive and finite")
    for name in ERRORS:
        if math.isinf(clean[name]):
            if clean["status"] == "complete":
                raise _RowError(f"{names[name]}: must be finite")
            clean[name] = math.nan
        if clean[name] < 0.0:
            raise _RowError(f"{names[name]}: must not be negative")
    bits = clean["test_correct"]
    if bits is not None and len(bits) != (clean["n_test"] + 7) // 8:
        raise _RowError(f"{names['test_correct']}: must hold one bit for each of n_test examples")


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _word(_: str, value: object) -> str:
    return str(value)


def _number(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise _RowError(f"{name}: must be a number") from None


def _integer(name: str, value: object) -> int:
    number = _number(name, value)
    if math.isnan(number):
        return UNKNOWN if name != "n_test" else 0
    if not math.isfinite(number) or number != int(number) or abs(number) >= 2.0**53:
        raise _RowError(f"{name}: must be a whole number")
    return int(number)


def _flag(name: str, value: object) -> bool:
    word = str(value).strip().lower()
    if word in {"true", "1", "1.0", "yes"}:
        return True
    if word in {"false", "0", "0.0", "no", "nan"}:
        return False
    raise _RowError(f"{name}: must be true or false")


def _bits(name: str, value: object) -> bytes | None:
    if isinstance(value, bytes):
        return value or None
    try:
        return base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        raise _RowError(f"{name}: must be base64 text or bytes") from None


def _params(name: str, value: object) -> Mapping[str, Value]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise _RowError(f"{name}: must be a JSON object") from None
    if not isinstance(value, Mapping):
        raise _RowError(f"{name}: must be a mapping")
    return {str(key): _value(item) for key, item in value.items()}


def _value(item: object) -> Value:
    """A plain Python value, so that tables compare and serialise alike."""
    if isinstance(item, np.generic):
        item = item.item()
    if isinstance(item, float) and not math.isfinite(item):
        return None
    return item if item is None or isinstance(item, str | int | float | bool) else str(item)


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows turned into read-only columns."""
    columns: dict[str, Any] = {name: tuple(row[name] for row in rows) for name in _WORDS}
    for name in _INTEGERS:
        columns[name] = read_only(np.array([row[name] for row in rows], dtype=np.int64))
    for name in _FLOATS:
        columns[name] = read_only(np.array([row[name] for row in rows], dtype=np.float64))
    for name in _FLAGS:
        columns[name] = read_only(np.array([row[name] for row in rows], dtype=bool))
    columns["test_correct"] = tuple(row["test_correct"] for row in rows)
    known = dict.fromkeys(name for row in rows for name in row["params"])
    columns["params"] = MappingProxyType(
        {name: tuple(row["params"].get(name) for row in rows) for name in sorted(known)}
    )
    return columns


__all__ = [
    "ERRORS",
    "PHASES",
    "ROUTES",
    "SIZES",
    "STATUSES",
    "UNKNOWN",
    "Dropped",
    "TrialTable",
    "field_names",
]


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
