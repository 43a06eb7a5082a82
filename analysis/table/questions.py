"""What is asked of rows of one size: which of several questions they answer, how models are made.

Each question is one line that says how to answer it (:mod:`analysis.table.replicates` says what
rows of one size may differ in).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.errors import Question
from analysis.table.fields import FloatArray, IntArray
from analysis.table.ladders import axes, grows, makes_ladders, overlap, tells
from analysis.table.shapes import MOST_SHAPES
from analysis.table.variation import FEW, Cells, Varying, joint
from analysis.table.vocabulary import MADE, is_one

SURE = 3.3
"""Standard errors from which a column that nobody knows is taken to move the metric."""


def ask(cells: Cells, found: Sequence[Varying], alike: Sequence[Varying]) -> None:
    """Raise a Question where rows differ in what makes other questions of them."""
    for one in found:
        if one.kind == "examples" and _splits_cells(one, cells):
            raise Question(
                f"rows of one size differ in {one.name!r} ({one.listed}), which seems to be the "
                f"dataset size; say --examples {shlex.quote(one.name)} for one curve each",
                add=(f"--examples {shlex.quote(one.name)}",),
            )
    asked = [one for one in found if _is_question(one, cells)]
    # A width follows from the size and whatever else makes it.
    telling = [one for one in found if _says_making(one, cells)]
    telling += [one for one in alike if not grows(one.name)]
    asked = [
        one
        for one in asked
        if not (grows(one.name) and tells(telling, one, *_keys(telling, cells)))
    ]
    if not asked:
        return
    first = asked[0]
    level = _commonest(first)
    shape = _covering_shapes(asked, cells, found)
    named = " and in ".join(f"{one.name!r} ({one.listed})" for one in shape or asked)
    if shape:
        column = shlex.quote(",".join(one.name for one in shape))
        raise Question(
            f"rows of one size differ in {named}, which {'say' if shape[1:] else 'says'} how a "
            f"size is made; say --shape {column} for a curve of each, take one with --where "
            f"{shlex.quote(f'{shape[0].name}={_commonest(shape[0])}')}; if tuned, --tuned "
            f"{column}; if only luck sets such runs apart, --alike {column}",
            add=(f"--shape {column}", f"--alike {column}"),
        )
    what = "rows of one size differ in" if any(one.within for one in asked) else "sizes differ in"
    choice = shlex.quote(f"{first.name}={level}")
    every = ",".join(one.name for one in asked)
    kinds = {one.kind for one in asked}
    tuned = "" if kinds <= {"condition", "split"} else f"; if tuned, --tuned {shlex.quote(every)}"
    luck = f"if only luck sets such runs apart, --alike {shlex.quote(every)}"
    if not _is_few(first):  # one value has hardly a row
        tuned = f"if tuned, --tuned {shlex.quote(every)}"
        raise Question(
            f"{what} {named}; {tuned}; {luck}",
            add=(f"--tuned {shlex.quote(every)}", f"--alike {shlex.quote(every)}"),
        )
    made = ""
    if all(_may_be_shape(one, cells) for one in asked):
        made = f", or --shape {shlex.quote(every)} if it says how a size is made"
    raise Question(
        f"{what} {named}; take one with --where {choice}, or --group {shlex.quote(first.name)} "
        f"for one curve each{made}{tuned}; {luck}",
        add=(f"--where {choice}", f"--group {shlex.quote(first.name)}"),
    )


def _covering_shapes(
    asked: Sequence[Varying], cells: Cells, found: Sequence[Varying]
) -> list[Varying]:
    """Shapes that say all that is asked about; none where they don't, or have too many values."""
    shapes = [
        one for one in found
        if one.kind == "shape" and one.within and len(one.levels) <= MOST_SHAPES
    ]  # fmt: skip
    if any(_may_be_shape(one, cells) for one in asked):  # rather that than a width
        shapes = [one for one in shapes if not grows(one.name)]
    together = axes(shapes, found) if shapes else []
    for some in (together, *([one] for one in shapes)):
        # A shape may follow from another and the size, a condition may not.
        if some and all(
            tells(some, one, *((cells.cell,) if one.kind == "shape" else ())) for one in asked
        ):
            return list(some)
    return []


def _says_making(one: Varying, cells: Cells) -> bool:
    """Whether a column beside the widths says how models of one size are made."""
    if grows(one.name):
        return False
    return makes_ladders(one, cells) or (one.kind == "condition" and _may_be_shape(one, cells))


def _may_be_shape(one: Varying, cells: Cells) -> bool:
    """Whether a column that is no known shape may be one: its values have sizes in common."""
    words = one.kind == "condition" and is_one(one.name, MADE)
    return (words or one.kind == "unknown") and overlap(one, cells)


def _keys(telling: Sequence[Varying], cells: Cells) -> tuple[IntArray, ...]:
    """The cells, where there is something else to tell by."""
    return (cells.cell,) if telling else ()


def _is_question(one: Varying, cells: Cells) -> bool:
    """Whether a column makes other questions of the rows that differ in it."""
    few = len(one.levels) >= 2 and _is_few(one)
    if one.kind == "split":
        return True
    if one.kind == "condition":
        # Also where each data set has sizes of its own; not where each size has its own name.
        return one.within or (few and 2 * len(one.levels) <= cells.n)
    if not one.within:
        return False
    if one.kind == "shape":
        # Whether ladders of sizes differ is seen once errors are known (analysis.table.ladders);
        # fractions of many values are measured, whatever they are called.
        measured = len(one.levels) > MOST_SHAPES and one.fractional
        return _splits_cells(one, cells) and not makes_ladders(one, cells) and not measured
    if one.kind != "unknown":
        return False
    # A column that nobody knows is asked about where the metric moves with it.
    return _levels_differ(one, cells) if few else _moves(one, cells)


def _is_few(one: Varying) -> bool:
    """Whether a column has so few values that each stands for a group of rows."""
    return len(one.levels) <= max(FEW, len(one.codes) // 10)


def _splits_cells(one: Varying, cells: Cells) -> bool:
    """Whether at least a tenth of the cells hold rows that differ in it."""
    pairs = np.unique(joint(cells.cell, one.codes), return_index=True)[1]
    levels = np.bincount(cells.cell[pairs], minlength=cells.n)
    return bool((levels > 1).sum() * 10 >= (np.bincount(cells.cell) > 1).sum()) and one.within


def _levels_differ(one: Varying, cells: Cells) -> bool:
    """Whether rows of some levels are better than others of their cells, beyond luck.

    The sum of squares between levels, of ranks within cells, is about chi-square; its cube root is
    about normal (Wilson and Hilferty 1931).
    """
    error = _centred(_ranks(cells.error, cells.cell), cells.cell)
    codes = one.codes + 1
    count = np.bincount(codes)
    mean = np.bincount(codes, error) / np.maximum(count, 1)
    freedom = int((count > 0).sum()) - 1
    left = len(error) - cells.n - freedom
    if left < 4:
        return False
    between = float((count * mean**2).sum())
    within = max(float((error**2).sum()) - between, 1e-300) / left
    ratio = between / within / freedom
    spread = 2.0 / (9.0 * freedom)
    return bool((ratio ** (1.0 / 3.0) - (1.0 - spread)) / np.sqrt(spread) > SURE)


def _moves(one: Varying, cells: Cells) -> bool:
    """Whether the metric clearly moves with a column within cells: by rank, or off a best value."""
    numbers = one.numbers
    if numbers is None or len(numbers) < 12:
        return False
    good = np.isfinite(numbers)
    cell = joint(cells.cell[good])
    error = _centred(_ranks(cells.error[good], cell), cell)
    x = _ranks(numbers[good], cell)
    for against in (_centred(x, cell), _centred(_centred(x, cell) ** 2, cell)):
        scale = float(np.sqrt((against**2).sum() * (error**2).sum()))
        freedom = len(error) - len(np.unique(cell)) - 1
        if scale > 0.0 and freedom > 4:
            r = float((against * error).sum()) / scale
            if abs(r) * np.sqrt(freedom) > SURE:
                return True
    return False


def _ranks(values: FloatArray, cell: IntArray) -> FloatArray:
    """(N,) rank of each value in its cell, as a share."""
    order = np.lexsort((values, cell))
    start = np.concatenate([[0], np.cumsum(np.bincount(cell))[:-1]])
    rank = np.empty(len(values))
    rank[order] = np.arange(len(values)) - start[cell[order]]
    share: FloatArray = (rank + 0.5) / np.bincount(cell)[cell]
    return share


def _centred(values: FloatArray, cell: IntArray) -> FloatArray:
    mean = np.bincount(cell, values) / np.bincount(cell)
    centred: FloatArray = values - mean[cell]
    return centred


def _commonest(one: Varying) -> Any:
    counts = np.bincount(one.codes[one.codes >= 0], minlength=len(one.levels))
    return one.levels[int(np.argmax(counts))]
