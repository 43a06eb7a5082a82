"""From trials to one size-versus-error curve for each dataset size.

A point of a curve is a *cell*: the replicates of one capacity at one dataset size. Search trials
never enter (their winners were chosen, so their errors flatter), and whatever else is left out is
counted and named.

Notation: K cells (points), N replicates.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

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
        keep &= np.array([value == word for value in getattr(table, column)], dtype=bool)
    return keep


_Reason = tuple[ExclusionKind, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One size-versus-error curve, before any fit. Points are in order of size."""

    n_examples: int
    """Dataset size; -1 if the table does not say."""
    size: FloatArray
    """(K,) size of each cell."""
    error: FloatArray
    """(K,) mean error of each cell's replicates."""
    replicates: IntArray
    """(K,) replicates of each cell."""
    shape: IntArray
    """(K,) index of the cell's depth among the depths seen: cells of one depth share a ladder."""
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
    return tuple(
        _build(table, settings, int(n), size, error, reasons) for n in np.unique(table.n_examples)
    )


def _reasons(
    table: TrialTable,
    settings: AnalysisSettings,
    size: FloatArray,
    error: FloatArray,
    every_route: bool,
) -> list[_Reason | None]:
    """Why each row is not on the curve; None for those that are."""
    reasons: list[_Reason | None] = []
    for k in range(len(table)):
        reason: _Reason | None = None
        if table.phase[k] != "replicate":
            reason = "search", ""
        elif table.status[k] != "complete":
            reason = "unfinished", table.status[k]
        elif _is_pruned(table, k) and not (settings.include_pruned or every_route):
            reason = "pruned", ""
        elif table.route[k] == "distilled" and not every_route:
            reason = "distilled", ""
        elif math.isnan(error[k]):
            reason = "no_error", settings.error
        elif not error[k] >= 0.0:
            reason = "negative_error", settings.error
        elif not (math.isfinite(size[k]) and size[k] > 0.0):
            reason = "no_size", settings.size
        elif table.still_improving[k] and settings.undertrained == "drop":
            reason = "undertrained", ""
        reasons.append(reason)
    return reasons


def _is_pruned(table: TrialTable, row: int) -> bool:
    """Whether weights were removed, or whether it was made by a method that removes them."""
    return table.route[row] == "pruned" or float(table.prune_ratio[row]) > 0.0


def _build(
    table: TrialTable,
    settings: AnalysisSettings,
    n_examples: int,
    size: FloatArray,
    error: FloatArray,
    reasons: list[_Reason | None],
) -> Curve:
    of_curve = np.flatnonzero(table.n_examples == n_examples)
    counts = Counter(reason for row in of_curve if (reason := reasons[row]))
    rows = np.array([row for row in of_curve if not reasons[row]], dtype=np.int64)
    teachers = teacher_is_axis(table)
    keys = [_cell_key(table, int(row), float(size[row]), teachers=teachers) for row in rows]
    members: dict[tuple[object, ...], list[int]] = {}
    for k, key in enumerate(keys):
        members.setdefault(key, []).append(k)
    cells = sorted(members.values(), key=lambda cell: float(np.log(size[rows[cell]]).mean()))
    run_cell = np.empty(len(rows), dtype=np.int64)
    for index, cell in enumerate(cells):
        run_cell[cell] = index
    firsts = [int(rows[cell[0]]) for cell in cells]
    depths = [int(table.depth[k]) for k in firsts]
    n_test = np.unique(table.n_test[rows]) if len(rows) else np.array([0])
    return Curve(
        n_examples=n_examples,
        size=read_only(np.array([middle(size[rows[cell]]) for cell in cells])),
        error=read_only(np.array([error[rows[cell]].mean() for cell in cells])),
        replicates=read_only(np.array([len(cell) for cell in cells], dtype=np.int64)),
        shape=read_only(np.unique(depths, return_inverse=True)[1].astype(np.int64)),
        cell=tuple(table.cell[k] or f"{settings.size}={size[k]:g}" for k in firsts),
        run_cell=read_only(run_cell),
        run_error=read_only(error[rows]),
        run_draw=read_only(table.draw[rows]),
        run_row=read_only(rows),
        n_test=int(n_test[0]) if len(n_test) == 1 else 0,
        correct=_correctness(table, rows) if settings.error == "test_error" else None,
        excluded=tuple(
            Exclusion(kind=kind, about=about, count=count)
            for (kind, about), count in counts.items()
        ),
        undertrained=int(table.still_improving[rows].sum()),
    )


def teacher_is_axis(table: TrialTable) -> bool:
    """Whether students of one cell and subset draw learnt from teachers of several sizes.

    Otherwise each draw has its own best teacher, whose size is luck and no axis.
    """
    seen: dict[tuple[object, ...], float] = {}
    for row in np.flatnonzero(np.isfinite(table.teacher_size)):
        size = float(table.teacher_size[row])
        if table.phase[row] == "replicate":
            key = (int(table.n_examples[row]), float(table.n_parameters[row]),
                   int(table.depth[row]), int(table.draw[row]))  # fmt: skip
            if seen.setdefault(key, size) != size and key[-1] != UNKNOWN:
                return True
    return False


def _cell_key(table: TrialTable, row: int, size: float, *, teachers: bool) -> tuple[object, ...]:
    """What replicates of one cell have in common."""
    made: tuple[object, ...] = (table.route[row],)
    made += (float(table.prune_ratio[row]), table.method[row])
    if teachers:
        # -1 for NaN, which would not equal itself as a key
        made += (float(np.nan_to_num(table.teacher_size[row], nan=-1.0)),)
    if table.cell[row]:
        return (table.cell[row], *made)
    return (size, int(table.width[row]), int(table.depth[row]), *made)


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
