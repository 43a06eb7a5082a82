r"""Every curve of each shape that the points leave possible, and the frontier of the best shapes.

All shapes are drawn at once (``posterior.moves``): what one ladder says of the law, all know, and
row r of every ladder lies in the same world, so that differences of rows are those of shapes.

The frontier is the error of the best network of each size,

    e*(x) = min_j e_j(x),    over shapes with x >= f_j

where f_j is the smallest size of shape j. Beyond its largest size l_j a ladder that others outlast
does not rise, and after one doubling it stays as it is: what no network of the study is near is not
promised, and who has a small network of a good shape needs no larger one.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
R, J, G  curves, shapes, grid points                                   scalar
f, l     first and last log size of each ladder, with some room        (J,)
======== ============================================================= ===========
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from analysis.curves.curve import Curve
from analysis.curves.ladders import MOST_SHAPES, Shape
from analysis.curves.noise import Noise
from analysis.curves.points import (
    draw_test_luck,
    merge_points,
    run_spread,
    size_grid,
    sizes_apart,
)
from analysis.posterior.curves import CurveDraws, weigh
from analysis.posterior.moves import Moves
from analysis.posterior.resolution import blur_between
from analysis.table.trials import BoolArray, FloatArray, read_only

LEAST_SIZES_OF_SHAPE = 3
"""Sizes apart that a ladder needs, to be one of two that make a comparison."""
ROOM = math.log(2.0)
"""A ladder is followed beyond its last size so far: the posterior knows one doubling well."""
NEAR = 0.5
"""A shape may be named at sizes as far from its ladder as this, in median steps between sizes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LadderDraws(CurveDraws):
    """Curves of every shape, drawn together: ``log_error`` is (R, J, G)."""

    shapes: tuple[Shape, ...]
    """(J,) the simpler first."""
    first: FloatArray
    """(J,) log of the smallest size tried of each."""
    last: FloatArray
    """(J,) log of the largest."""
    step: float
    """Median step between sizes, on the log."""

    def of(self, j: int) -> CurveDraws:
        """The curves of one shape."""
        return self._plain(self.log_error[:, j])

    def tried(self, x: FloatArray) -> BoolArray:
        """(J, len(x)) where each shape was tried, or nearly so."""
        room = NEAR * self.step + 1e-9
        return np.asarray(
            (x[None, :] >= self.first[:, None] - room) & (x[None, :] <= self.last[:, None] + room)
        )

    def at(self, x: FloatArray) -> FloatArray:
        """(R, J, len(x)) log errors at log sizes on the grid."""
        place = np.clip((x - self.x[0]) / (self.x[1] - self.x[0]), 0.0, len(self.x) - 1.0)
        left = np.minimum(place.astype(np.int64), len(self.x) - 2)
        part = place - left
        found: FloatArray = self.log_error[:, :, left] * (1.0 - part)
        found += self.log_error[:, :, left + 1] * part
        return found

    def frontier(self) -> CurveDraws:
        """The best shape at each size, of each row."""
        least = np.full((len(self.log_error), len(self.x)), np.inf)
        furthest = float(self.last.max())
        for j in range(len(self.shapes)):
            own = self.log_error[:, j].copy()
            if self.last[j] < furthest - 1e-9:
                edge = int(np.searchsorted(self.x, self.last[j] + 1e-9, side="right")) - 1
                own[:, edge:] = np.minimum(own[:, edge:], own[:, edge, None])
            if self.last[j] < furthest - ROOM:
                stop = int(np.searchsorted(self.x, self.last[j] + ROOM, side="right")) - 1
                own = own[:, np.minimum(np.arange(own.shape[1]), stop)]
            begin = int(np.searchsorted(self.x, self.first[j] - NEAR * self.step - 1e-9))
            least[:, begin:] = np.minimum(least[:, begin:], own[:, begin:])
        return self._plain(least)

    def _plain(self, log_error: FloatArray) -> CurveDraws:
        return CurveDraws(
            x=self.x,
            n_inside=self.n_inside,
            log_error=read_only(log_error),
            run_spread=self.run_spread,
            departure=self.departure,
            exponent=self.exponent,
            carriers=self.carriers,
            evidence=self.evidence,
        )


def comparable(curve: Curve) -> bool:
    """Whether the shapes of a curve can be told apart at all: two ladders of three sizes each."""
    if not 2 <= len(curve.shapes) <= MOST_SHAPES:
        return False
    x = np.log(curve.size)
    sizes = [len(sizes_apart(x[curve.shape == j])) for j in range(len(curve.shapes))]
    return sum(n >= LEAST_SIZES_OF_SHAPE for n in sizes) >= 2


def draw_ladders(
    curve: Curve, noise: Noise, *, resamples: int, level: float, rng: np.random.Generator
) -> LadderDraws:
    """Draw R = ``resamples`` mean curves of every shape of a :func:`comparable` curve.

    ``level`` is that of the interval of the exponent.
    """
    # A shape of another dataset size may have no cell here.
    present = np.unique(curve.shape)
    shapes = tuple(curve.shapes[j] for j in present)
    curve = replace(curve, shape=read_only(np.searchsorted(present, curve.shape)))
    points = merge_points(curve, noise, by_shape=True)
    x = np.log(curve.size)
    grid, n_inside = size_grid(points.x)
    found = weigh(points, noise, grid, rng, Moves.of(points.x, points.shape, grid, shapes))
    common, moved, law = found.draw(resamples, rng)
    log_error = common[:, None, :] + moved
    own = [points.x[points.shape == j] for j in range(len(shapes))]
    for j, sizes in enumerate(own):
        log_error[:, j] = blur_between(sizes, grid, log_error[:, j], rng)
    log_error += draw_test_luck(x, noise, grid, resamples, rng)[:, None, :]
    ladders = [x[curve.shape == j] for j in range(len(shapes))]
    steps = np.concatenate([np.diff(sizes_apart(sizes)) for sizes in ladders])
    return LadderDraws(
        x=read_only(grid),
        n_inside=n_inside,
        log_error=read_only(log_error[rng.permutation(len(log_error))]),
        run_spread=read_only(run_spread(curve, noise, grid)),
        departure=found.departure,
        exponent=found.exponent(law, level),
        carriers=found.carriers(),
        evidence=found.evidence,
        jacobian=float(points.y.sum()),
        shapes=shapes,
        first=read_only(np.array([sizes.min() for sizes in ladders])),
        last=read_only(np.array([sizes.max() for sizes in ladders])),
        step=float(np.median(steps)),
    )
