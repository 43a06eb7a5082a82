r"""Every curve of each shape that the points leave possible, and the frontier of the best shapes.

All shapes are drawn at once (``posterior.moves``): what one ladder says of the law, all know, and
row r of every ladder lies in the same world, so that differences of rows are those of shapes.

The frontier is the error of the best network of each size,

    e*(x) = min_j e_j(x),    over shapes with x >= f_j

where f_j is the smallest size of shape j. Past its largest size a ladder that others outlast stays
where it is: who has a small network of a good shape needs no larger one, and what no network of the
study shows is not promised. Where a shape that ended is better than all that go on, the frontier
ends.

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
from analysis.curves.ladders import Shape
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
from analysis.table.shapes import MOST_SHAPES
from analysis.table.trials import BoolArray, FloatArray, read_only

LEAST_SIZES_OF_SHAPE = 3
"""Sizes apart that a ladder needs, to be one of two that make a comparison."""
LEAST_RANGE = 4.0
"""Ratio of the largest to the smallest size, below which size says too little of an error."""
SAME = 0.02
"""Sizes that differ by this on the log are one."""
OUTDONE = 0.9
"""Probability from which a shape that ended is better than all that go on."""
NEAR = 0.5
"""A shape may be named as far beyond its ladder as this, in median steps between sizes."""


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
        """(J, len(x)) where each shape was tried; a little further up as well."""
        room = NEAR * self.step + 1e-9
        return np.asarray(
            (x[None, :] >= self.first[:, None] - SAME) & (x[None, :] <= self.last[:, None] + room)
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
        for j in range(len(self.shapes)):
            begin = int(np.searchsorted(self.x, self.first[j] - SAME))
            least[:, begin:] = np.minimum(least[:, begin:], self._reached(j)[:, begin:])
        return replace(self._plain(least), n_inside=self._known())

    def _reached(self, j: int) -> FloatArray:
        """(R, G) the error that one shape reaches: past its last size that of its last size."""
        own = self.log_error[:, j]
        if self.last[j] >= self.last.max() - 1e-9:
            return own
        stop = int(np.searchsorted(self.x, self.last[j] + 1e-9, side="right")) - 1
        return np.asarray(own[:, np.minimum(np.arange(own.shape[1]), stop)])

    def _known(self) -> int:
        """Grid points up to which something is known of the best shape.

        Where a shape that was not tried any larger is better than all that were, the frontier says
        nothing: nobody knows what larger networks of that shape would do.
        """
        reached = np.stack([self._reached(j) for j in range(len(self.shapes))], axis=1)
        tried = self.x[None, :] <= self.last[:, None] + SAME
        at_hand = np.where(tried[None], reached, np.inf).min(axis=1)
        elsewhere = np.where(tried[None], np.inf, reached).min(axis=1)
        outdone = (elsewhere < at_hand).mean(axis=0)[: self.n_inside] >= OUTDONE
        known = np.flatnonzero(~outdone)
        return int(known[-1]) + 1 if len(known) else self.n_inside

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
    if x[-1] - x[0] < math.log(LEAST_RANGE):
        return False
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
