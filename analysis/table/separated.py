"""Text whose cells are set apart by commas, semicolons, tabs, bars or blanks, as a sheet.

Which mark sets them apart is found by trying: it is the one by which the rows have as many cells as
the header has names. What a spreadsheet or a person adds (``sep=;``, a title, comments, blank
lines, a frame of dashes, an index without a name) is passed by and said. A row that has more cells
than the header has names is never guessed at: its cells are shifted.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.errors import AnalysisError
from analysis.table.sheet import Sheet, require_filled

Row = list[str]

MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_BLANKS = {"  ": "two blanks or more", " ": "blanks"}
_PROBED = 200
"""Lines by which the mark is found."""
_CHUNK = 50_000
_COMMENT = ("#", "%", "//")
_RULE = re.compile(r"[\s+\-=|:─━═╭╮╰╯├┤┼│┃┏┓┗┛┡┩╇]*")
"""A line that only frames a table."""
_MOST_DIGITS = 15
"""Of the number of a row."""
_ENTRY = 500_000_000
"""Longest field that is read, in characters."""


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """How a text is laid out."""

    mark: str
    header: Row
    first: int
    """Lines before the first row of cells."""
    notes: tuple[str, ...]


def read_separated(text: str, shown: str) -> Sheet:
    """The sheet of a text; ``shown`` names it in messages.

    Raises
    ------
    AnalysisError
        If it has no header, doubled names, or rows whose cells are shifted.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return _sheet(text.split("\n"), shown)
    except csv.Error as error:
        raise AnalysisError(f"{shown}: is not readable as a table ({error})") from None


def _sheet(lines: list[str], shown: str) -> Sheet:
    shape = _shape(lines, shown)
    header = _names(shape.header, shown)
    rows = _without_headers(_cells(lines[shape.first :], shape.mark), shape.header, shown)
    columns, lengths, commented = _gather(rows, len(header))
    notes = [*shape.notes]
    if commented:
        notes.append(f"{commented} rows begin with # and were passed by")
    header = _against_shifts(header, columns, lengths, shape, shown)
    cells: dict[str, Sequence[Any]] = {}
    for place, (name, column) in enumerate(zip(header, columns, strict=False), start=1):
        if name:
            cells[name] = column
        elif any(column):
            if is_index(column):
                notes.append(f"column {place} has no name and counts the rows: not used")
            else:
                cells[f"column {place}"] = column
                notes.append(f"column {place} has no name and is called 'column {place}'")
    n_rows = len(columns[0]) if columns else 0
    if not n_rows:
        raise AnalysisError(f"{shown}: holds no trial; a table needs at least one row")
    how = {**MARKS, **_BLANKS}[shape.mark]
    return Sheet(cells=cells, n_rows=n_rows, name=shown, format=f"cells set apart by {how}",
                 notes=tuple(notes))  # fmt: skip


def _without_headers(rows: Iterable[Row], header: Row, shown: str) -> Iterator[Row]:
    """The rows without the header once more; AnalysisError where another one begins a new table."""
    names = {name for name in header if name}
    for number, row in enumerate(rows, start=1):
        if row and (row[0] in names or row[-1] in names):
            if row == header:
                continue
            if sum(cell in names for cell in row) > 1:
                raise AnalysisError(
                    f"{shown}: row {number} ({','.join(row)[:60]!r}) names columns once more, in "
                    "another order: a second table; put each into a file of its own"
                )
        yield row


def is_index(column: Sequence[Any]) -> bool:
    """Whether a column without a name tells rows apart by whole numbers: some may be missing."""
    texts = [str(cell) for cell in column]
    return all(text.isdigit() for text in texts) and len(set(texts)) == len(texts)


def counts(column: Iterable[Any]) -> bool:
    """Whether cells only count the rows from 0 or 1 up, as an index that pandas wrote does."""
    first: int | None = None
    for k, cell in enumerate(column):
        text = str(cell)
        if not text.isdecimal() or len(text) > _MOST_DIGITS:
            return False
        if first is None:
            first = int(text)
            if first > 1:
                return False
        if int(text) != first + k:
            return False
    return first is not None


# -- the layout -----------------------------------------------------------------------------------


def _shape(lines: list[str], shown: str) -> _Shape:
    """Find the mark and the header."""
    start, given, comment, notes = _preamble(lines)
    probe = [line for line in lines[start : start + _PROBED] if line.strip()]
    if not probe:
        raise AnalysisError(f"{shown}: holds no trial; a table needs at least one row")
    mark = given or _mark(probe)
    while start < len(lines):  # titles and frames above the header
        row = _one(lines[start], mark)
        if any(row) and not _frame(lines[start], mark):
            below = [_one(line, mark) for line in lines[start + 1 : start + 30] if line.strip()]
            alone = sum(map(bool, row)) == 1 and below
            if not (alone and min(sum(map(bool, one)) for one in below[:3]) > 1):
                break
            notes.append(f"the first line, {lines[start].strip()[:40]!r}, is no header")
        start += 1
    header, taken = _header(lines[start : start + _PROBED], mark)
    if header and any(_is_number(cell) for cell in header):
        named = _one(comment.lstrip("#%/ "), mark)
        if len(named) == len(header) and not any(_is_number(cell) for cell in named):
            return _Shape(mark=mark, header=named, first=start, notes=tuple(notes))
    if header and all(_is_number(cell) for cell in header):
        raise AnalysisError(
            f"{shown}: its first line holds numbers only ({lines[start].strip()[:40]!r}); "
            "write the names of the columns above it"
        )
    return _Shape(mark=mark, header=header, first=start + taken, notes=tuple(notes))


def _header(lines: list[str], mark: str) -> tuple[Row, int]:
    """The names, and how many lines they take: those in quotes may run over several."""
    if mark in _BLANKS or not lines or lines[0].count('"') % 2 == 0:
        return (_one(lines[0], mark) if lines else []), 1
    rows = csv.reader((f"{line}\n" for line in lines), delimiter=mark, skipinitialspace=True)
    header = [" ".join(cell.split()) for cell in next(rows)]
    return header, rows.line_num


def _preamble(lines: list[str]) -> tuple[int, str, str, list[str]]:
    """Lines to pass by, the mark that a line ``sep=;`` gives, the last comment, and notes."""
    mark = comment = ""
    passed = 0
    k = 0
    for k, line in enumerate(lines):  # noqa: B007
        bare = line.strip().strip("\ufeff")
        told = re.fullmatch(r'"?sep=(.)"?', line.strip("\r\n\ufeff"), re.IGNORECASE)
        if told and not mark:
            mark = told.group(1)
        elif bare.startswith(_COMMENT):
            comment, passed = bare, passed + 1
        elif bare:
            break
    else:
        k = len(lines)
    if mark and mark not in MARKS:
        mark = ""
    lines_were = "line was" if passed == 1 else "lines were"
    return k, mark, comment, [f"{passed} comment {lines_were} passed by"] if passed else []


def _mark(probe: list[str]) -> str:
    """The mark by which the most rows have as many cells as the header."""
    best, best_score = ",", (0.0, 0)
    for mark in (*MARKS, *_BLANKS):
        try:
            rows = [row for row in _cells(probe, mark) if any(row)]
        except csv.Error:
            continue
        if not rows:
            continue
        usual, _ = Counter(map(len, rows)).most_common(1)[0]
        if usual < 2:
            continue
        share = sum(len(row) == usual for row in rows) / len(rows)
        if len(rows[0]) not in (usual, usual - 1):
            share *= 0.9
        if mark in _BLANKS:  # cells may hold blanks, never the other way round
            if share < 1.0 or best_score[0] >= 0.5:
                continue
            share = 0.5
        if (share, usual) > best_score:
            best, best_score = mark, (share, usual)
    return best


def _cells(lines: Iterable[str], mark: str) -> Iterator[Row]:
    """Rows of cells; quotes hold marks and line ends together where marks are no blanks."""
    if mark in _BLANKS:
        blanks = re.compile(r"\s{2,}|\t" if mark == "  " else r"\s+")
        for line in lines:
            yield blanks.split(line.strip()) if line.strip() else []
        return
    old = csv.field_size_limit(_ENTRY)
    try:
        whole = (line if line.endswith(("\n", "\r")) else f"{line}\n" for line in lines)
        for row in csv.reader(whole, delimiter=mark, skipinitialspace=True):
            yield _unframed(row) if mark == "|" else row
    finally:
        csv.field_size_limit(old)


def _one(line: str, mark: str) -> Row:
    return [cell.strip() for cell in next(_cells([line], mark), [])]


def _unframed(row: Row) -> Row:
    """A row of a drawn table without the bars at its ends; nothing of a line that only frames."""
    if row and not row[0].strip() and not row[-1].strip():
        row = row[1:-1]
    if row and all(_RULE.fullmatch(cell) for cell in row) and any("-" in cell for cell in row):
        return []
    return [cell.strip() for cell in row]


def _frame(line: str, mark: str) -> bool:
    return mark in ("|", *_BLANKS) and bool(_RULE.fullmatch(line.strip()))


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _names(header: Row, shown: str) -> list[str]:
    """The columns' names without padding; each may be there once."""
    names = [" ".join(name.strip("\ufeff ").split()) for name in header]
    if names and names[0].startswith("# "):
        names[0] = names[0][2:].strip()
    while names and not names[-1]:
        names.pop()
    names = ["" if re.fullmatch(r"Unnamed: \d+(_level_\d+)?", name) else name for name in names]
    refuse_doubled(names, shown)
    return names


def refuse_doubled(names: Sequence[str], shown: str) -> None:
    """Two columns of one name can't be told apart."""
    seen: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if name and seen.setdefault(name, place) != place:
            raise AnalysisError(
                f"{shown}: columns {seen[name]} and {place} are both called {name!r}; "
                "rename one, so that it is clear which is meant"
            )


# -- the rows -------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class _Lengths:
    """How many cells rows have, where it is not as many as the header has names."""

    longer: list[tuple[int, Row]]
    n_longer: int = 0
    shorter: dict[int, int]
    """Cells -> rows."""
    last: int = 0
    """Cells of the last row."""
    as_named: int = 0


def _gather(rows: Iterable[Row], width: int) -> tuple[list[list[str | None]], _Lengths, int]:
    """Columns of all rows, the odd rows, and how many rows were commented out."""
    columns: list[list[str | None]] = [[] for _ in range(width + 1)]
    lengths = _Lengths(longer=[], shorter={})
    hashed: list[int] = []
    chunk: list[Sequence[str | None]] = []
    n = filled = 0
    for row in rows:
        if not row or not any(row):
            continue
        here = len(row)
        filled += here
        while here > width and not row[here - 1].strip():
            here -= 1
        if here == width:
            lengths.as_named += 1
            chunk.append([*row[:width], None])
        elif here > width:
            lengths.n_longer += 1
            if len(lengths.longer) < 1:
                lengths.longer.append((n + 1, row))
            chunk.append(row[: width + 1])
        else:
            if row[0].lstrip().startswith("#"):
                hashed.append(-1)
                continue
            lengths.shorter[here] = lengths.shorter.get(here, 0) + 1
            chunk.append([*row, *[None] * (width + 1 - here)])
        lengths.last = here
        if row[0][:1] == "#":
            hashed.append(n)
        n += 1
        if len(chunk) == _CHUNK:
            require_filled(n, width, filled)
            _add(columns, chunk)
            chunk = []
    require_filled(n, width, filled)
    _add(columns, chunk)
    out = [k for k in hashed if k >= 0]
    if out and len(out) <= n / 2:
        gone = set(out)
        columns = [[c for k, c in enumerate(column) if k not in gone] for column in columns]
    else:
        hashed = [k for k in hashed if k < 0]
    return columns, lengths, len(hashed)


def _add(columns: list[list[str | None]], chunk: list[Sequence[str | None]]) -> None:
    for column, cells in zip(columns, zip(*chunk, strict=True), strict=False):
        column.extend(cells)


def _against_shifts(
    names: list[str],
    columns: list[list[str | None]],
    lengths: _Lengths,
    shape: _Shape,
    shown: str,
) -> list[str]:
    """The names of the columns; AnalysisError if rows have cells that no name belongs to."""
    width = len(names)
    if lengths.n_longer:
        # A header that is one name short, above rows that are all numbered: R's row names.
        if not (lengths.as_named or lengths.shorter) and counts(columns[0]):
            return ["", *names]
        number, row = lengths.longer[0]
        more = f" and in {lengths.n_longer - 1} more rows" if lengths.n_longer > 1 else ""
        text = shape.mark.join(row)
        hint = (
            "a number such as 64,000 without quotes shifts them"
            if shape.mark == ","
            else "a mark inside a cell without quotes shifts them"
        )
        raise AnalysisError(
            f"{shown}: row {number} ({text[:60]!r}){more} has {len(row)} cells for {width} names; "
            f"{hint}: quote such cells, or write them without {MARKS.get(shape.mark, 'blanks')}"
        )
    # One cell alone is a remark; the last row may have been cut off.
    ragged = {
        length: n
        for length, n in lengths.shorter.items()
        if length > 1 and (n > 1 or length != lengths.last)
    }
    if ragged and lengths.as_named:
        least = min(ragged)
        filled = [c for column in columns[least:width] for c in column if c and c.strip()]
        if any(_is_number(cell) for cell in filled):
            raise AnalysisError(
                f"{shown}: {sum(ragged.values())} rows have {least} cells and others {width}, for "
                f"{width} names; it is not clear which cell is which: write every row with as many"
            )
    return names
