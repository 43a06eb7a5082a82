r"""What one run of any size costs: as the runs of a table did, or as whoever asks says.

Costs of a column follow ln cost = a + b ln size + c ln examples, by least squares; where the table
has one dataset size, or one size, that slope is 1, as of FLOPs and, for much work, of seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.errors import AnalysisError
from analysis.settings import AnalysisSettings
from analysis.table.trials import FloatArray, TrialTable

MEASURED = ("train_flops", "train_seconds", "wall_seconds")
"""Columns that tell what a run cost, the best one first."""
PRODUCT = "size x examples"
"""The name of what is taken where no column does: FLOPs are in proportion to it."""

CostOf = Callable[[float, float], float]
"""Cost of one run of a size (first) on so many examples (second; -1: unknown)."""


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What runs cost."""

    of: CostOf
    name: str
    """In what they are counted."""
    spent: float
    """What the runs of the table cost together, search included."""


def prices(table: TrialTable, settings: AnalysisSettings, cost: CostOf | str | None) -> Prices:
    """What runs cost: by a function, by a column of the table, or by the best column it has.

    Raises
    ------
    AnalysisError
        If the column that is named has no positive number.
    """
    size = table.column(settings.size)
    examples = np.where(table.n_examples > 0, table.n_examples, 1).astype(np.float64)
    known = np.isfinite(size) & (size > 0.0)
    if callable(cost):
        told_of = zip(size[known].tolist(), table.n_examples[known].tolist(), strict=True)
        each = [cost(n, float(d)) for n, d in told_of]
        return Prices(of=cost, name="cost", spent=float(np.sum(each)))
    names = (cost,) if cost else tuple(name for name in MEASURED if _told(table, name).any())
    for name in names:
        told = _told(table, name) & known
        if not told.any():
            raise AnalysisError(f"cost: no trial has a value of {name!r} above 0")
        column = table.column(name)
        trend = _trend(size[told], examples[told], column[told])
        spent = float(column[told].mean()) * int(known.sum())
        return Prices(of=trend, name=name, spent=spent)
    name = PRODUCT if (table.n_examples > 0).any() else "size"
    return Prices(
        of=lambda n, d: n * max(d, 1.0), name=name, spent=float((size * examples)[known].sum())
    )


def _told(table: TrialTable, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    try:
        column = table.column(name)
    except AnalysisError:
        raise AnalysisError(f"cost: the trial table has no column {name!r} of numbers") from None
    return np.asarray(np.isfinite(column) & (column > 0.0))


def _trend(size: FloatArray, examples: FloatArray, cost: FloatArray) -> CostOf:
    x, d, y = np.log(size), np.log(examples), np.log(cost)
    slopes = np.ones(2)
    varied = [k for k, one in enumerate((x, d)) if np.ptp(one) > 0.5]
    rest = y - sum(one for k, one in enumerate((x, d)) if k not in varied)
    design = np.stack([np.ones_like(x), *((x, d)[k] for k in varied)], axis=1)
    found = np.linalg.lstsq(design, rest, rcond=None)[0]
    slopes[varied] = found[1:]
    level = float(found[0])

    def of(n: float, given: float) -> float:
        return float(np.exp(level + slopes[0] * np.log(n) + slopes[1] * np.log(max(given, 1.0))))

    return of
