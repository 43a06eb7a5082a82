r"""How shapes move a curve: not at all, by a factor, at one end of the sizes, or smoothly.

Each shape j has a curve of its own, f(x) + h_j(x) on the log of the error. The moves h are
Gaussian,

    h_j(x) = sum_q phi_q(x) u_jq,    u_q ~ N(0, a_q^2 S)

with t = (x - x_1) / (x_K - x_1) and

======== ==================================================================================
phi      what it says
======== ==================================================================================
1        one shape is worse by the same factor at every size
e^-rt    shapes differ where networks are small (two layers of two units hardly train) and are
         level further on
t - 1/2  one shape is better at small sizes and another at large ones
bumps    anything smooth
======== ==================================================================================

S says how alike shapes are: along an axis of several numbers, neighbours more than others. That no
shape moves the curve has weight of its own: else level ladders would be told apart by luck.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
K, G     points, grid points                                           scalar
J        shapes                                                        scalar
M        moves                                                         scalar
q        columns of a move                                             scalar
======== ============================================================= ===========
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.curves.ladders import Shape
from analysis.table.trials import BoolArray, FloatArray, IntArray, read_only

DECAYS = (3.0, 10.0)
"""Rates r at which moves fade over the range of sizes."""
BUMP = 0.35
"""Length of a smooth move, in units of the range of log size."""
ALIKE = 0.5
"""Share of a move's variance that neighbours on an axis of three and more numbers have alike."""


@dataclass(frozen=True, kw_only=True)
class Prior:
    """One kind of move: the spread of each of its parts, and its weight."""

    weight: float
    level: float = 0.0
    fading: float = 0.0
    rate: float = 0.0
    tilt: float = 0.0
    smooth: float = 0.0


NONE = Prior(weight=0.25)
PRIORS = (
    NONE,
    Prior(weight=0.05, level=0.03),
    Prior(weight=0.06, level=0.1),
    Prior(weight=0.04, level=0.3),
    *(
        Prior(weight=0.24 / 8, level=level, fading=fading, rate=rate)
        for rate in DECAYS
        for level, fading in ((0.0, 0.15), (0.0, 0.5), (0.04, 0.25), (0.12, 0.5))
    ),
    Prior(weight=0.1, level=0.08, tilt=0.1),
    Prior(weight=0.1, level=0.2, tilt=0.25),
    Prior(weight=0.06, level=0.05, smooth=0.06),
    Prior(weight=0.07, level=0.15, smooth=0.15),
    Prior(weight=0.03, level=0.4, smooth=0.4),
)
"""Published comparisons of shapes at equal size differ by nothing to a few tens of percent; the
extremes (networks too narrow to train) by a factor of two."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Moves:
    """M kinds of moves at the points and on the grid."""

    log_prior: FloatArray
    """(M,)"""
    covariance: FloatArray
    """(M, K, K) at the points."""
    at_points: tuple[FloatArray, ...]
    """Of each (K, J q) its root at the points."""
    on_grid: tuple[FloatArray, ...]
    """Of each (G, q) its columns on the grid, their spreads in them."""
    root: FloatArray
    """(J, J) root of S."""
    likely: int = 0
    """The kind by which fine grids are found."""

    def __len__(self) -> int:
        return len(self.log_prior)

    @classmethod
    def of(cls, x: FloatArray, shape: IntArray, grid: FloatArray, shapes: Sequence[Shape]) -> Moves:
        """Every kind, for points of log size ``x`` (K,) and ``shape`` (K,), on ``grid`` (G,)."""
        span = max(float(x[-1] - x[0]), 1e-9)
        root = np.linalg.cholesky(likeness(shapes))
        n = len(shapes)
        at_points, on_grid = [], []
        for prior in PRIORS:
            columns = _columns(prior, (x - x[0]) / span)
            mixed = columns[:, None, :] * root[shape][:, :, None]
            at_points.append(mixed.reshape(len(x), n * columns.shape[1]))
            on_grid.append(_columns(prior, (grid - x[0]) / span))
        return cls(
            log_prior=np.log([prior.weight for prior in PRIORS]),
            covariance=np.stack([one @ one.T for one in at_points]),
            at_points=tuple(at_points),
            on_grid=tuple(on_grid),
            root=read_only(root),
        )

    def only(self, keep: BoolArray, likely: int) -> Moves:
        """Some kinds; ``likely`` is an index among all."""
        index = np.flatnonzero(keep)
        return replace(
            self,
            log_prior=self.log_prior[index],
            covariance=self.covariance[index],
            at_points=tuple(self.at_points[k] for k in index),
            on_grid=tuple(self.on_grid[k] for k in index),
            likely=int(np.flatnonzero(index == likely)[0]),
        )

    def on(self, move: int, drawn: FloatArray) -> FloatArray:
        """(n, J, G) the moves of standard normal ``drawn`` (n, J q)."""
        columns = self.on_grid[move]
        n_shapes = len(self.root)
        u = drawn.reshape(len(drawn), n_shapes, columns.shape[1])
        moved: FloatArray = (self.root @ u) @ columns.T
        return moved


def likeness(shapes: Sequence[Shape]) -> FloatArray:
    """(J, J) S: 1 on the diagonal; alike along an axis of three and more numbers, else apart."""
    n = len(shapes)
    axes = [axis for axis, _ in shapes[0].values]
    alike = np.zeros((n, n))
    for k in range(len(axes)):
        column = [shape.values[k][1] for shape in shapes]
        levels = sorted(set(column), key=lambda value: (isinstance(value, str), str(value)))
        if all(isinstance(value, int | float) for value in column) and len(levels) > 2:
            order = sorted({float(value) for value in column})  # type: ignore[arg-type]
            place = np.array([order.index(float(value)) for value in column])  # type: ignore[arg-type]
            alike += np.exp(-0.5 * (place[:, None] - place[None, :]) ** 2)
        else:
            codes = np.array([levels.index(value) for value in column])
            alike += codes[:, None] == codes[None, :]
    whole: FloatArray = ALIKE * alike / len(axes) + (1.0 - ALIKE) * np.eye(n)
    return whole


def _columns(prior: Prior, t: FloatArray) -> FloatArray:
    """(len(t), q) the columns of a move, times their spreads."""
    columns = []
    if prior.level:
        columns.append(np.full(len(t), prior.level))
    if prior.fading:
        columns.append(prior.fading * np.exp(-prior.rate * t))
    if prior.tilt:
        columns.append(prior.tilt * (2.0 * np.clip(t, 0.0, 1.0) - 1.0))
    made = np.stack(columns, axis=1) if columns else np.zeros((len(t), 0))
    if prior.smooth:
        made = np.concatenate([made, prior.smooth * _bumps(np.clip(t, 0.0, 1.0))], axis=1)
    return made


def _bumps(t: FloatArray) -> FloatArray:
    """(len(t), q) root of a smooth Gaussian process of spread 1 on [0, 1]."""
    centres = np.arange(-0.2, 1.2 + 1e-9, 0.4 * BUMP)
    inner = np.exp(-0.5 * ((centres[:, None] - centres[None, :]) / BUMP) ** 2)
    lower = np.linalg.cholesky(inner + 1e-8 * np.eye(len(centres)))
    across = np.exp(-0.5 * ((t[:, None] - centres[None, :]) / BUMP) ** 2)
    root: FloatArray = np.linalg.solve(lower, across.T).T
    return root
