r"""Subset draws: what each shifts, and what cells have of it when they were not all trained on all.

The relative error of a replicate of cell k on draw d, off its cell's mean, is

    r = delta_k + b_d + eps,    b_d ~ N(0, s^2),   eps ~ N(0, v_k)

Where every cell was trained on the same draws, equally often, their shifts move all cells alike,
and means stand as they are. Else a cell that happens to have the hard draws looks worse than it is:
what runs of one cell say of the draws (their contrasts within cells) gives b a posterior, of mean
b^ and covariance B, and

    delta_k = -w_k b^,    cov(delta) = W B W'   (beside v_k / n_k)

with w_k the shares of the draws among the replicates of cell k: generalised least squares, in the
order of its sufficient statistics (Searle, Casella, McCulloch 1992, *Variance Components*, section
7.4; the variance s^2 by Henderson's third method, section 5.5).

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
K, N, D  cells, replicates, draws                                      scalar
W        share of each draw among the replicates of each cell          (K, D)
r        relative error of a replicate off its cell's mean             (N,)
======== ============================================================= ===========
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.curves.curve import Curve
from analysis.table.trials import FloatArray, IntArray

LEAST_FREEDOM = 3
"""Degrees of freedom about cells and draws, below which nothing is said of the draws."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """The subset draws of a curve's replicates."""

    index: IntArray
    """(N,) which draw each replicate was trained on."""
    share: FloatArray
    """(K, D) W."""
    counts: FloatArray
    """(K, D) replicates of each cell on each draw."""

    @classmethod
    def of(cls, curve: Curve) -> Draws | None:
        """The draws of a curve; None where the table does not tell them, or there is one."""
        draws, index = np.unique(curve.run_draw, return_inverse=True)
        if len(draws) < 2 or draws[0] < 0:
            return None
        counts = np.zeros((len(curve), len(draws)))
        np.add.at(counts, (curve.run_cell, index), 1.0)
        share = counts / np.maximum(curve.replicates, 1)[:, None]
        return cls(index=index.astype(np.int64), share=share, counts=counts)

    @property
    def shared(self) -> bool:
        """Whether all cells were trained on the same draws, equally often."""
        return bool(np.ptp(self.share, axis=0).max() < 1e-9)

    def shifts(self, curve: Curve, relative: FloatArray) -> Shifts | None:
        """What the draws shift, by least squares; None where too few replicates tell."""
        design = np.zeros((len(relative), self.share.shape[1]))
        design[np.arange(len(relative)), self.index] = 1.0
        within = design - self.share[curve.run_cell]
        shift, _, rank, _ = np.linalg.lstsq(within, relative, rcond=None)
        freedom = int(np.maximum(curve.replicates - 1, 0).sum()) - int(rank)
        connected = rank >= self.share.shape[1] - 1
        if freedom < LEAST_FREEDOM or (self.shared and not connected) or rank < 1:
            return None
        residual = relative - within @ shift
        seed = float((residual**2).sum()) / freedom
        if self.shared:
            per_draw = np.bincount(self.index).mean()
            variance = max(float(np.var(shift, ddof=1)) - seed / per_draw, 0.0)
        else:
            explained = float((relative**2).sum() - (residual**2).sum())
            variance = max((explained - rank * seed) / float((within**2).sum()), 0.0)
        return Shifts(residual=residual, variance=variance, used=int(rank))

    def adjust(
        self, curve: Curve, relative: FloatArray, variance: float, run_variance: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """(K,) what to add to the log error of each cell, and the (K, K) covariance of that."""
        n_draws = self.share.shape[1]
        weight = 1.0 / run_variance
        precision = np.eye(n_draws) / variance + np.diag(weight @ self.counts)
        precision -= (self.share * (weight * curve.replicates)[:, None]).T @ self.share
        total = np.zeros(n_draws)
        np.add.at(total, self.index, (weight[curve.run_cell] * relative))
        cell = np.zeros(len(curve))
        np.add.at(cell, curve.run_cell, relative)
        total -= self.share.T @ (weight * cell)
        covariance = np.linalg.inv(precision)
        shift = covariance @ total
        found: FloatArray = -self.share @ shift
        return found, self.share @ covariance @ self.share.T


@dataclass(frozen=True, kw_only=True, eq=False)
class Shifts:
    """What the draws shift."""

    residual: FloatArray
    """(N,) what they leave of the replicates' relative errors."""
    variance: float
    """s^2."""
    used: int
    """Degrees of freedom that they take."""
