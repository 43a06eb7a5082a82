r"""One curve for each route to a small model, drawn so that the routes can be compared.

A route is a way to a model of some size: trained at that size, pruned from a larger one (each
method a route of its own), or distilled from a larger one. The routes of one dataset size share
subset draws and test examples. So every route is first drawn given these draws and examples, and
their luck is then drawn once for all routes together: row r of every route lies in the same world,
and what the routes share cancels in the difference of their rows.

At a size that several parents (or teachers) lead to, the route takes the one whose models have the
lowest mean *validation* error: the test set chooses nothing.

======== ==================================================================== =======
symbol   meaning                                                              shape
======== ==================================================================== =======
Q        routes of one dataset size                                           scalar
K_q      cells of route q; K is their sum
S        covariance of what the cells share (test examples, parents)          (K, K)
l        level and tilt that S gives each route                               (2 Q,)
======== ==================================================================== =======

References
----------
Pairing over what is shared: the same device as in :mod:`analysis.verdicts.comparison`. The spread
of a parent's (or teacher's) luck, which all cells of its ladder inherit, is a one-way variance
component: Searle, Casella, McCulloch (1992), *Variance Components*, section 3.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.curves.curve import Curve, build_curves, changed_by_pruning, rows_with
from analysis.curves.draws import Draws
from analysis.curves.examples import luck_of_examples
from analysis.curves.noise import Noise, gaussian, measure_noise
from analysis.curves.points import split_test_luck
from analysis.findings import Exclusion
from analysis.posterior.curves import CurveDraws, draw_curves
from analysis.settings import AnalysisSettings
from analysis.streams import Stream, generator
from analysis.table.trials import FloatArray, TrialTable, read_only
from analysis.verdicts.curve_fit import FittedCurve

SAME_SIZE = 2.0**0.5
"""Cells within this factor of each other compete for the same place on a route's curve."""
ROUTE_ORDER = ("trained", "pruned", "distilled", "custom")


@dataclass(frozen=True, kw_only=True, eq=False)
class RouteCurve:
    """One route at one dataset size."""

    route: str
    """``"trained"``, ``"pruned"``, ``"distilled"`` or ``"custom"``."""
    method: str
    """How it was pruned; empty otherwise."""
    fit: FittedCurve
    """Row r of its drawn curves belongs with row r of every other route of the dataset size."""

    @property
    def name(self) -> str:
        """The route, with its method where it has one."""
        return f"{self.route} ({self.method})" if self.method else self.route

    @property
    def drawn(self) -> CurveDraws | None:
        """The drawn curves; None where there are too few sizes."""
        return self.fit.draws


def route_axis(table: TrialTable, settings: AnalysisSettings) -> str:
    """The size axis on which the routes are compared.

    The one asked for, unless masks do not change it (``n_parameters`` counts the zeros): then
    non-zero weights, where known.
    """
    if settings.route_size:
        return settings.route_size
    counted = np.isfinite(table.n_nonzero)
    masked = rows_with(table, route="pruned") & counted & (table.n_nonzero < table.n_parameters)
    if settings.size in changed_by_pruning() or not masked.any():
        return settings.size
    known = (rows_with(table, route="trained") & counted).any()
    return "n_nonzero" if known else settings.size


def route_curves(
    table: TrialTable, settings: AnalysisSettings, n_examples: float
) -> tuple[RouteCurve, ...]:
    """Every route of one dataset size, in the order of :data:`ROUTE_ORDER`."""
    s = replace(settings, size=route_axis(table, settings), include_pruned=False)
    gathered = []
    for route, method in routes_at(table, n_examples):
        curve = _route_curve(table, s, n_examples, route, method)
        if curve is not None:
            gathered.append((route, method, curve))
    fits = joint_fits([curve for _, _, curve in gathered], table, s, n_examples)
    return tuple(
        RouteCurve(route=route, method=method, fit=fit)
        for (route, method, _), fit in zip(gathered, fits, strict=True)
    )


def routes_at(table: TrialTable, n_examples: float) -> list[tuple[str, str]]:
    """Routes and methods that have replicates at a dataset size."""
    here = rows_with(table, phase="replicate") & (table.n_examples == n_examples)
    found = {
        (table.route[k], table.method[k] if table.route[k] == "pruned" else "")
        for k in np.flatnonzero(here).tolist()
    }
    return sorted(found, key=lambda pair: (ROUTE_ORDER.index(pair[0]), pair[1]))


def _route_curve(
    table: TrialTable, s: AnalysisSettings, n_examples: float, route: str, method: str
) -> Curve | None:
    """The cells of one route, the best parent at each size; None where no row is usable."""
    rows = rows_with(table, route=route) & (table.n_examples == n_examples)
    if route == "pruned":
        rows &= rows_with(table, method=method)
    if route == "trained":
        rows &= ~(table.prune_ratio > 0.0)
    own = table.where(rows)
    size, error = own.column(s.size), own.column(s.error)
    if not (np.isfinite(size) & np.isfinite(error)).any():
        return None
    (curve,) = build_curves(own, s, every_route=True)
    positions = np.flatnonzero(rows)
    curve = replace(curve, run_row=read_only(positions[curve.run_row]))
    if route not in ("pruned", "distilled") or len(curve) < 2:
        return curve
    return _best_by_validation(curve, table, route)


def _best_by_validation(curve: Curve, table: TrialTable, route: str) -> Curve:
    """Of parents (or teachers) that lead to about one size, the best on the validation set."""
    dense = dict(zip(table.slot, table.n_parameters.tolist(), strict=True))
    ladder, validation = [], np.full(len(curve), np.nan)
    for cell in range(len(curve)):
        rows = curve.run_row[curve.run_cell == cell]
        validation[cell] = table.val_error[rows].mean()
        row = int(rows[0])
        if route == "distilled":
            ladder.append(float(np.nan_to_num(table.teacher_size[row], nan=-1.0)))
        else:
            ladder.append(float(dense.get(table.parent[row], table.n_parameters[row])))
    keep = np.ones(len(curve), dtype=bool)
    start = 0
    for end in range(1, len(curve) + 1):
        if end < len(curve) and curve.size[end] < curve.size[start] * SAME_SIZE:
            continue
        rivals = np.arange(start, end)
        if len({ladder[k] for k in rivals}) > 1 and np.isfinite(validation[rivals]).all():
            best = ladder[int(rivals[np.argmin(validation[rivals])])]
            keep[[k for k in rivals if ladder[k] != best]] = False
        start = end
    if keep.all():
        return curve
    count = int((~keep[curve.run_cell]).sum())
    lost = Exclusion(kind="worse_on_validation", about=route, count=count)
    return replace(curve.only(keep), excluded=(*curve.excluded, lost))


def joint_fits(
    curves: Sequence[Curve], table: TrialTable, s: AnalysisSettings, n_examples: float
) -> list[FittedCurve]:
    """Fit curves given their draws and examples, then add the luck they share.

    Row r of every fit's drawn curves lies in the same world. The curves' ``run_row`` count rows of
    the table.
    """
    noises = [measure_noise(curve) for curve in curves]
    able = [q for q, curve in enumerate(curves) if curve.n_sizes >= 2]
    shared = _shared([curves[q] for q in able], [noises[q] for q in able], table)
    drawn: dict[int, CurveDraws] = {}
    ends = np.cumsum([0] + [len(curves[q]) for q in able])
    tilts = np.zeros((2 * len(able), len(shared)))
    for place, q in enumerate(able):
        block = slice(ends[place], ends[place + 1])
        x = np.log(curves[q].size)
        rough, _ = split_test_luck(x, shared[block, block])
        given = replace(noises[q].given_draws(), test_covariance=read_only(rough))
        rng = generator(s.seed, Stream.ROUTE, n_examples, place)
        drawn[q] = draw_curves(curves[q], given, resamples=s.resamples, level=s.level, rng=rng)
        tilts[2 * place : 2 * place + 2, block] = np.linalg.pinv(
            np.stack([np.ones_like(x), x - x.mean()], axis=1)
        )
    rng = generator(s.seed, Stream.LUCK, n_examples)
    luck = gaussian(tilts @ shared @ tilts.T, s.resamples, rng)
    level = gaussian(
        _draw_luck([curves[q] for q in able], [noises[q] for q in able]), s.resamples, rng
    )
    for place, q in enumerate(able):
        centre = float(np.log(curves[q].size).mean())
        lift = luck[:, 2 * place, None] + luck[:, 2 * place + 1, None] * (drawn[q].x - centre)
        log_error = drawn[q].log_error + lift + level[:, place, None]
        drawn[q] = replace(drawn[q], log_error=read_only(log_error))
    return [
        FittedCurve.drawn(curve, noise, drawn.get(q), s)
        for q, (curve, noise) in enumerate(zip(curves, noises, strict=True))
    ]


def _shared(curves: list[Curve], noises: list[Noise], table: TrialTable) -> FloatArray:
    """(K, K) covariance of the cells of all routes: their test examples, their parents."""
    if not curves:
        return np.zeros((0, 0))
    ends = np.cumsum([0] + [len(curve) for curve in curves])
    n_test = {curve.n_test for curve in curves}
    error = np.exp(np.concatenate([noise.log_error for noise in noises]))
    if len(n_test) == 1:
        bits = [curve.correct for curve in curves]
        joint = replace(
            curves[0],
            size=np.concatenate([curve.size for curve in curves]),
            replicates=np.concatenate([curve.replicates for curve in curves]),
            run_cell=np.concatenate(
                [curve.run_cell + start for curve, start in zip(curves, ends, strict=False)]
            ),
            run_draw=np.concatenate([curve.run_draw for curve in curves]),
            correct=None
            if any(b is None for b in bits)
            else np.concatenate([b for b in bits if b is not None]),
        )
        covariance = luck_of_examples(joint, error, Draws.of(joint)).covariance
    else:  # routes scored on different examples share no luck
        covariance = np.zeros((ends[-1], ends[-1]))
        for start, curve, noise in zip(ends, curves, noises, strict=False):
            block = slice(start, start + len(curve))
            covariance[block, block] = noise.test_covariance
    covariance = covariance.copy()
    for start, curve, noise in zip(ends, curves, noises, strict=False):
        block = slice(start, start + len(curve))
        covariance[block, block] += _kinship(curve, noise, table)
    return covariance


def _kinship(curve: Curve, noise: Noise, table: TrialTable) -> FloatArray:
    """(K, K) covariance of cells whose runs descend from the same parents or teachers.

    A good parent lifts its whole ladder. The variance of that common part is estimated from the
    means of each family over its cells; it is 0 where every family has one member.
    """
    covariance = np.zeros((len(curve), len(curve)))
    words = [table.parent[row] or table.teacher[row] for row in curve.run_row]
    if not any(words):
        return covariance
    family = np.unique(words, return_inverse=True)[1]
    residual = curve.run_error / np.exp(noise.log_error)[curve.run_cell] - 1.0
    members = np.zeros((int(family.max()) + 1, len(curve)))
    np.add.at(members, (family, curve.run_cell), 1.0)
    sums = np.bincount(family, residual, minlength=len(members))
    size = members.sum(axis=1)
    several = (members > 0).sum(axis=1) > 1
    relatives = (members[several] > 0).T @ (members[several] > 0)
    spread = noise.run_variance[curve.run_cell]
    if not several.any() or not (np.diag(relatives) > 1).any():
        return covariance
    squares = np.bincount(family, residual**2, minlength=len(members))[several]
    pairs = (sums[several] ** 2 - squares) / (size[several] * (size[several] - 1.0))
    cousins = max(float(np.diag(relatives).max()), 2.0)
    variance = float(pairs.mean()) * cousins / (cousins - 1.0) - noise.draw_variance
    variance = float(np.clip(variance, 0.0, spread.mean()))
    runs = np.maximum(curve.replicates, 1).astype(np.float64)
    common: FloatArray = variance * (members.T @ members) / np.outer(runs, runs)
    return common


def _draw_luck(curves: list[Curve], noises: list[Noise]) -> FloatArray:
    """(Q, Q) covariance of the routes' levels over subset draws."""
    q = len(curves)
    covariance = np.zeros((q, q))
    shifts: list[dict[int, float]] = []
    for k, (curve, noise) in enumerate(zip(curves, noises, strict=True)):
        covariance[k, k] = float(np.mean(noise.over_draws))
        residual = curve.run_error / np.exp(noise.log_error)[curve.run_cell] - 1.0
        shifts.append(
            {int(d): float(residual[curve.run_draw == d].mean()) for d in np.unique(curve.run_draw)}
        )
    for a in range(q):
        for b in range(a):
            both = sorted(set(shifts[a]) & set(shifts[b]) - {-1})
            if len(both) < 3:
                continue
            pair = np.cov([shifts[a][d] for d in both], [shifts[b][d] for d in both])[0, 1]
            most = float(np.sqrt(covariance[a, a] * covariance[b, b]))
            covariance[a, b] = covariance[b, a] = float(np.clip(pair / len(both), -most, most))
    return covariance
