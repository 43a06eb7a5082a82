"""In what rows of one size differ: each column beside the named ones, and what it seems to be.

Notation: N rows that are kept, C cells (rows of one size and dataset size).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from analysis.table.cells import take_apart
from analysis.table.draft import Draft, shown
from analysis.table.fields import FloatArray, IntArray
from analysis.table.vocabulary import (
    CONDITIONS,
    FOLDS,
    MEASURED,
    SEEDS,
    SETTINGS,
    SHAPES,
    SPLITS,
    STEPS,
    TRAINING,
    VALIDATION,
    head_kind,
    is_metric,
    is_one,
    words_of,
)

Kind = Literal[
    "measure", "step", "fold", "split", "seed", "setting", "condition", "shape", "examples",
    "label", "unknown",
]  # fmt: skip
_KINDS = (
    ("step", STEPS), ("fold", FOLDS), ("seed", SEEDS), ("setting", SETTINGS),
    ("condition", CONDITIONS), ("split", SPLITS), ("shape", SHAPES), ("measure", MEASURED),
)  # fmt: skip
_SET_BY_HAND = re.compile(
    r"^(?:params?|config|hparams?|hyperparameters|hyperparams)[./_]", re.IGNORECASE
)
_EXAMPLES = re.compile(
    r"^(?:n|num|number)?[_ .]?(?:of[_ .])?(?:train(?:ing)?[_ .]?)?"
    r"(?:examples|samples|tokens|points|images|rows|train|data[_ ]?points)$"
    r"|^(?:data(?:set)?|train(?:ing)?(?:[_ .]?(?:set|data))?|sample|subset)[_ .]?"
    r"(?:size|frac(?:tion)?|share|ratio|n|percent|pct)$",
    re.IGNORECASE,
)
_PARTS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "eval"})
LABELLED = 0.9
"""A column with more different values than this share of the rows numbers them."""
NAMED = 0.5
"""Words that differ in more than this share of the rows are names of single models or runs."""
FEW = 24
"""At most so many different values are groups."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Varying:
    """A column that is not the same in all rows."""

    name: str
    kind: Kind
    codes: IntArray
    """(N,) which of the levels each row has; -1 for none."""
    levels: tuple[Any, ...]
    within: bool
    """Whether rows of one cell differ in it."""

    @cached_property
    def numbers(self) -> FloatArray | None:
        """(N,) its numbers, NaN where there is none; None where it has words."""
        try:
            level = np.array([float(str(one)) for one in self.levels])
        except ValueError:
            return None
        return np.where(self.codes >= 0, level[self.codes], np.nan)

    @property
    def fractional(self) -> bool:
        """Whether one of its levels is a number that is not whole."""
        return _fractional(self.levels)

    @property
    def listed(self) -> str:
        """Its levels for a message."""
        ordered = sorted(self.levels, key=_order)
        if len(ordered) <= 4:
            return ", ".join(shown(one) for one in ordered)
        ends = ", ".join(shown(one) for one in ordered[:2])
        return f"{ends}, ..., {shown(ordered[-1])}: {len(ordered)} values"


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """Rows of one size, one dataset size and, where it was said, one shape."""

    rows: IntArray
    """(N,) rows of the sheet that are kept."""
    cell: IntArray
    """(N,)"""
    size: FloatArray
    """(N,)"""
    error: FloatArray
    """(N,) turned so that less is better."""

    @property
    def n(self) -> int:
        """C."""
        return int(self.cell.max()) + 1 if len(self.cell) else 0

    @classmethod
    def of(cls, draft: Draft) -> Cells:
        """The cells of a draft."""
        rows = np.flatnonzero(draft.kept)
        keys = [draft.size[rows]]
        if "n_examples" in draft.numbers:
            keys.append(draft.numbers["n_examples"][rows])
        keys += [coded(values, rows)[0].astype(np.float64) for values in draft.shape.values()]
        sign = 1.0 if draft.better == "lower" else -1.0
        error = sign * draft.error[rows]
        return cls(rows=rows, cell=joint(*keys), size=keys[0], error=error)


def joint(*keys: np.ndarray[Any, Any]) -> IntArray:
    """(N,) one number for each combination of keys that occurs."""
    index = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        _, part = np.unique(key, return_inverse=True)
        _, index = np.unique(index * (int(part.max(initial=0)) + 1) + part, return_inverse=True)
    return np.asarray(index, dtype=np.int64)


def varying_columns(draft: Draft, cells: Cells) -> Iterator[Varying]:
    """Every column beside the named ones that is not the same in all rows."""
    named = set(draft.roles.values()) | {one.column for one in draft.account.columns}
    seen: set[tuple[bytes, tuple[str, ...]]] = set()
    for name in draft.sheet.names:
        if name in named or not name.strip():
            continue
        codes, levels = coded(draft.cells(name), cells.rows)
        if len(levels) + bool((codes < 0).any()) < 2:
            continue
        twin = codes.tobytes(), tuple(map(str, levels))
        if twin in seen:  # the same column under another name
            continue
        seen.add(twin)
        within = len(np.unique(joint(cells.cell, codes))) > cells.n
        kind = _kind(name, codes, levels, cells)
        if kind == "shape":
            codes, levels = _one_spelling(codes, levels)
            if len(levels) + bool((codes < 0).any()) < 2:
                continue
        yield Varying(name=name, kind=kind, codes=codes, levels=levels, within=within)


def coded(column: Sequence[Any], rows: IntArray) -> tuple[IntArray, tuple[Any, ...]]:
    """(N,) which of the levels each row has, -1 for none; and the levels."""
    seen: dict[Any, int] = {}
    codes = np.empty(len(rows), dtype=np.int64)
    for k, row in enumerate(rows.tolist()):
        cell = column[row]
        if isinstance(cell, str):
            cell = cell.strip()
        if cell is None or cell == "" or (isinstance(cell, float) and cell != cell):
            codes[k] = -1
            continue
        if isinstance(cell, list | dict | set):
            cell = str(cell)
        codes[k] = seen.setdefault(cell, len(seen))
    return codes, tuple(seen)


def _one_spelling(codes: IntArray, levels: Sequence[Any]) -> tuple[IntArray, tuple[Any, ...]]:
    """Codes and levels in which ``2`` and ``2.0`` are one; each level as first written."""
    seen: dict[Any, int] = {}
    first = list[Any]()
    place = list[int]()
    for level in levels:
        key: Any = float(str(level)) if _is_number(level) else level
        if key not in seen:
            seen[key] = len(first)
            first.append(level)
        place.append(seen[key])
    recoded = np.where(codes >= 0, np.array([*place, -1], dtype=np.int64)[codes], -1)
    return recoded, tuple(first)


def _kind(name: str, codes: IntArray, levels: Sequence[Any], cells: Cells) -> Kind:
    """What a column seems to be, by its name and its values."""
    numeric = all(_is_number(level) for level in levels)
    n = len(codes)
    many = len(levels) > (LABELLED if numeric else NAMED) * n and n >= 4
    if _EXAMPLES.match(re.sub(r"^(?:params?|config)[./_]", "", name.strip())):
        return "examples"
    parts = {str(level).lower() for level in levels}
    if not numeric and parts & _PARTS and is_one(name, SPLITS):
        return "split"
    found = head_kind(name, _KINDS)
    if numeric and (is_metric(name) or (is_one(name, VALIDATION | TRAINING) and not found)):
        return "measure"
    if found == "split":
        found = "condition" if not numeric else ""
    if is_one(name, MEASURED) and _measured(found, levels):
        return "measure"
    if found == "measure":
        found = ""
    if _SET_BY_HAND.match(name) and found not in ("seed", "fold", "shape", "condition", "step"):
        return "setting"
    if not numeric and many and found in ("", "condition", "shape"):
        return "label"
    if found:
        return found  # type: ignore[return-value]
    if many and not _fractional(levels):
        return "label"
    if numeric and _counts_runs(codes, levels, cells):
        return "seed"
    return "unknown"


def _counts_runs(codes: IntArray, levels: Sequence[Any], cells: Cells) -> bool:
    """Whether whole numbers count the rows of each cell: 0, 1, 2, ... in every one."""
    if _fractional(levels) or (codes < 0).any():
        return False
    distinct = len(np.unique(joint(cells.cell, codes))) == len(codes)
    most = int(np.bincount(cells.cell).max())
    low = min(float(str(level)) for level in levels)
    return distinct and low in (0.0, 1.0) and len(levels) <= most


def _measured(found: str, levels: Sequence[Any]) -> bool:
    """Whether a column with a word of what is measured was: numbers, also with their units."""
    if found == "measure":
        return all(_is_number(level) or take_apart(str(level)) for level in levels)
    return found in ("", "step", "condition", "shape") and _fractional(levels)


def _fractional(levels: Sequence[Any]) -> bool:
    return any(_is_number(level) and float(str(level)) % 1.0 != 0.0 for level in levels)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        return np.isfinite(float(str(value))) or True
    except ValueError:
        return False


def _order(value: Any) -> tuple[int, float, str]:
    return (0, float(str(value)), "") if _is_number(value) else (1, 0.0, str(value))


def is_validation(name: str) -> bool:
    """Whether a column is a metric on validation data."""
    return bool(words_of(name) & VALIDATION) and is_metric(name)
