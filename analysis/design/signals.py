r"""What runs of a size would show on each curve that the data leave possible, and with what noise.

Runs of cell c have the mean

    y_c = f(x_c) + seeds / m_c + draws + luck of the test examples

where f is the drawn curve. Seeds average out over the m_c runs. A subset draw that k runs of other
cells were trained on is known but for 1 / (1 / s^2 + k / v), and moves all cells of it alike. One
test set does the same to all runs, old and new: level and tilt that no run of the study can tell.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
R, C     drawn curves, cells                                           scalar
s^2, v   variance of a subset draw, of one run about its cell          scalar
======== ============================================================= ===========
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.curves.points import split_test_luck
from analysis.design.candidates import Candidate
from analysis.table.trials import FloatArray
from analysis.verdicts.curve_fit import FittedCurve

SAME = 0.01
"""Cells whose sizes differ by less on the log are one."""
DEGREES = 4.0
"""Prior degrees of freedom of the spread of runs: few replicates may show too small a one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Signals:
    """What any run of one dataset size would show."""

    fit: FittedCurve

    def reach(self, candidate: Candidate) -> bool:
        """Whether the drawn curves go as far as its size."""
        draws = self.fit.draws
        assert draws is not None
        beyond = float(draws.x[-1] - draws.x[draws.n_inside - 1]) + SAME
        at = math.log(candidate.size)
        return bool(draws.x[0] - beyond <= at <= draws.x[-1] + SAME)

    def of(self, candidate: Candidate) -> FloatArray:
        """(R,) log errors of a cell on the drawn curves."""
        draws = self.fit.draws
        assert draws is not None
        rows = draws.log_error
        if candidate.shape and self.fit.ladders is not None:
            names = [shape.name for shape in self.fit.ladders.shapes]
            if candidate.shape in names:
                rows = self.fit.ladders.log_error[:, names.index(candidate.shape)]
        step = float(draws.x[1] - draws.x[0])
        place = min((np.log(candidate.size) - draws.x[0]) / step, len(draws.x) - 1.0)
        left = int(np.clip(np.floor(place), 0, len(draws.x) - 2))
        part = place - left  # below 0 where the size is smaller than all that were tried
        found: FloatArray = rows[:, left] * (1.0 - part) + rows[:, left + 1] * part
        return found

    def noise(self, cells: Sequence[Candidate], runs: Sequence[int]) -> FloatArray:
        """(C, C) covariance of what so many new runs of each cell show, about the curve."""
        x = np.log([one.size for one in cells])
        count = np.asarray(runs, dtype=np.float64)
        own = self._run_variance(x)
        basis = np.stack([np.ones_like(x), x - self._middle], axis=1)
        covariance: FloatArray = basis @ self.luck @ basis.T
        covariance += np.diag(own / count)
        variance = self.fit.noise.draw_variance
        if variance > 0.0:
            took = np.zeros((len(cells), 0))
            drawn = [self._next_draws(one, m) for one, m in zip(cells, runs, strict=True)]
            names = sorted({draw for some in drawn for draw in some})
            took = np.array([[float(name in some) for name in names] for some in drawn])
            took /= count[:, None]
            known = np.array([self._seen[name] for name in names]) / own.mean()
            covariance += (took / (1.0 / variance + known)) @ took.T
        return covariance

    @property
    def _middle(self) -> float:
        return float(np.log(self.fit.curve.size).mean())

    @cached_property
    def luck(self) -> FloatArray:
        """(2, 2) covariance of level and tilt that stay, however many runs are made."""
        noise, curve = self.fit.noise, self.fit.curve
        _, luck = split_test_luck(np.log(curve.size), noise.test_covariance)
        if curve.n_test_pool and curve.n_test:
            common = min(curve.n_test / curve.n_test_pool, 1.0)
            luck = luck * (common / (common + (1.0 - common) / max(noise.n_draws, 1)))
        return luck

    def _run_variance(self, x: FloatArray) -> FloatArray:
        """(C,) variance of one run about its cell, as far as few replicates tell it."""
        noise = self.fit.noise
        variance = np.exp(np.interp(x, np.log(self.fit.curve.size), np.log(self.fit.run_variance)))
        return np.asarray(variance * (1.0 + DEGREES / (DEGREES + noise.degrees) * 0.5))

    @cached_property
    def _seen(self) -> Counter[int]:
        """Runs of each subset draw so far."""
        return Counter(int(draw) for draw in self.fit.curve.run_draw)

    def _next_draws(self, cell: Candidate, runs: int) -> tuple[int, ...]:
        """Draws that new runs of a cell are trained on: the first ones that it has not had."""
        curve = self.fit.curve
        near = np.abs(np.log(curve.size) - np.log(cell.size)) < SAME
        if cell.shape and curve.shapes:
            names = np.array([curve.shapes[k].name for k in curve.shape])
            near &= names == cell.shape
        had = set(curve.run_draw[near[curve.run_cell]].tolist())
        free: list[int] = []
        draw = 0
        while len(free) < runs:
            if draw not in had:
                free.append(draw)
            draw += 1
        return tuple(free)
