r"""What lies between two sizes tried: how fast a drawn curve may turn there, nobody has seen.

A law says how a curve goes from one size to the next. Where it is nearly straight, any law says the
same. Where it drops or turns within one step, the sizes tell that it does and not where: a drawn
curve is then run through faster or slower between them,

    f~(x_k + h_k t) = f(x_k + h_k t^a),    ln a ~ N(0, s_k^2),    s_k = min(S, g d_k^3)

with d the larger of the changes of slope at the two ends of the step, in units of the log error for
a step. The values at the sizes tried stay what they are, so that no likelihood changes, and a curve
that only falls still does. A straight curve has d near 0 and stays; a step from 0.3 to 0.1 may be
anywhere between the two sizes that show it.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
R, G     curves, grid points                                           scalar
X, h     sizes tried (log), steps between them                         (K,), (K-1,)
t        place within a step, from 0 to 1                              (G,)
======== ============================================================= ===========
"""

from __future__ import annotations

import numpy as np

from analysis.curves.points import sizes_apart
from analysis.table.trials import FloatArray

GAIN = 2.0
"""g"""
MOST = 0.8
"""S: at most, the middle of a step may be reached after a fifth of it or after four fifths."""
LEAST = 0.01
"""Curves that would change their pace by less than this anywhere stay as they are."""


def blur_between(
    x: FloatArray, grid: FloatArray, log_error: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """(R, G) the curves, run through at other paces between the sizes tried.

    Parameters
    ----------
    x : (K,)
        Log sizes tried, in order.
    grid : (G,)
        Evenly spaced log sizes on which the curves stand, from the smallest size on.
    log_error : (R, G)
    """
    knots = sizes_apart(x)
    if len(knots) < 3:
        return log_error
    step = grid[1] - grid[0]
    at = _read(log_error, np.broadcast_to((knots - grid[0]) / step, (len(log_error), len(knots))))
    width = np.diff(knots)
    slope = np.diff(at, axis=1) / width
    turn = np.abs(np.diff(slope, axis=1)) * 0.5 * (width[1:] + width[:-1])
    edge = np.zeros((len(turn), 1))
    turn = np.concatenate([edge, turn, edge], axis=1)
    sharp = np.maximum(turn[:, :-1], turn[:, 1:])
    spread = np.minimum(GAIN * sharp**3, MOST)
    score = rng.standard_normal(spread.shape)
    rows = np.flatnonzero(spread.max(axis=1) > LEAST)
    pace = np.exp(spread[rows] * score[rows])
    inside = (grid >= knots[0]) & (grid < knots[-1])  # a ladder may begin and end within the grid
    gap = np.clip(np.searchsorted(knots, grid[inside], side="right") - 1, 0, len(width) - 1)
    t = np.clip((grid[inside] - knots[gap]) / width[gap], 0.0, 1.0)
    place = knots[gap] + width[gap] * t ** pace[:, gap]
    blurred = log_error.copy()
    blurred[np.ix_(rows, np.flatnonzero(inside))] = _read(log_error[rows], (place - grid[0]) / step)
    return blurred


def _read(rows: FloatArray, place: FloatArray) -> FloatArray:
    """(R, M) each row at its own places, in grid steps."""
    left = np.clip(np.floor(place).astype(np.int64), 0, rows.shape[1] - 2)
    part = np.clip(place - left, 0.0, 1.0)
    index = np.arange(len(rows))[:, None]
    found: FloatArray = rows[index, left] * (1.0 - part) + rows[index, left + 1] * part
    return found
