"""What the search varied: its trials cell by cell, and each hyperparameter on its scale.

Values are taken to u, -1 and 1 at the ends of the range searched, on a log scale where they lie
more evenly there. A trial that diverged counts as the worst of its cell that has an error; one that
failed for any other reason says nothing of its values.

======== ======================================================= =============
symbol   meaning                                                 shape
======== ======================================================= =============
n        trials in cells where at least two can be compared      scalar
u        values of one hyperparameter                            (n,)
y        log validation errors                                   (n,)
======== ======================================================= =============
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.settings import AnalysisSettings
from analysis.table.trials import FloatArray, IntArray, TrialTable, exact, middle
from analysis.tuning.responses import Trials

LEAST_VALUES = 4
"""A hyperparameter of fewer values has no curve; it is only accounted for."""
MOST_LEVELS = 8
"""A hyperparameter of more words than this is left out."""
LEAST_RATIO = 4.0
"""A range whose ends are nearer than this factor is linear: its log would be about the same."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Values of one hyperparameter as u, and back."""

    name: str
    log: bool
    low: float
    high: float

    def places(self, values: FloatArray) -> FloatArray:
        """u of values."""
        low, high = self._ends
        found: FloatArray = 2.0 * (self._unit(values) - low) / (high - low) - 1.0
        return found

    def values(self, u: FloatArray) -> FloatArray:
        """Values of u."""
        low, high = self._ends
        at = low + (u + 1.0) / 2.0 * (high - low)
        return np.clip(np.exp(at) if self.log else at, self.low, self.high)

    @property
    def span(self) -> float:
        """Length of the range: of log values, or of values."""
        low, high = self._ends
        return high - low

    def _unit(self, values: FloatArray) -> FloatArray:
        return np.log(values) if self.log else values

    @property
    def _ends(self) -> tuple[float, float]:
        ends = self._unit(np.array([self.low, self.high]))
        return float(ends[0]), float(ends[1])


@dataclass(frozen=True, kw_only=True)
class SearchedCell:
    """A cell with search trials that can be compared."""

    n_examples: float
    size: float


Searched = tuple[Trials, list[Scale], list[SearchedCell]]


def searched_trials(table: TrialTable, settings: AnalysisSettings) -> Searched | None:
    """Search trials as the model takes them; None if no hyperparameter with a scale varied."""
    search = np.array([phase == "search" for phase in table.phase], dtype=bool)
    error = table.val_error
    positive = search & np.isfinite(error) & (error > 0.0)
    if not positive.any():
        return None
    # An error of zero of a finite validation set is less than its smallest step.
    least = float(error[positive].min()) / 2.0
    diverged = np.array([status == "diverged" for status in table.status], dtype=bool)
    rows = np.flatnonzero(search & (np.isfinite(error) | diverged))
    numeric, words = _columns(table, rows)
    for column in numeric.values():
        rows = rows[np.isfinite(column[rows])]
    size = table.column(settings.size)
    members: dict[tuple[float, str], list[int]] = {}
    for row in rows:
        name = table.cell[row] or f"width={table.width[row]} depth={table.depth[row]}"
        members.setdefault((exact(table.n_examples[row]), name), []).append(int(row))
    # A cell of one trial, or of none with an error, says nothing of differences within it.
    kept = {
        key: np.array(mine)
        for key, mine in sorted(members.items())
        if len(mine) > 1 and np.isfinite(error[mine]).any()
    }
    if not kept:
        return None
    order = np.concatenate(list(kept.values()))
    cell = np.repeat(np.arange(len(kept)), [len(mine) for mine in kept.values()])
    cells = [SearchedCell(n_examples=n, size=middle(size[mine])) for (n, _), mine in kept.items()]
    scales = [
        _scale(name, column[order])
        for name, column in numeric.items()
        if _varies(column[order], cell)
    ]
    if not scales:
        return None
    y = np.log(np.maximum(error[order], least))
    y[~np.isfinite(y)] = math.inf
    sizes = np.array([one.size for one in cells])
    examples = np.array([float(one.n_examples) for one in cells])
    trials = Trials(
        y=y,
        u=np.stack([scale.places(numeric[scale.name][order]) for scale in scales], axis=1),
        cell=cell,
        size=_spread(sizes)[cell],
        data=_spread(examples)[cell],
        other=_indicators([column[order] for column in words], len(order)),
    )
    return trials, scales, cells


def _columns(table: TrialTable, rows: IntArray) -> tuple[dict[str, FloatArray], list[Any]]:
    """Hyperparameters with a scale (name -> numbers), and those of few values or words."""
    numeric: dict[str, FloatArray] = {}
    words: list[Any] = []
    for name, column in table.params.items():
        numbers = np.array(
            [
                float(v) if isinstance(v, int | float) and not isinstance(v, bool) else math.nan
                for v in column
            ]
        )
        here = numbers[rows]
        if len(np.unique(here[np.isfinite(here)])) >= LEAST_VALUES:
            if 2 * np.isfinite(here).sum() > len(rows):
                numeric[name] = numbers
            continue
        levels = {str(column[row]) for row in rows}
        if 1 < len(levels) <= MOST_LEVELS:
            words.append(np.array([str(value) for value in column]))
    return numeric, words


def _varies(values: FloatArray, cell: IntArray) -> bool:
    """Whether values differ within most of the cells: an axis differs only between them."""
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    differs = np.maximum.reduceat(values, starts) > np.minimum.reduceat(values, starts)
    return bool(2 * differs.sum() > len(starts)) and len(np.unique(values)) >= LEAST_VALUES


def _scale(name: str, values: FloatArray) -> Scale:
    """On a log scale if the values lie more evenly there."""
    low, high = float(values.min()), float(values.max())
    log = low > 0.0 and high >= LEAST_RATIO * low and _uneven(np.log(values)) < _uneven(values)
    return Scale(name=name, log=log, low=low, high=high)


def _uneven(values: FloatArray) -> float:
    """Largest difference (Kolmogorov's) from an even spread over their range."""
    ordered = np.sort(values)
    share = (ordered - ordered[0]) / (ordered[-1] - ordered[0])
    return float(np.abs(share - (np.arange(len(share)) + 0.5) / len(share)).max())


def _spread(values: FloatArray) -> FloatArray:
    """Log values from -1 to 1; 0 where they are all the same, or not all known."""
    if not (np.isfinite(values).all() and (values > 0.0).all() and np.ptp(values) > 0.0):
        return np.zeros(len(values))
    logs = np.log(values)
    found: FloatArray = 2.0 * (logs - logs.min()) / np.ptp(logs) - 1.0
    return found


def _indicators(columns: list[Any], n: int) -> FloatArray:
    """A column of ones and zeros for each level but the first; (n, levels)."""
    found = [
        (column == level).astype(np.float64)
        for column in columns
        for level in np.unique(column)[1:]
    ]
    return np.stack(found, axis=1) if found else np.empty((n, 0))
