"""Was training long enough: how far the payoff point would move if networks trained longer.

Learning curves don't tell: a schedule flattens the end of each, however far there is to go, and
large networks go on gaining where theirs lie still (docs/decisions.md). So some replicates of each
cell are trained once more, with the same values, seed and draw and twice the steps
(``replicates.longer``), and tested on the same examples. What each cell gains is a smooth function
of size, data and shape (:mod:`analysis.tuning.smooth_shift`); it is added to every curve that the
data leave possible, and the rule is applied to those.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.curves.curve import Curve, rows_with
from analysis.findings import Estimate, Finding, NextStep
from analysis.metric import Metric
from analysis.posterior.curves import CurveDraws
from analysis.settings import AnalysisSettings
from analysis.streams import Stream, generator
from analysis.table.trials import FloatArray, TrialTable, known, read_only
from analysis.tuning.smooth_shift import Changes
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.decide import PayoffPoint
from analysis.verdicts.rules import FLAT, STILL, apply_to

Effect = Literal["verdict", "moves", "stays", "open"]
"""Training longer gives another verdict; moves the payoff point; does not; or cannot be told to."""

MOVED, STAYS = math.sqrt(2.0), 2.0
"""A payoff point moves where it surely does, and by half a doubling; it stays where it surely moves
by less than one."""
LEAST_CELLS = 4
"""Cells trained longer at all dataset sizes, below which nothing is said."""
WHOLE = 0.02
"""How far a number of errors may be from a whole one: rates may be written with few digits."""
NODES = 24
"""Sizes at which the change of a curve is drawn; it is straight in between."""


@dataclass(frozen=True, kw_only=True)
class Longer:
    """What twice the training would do at one dataset size."""

    n_examples: float
    pairs: int
    """Networks trained both ways, at all dataset sizes."""
    saved: Estimate
    """Fraction of the error that it saves, on average over the cells of this dataset size."""
    estimate: Estimate
    """The payoff point over the one of now; what lies outside the range counts as its end."""
    metric: Metric
    """What the errors are."""
    before: PayoffPoint
    after: PayoffPoint
    effect: Effect
    next_step: NextStep | None


def study_longer(
    table: TrialTable, fits: Sequence[FittedCurve], s: AnalysisSettings
) -> tuple[Longer, ...]:
    """What twice the training would do at each dataset size; empty where no network tells."""
    seen = _seen(table, fits, s)
    if seen is None:
        return ()
    return tuple(_one(fit, seen, s) for fit in fits if fit.draws is not None)


def longer_findings(found: Sequence[Longer], size: str) -> Iterator[Finding[Longer]]:
    """What it would do at the largest dataset, and wherever it is no small matter."""
    for one in found:
        noted = one is found[-1] or one.effect in ("verdict", "moves")
        n = known(one.n_examples)
        yield Finding(
            kind="longer", facts=one, n_examples=n, about=one.before.rule, size=size, noted=noted
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Seen:
    """What each cell gained, and of what the numbers are."""

    changes: Changes
    pairs: int
    shapes: tuple[str, ...]
    """Names of the shapes, in the order of their numbers; empty where there is one."""

    def of_shapes(self, fit: FittedCurve) -> list[int]:
        """The numbers of a curve's shapes."""
        shapes = fit.curve.shapes if fit.ladders is None else fit.ladders.shapes
        return [self.shapes.index(shape.name) for shape in shapes] or [0]


def _seen(table: TrialTable, fits: Sequence[FittedCurve], s: AnalysisSettings) -> _Seen | None:
    """What was seen of networks trained both ways; None where they are too few."""
    error = table.column(s.error)
    usable = rows_with(table, phase="longer", status="complete") & np.isfinite(error)
    after = {_key(table, row): row for row in np.flatnonzero(usable).tolist()}
    if not after:
        return None
    shapes = tuple(sorted({shape.name for fit in fits for shape in fit.curve.shapes}))
    cells: list[tuple[float, ...]] = []
    drawn: list[list[tuple[float, int]]] = []
    """Of each cell the draws of its pairs, each with its dataset size."""
    for curve in (fit.curve for fit in fits):
        counts = 0.0 if s.scale.additive else _counted(curve)
        for k in range(len(curve)):
            rows = curve.run_row[curve.run_cell == k].tolist()
            both = [(row, after[key]) for row in rows if (key := _key(table, row)) in after]
            # Half an error more on either side, so that none made is no infinite gain.
            half = 0.5 / counts if counts else 0.0
            was, now = (float(np.mean([error[row] for row in side])) + half
                        for side in zip(*both, strict=True)) if both else (0.0, 0.0)  # fmt: skip
            if was <= 0.0 or now <= 0.0:
                continue
            shape = shapes.index(curve.shapes[int(curve.shape[k])].name) if curve.shapes else 0
            made = (was + now) / 2.0 * counts if counts else math.inf
            place = math.log(curve.size[k]), math.log(max(curve.n_examples, 1.0))
            cells.append((*place, shape, math.log(now / was), len(both), made))
            drawn.append([(curve.n_examples, int(table.draw[row])) for row, _ in both])
    if len(cells) < LEAST_CELLS:
        return None
    size, data, shape_of, change, runs, made_by = np.array(cells).T
    every = sorted({draw for draws in drawn for draw in draws})
    shares = [[draws.count(draw) / len(draws) for draw in every] for draws in drawn]
    changes = Changes(
        log_size=size, log_examples=data, shape=shape_of.astype(np.int64), change=change,
        runs=runs, errors_made=made_by, draws=np.array(shares),
    )  # fmt: skip
    return _Seen(changes=changes, pairs=int(runs.sum()), shapes=shapes)


def _counted(curve: Curve) -> float:
    """Test examples that errors are shares of; 0 where they are none, as of regressions."""
    wrong = curve.run_error * max(curve.n_test, 0)
    whole = bool((np.abs(wrong - np.rint(wrong)) < WHOLE).all())
    return float(curve.n_test) if curve.n_test > 0 and whole else 0.0


def _key(table: TrialTable, row: int) -> tuple[str, int, int]:
    """What a replicate has in common with its longer training."""
    return table.cell[row], int(table.draw[row]), int(table.seed[row])


def _one(fit: FittedCurve, seen: _Seen, s: AnalysisSettings) -> Longer:
    assert fit.draws is not None
    draws, curve = fit.draws, fit.curve
    n, numbers = len(draws.log_error), seen.of_shapes(fit)
    nodes = np.linspace(draws.x[0], draws.x[-1], NODES)
    sizes = np.log(curve.size)
    rng = generator(s.seed, Stream.LONGER, curve.n_examples)
    drawn = seen.changes.drawn(
        np.tile(nodes, len(numbers)), math.log(max(curve.n_examples, 1.0)),
        np.repeat(numbers, NODES), n, rng,
    ).reshape(n, len(numbers), NODES)  # fmt: skip
    shift = _between(drawn, nodes, draws.x)
    if fit.ladders is None:
        after = replace(draws, log_error=read_only(draws.log_error + shift.mean(axis=1)))
    else:
        moved = read_only(fit.ladders.log_error + shift)
        after = replace(fit.ladders, log_error=moved).frontier()
    then = FittedCurve.drawn(curve, fit.noise, after, s).verdict
    ratio = _ratio(draws, after, s)
    effect = _effect(fit.verdict, then, ratio)
    own = [0] * len(sizes)
    if curve.shapes and len(numbers) > 1:
        own = [numbers.index(seen.shapes.index(curve.shapes[j].name)) for j in curve.shape]
    cells = _between(drawn, nodes, sizes)[:, own, np.arange(len(sizes))]
    saved = 1.0 - np.exp(cells.mean(axis=1))
    return Longer(
        n_examples=curve.n_examples,
        pairs=seen.pairs,
        saved=_estimate(saved, s),
        estimate=ratio,
        metric=s.scale,
        before=fit.verdict,
        after=then,
        effect=effect,
        next_step=NextStep(kind="train_longer") if effect in ("verdict", "moves") else None,
    )


def _between(drawn: FloatArray, nodes: FloatArray, x: FloatArray) -> FloatArray:
    """(R, J, len(x)) values that are straight between the nodes."""
    place = np.clip((x - nodes[0]) / (nodes[1] - nodes[0]), 0.0, len(nodes) - 1.0)
    left = np.minimum(place.astype(np.int64), len(nodes) - 2)
    part = place - left
    return np.asarray(drawn[..., left] * (1.0 - part) + drawn[..., left + 1] * part)


def _ratio(before: CurveDraws, after: CurveDraws, s: AnalysisSettings) -> Estimate:
    """The payoff point over that of now, curve by curve."""
    # A frontier may end elsewhere once its networks are trained longer.
    ends = min(before.n_inside, after.n_inside)
    was, now = (apply_to(replace(one, n_inside=ends), s.rule, s) for one in (before, after))
    logs = now.location - was.location
    both = np.isfinite(logs)
    if not both.any():
        return Estimate(value=math.nan, low=math.nan, high=math.nan, level=s.level)
    tail = (1.0 - s.level) / 2.0
    found = _estimate(np.exp(logs[both]), s)
    outside = [np.isin(one.outcome, (FLAT, STILL)) for one in (was, now)]
    below = (outside[0] & (was.outcome == STILL)) | (outside[1] & (now.outcome == FLAT))
    above = (outside[0] & (was.outcome == FLAT)) | (outside[1] & (now.outcome == STILL))
    return replace(found, low_open=bool(below.mean() > tail), high_open=bool(above.mean() > tail))


def _estimate(drawn: FloatArray, s: AnalysisSettings) -> Estimate:
    tail = (1.0 - s.level) / 2.0
    low, middle, high = np.quantile(drawn, [tail, 0.5, 1.0 - tail])
    return Estimate(value=float(middle), low=float(low), high=float(high), level=s.level)


def _effect(before: PayoffPoint, after: PayoffPoint, ratio: Estimate) -> Effect:
    if not (before.confident and after.confident):
        return "open"
    if before.kind != after.kind:
        return "verdict"
    if not before.placed:
        return "stays"  # the same verdict, of no size
    sure = ratio.high < 1.0 or ratio.low > 1.0
    if sure and abs(math.log(ratio.value)) > math.log(MOVED):
        return "moves"
    closed = not (ratio.low_open or ratio.high_open)
    return "stays" if closed and ratio.low > 1.0 / STAYS and ratio.high < STAYS else "open"
