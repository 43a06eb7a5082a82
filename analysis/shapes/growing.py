"""Which way to grow: what twice the size saves by another width, by another shape, or by a step.

At each size the shape that would be taken there is grown to twice the size in two ways: along its
own ladder, or with another shape at that size (deeper, and then as wide as twice the size allows: a
mix of both). A step is what the study tried itself: the next value along one axis, all others as
they are, whatever that does to the size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import numpy as np

from analysis.curves.curve import Curve
from analysis.findings import Estimate
from analysis.posterior.ladders import LadderDraws
from analysis.settings import AnalysisSettings
from analysis.shapes.best import estimate, no_loss, taken
from analysis.table.trials import FloatArray
from analysis.verdicts.gains import Gauge

Way = Literal["keep", "change", "either", "neither", "open"]
"""Keep the shape; change it; grow, and either will do; don't grow; it can't be told whether to."""

ADVISED = 0.7
"""Probability from which a way is advised: advice is followed by a run, and the words say how sure
it is. In clear-cut simulated cases it is right in nine of ten, wrong in one of a hundred."""
MATERIAL = 0.2
"""Share of what the rule asks by which one way must gain more than the other to be advised."""
ALIKE = 0.8
"""Probability from which two ways are said to be alike."""
SAME_SIZE = 1.05
"""A step that changes the size by less than this factor is one at equal size."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What twice a size brings."""

    low: float
    """Sizes from which it is said, up to :attr:`high`."""
    high: float
    at: float
    """Size in the middle of these, of which the numbers are."""
    way: Way
    shape: str
    """That of the network to be grown."""
    other: str
    """The best other shape at twice the size, in its middle."""
    keep: Estimate
    """What the rule counts as gained by twice the size along the same ladder, in its middle."""
    change: Estimate
    """The same with the other shape."""
    pays: float
    """Probability that the better way gains as much as the rule asks, the least of its sizes
    (the most where neither does)."""
    keeps: float
    """Probability that keeping the shape is the better way, in its middle."""
    changes: float
    """The same of changing it; where both gain the same, neither is the better."""
    alike: float
    """Probability that the two gain the same, up to half of what the rule asks."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """From one network of the study to the next one along one axis."""

    start: str
    """Name of the cell."""
    size: float
    shape: str
    axis: str
    now: str
    to: str
    """Values of the axis."""
    factor: float
    """How many times as large the network becomes."""
    saves: Estimate
    """Fraction of the error."""
    along: Estimate | None
    """What as large a network of the same shape saves; None for steps at equal size, and along the
    ladder itself."""
    better: float
    """Probability that the error falls."""


def ways_to_grow(
    ladders: LadderDraws, sizes: FloatArray, s: AnalysisSettings
) -> tuple[Growth, ...]:
    """What twice the size brings from each of the sizes, neighbours that say the same as one."""
    gauge, loss = Gauge.of_settings(s), no_loss(s)
    inside = ladders.x[: ladders.n_inside]
    frontier = ladders.frontier().log_error[:, : ladders.n_inside]
    x = np.log(sizes)
    x = x[x + math.log(2.0) <= inside[-1] + 1e-9]
    names = [shape.name for shape in ladders.shapes]
    before, after = ladders.at(x), ladders.at(x + math.log(2.0))
    here, there = ladders.tried(x), ladders.tried(x + math.log(2.0))
    found = []
    for k in range(len(x)):
        mine = np.flatnonzero(here[:, k])
        if not len(mine):
            continue
        which = int(mine[taken(before[:, mine, k], loss)[0]]) if len(mine) > 1 else int(mine[0])
        others = [j for j in np.flatnonzero(there[:, k]).tolist() if j != which]
        if not there[which, k] or not others:
            continue
        other = min(others, key=lambda j: float(after[:, j, k].mean()))
        start = before[:, which, k, None]
        keep = gauge.gain(frontier, start, after[:, which, k, None])[:, 0]
        change = gauge.gain(frontier, start, after[:, other, k, None])[:, 0]
        found.append(_one(float(np.exp(x[k])), names[which], names[other], keep, change, s))
    return _merged(found)


def _one(
    size: float, shape: str, other: str, keep: FloatArray, change: FloatArray, s: AnalysisSettings
) -> Growth:
    pays = float((np.maximum(keep, change) >= s.marginal).mean())
    keeps, changes = float((keep > change).mean()), float((change > keep).mean())
    way: Way = "open"
    if pays <= 1.0 - ADVISED:
        way = "neither"
    elif pays >= ADVISED:
        way = "either"
        material = abs(float(np.median(keep - change))) >= MATERIAL * s.marginal
        if max(keeps, changes) >= ADVISED and material:
            way = "keep" if keeps > changes else "change"
    alike = float((np.abs(keep - change) < 0.5 * s.marginal).mean())
    return Growth(
        low=size, high=size, at=size, way=way, shape=shape, other=other, pays=pays, keeps=keeps,
        changes=changes, alike=alike, keep=estimate(keep, s.level),
        change=estimate(change, s.level),
    )  # fmt: skip


def _merged(found: Sequence[Growth]) -> tuple[Growth, ...]:
    merged = []
    for way, group in groupby(found, key=lambda one: (one.way, one.shape)):
        same = list(group)
        pays = [one.pays for one in same]
        merged.append(
            replace(
                same[len(same) // 2],
                low=same[0].low,
                high=same[-1].high,
                pays=max(pays) if way[0] == "neither" else min(pays),
            )
        )
    return tuple(merged)


def steps(curve: Curve, ladders: LadderDraws, level: float) -> tuple[Step, ...]:
    """Every step that the study tried itself, in the order of the networks they start from."""
    if curve.grown is None:
        return ()
    x = np.log(curve.size)
    drawn = ladders.at(x)
    present = [shape.name for shape in ladders.shapes]
    place = [present.index(curve.shapes[j].name) for j in curve.shape]
    values = [
        (*((curve.grown_by, float(g)),), *curve.shapes[j].values)
        for g, j in zip(curve.grown, curve.shape, strict=True)
    ]
    cells = {tuple(v for _, v in own): k for k, own in enumerate(values)}
    found = []
    for k, own in enumerate(values):
        for at, (axis, now) in enumerate(own):
            column = {cell[at] for cell in cells}
            if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in column):
                continue
            above = sorted(
                v for cell in cells
                if (v := cell[at]) > now
                and cell[:at] + cell[at + 1 :] == _without(own, at)
            )  # fmt: skip
            if not above:
                continue
            to = above[0]
            end = cells[(*(v for _, v in own[:at]), to, *(v for _, v in own[at + 1 :]))]
            factor = float(curve.size[end] / curve.size[k])
            was, is_ = drawn[:, place[k], k], drawn[:, place[end], end]
            along = None
            if at > 0 and factor >= SAME_SIZE:
                along = estimate(-np.expm1(drawn[:, place[k], end] - was), level)
            found.append(
                Step(
                    start=curve.cell[k], size=float(curve.size[k]), shape=present[place[k]],
                    axis=axis, now=f"{now:g}", to=f"{to:g}", factor=factor,
                    saves=estimate(-np.expm1(is_ - was), level), along=along,
                    better=float((is_ < was).mean()),
                )
            )  # fmt: skip
    return tuple(found)


def _without(own: Sequence[tuple[str, object]], at: int) -> tuple[object, ...]:
    return tuple(value for k, (_, value) in enumerate(own) if k != at)
