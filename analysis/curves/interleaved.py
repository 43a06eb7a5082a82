r"""Whether the points of one curve plainly lie on two: a shape that no column names.

Points of two ladders that alternate in size are two smooth curves and no scatter about one:

    one curve     ln y_i = f(z_i) + scatter
    two curves    ln y_i = f(z_i) + s_i g(z_i) / 2 + noise,  g(z) = a + b z > 0,  s_i = -1 or 1

Which curve each point is on costs one bit a point. Two curves are found where they explain the
points by more than that: by a gain of

    n / 2 ln(v_1 / v_2) - n ln 2

nats, with v the variances left and n the freedom. The one curve may be any of many smooth ones,
also with a step or a hump; the two are plain.

======== ================================================================ =====
symbol   meaning                                                          shape
======== ================================================================ =====
K, N     cells and replicates
z        log size, from -1 to 1                                           (K,)
s        which of the two curves                                          (K,)
======== ================================================================ =====
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from analysis.curves.curve import Curve
from analysis.curves.noise import Noise
from analysis.findings import NextStep
from analysis.table.trials import FloatArray

LEAST_EACH = 4
"""Points on each of the two curves."""
LEAST_SIZES = 4
"""Sizes at which runs lie on both, where they share their sizes."""
LEAST_TURNS = 3
"""Changes from one curve to the other, going up in size: a step has one, a hump two."""
LEAST_APART = 0.08
"""Of the log of the error: nearer curves are not told apart."""
LEAST_GAIN = 8.0
"""Nats; its false alarms and hits are in ``docs/decisions.md``."""
EXHAUSTIVE = 14
"""Up to so many points all ways to put them on two curves are tried."""
FLIPPED = 64
"""Up to so many, single points are moved to the other curve."""
FEW = 24
"""Up to so many, the one curve may have two steps."""
SEVERAL, MOST_STEPS = 16, 4
"""Of more sizes, the one curve may have several steps and bends."""
PLACES = 32
"""Places that are tried for a step, a bend or a hump."""
LEAST_SPREAD = 1e-3
"""Of the log of the error: rounding."""


@dataclass(frozen=True, kw_only=True)
class Interleaved:
    """Two curves through the points of one."""

    lower: int
    """Points on the lower curve; runs, where both have the same sizes."""
    upper: int
    ratio: float
    """Error of the upper by that of the lower, in the middle of the sizes."""
    gain: float
    """Nats by which two curves explain the points better than one with scatter."""
    same_sizes: bool
    """Whether both have the same sizes: then runs of one size are on either."""
    next_step: NextStep = field(default_factory=lambda: NextStep(kind="name_shape"))


def two_curves(curve: Curve, noise: Noise) -> Interleaved | None:
    """Two smooth curves that explain the points far better than one; None where there are none.

    Examples
    --------
    >>> import numpy as np
    >>> from analysis.fitted import fit_curve
    >>> from analysis.settings import AnalysisSettings
    >>> n = np.geomspace(1e3, 1e6, 12)
    >>> error = 0.05 + 0.4 * (n / 1e3) ** -0.4
    >>> few = AnalysisSettings(resamples=100)
    >>> fit = fit_curve(n, error * np.where(np.arange(12) % 2, 1.4, 1.0), settings=few)
    >>> two = two_curves(fit.curve, fit.noise)
    >>> two.lower, two.upper, round(two.ratio, 2)
    (6, 6, 1.4)
    >>> one = fit_curve(n, error, settings=few)
    >>> two_curves(one.curve, one.noise) is None
    True
    """
    if len(curve) < 2 or not np.isfinite(noise.log_error).all() or np.ptp(np.log(curve.size)) == 0:
        return None
    return _between_sizes(curve, noise) or _within_sizes(curve)


# -- sizes of their own -------------------------------------------------------------------------


def _between_sizes(curve: Curve, noise: Noise) -> Interleaved | None:
    y, z, k = noise.log_error, _from_minus_one(np.log(curve.size)), len(curve)
    if k < 2 * LEAST_EACH:
        return None
    known, freedom = _variance_of_means(curve, noise)
    one = _one_curve(y, z)
    best: tuple[float, FloatArray, FloatArray] | None = None
    for p in range(2, 5):
        left = k - p - 2
        if left < 3:
            break
        square, sides, gap = _sorted_in_two(y, z, p)
        variance = (square + freedom * known) / (left + freedom)
        if best is None or variance < best[0]:
            best = variance, sides, gap
    if best is None:
        return None
    variance, sides, gap = best
    gain = _gain(k, one, variance)
    turns = int((np.diff(sides) != 0).sum())
    lower, upper = int((sides < 0).sum()), int((sides > 0).sum())
    if gain < LEAST_GAIN or turns < LEAST_TURNS or min(lower, upper) < LEAST_EACH:
        return None
    if gap.min() < LEAST_APART or not all(_falls(y[sides == s], z[sides == s]) for s in (-1, 1)):
        return None
    ratio = float(np.exp(np.median(gap)))
    return Interleaved(lower=lower, upper=upper, ratio=ratio, gain=gain, same_sizes=False)


def _variance_of_means(curve: Curve, noise: Noise) -> tuple[float, float]:
    """What replicates say of the variance of the points, and the freedom behind it."""
    if noise.degrees <= 0.0:
        return 0.0, 0.0
    means = noise.run_variance / np.maximum(curve.replicates, 1)
    return float(np.mean(means)), float(noise.degrees)


def _one_curve(y: FloatArray, z: FloatArray) -> float:
    """The least variance about one smooth curve."""
    k = len(y)
    squares = [
        (((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2).sum(), x.shape[1])
        for x in _smooth(z)
    ]
    if k > SEVERAL:
        squares += _with_steps(y, z)
    return float(min(square / (k - p) for square, p in squares))


def _with_steps(y: FloatArray, z: FloatArray) -> list[tuple[float, int]]:
    """Sums of squares about plain curves with ever more steps and bends, and their parameters.

    Each is where it explains most of what the ones before it leave.
    """
    middles = (z[1:] + z[:-1]) / 2.0
    above = z[:, None] - middles[None, :]
    every = np.column_stack([above > 0.0, np.maximum(above, 0.0)])
    found = []
    for p in (2, 3):
        basis = np.asarray(np.linalg.qr(_polynomials(z, p))[0], dtype=np.float64)
        rest = y - basis @ (basis.T @ y)
        for _ in range(min(MOST_STEPS, len(y) // 5 - 1)):
            free = every - basis @ (basis.T @ every)
            length = np.sqrt((free**2).sum(0))
            told = np.where(length > 1e-6, (rest @ free) / np.maximum(length, 1e-6), 0.0)
            best = int(np.argmax(np.abs(told)))
            one = free[:, best] / max(float(length[best]), 1e-6)
            rest = rest - one * (one @ rest)
            basis = np.column_stack([basis, one])
            found.append((float(rest @ rest), basis.shape[1]))
    return found


def _smooth(z: FloatArray) -> Iterator[FloatArray]:
    """Designs of smooth curves; plain ones also with a step, a bend or a hump."""
    k = len(z)
    for p in range(2, min(k // 2 + 1, 9) + 1):
        yield _polynomials(z, p)
    middles = (z[1:] + z[:-1]) / 2.0
    for p in (2, 3):
        if k - p - 2 < 2:
            break
        plain = _polynomials(z, p)
        some = slice(None, None, k // PLACES + 1)
        for at in middles[1:-1][some]:
            yield np.column_stack([plain, z > at])
            yield np.column_stack([plain, np.maximum(z - at, 0.0)])
        for at in z[some]:
            for wide in (0.15, 0.3, 0.6):
                yield np.column_stack([plain, np.exp(-0.5 * ((z - at) / wide) ** 2)])
    if 7 <= k <= FEW:
        for one, other in combinations(middles, 2):
            yield np.column_stack([_polynomials(z, 2), z > one, z > other])


def _polynomials(z: FloatArray, p: int) -> FloatArray:
    """(K, p) Legendre polynomials."""
    return np.asarray(np.polynomial.legendre.legvander(z, p - 1), dtype=np.float64)


def _sorted_in_two(y: FloatArray, z: FloatArray, p: int) -> tuple[float, FloatArray, FloatArray]:
    """The least sum of squares about two curves, with each point's curve and the gap there."""
    k = len(y)
    basis: FloatArray = np.asarray(np.linalg.qr(_polynomials(z, p))[0], dtype=np.float64)
    if k <= EXHAUSTIVE:
        bits = (np.arange(2 ** (k - 1))[:, None] >> np.arange(k)) & 1
        sides = np.asarray(2.0 * bits - 1.0, dtype=np.float64)
    else:
        sides = np.array([_settled(start, y, z, p) for start in _starts(y, z)])
    square, inside = _squares(sides, y, z, basis)
    pick = int(np.argmin(square))
    best = sides[pick]
    if EXHAUSTIVE < k <= FLIPPED:
        for _ in range(k):
            near = np.where(np.eye(k, dtype=bool), -best, best)
            tried, inside_tried = _squares(near, y, z, basis)
            least = int(np.argmin(tried))
            if tried[least] >= square[pick] - 1e-12:
                break
            best, pick = near[least], 0
            square, inside = tried[[least]], inside_tried[[least]]
    a, b = inside[pick]
    gap = 2.0 * (a + b * z)
    if np.median(gap) < 0.0:
        best, gap = -best, -gap
    return float(square[pick]), best, gap


def _starts(y: FloatArray, z: FloatArray) -> Iterator[FloatArray]:
    """Ways to put points on two curves, to begin with."""
    for p in range(2, 7):
        x = _polynomials(z, p)
        yield _sign(y - x @ np.linalg.lstsq(x, y, rcond=None)[0])
    around = np.convolve(np.pad(y, 2, mode="edge"), np.array([1, 1, 0, 1, 1]) / 4.0, mode="valid")
    yield _sign(y - around)
    yield np.where(np.arange(len(y)) % 2, 1.0, -1.0)


def _settled(sides: FloatArray, y: FloatArray, z: FloatArray, p: int) -> FloatArray:
    """Each point on the nearer of two curves, drawn anew until none moves."""
    x = _polynomials(z, p)
    for _ in range(30):
        design = np.column_stack([x, sides, sides * z])
        found = np.linalg.lstsq(design, y, rcond=None)[0]
        gap = found[p] + found[p + 1] * z
        now = _sign((y - x @ found[:p]) * gap)
        if (now == sides).all():
            break
        sides = now
    return sides


def _squares(
    sides: FloatArray, y: FloatArray, z: FloatArray, basis: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(M,) sums of squares about two curves, and (M, 2) half their gap's a and b."""
    rest = y - basis @ (basis.T @ y)
    one, other = sides, sides * z
    one = one - (one @ basis) @ basis.T
    other = other - (other @ basis) @ basis.T
    aa, ab, bb = (one**2).sum(1), (one * other).sum(1), (other**2).sum(1)
    ay, by = one @ rest, other @ rest
    determinant = aa * bb - ab**2
    good = determinant > 1e-9 * np.maximum(aa * bb, 1e-300)
    safe = np.where(good, determinant, 1.0)
    a = np.where(good, (ay * bb - by * ab) / safe, 0.0)
    b = np.where(good, (by * aa - ay * ab) / safe, 0.0)
    square = float(rest @ rest) - a * ay - b * by
    return np.maximum(square, 0.0), np.column_stack([a, b])


# -- the same sizes -----------------------------------------------------------------------------


def _within_sizes(curve: Curve) -> Interleaved | None:
    """Runs of one size on two curves, as far apart at every size."""
    positive = curve.run_error > 0.0
    if not positive.all() or len(np.unique(curve.run_draw)) > 1:
        return None
    several = np.flatnonzero(curve.replicates >= 2)
    if len(several) < LEAST_SIZES:
        return None
    z = _from_minus_one(np.log(curve.size[several]))
    y = np.log(curve.run_error)
    runs = [np.sort(y[curve.run_cell == cell]) for cell in several]
    centred = [one - one.mean() for one in runs]
    freedom = sum(len(one) - 1 for one in runs)
    total = float(sum((one**2).sum() for one in centred))
    if freedom < LEAST_SIZES or total <= 0.0:
        return None
    found = [_split(centred, z, scale * np.sqrt(total / freedom)) for scale in (1.0, 1.5, 2.0, 3.0)]
    square, splits, gap = min(found, key=lambda one: one[0])
    variance = square / (freedom - 2)
    gain = _gain(freedom, total / freedom, variance)
    both = [0 < split < len(one) for split, one in zip(splits, runs, strict=True)]
    if gain < LEAST_GAIN or sum(both) < max(LEAST_SIZES, 0.6 * len(runs)):
        return None
    if gap.min() < LEAST_APART:
        return None
    means = np.array([one.mean() for one in runs])
    if not _falls(means, z):
        return None
    lower = sum(splits)
    upper = sum(len(one) for one in runs) - lower
    ratio = float(np.exp(np.median(gap)))
    return Interleaved(lower=lower, upper=upper, ratio=ratio, gain=gain, same_sizes=True)


def _split(
    centred: list[FloatArray], z: FloatArray, gap_of_all: float
) -> tuple[float, list[int], FloatArray]:
    """Sum of squares, how many runs of each size are on the lower curve, and the gaps.

    Runs are sorted: those on the lower curve come first.
    """
    gap = np.full(len(z), gap_of_all)
    splits: list[int] = []
    square = np.inf
    for _ in range(30):
        now = [_best_split(one, g) for one, g in zip(centred, gap, strict=True)]
        if now == splits:
            break
        splits = now
        # Least squares of the runs on their sides, each size about its own mean.
        xx, xy = np.zeros(len(z)), np.zeros(len(z))
        for k, (one, split) in enumerate(zip(centred, splits, strict=True)):
            side = np.where(np.arange(len(one)) < split, -0.5, 0.5)
            side = side - side.mean()
            xx[k], xy[k] = side @ side, side @ one
        design = np.column_stack([np.ones(len(z)), z])
        normal = design.T @ (design * xx[:, None])
        line = np.linalg.lstsq(normal, design.T @ xy, rcond=None)[0]
        gap = design @ line
        square = float(sum((one**2).sum() for one in centred) - line @ (design.T @ xy))
    return max(square, 0.0), splits, gap


def _best_split(run: FloatArray, gap: float) -> int:
    """How many of the sorted runs of one size are best put on the lower curve."""
    n = len(run)
    below = np.arange(n + 1)
    sums = np.concatenate([[0.0], np.cumsum(run)])
    # The sum of (y - c - s g / 2)^2, less that of y^2, at the best c.
    upper, lower = sums[-1] - sums, sums
    square = gap**2 * below * (n - below) / n - gap * (
        upper - lower - (n - 2 * below) / n * sums[-1]
    )
    return int(np.argmin(square))


# -- both ---------------------------------------------------------------------------------------


def _gain(n: int, one: float, two: float) -> float:
    floor = LEAST_SPREAD**2
    return float(n * (0.5 * np.log(max(one, floor) / max(two, floor)) - np.log(2.0)))


def _from_minus_one(x: FloatArray) -> FloatArray:
    """(K,) from -1 to 1."""
    low, high = x.min(), x.max()
    scaled: FloatArray = (2.0 * x - low - high) / max(high - low, 1e-300)
    return scaled


def _falls(y: FloatArray, z: FloatArray) -> bool:
    """Whether a curve falls on the whole."""
    return bool((y - y.mean()) @ (z - z.mean()) < 0.0)


def _sign(values: FloatArray) -> FloatArray:
    return np.where(values > 0.0, 1.0, -1.0)
