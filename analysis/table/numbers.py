"""Columns of cells as numbers, each column by one convention that fits all of its cells.

A convention is which mark is the decimal one. It is told from the column itself: ``0,301`` has a
decimal comma, ``1,014.45`` a comma between thousands. Where every cell can be read in two ways
(``1.000``), the other columns of the file say which mark it uses for decimals; where they say
nothing, or the number counts something, the user is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from analysis.errors import AnalysisError, Question
from analysis.table.cells import MISSING, TIMES, Cell, take_apart
from analysis.table.draft import shown
from analysis.table.fields import BoolArray, FloatArray
from analysis.table.sheet import Sheet

_GROUPED = re.compile(r"\s*[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})*|0)\s*")


def _reading(mark: str, other: str) -> re.Pattern[str]:
    """What can be read with a decimal mark: the other one stands between thousands, or lakhs."""
    mark, other = re.escape(mark), re.escape(other)
    groups = rf"[1-9]\d{{0,2}}(?:{other}\d{{3}})+|[1-9]\d?(?:{other}\d{{2}})+{other}\d{{3}}"
    plain = rf"(?:\d+(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"
    return re.compile(rf"[+-]?(?:(?:{groups})(?:{mark}\d*)?|{plain})")


_READS = {".": _reading(".", ","), ",": _reading(",", ".")}
"""Decimal mark -> what can be read with it."""
_TIME = re.compile(r"time|second|latency|duration|hour|wall|_ms$|_s$", re.IGNORECASE)
_OTHER = {".": ",", ",": "."}
_MARK_NAME = {".": "points", ",": "commas"}
_SHARE_OF_NUMBERS = 0.5
"""Least share of the cells that must be numbers: below, a column holds something else."""
_SUFFIX_GAP = 1000.0
"""Times by which numbers with a suffix lie above all others where those have lost theirs."""
_PROBED = 400
"""Cells of a column that are asked for the file's decimal mark."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Numbers:
    """A column as numbers."""

    values: FloatArray
    """(rows,) NaN where there is none."""
    spread: FloatArray | None = None
    """(rows,) what stands behind ``±``; None where no cell has one."""
    broken: BoolArray
    """(rows,) cells that hold something else than a number."""
    percent: bool = False
    """Whether they were written as percent (they are fractions here)."""
    unit: str = ""
    read_as: str = ""
    """The convention in words; empty for plain numbers."""


def read_numbers(
    cells: Sequence[Any],
    *,
    column: str,
    option: str,
    counted: bool = False,
    sheet: Sheet | None = None,
    decimal: str = "",
) -> Numbers:
    """Read a column.

    Parameters
    ----------
    cells
        As the file has them.
    column, option
        The user's name of it and the option that named it, for messages.
    counted
        Whether its scale is part of the answer, as that of a size is.
    sheet
        The file, whose other columns may say which mark it uses for decimals.
    decimal
        The decimal mark where both could be; empty: not said.

    Raises
    ------
    Question
        If every cell can be read in two ways, or hardly any is a number.
    AnalysisError
        If cells are written in several ways, so that no one convention fits them all.
    """
    plain = _plain(cells)
    if plain is not None:
        return Numbers(values=plain, broken=np.zeros(len(cells), dtype=bool))
    texts = ["" if cell is None else str(cell).strip() for cell in cells]
    parsed = {text: _parsed(text) for text in dict.fromkeys(texts)}
    known = {text: cell for text, cell in parsed.items() if cell is not None}
    missing = {text for text in parsed if text.lower() in MISSING}
    first = {text: k for k, text in reversed(list(enumerate(texts)))} if len(parsed) else {}
    _require_numbers(texts, known, missing, column, option)
    at = _Place(column=column, option=option, first=first)
    known = _units_settled(_percents_settled(known, at), at)
    mark = _decimal_mark(known, at, counted=counted, sheet=sheet, asked=decimal)
    value = {text: _value(cell.digits, cell, mark) for text, cell in known.items()}
    if counted:
        _ask_missing_suffix(known, value, at)
    spread = {text: _value(cell.spread, cell, mark) for text, cell in known.items() if cell.spread}
    return Numbers(
        values=np.array([value.get(text, np.nan) for text in texts]),
        spread=np.array([spread.get(text, np.nan) for text in texts]) if spread else None,
        broken=np.array([text not in known and text not in missing for text in texts]),
        percent=any(cell.percent for cell in known.values()),
        unit=next((cell.unit for cell in known.values() if cell.unit), ""),
        read_as=_in_words(known, mark),
    )


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a column's cells are, for messages."""

    column: str
    option: str
    first: dict[str, int]

    def cell(self, text: str) -> str:
        return f"{shown(text)!r} (row {self.first[text] + 1})"

    @property
    def name(self) -> str:
        return f"{self.option}: column {self.column!r}"


def _plain(cells: Sequence[Any]) -> FloatArray | None:
    """The numbers of cells that Python reads as they stand; None where some need more thought."""
    types = set(map(type, cells))
    try:
        if types <= {int, float, type(None)}:
            return np.array([np.nan if cell is None else float(cell) for cell in cells])
        if types != {str}:
            return None
        values = np.array(list(map(float, cells)))
    except (ValueError, OverflowError):
        return None
    if all(map(_GROUPED.fullmatch, cells)) and any("." in cell for cell in cells):
        return None
    return values


def _parsed(text: str) -> Cell | None:
    if text.lower() in MISSING:
        return None
    if text.lower().lstrip("+-") in ("inf", "infinity", "∞"):
        return Cell(digits="-Infinity" if text.startswith("-") else "Infinity")
    cell = take_apart(text)
    if cell is None or not any(read.fullmatch(cell.digits) for read in _READS.values()):
        return None
    return cell


def _require_numbers(
    texts: list[str], known: dict[str, Cell], missing: set[str], column: str, option: str
) -> None:
    """Ask where most of the cells are no numbers."""
    others = [text for text in texts if text not in known and text not in missing]
    n_numbers = sum(text in known for text in texts)
    if not others or n_numbers > _SHARE_OF_NUMBERS * (n_numbers + len(others)):
        return
    example = shown(others[0])
    if any(character.isdigit() for character in others[0]):
        raise Question(
            f"{option}: column {column!r} holds names such as {example!r}, which may have a number "
            "in them but are none; write the number into a column of its own and name that"
        )
    raise Question(
        f"{option}: column {column!r} holds words such as {example!r} and hardly a number; "
        "name a column of numbers"
    )


def _percents_settled(known: dict[str, Cell], at: _Place) -> dict[str, Cell]:
    """All cells are percent, or none is."""
    with_sign = [text for text, cell in known.items() if cell.percent]
    without = [
        text for text, cell in known.items() if not cell.percent and cell.digits.strip("+-0.,")
    ]
    if with_sign and without:
        raise AnalysisError(
            f"{at.name} has percents such as {at.cell(with_sign[0])} beside plain numbers such as "
            f"{at.cell(without[0])}; write all of them in one way"
        )
    return known


def _units_settled(known: dict[str, Cell], at: _Place) -> dict[str, Cell]:
    """One unit in all cells; times in one, billions and bytes told apart."""
    units = {cell.unit: text for text, cell in known.items() if cell.unit}
    minutes = [text for text, cell in known.items() if cell.suffix == "m"]
    if minutes and _TIME.search(at.column):
        raise Question(
            f"{at.name}: {at.cell(minutes[0])} may be minutes, milliseconds or millions; "
            "write min, ms or M"
        )
    if "byte" in units:
        lone = {text for text, c in known.items() if c.suffix.lower() == "b" and not c.unit}
        known = {
            text: replace(cell, factor=1, unit="byte") if text in lone else cell
            for text, cell in known.items()
        }
    if len(units) < 2:
        return known
    if set(units) <= set(TIMES):
        return {
            text: replace(cell, factor=cell.factor * Decimal(TIMES[cell.unit]), unit="second")
            if cell.unit
            else cell
            for text, cell in known.items()
        }
    one, other = list(units.values())[:2]
    raise AnalysisError(
        f"{at.name} has several units, as {at.cell(one)} and {at.cell(other)}; "
        "write all of them in one"
    )


def _ask_missing_suffix(known: dict[str, Cell], value: dict[str, float], at: _Place) -> None:
    """Ask where all numbers without a suffix lie far below those with one: ``1`` beside ``2M``."""
    bare = [text for text, cell in known.items() if cell.factor == 1 and value[text] > 0.0]
    others = [text for text, cell in known.items() if cell.factor != 1]
    if not bare or not others:
        return
    largest, least = max(bare, key=value.__getitem__), min(others, key=value.__getitem__)
    if value[largest] * _SUFFIX_GAP <= value[least]:
        raise Question(
            f"{at.name}: {at.cell(largest)} stands beside {at.cell(least)}; is its suffix missing? "
            "Write all of them in one way"
        )


def _decimal_mark(
    known: dict[str, Cell], at: _Place, *, counted: bool, sheet: Sheet | None, asked: str
) -> str:
    """Which mark is the decimal one in a column."""
    digits = {d: text for text, cell in known.items() for d in (cell.digits, cell.spread) if d}
    fits = {
        mark: {d for d in digits if read.fullmatch(d) or "Inf" in d}
        for mark, read in _READS.items()
    }
    only = {mark: fits[mark] - fits[_OTHER[mark]] for mark in fits}
    if only["."] and only[","]:
        raise AnalysisError(
            f"{at.name} is written in two ways, as {at.cell(digits[min(only['.'])])} and "
            f"{at.cell(digits[min(only[','])])}; write all of it in one"
        )
    for mark in _OTHER:
        if only[mark]:
            return mark
    marked = [d for d in digits if "." in d or "," in d]
    if not marked:
        return "."
    seen = "." if "." in marked[0] else ","
    if any(_OTHER[seen] in d for d in marked):
        odd = next(d for d in marked if _OTHER[seen] in d)
        raise AnalysisError(
            f"{at.name} is written in two ways, as {at.cell(digits[marked[0]])} and "
            f"{at.cell(digits[odd])}; write all of it in one"
        )
    bare = [d.lstrip("+-") for d in digits if seen not in d]
    if bare and any(d.endswith("0") for d in marked):
        return _OTHER[seen]  # with so many decimals each number would have them
    if any(len(d) > 4 for d in bare):
        return seen  # with marks between thousands each number would have them
    if asked:
        return asked
    told = _file_mark(sheet, at.column) if sheet is not None else ""
    if told == _OTHER[seen]:
        return told
    if any(cell.percent for cell in known.values()):
        return seen  # each would be a thousand percent and more
    semicolons = sheet is not None and "semicolons" in sheet.format
    if not counted and (seen == "." or told == seen or semicolons):
        return seen
    example = marked[0]
    raise Question(
        f"{at.name}: {at.cell(digits[example])} can be {example.replace(seen, '.')} or "
        f"{example.replace(seen, '')}; say --decimal {seen} or --decimal {_OTHER[seen]}"
    )


def _file_mark(sheet: Sheet, but: str) -> str:
    """The decimal mark that the other columns of a file use; empty where they tell none, or two."""
    proof = {
        mark: re.compile(rf"[+-]?(?:0?[{mark}]\d+|\d+[{mark}](?:\d{{1,2}}|\d{{4,}}))%?")
        for mark in _OTHER
    }
    found = set()
    for name, cells in sheet.cells.items():
        if name == but:
            continue
        texts = [str(cell).strip() for cell in cells[:_PROBED] if cell not in (None, "")]
        if all(text[:1].isdigit() or text[:1] in "+-.,~" for text in texts[:20]):
            found |= {mark for mark, one in proof.items() if any(map(one.fullmatch, texts))}
    return found.pop() if len(found) == 1 else ""


def _value(digits: str, cell: Cell, mark: str) -> float:
    """The number of some digits, exact before it is rounded to a float."""
    text = digits.replace(_OTHER[mark], "").replace(mark, ".")
    try:
        number = Decimal(text) * cell.factor
        return float(number / 100 if cell.percent else number)
    except ArithmeticError:  # beyond all exponents
        return float("-inf" if text.startswith("-") else "inf")


def _in_words(known: dict[str, Cell], mark: str) -> str:
    """How a column was written; empty for plain numbers."""
    words = []
    digits = [d for cell in known.values() for d in (cell.digits, cell.spread)]
    if any(mark in d for d in digits) and mark == ",":
        words.append("decimal commas")
    if any(_OTHER[mark] in d for d in digits):
        words.append(f"{_MARK_NAME[_OTHER[mark]]} between thousands")
    suffixes = sorted({cell.suffix for cell in known.values() if cell.suffix}, key=str.lower)
    if suffixes:
        words.append(f"suffixes {', '.join(suffixes[:6])}")
    units = _unique(cell.unit for cell in known.values() if cell.unit)
    if units and not suffixes:
        words.append(f"in {', '.join(units)}")
    if any(cell.percent for cell in known.values()):
        words.append("percent")
    if any(cell.spread for cell in known.values()):
        words.append("± spread")
    if any(cell.about for cell in known.values()):
        words.append("some are about so much")
    return "; ".join(words)


def _unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
