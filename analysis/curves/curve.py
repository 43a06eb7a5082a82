"""From trials to one size-versus-error curve for each dataset size.

A point of a curve is a *cell*: the replicates of one capacity at one dataset size. Search trials
never enter (their winners were chosen, so their errors flatter), and whatever else is left out is
counted and named.

Notation: K cells (points), N replicates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.curves.ladders import Shape, ShapeAxes, shape_axes, shapes_of, values_of
from analysis.errors import AnalysisError
from analysis.findings import Exclusion, ExclusionKind
from analysis.settings import AnalysisSettings
from analysis.table.columns import FIELDS
from analysis.table.fields import Cost
from analysis.table.trials import (
    UNKNOWN,
    BoolArray,
    FloatArray,
    IntArray,
    TrialTable,
    exact,
    middle,
    read_only,
)


def changed_by_pruning() -> list[str]:
    """Sizes that a model pruned by masks has less of; ``n_parameters`` counts the zeros too."""
    return [name for name, one in FIELDS.items() if isinstance(one, Cost) and one.pruned]


def rows_with(table: TrialTable, **words: str) -> BoolArray:
    """Rows whose columns hold these words."""
    keep = np.ones(len(table), dtype=bool)
    for column, word in words.items():
        keep &= _is(getattr(table, column), word)
    return keep


def _is(column: Sequence[str], word: str) -> BoolArray:
    """Which values of a column are a word."""
    kinds = set(column)  # most columns hold one word
    if len(kinds) <= 1:
        return np.full(len(column), kinds == {word})
    return np.fromiter((value == word for value in column), dtype=bool, count=len(column))


_Reason = tuple[ExclusionKind, str]

MOST_CELLS = 1024
"""More capacities than this at one dataset size are gathered with their neighbours in size, at most
a thousandth of the range apart: what follows costs the square of their number."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One size-versus-error curve, before any fit. Points are in order of size."""

    n_examples: float
    """Dataset size; -1 if the table does not say."""
    size: FloatArray
    """(K,) size of each cell."""
    error: FloatArray
    """(K,) mean error of each cell's replicates."""
    replicates: IntArray
    """(K,) replicates of each cell."""
    shape: IntArray
    """(K,) index of the cell's shape: cells of one shape share a ladder."""
    cell: tuple[str, ...]
    """(K,) name of each cell."""
    run_cell: IntArray
    """(N,) index of each replicate's cell."""
    run_error: FloatArray
    """(N,) error of each replicate."""
    run_draw: IntArray
    """(N,) subset draw of each replicate; -1 if unknown."""
    run_row: IntArray
    """(N,) row of each replicate in the trial table."""
    n_test: int
    """Test examples behind the errors; 0 if unknown or not the same for all."""
    correct: BoolArray | None
    """(N, n_test) per-example correctness, where every replicate has it."""
    excluded: tuple[Exclusion, ...]
    undertrained: int
    """Replicates on the curve that were still improving at their last step."""
    spread: FloatArray | None = None
    """(K,) spread of each cell's error as the table tells it; None where it does not."""
    shapes: tuple[Shape, ...] = ()
    """The shapes, the simpler first; none where there is one, or the table does not say."""
    grown: FloatArray | None = None
    """(K,) value of the axis that grows a ladder; None where it is not known."""
    grown_by: str = ""
    """That axis (``width``)."""
    n_test_pool: int = 0
    """Examples that the test sets of the draws are taken from, where each draw has its own; 0: one
    test set for all."""

    def __len__(self) -> int:
        return len(self.size)

    @property
    def n_sizes(self) -> int:
        """Sizes that differ by more than 2%: cells of other shapes may sit side by side."""
        logs, count, k = np.log(self.size), 0, 0
        while k < len(logs):
            count += 1
            k = max(int(np.searchsorted(logs, logs[k] + 0.02, side="right")), k + 1)
        return count

    def same_runs(self, other: Curve) -> bool:
        """Whether the curve has the same cells, with the same replicates, as another one."""
        return (
            self.cell == other.cell
            and self.shapes == other.shapes
            and np.array_equal(self.run_cell, other.run_cell)
            and np.array_equal(self.run_error, other.run_error)
            and np.array_equal(self.run_draw, other.run_draw)
        )

    def only(self, keep: BoolArray) -> Curve:
        """The cells for which ``keep`` (shape ``(K,)``) is true, with their replicates."""
        runs = keep[self.run_cell]
        index = np.cumsum(keep) - 1
        return replace(
            self,
            size=read_only(self.size[keep]),
            error=read_only(self.error[keep]),
            replicates=read_only(self.replicates[keep]),
            shape=read_only(self.shape[keep]),
            cell=tuple(name for name, kept in zip(self.cell, keep, strict=True) if kept),
            run_cell=read_only(index[self.run_cell[runs]].astype(np.int64)),
            run_error=read_only(self.run_error[runs]),
            run_draw=read_only(self.run_draw[runs]),
            run_row=read_only(self.run_row[runs]),
            correct=None if self.correct is None else read_only(self.correct[runs]),
            spread=None if self.spread is None else read_only(self.spread[keep]),
            grown=None if self.grown is None else read_only(self.grown[keep]),
        )


def build_curves(
    table: TrialTable, settings: AnalysisSettings, *, every_route: bool = False
) -> tuple[Curve, ...]:
    """One curve for each dataset size in the table, smallest first.

    With ``every_route`` each row draws, however its model was made; else only models trained as
    they are. An AnalysisError says that the size or error column does not exist or has no number.
    """
    size, error = table.column(settings.size), table.column(settings.error)
    for name, column in ((settings.size, size), (settings.error, error)):
        if len(table) and np.isnan(column).all():
            raise AnalysisError(
                f"{name}: no trial has a value for it; name another column of the table"
            )
    if settings.include_pruned and settings.size not in changed_by_pruning():
        raise AnalysisError(
            f"include_pruned: {settings.size} does not change when weights are removed; "
            f"use one of {', '.join(changed_by_pruning())}"
        )
    reasons = _reasons(table, settings, size, error, every_route)
    teachers, axes = teacher_is_axis(table), shape_axes(table, settings)
    return tuple(
        _build(table, settings, exact(n), size, error, reasons, axes, teachers=teachers)
        for n in np.unique(table.n_examples)
    )


def _reasons(
    table: TrialTable,
    settings: AnalysisSettings,
    size: FloatArray,
    error: FloatArray,
    every_route: bool,
) -> tuple[IntArray, list[_Reason]]:
    """Why each row is not on the curve, as places in a list; -1 for those that are.

    Of several reasons the first counts.
    """
    pruned = _is(table.route, "pruned") | (table.prune_ratio > 0.0)
    held: list[tuple[_Reason, BoolArray]] = [
        (("longer", ""), _is(table.phase, "longer")),
        (("search", ""), ~_is(table.phase, "replicate")),
    ]
    held += [
        (("unfinished", status), _is(table.status, status))
        for status in dict.fromkeys(table.status)
        if status != "complete"
    ]
    if not (settings.include_pruned or every_route):
        held.append((("pruned", ""), pruned))
    if not every_route:
        held.append((("distilled", ""), _is(table.route, "distilled")))
    held += [
        (("no_error", settings.error), np.isnan(error)),
        (("negative_error", settings.error), ~(error >= 0.0)),
        (("no_size", settings.size), ~(np.isfinite(size) & (size > 0.0))),
    ]
    if settings.undertrained == "drop":
        held.append((("undertrained", ""), table.still_improving))
    code = np.full(len(table), -1, dtype=np.int64)
    for place, (_, rows) in enumerate(held):
        code[rows & (code < 0)] = place
    return code, [reason for reason, _ in held]


def _build(
    table: TrialTable,
    settings: AnalysisSettings,
    n_examples: float,
    size: FloatArray,
    error: FloatArray,
    reasons: tuple[IntArray, list[_Reason]],
    axes: ShapeAxes,
    *,
    teachers: bool,
) -> Curve:
    of_curve = np.flatnonzero(table.n_examples == n_examples)
    code, named = reasons
    counts = Counter(code[of_curve].tolist())
    in_turn = dict.fromkeys(code[of_curve].tolist())
    rows = of_curve[code[of_curve] < 0]
    shape_of, shapes = shapes_of(table, axes, rows)
    cells = _cells(table, rows, size, shape_of, teachers=teachers)
    run_cell = np.empty(len(rows), dtype=np.int64)
    for index, cell in enumerate(cells):
        run_cell[cell] = index
    firsts = [int(rows[cell[0]]) for cell in cells]
    n_test = np.unique(table.n_test[rows]) if len(rows) else np.array([0])
    return Curve(
        n_examples=n_examples,
        size=read_only(np.array([middle(size[rows[cell]]) for cell in cells])),
        error=read_only(np.array([error[rows[cell]].mean() for cell in cells])),
        replicates=read_only(np.array([len(cell) for cell in cells], dtype=np.int64)),
        shape=read_only(np.array([shape_of[cell[0]] for cell in cells], dtype=np.int64)),
        cell=tuple(table.cell[k] or unnamed(settings.size, size[k]) for k in firsts),
        run_cell=read_only(run_cell),
        run_error=read_only(error[rows]),
        run_draw=read_only(table.draw[rows]),
        run_row=read_only(rows),
        n_test=int(n_test[0]) if len(n_test) == 1 else 0,
        correct=_correctness(table, rows) if settings.error == "test_error" else None,
        excluded=tuple(
            Exclusion(kind=named[place][0], about=named[place][1], count=counts[place])
            for place in in_turn
            if place >= 0
        ),
        undertrained=int(table.still_improving[rows].sum()),
        spread=_told_spread(table, rows, cells),
        shapes=shapes if len(shapes) > 1 else (),
        grown=_grown(table, axes, firsts),
        grown_by=axes.grown,
        n_test_pool=_pool(table, rows),
    )


def unnamed(size: str, value: float) -> str:
    """What a cell is called that its table does not name."""
    return f"{size}={value:g}"


def _pool(table: TrialTable, rows: IntArray) -> int:
    """Examples that rotating test sets are taken from; 0 where there is one test set for all."""
    pools = table.columns.get("n_test_pool")
    return 0 if pools is None or not len(rows) else int(pools[rows].max())


def _grown(table: TrialTable, axes: ShapeAxes, rows: Sequence[int]) -> FloatArray | None:
    """The axis that grows a ladder, at some rows; None where it is not known for all of them."""
    if not axes.grown:
        return None
    column = values_of(table, axes.grown)
    found = [column[row] for row in rows]
    if not all(isinstance(value, int | float) for value in found):
        return None
    return read_only(np.array(found, dtype=np.float64))


def _told_spread(table: TrialTable, rows: IntArray, cells: Sequence[IntArray]) -> FloatArray | None:
    """The spread that the table tells of the one run of each cell; None where any has none."""
    if table.spread is None or len(cells) != len(rows) or not len(rows):
        return None
    told = table.spread[rows[np.concatenate(cells)]]
    return read_only(told) if (np.isfinite(told) & (told > 0.0)).all() else None


def _cells(
    table: TrialTable, rows: IntArray, size: FloatArray, shape: IntArray, *, teachers: bool
) -> list[IntArray]:
    """Positions in ``rows`` of each cell's replicates, in the order of their sizes."""
    if not len(rows):
        return []
    made = [table.route, table.prune_ratio, table.method]
    if teachers:
        made.append(table.teacher_size)
    key = np.zeros(len(rows), dtype=np.int64)
    for column in made:
        key = _joined(key, _codes(column, rows))
    names = _codes(table.cell, rows, empty="")
    named = names >= 0
    ladder = _joined(_joined(_codes(table.width, rows), _codes(table.depth, rows)), shape)
    capacity = _joined(_codes(size, rows), ladder)
    whole = _joined(key, np.where(named, names, capacity + names.max() + 1))
    if whole.max() >= MOST_CELLS:
        logs = np.log(size[rows])
        edges = np.linspace(logs.min(), logs.max(), MOST_CELLS - 23)[1:-1]
        whole = _joined(_joined(key, shape), np.searchsorted(edges, logs))
    order = np.argsort(whole, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(whole[order])) + 1)
    members.sort(key=lambda cell: int(cell[0]))  # of equal sizes, the first seen comes first
    return sorted(members, key=lambda cell: float(np.log(size[rows[cell]]).mean()))


def _codes(column: Any, rows: IntArray, empty: str | None = None) -> IntArray:
    """A whole number for each value of a column, at some rows; -1 for the empty word if given."""
    if isinstance(column, np.ndarray):
        return np.asarray(np.unique(column[rows], return_inverse=True)[1], dtype=np.int64)
    words = [column[row] for row in rows.tolist()]
    place = {word: k for k, word in enumerate(w for w in dict.fromkeys(words) if w != empty)}
    if empty is not None:
        place[empty] = -1
    if len(place) == 1:
        return np.full(len(rows), next(iter(place.values())), dtype=np.int64)
    return np.array([place[word] for word in words], dtype=np.int64)


def _joined(one: IntArray, other: IntArray) -> IntArray:
    """A whole number, from 0 up, for each pair of two."""
    pair = one * (int(other.max()) + 1) + other
    return np.asarray(np.unique(pair, return_inverse=True)[1], dtype=np.int64)


def teacher_is_axis(table: TrialTable) -> bool:
    """Whether students of one cell and subset draw learnt from teachers of several sizes.

    Otherwise each draw has its own best teacher, whose size is luck and no axis.
    """
    seen: dict[tuple[object, ...], float] = {}
    for row in np.flatnonzero(np.isfinite(table.teacher_size)):
        size = float(table.teacher_size[row])
        if table.phase[row] == "replicate":
            key = (exact(table.n_examples[row]), float(table.n_parameters[row]),
                   int(table.depth[row]), int(table.draw[row]))  # fmt: skip
            if seen.setdefault(key, size) != size and key[-1] != UNKNOWN:
                return True
    return False


def _correctness(table: TrialTable, rows: IntArray) -> BoolArray | None:
    """Per-example correctness of all replicates, or None where any has none."""
    if not len(rows) or len(np.unique(table.n_test[rows])) != 1:
        return None
    bits = [table.test_correct[row] for row in rows]
    if any(b is None for b in bits):
        return None
    packed = np.frombuffer(b"".join(b for b in bits if b is not None), dtype=np.uint8)
    n_test = int(table.n_test[rows[0]])
    correct = np.unpackbits(packed.reshape(len(rows), -1), axis=1, count=n_test).astype(bool)
    return read_only(correct)
