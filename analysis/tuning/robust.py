r"""Regression within cells that runs which went wrong do not rule.

Noise is Student's t: a trial weighs (v + 1) / (v + (r / sigma)^2). A hopeless trial, which diverged
or lies far above its cell's others, is only told to be worse than a bound: it weighs nothing where
the fit says so too.

======== ======================================================= =========
symbol   meaning                                                 shape
======== ======================================================= =========
n, C     trials; their cells                                     scalar
p        columns                                                 scalar
x, y     columns; log errors                                     (n, p), (n,)
r, sigma residuals; scale of the noise                           (n,), scalar
v        degrees of freedom                                      scalar
======== ======================================================= =========

References
----------
Lange, Little and Taylor (1989), "Robust Statistical Modeling Using the t Distribution", JASA
84(408). Huber (1981), *Robust Statistics*, section 7.10: pseudo-values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from analysis.table.trials import BoolArray, FloatArray, IntArray

FAR, BOUND = 4.0, 1.0
"""A trial that lies this far above the lower quartile of its cell, in units of what trials usually
do, is hopeless; it is only told that it lies above the bound."""
FREEDOM = 4.0
"""Degrees of freedom of Student's t: of the noise of the first fit."""
AT_CHANCE = 0.1
"""A trial as near as this to the worst of all has learned nothing, wherever its cell lies."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """Trials of the same capacity and data, one after the other."""

    cell: IntArray
    """(n,) cell of each trial, from 0, in order."""
    starts: IntArray
    """(C,) its first trial."""
    sizes: FloatArray
    """(C,) its trials."""

    @classmethod
    def of(cls, cell: IntArray) -> Cells:
        """Of trials in the order of their cells."""
        starts = np.flatnonzero(np.diff(cell, prepend=-1))
        sizes = np.diff(starts, append=len(cell)).astype(np.float64)
        return cls(cell=cell, starts=starts, sizes=sizes)

    @property
    def count(self) -> int:
        """C."""
        return len(self.starts)

    def parts(self, y: FloatArray) -> list[FloatArray]:
        """Values cell by cell."""
        return np.split(y, self.starts[1:])

    def from_median(self, y: FloatArray) -> FloatArray:
        """What each value lies above the median of its cell."""
        medians = np.array([np.median(part) for part in self.parts(y)])
        found: FloatArray = y - medians[self.cell]
        return found

    def centred(self, x: FloatArray) -> FloatArray:
        """Columns (n,) or (n, p) without their cells' means."""
        sizes = self.sizes if x.ndim == 1 else self.sizes[:, None]
        found: FloatArray = x - (np.add.reduceat(x, self.starts) / sizes)[self.cell]
        return found


def bounded(y: FloatArray, cells: Cells) -> tuple[FloatArray, BoolArray]:
    """Log errors, those of hopeless trials at a bound, and which are hopeless.

    Such a trial is only known to be worse than that: where the fit says so too, it adds nothing.
    """
    reference = np.array([np.sort(part)[(len(part) - 1) // 4] for part in cells.parts(y)])
    # Where a quarter of a cell has no error, what has one stands for it.
    best = np.minimum.reduceat(y, cells.starts)
    reference = np.where(np.isfinite(reference), reference, best)[cells.cell]
    off = y - reference
    worse = off[(off > 0.0) & np.isfinite(off)]
    usual = float(np.median(worse)) if len(worse) else 0.0
    worst = y[np.isfinite(y)].max() + math.log(1.0 - AT_CHANCE)
    hopeless = (off > FAR * usual) | ((y > worst) & (off > BOUND * usual)) | np.isinf(y)
    return np.where(hopeless, reference + BOUND * usual, y), hopeless


def spread_within(away: FloatArray, lost: float) -> float:
    """Scatter within cells, of what lies off their medians; ``lost``: by what medians lessen it."""
    off = np.abs(away[away != 0.0])
    return float(lost * 1.4826 * np.median(off)) if len(off) else 0.0


@dataclass(kw_only=True, eq=False)
class Fit:
    """A robust fit that is under way."""

    y: FloatArray
    """(n,) log errors."""
    hopeless: BoolArray
    """(n,)"""
    cells: Cells
    spread: float
    """Scatter within cells."""
    weights: FloatArray = field(init=False)
    """(n,) of trials; 0 of hopeless ones whose fit is as bad as their bound."""
    scale: float = field(init=False)
    """Of the noise."""

    def __post_init__(self) -> None:
        self.scale = self.spread
        self.weights = np.ones(len(self.y))

    def follow(self, residual: FloatArray, terms: int) -> None:
        """Weigh trials by what a fit of so many terms left of them."""
        if terms:
            n = float(np.count_nonzero(self.weights) - self.cells.count)
            freedom = max(n - terms, n / 2.0, 1.0)
            squares = float(self.weights @ residual**2)
            self.scale = max(math.sqrt(squares / freedom), 1e-6 * self.spread)
        self.weights = (FREEDOM + 1.0) / (FREEDOM + (residual / self.scale) ** 2)
        self.weights[self.hopeless & (residual <= 0.0)] = 0.0

    def solve(self, x: FloatArray, ridge: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weighted ridge regression on columns and on cells: slopes (p,), residuals (n,)."""
        starts, cell = self.cells.starts, self.cells.cell
        total = np.maximum(np.add.reduceat(self.weights, starts), 1e-9)
        wx = x * self.weights[:, None]
        x_sum = np.add.reduceat(wx, starts)
        y_mean = np.add.reduceat(self.y * self.weights, starts) / total
        # Sums of products about the weighted means of cells, from those about none.
        gram = x.T @ wx - x_sum.T @ (x_sum / total[:, None])
        moment = wx.T @ self.y - x_sum.T @ y_mean
        gram[np.diag_indices_from(gram)] += ridge
        slopes = np.linalg.solve(gram, moment).astype(np.float64)
        left = self.y - x @ slopes
        left -= (np.add.reduceat(left * self.weights, starts) / total)[cell]
        return slopes, left

    def pseudo_values(self, residual: FloatArray) -> FloatArray:
        """The fit plus its residuals, bounded: (n,)."""
        ratio = (residual[self.weights > 0.0] / self.scale) ** 2
        slope = float(((FREEDOM + 1.0) * (FREEDOM - ratio) / (FREEDOM + ratio) ** 2).mean())
        # Where most of the residuals lie beyond the bend, the fit says nothing of its scatter.
        found: FloatArray = (self.y - residual) + self.weights * residual / max(slope, 0.25)
        return found
