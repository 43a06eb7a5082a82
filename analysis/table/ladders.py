r"""Sizes that were made in several ways: does each way have a curve of its own?

A column that says how a size is made (depth, heads, ...) sorts the sizes into *ladders*, one for
each of its values. Two ladders are compared where they overlap. With z the log of the size, s the
ladder (-1 or 1) and Legendre polynomials P_j,

    one curve     ln e = sum_j c_j P_j(z)
    two curves    ln e = sum_j c_j P_j(z) + s (a + b z)

They clearly differ where an F test prefers two however smooth the curve may be (up to as many
polynomials as the points bear); its noise is the scatter about the two curves and, where there are
any, that of replicates.

======== ================================================================ =====
symbol   meaning                                                          shape
======== ================================================================ =====
M        means of the rows of one size and one shape
======== ================================================================ =====
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from analysis.errors import Question
from analysis.table.draft import Draft, shown
from analysis.table.fields import BoolArray, FloatArray, IntArray
from analysis.table.roles import find
from analysis.table.shapes import MOST_SHAPES
from analysis.table.variation import Cells, Varying, joint, varying_columns
from analysis.table.vocabulary import DEPTHS, SHAPES, WIDTHS, head_kind

LEAST_RUNGS = 3
"""Sizes of a ladder."""
LEAST_SHARED = 2
"""Sizes of either ladder inside the other's range."""
SURE = 1e-3
"""Chance, over all pairs of ladders, that luck makes such a difference."""
LEAST_APART = 0.05
"""Of the log of the error: less is no other curve."""
LEAST_SPREAD = 1e-3
"""Of the log of the error: rounding."""
MOST_POLYNOMIALS = 5


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two ladders that clearly differ."""

    lower: int
    """Level of the column whose ladder has the smaller errors."""
    upper: int
    ratio: float
    """Error of the upper by that of the lower, at one size."""
    chance: float
    """That luck makes such a difference."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rungs:
    """Rows of one size, one dataset size and one shape."""

    z: FloatArray
    """(M,) log size."""
    y: FloatArray
    """(M,) mean log error."""
    level: IntArray
    """(M,) which shape; -1 for none."""
    group: IntArray
    """(M,) which dataset size."""
    count: IntArray
    """(M,) rows."""
    variance: float
    """Of a row about its mean."""
    freedom: int
    """Degrees of freedom behind it."""


def settle(draft: Draft) -> Draft:
    """Ask for ``--shape`` where models made in other ways clearly lie on curves of their own.

    Raises
    ------
    Question
        If they do, and the user has not said what they are to each other.
    """
    alike = [find(draft, name, "--alike") for name in draft.asked.alike]
    if draft.shape or "depth" in draft.numbers or any(_is_shape(name) for name in alike):
        return draft
    cells = Cells.of(draft)
    if not len(cells.rows):
        return draft
    found = [one for one in varying_columns(draft, cells) if makes_ladders(one, cells)]
    compared = [(one, _rungs(draft, cells, one)) for one in found]
    # Of several columns that sort the sizes into ladders, the one with the longest; no width where
    # there is another: it grows them.
    compared = [pair for pair in compared if not grows(pair[0].name)] or compared
    compared.sort(key=lambda pair: (len(pair[0].levels), -len(pair[1].z)))
    for one, rungs in compared:
        difference = _clearest(rungs)
        if difference is not None:
            every = axes([one for one, _ in compared], found)
            raise _question(one, difference, every if one in every else [one])
    for one, _ in compared:
        draft = draft.noting(
            f"models differ in {one.name} ({one.listed}) and do not clearly differ for it; --shape "
            f"{shlex.quote(one.name)} compares them"
        )
    return draft


def makes_ladders(one: Varying, cells: Cells) -> bool:
    """Whether a column says how sizes are made, and two of its values have ladders that overlap."""
    return one.kind == "shape" and overlap(one, cells)


def overlap(one: Varying, cells: Cells) -> bool:
    """Whether two values of a column have ladders of sizes that overlap."""
    if not 2 <= len(one.levels) <= MOST_SHAPES:
        return False
    size = np.log(cells.size)
    ladders = [np.unique(size[one.codes == level]) for level in range(len(one.levels))]
    ladders = [ladder for ladder in ladders if len(ladder) >= LEAST_RUNGS]
    return any(_overlap(a, b) for a, b in combinations(ladders, 2))


def grows(column: str) -> bool:
    """Whether a column is what a ladder is grown by, as its name tells: a width of some kind."""
    return head_kind(column, (("depth", SHAPES - WIDTHS), ("width", WIDTHS))) == "width"


def axes(shapes: Sequence[Varying], found: Sequence[Varying]) -> list[Varying]:
    """Columns that say the shape together: not what grows with the size, nor what others tell.

    Parameters
    ----------
    shapes : sequence of Varying
        Those to choose from.
    found : sequence of Varying
        All that differ, widths among them: what a width and the others tell (heads that follow
        from the width) is no shape of its own.
    """
    left = [one for one in shapes if not grows(one.name)]
    if not left:
        return list(shapes[:1])
    widths = [one for one in found if one.kind == "shape" and grows(one.name)]
    if all(tells(widths, one) for one in left):
        widths = []  # each width is of one shape: it tells all, and nothing
    deep = {one.name for one in left if head_kind(one.name, (("depth", DEPTHS),))}
    for one in sorted(left, key=lambda one: one.name in deep):
        others = [other for other in left if other is not one]
        if others and tells([*others, *(() if one.name in deep else widths)], one):
            left = others
    for most in (left, [one for one in left if one.name in deep]):
        if most and len(np.unique(joint(*(one.codes for one in most)))) <= MOST_SHAPES:
            return most
    return left[:1]


def tells(by: Sequence[Varying], one: Varying, *keys: IntArray) -> bool:
    """Whether rows that are alike in some columns, and keys, are alike in another too."""
    known = [*keys, *(other.codes for other in by)]
    if not known:
        return False
    told = joint(*known)
    return len(np.unique(joint(told, one.codes))) == len(np.unique(told))


def _overlap(a: FloatArray, b: FloatArray) -> bool:
    low, high = max(a[0], b[0]) - 1e-9, min(a[-1], b[-1]) + 1e-9
    return all(((x >= low) & (x <= high)).sum() >= LEAST_SHARED for x in (a, b))


def _is_shape(column: str) -> bool:
    return head_kind(column, (("shape", SHAPES),)) != ""


def _rungs(draft: Draft, cells: Cells, one: Varying) -> Rungs:
    error = draft.error[cells.rows]
    positive = error[error > 0.0]
    y = np.log(np.maximum(error, positive.min() / 2.0 if len(positive) else 1.0))
    group = np.zeros(len(y), dtype=np.int64)
    if "n_examples" in draft.numbers:
        group = joint(draft.numbers["n_examples"][cells.rows])
    rung = joint(cells.cell, one.codes + 1)
    count = np.bincount(rung)
    mean = np.bincount(rung, y) / count
    freedom = int((count - 1).sum())
    first = np.unique(rung, return_index=True)[1]
    square = float(((y - mean[rung]) ** 2).sum())
    return Rungs(
        z=np.log(cells.size)[first],
        y=mean,
        level=one.codes[first],
        group=group[first],
        count=np.asarray(count, dtype=np.int64),
        variance=square / max(freedom, 1),
        freedom=freedom,
    )


def _clearest(rungs: Rungs) -> Difference | None:
    """The pair of ladders that differ most surely; None where none do."""
    pairs = list(_pairs(rungs))
    found = [one for use, a, b in pairs if (one := _differ(rungs, use, a, b)) is not None]
    sure = [one for one in found if one.chance * len(pairs) < SURE]
    return min(sure, key=lambda one: one.chance, default=None)


def _pairs(rungs: Rungs) -> Iterator[tuple[BoolArray, int, int]]:
    """Which rungs two ladders are compared by: those where they overlap, and one beside them."""
    for group in np.unique(rungs.group):
        for a, b in combinations(range(int(rungs.level.max()) + 1), 2):
            own = [(rungs.group == group) & (rungs.level == level) for level in (a, b)]
            sizes = [np.sort(rungs.z[one]) for one in own]
            if min(map(len, sizes)) < LEAST_RUNGS or not _overlap(*sizes):
                continue
            low, high = max(z[0] for z in sizes), min(z[-1] for z in sizes)
            use = np.zeros(len(rungs.z), dtype=bool)
            for one, z in zip(own, sizes, strict=True):
                below, above = z[z < low - 1e-9], z[z > high + 1e-9]
                start = below[-1] if len(below) else low
                end = above[0] if len(above) else high
                use |= one & (rungs.z >= start - 1e-9) & (rungs.z <= end + 1e-9)
            yield use, a, b


def _differ(rungs: Rungs, use: BoolArray, a: int, b: int) -> Difference | None:
    """The difference of two ladders, if one curve does not explain both however smooth it is."""
    z, y = rungs.z[use], rungs.y[use]
    z = (2.0 * z - z.min() - z.max()) / max(float(np.ptp(z)), 1e-300)
    side = np.where(rungs.level[use] == b, 1.0, -1.0)
    weight = np.sqrt(rungs.count[use] / rungs.count[use].mean())
    known = rungs.variance / rungs.count[use].mean()
    most = max(2, min(MOST_POLYNOMIALS, len(np.unique(np.round(z, 9))) // 2))
    every = (_tested(z, y, side, weight, p, known, rungs.freedom) for p in range(2, most + 1))
    tried = [one for one in every if one is not None]
    if not tried:
        return None
    # As smooth as two curves need, or less so: a curve that is too plain shows nothing.
    best = min(range(len(tried)), key=lambda k: tried[k].variance)
    gap = tried[best].gap
    chance = max(one.chance for one in tried[best:])
    if abs(gap) < LEAST_APART:
        return None
    lower, upper = (a, b) if gap > 0.0 else (b, a)
    return Difference(lower=lower, upper=upper, ratio=float(np.exp(abs(gap))), chance=chance)


@dataclass(frozen=True, kw_only=True)
class _Tested:
    """One and two curves of so many polynomials, compared."""

    gap: float
    """Between the two, of the log of the error."""
    variance: float
    """Left about the two."""
    chance: float


def _tested(
    z: FloatArray,
    y: FloatArray,
    side: FloatArray,
    weight: FloatArray,
    p: int,
    known: float,
    replicated: int,
) -> _Tested | None:
    """The F test of two curves against one; None where no freedom is left.

    ``known`` is the variance that replicates show and ``replicated`` the freedom behind it.
    """
    from scipy import special

    plain = np.asarray(np.polynomial.legendre.legvander(z, p - 1), dtype=np.float64)
    one, _ = _fit(plain, y, weight)
    found: list[_Tested] = []
    for added in (side[:, None], np.column_stack([side, side * z])):
        both = np.column_stack([plain, added])
        left, more = len(z) - both.shape[1], added.shape[1]
        if left < 1:
            continue
        two, fitted = _fit(both, y, weight)
        freedom = left + replicated
        variance = (two + replicated * known) / freedom
        # Scatter about both curves beyond that of replicates is noise too.
        if left >= 3 and two / left > variance:
            variance, freedom = two / left, left
        ratio = (one - two) / more / max(variance, LEAST_SPREAD**2)
        chance = 2.0 * float(special.fdtrc(more, freedom, max(ratio, 0.0)))
        found.append(_Tested(gap=2.0 * float(fitted[p]), variance=variance, chance=chance))
    return min(found, key=lambda one: one.chance, default=None)


def _fit(design: FloatArray, y: FloatArray, weight: FloatArray) -> tuple[float, FloatArray]:
    """Sum of squares about a weighted fit, and the fit."""
    found = np.linalg.lstsq(design * weight[:, None], y * weight, rcond=None)[0]
    return float((y - design @ found) ** 2 @ weight**2), np.asarray(found, dtype=np.float64)


def _question(one: Varying, difference: Difference, every: Sequence[Varying]) -> Question:
    column = shlex.quote(",".join(other.name for other in every))
    lower, upper = (shown(one.levels[k]) for k in (difference.lower, difference.upper))
    return Question(
        f"models that differ in {one.name!r} ({one.listed}) lie on curves of their own: at one "
        f"size {one.name}={upper} has {difference.ratio:.2f} times the error of "
        f"{one.name}={lower}; say --shape {column} for a curve of each, take one with --where "
        f"{shlex.quote(f'{one.name}={lower}')}, or --alike {column} for one curve through all",
        add=(f"--shape {column}", f"--alike {column}"),
    )
