r"""Every curve that the points leave possible, weighed: laws, averaged, with smooth departures.

The log of the error over x = ln(size) is

    f(x) = L + s_theta(x) + g(x),      y = f(x) + depth offset + noise

where ``s_theta`` is the shape of a law (a power law with a floor and the passage from chance,
constants and pure power laws being its edges; ``posterior.shapes``), L a free level, and g a
departure from it (none, smooth, a hump, a bend; ``posterior.departures``), which is how an upturn
or a law that nobody thought of is seen and not smoothed away. All parameters live on a grid that is
summed, so that there is no optimum to miss and no start to choose: each combination's marginal
likelihood is a few matrix products.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
K        points of the curve                                           scalar
G        grid of x on which curves are drawn                           scalar
T        shapes of the law on its grid                                 scalar
x, y     log size, log error                                           (K,)
C        covariance of y given L and theta                             (K, K)
tau      scatter of cells beyond what replicates show (tuning luck)    scalar
kappa    true over estimated spread of replicates                      scalar
======== ============================================================= ===========

References
----------
Rosenfeld et al. (2020), "A Constructive Prediction of the Generalization Error Across Scales",
equations 4-5, for the passage from chance: e = e0 e~ / |e~ - i eta| with e~ = b m^-alpha + c.
Rasmussen and Williams (2006), *Gaussian Processes for Machine Learning*, section 5.4, for the
marginal likelihood. Departure from both: everything is integrated on a grid, nothing is maximised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.curves.curve import Curve
from analysis.curves.noise import Noise
from analysis.curves.points import Points, draw_test_luck, merge_points, run_spread, size_grid
from analysis.posterior.combinations import Combinations, combine
from analysis.posterior.composition import Carrier, carriers
from analysis.posterior.departures import FEATURED, FINE_DEPARTURES, LARGE, Departures, Ways
from analysis.posterior.evidence import ShapeSpan, log_sums, log_weights, relative
from analysis.posterior.moves import Moves
from analysis.posterior.population import carrying
from analysis.posterior.resolution import blur_between
from analysis.posterior.shapes import Shapes, coarse_shapes, finer_shapes, refine_shapes
from analysis.table.trials import BoolArray, FloatArray, IntArray, read_only

GENERATIONS = 8
"""At most so many times shapes and departures are made finer."""
GENERATIONS_OF_WAYS = 4
"""After so many, features that spread over most of their prior gain nothing by another one."""
ENOUGH_SHAPES, ENOUGH_WAYS = 100.0, 40.0
"""Shapes, and features where they carry all of it, that should carry the weights, in effect."""
LEFT_OUT = 1e-3
"""Share of the weight that may be left out of the last table, for ways and shapes each."""
MOST_MOVES, LEAST_MOVE = 6, 0.005
"""At most so many ways in which shapes move a curve are looked at closely, of at least this share
on the coarse grid."""
KEPT_WEIGHT = 1e-4
"""Combinations below this share of the best one's weight draw no curves."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveDraws:
    """Curves that the data leave possible, drawn with their probability."""

    x: FloatArray
    """(G,) log sizes, evenly spaced from the smallest size tried."""
    n_inside: int
    """Grid points within the range tried; those after it reach beyond it."""
    log_error: FloatArray
    """(R, G) log of the mean error of each drawn curve."""
    run_spread: FloatArray
    """(G,) standard deviation of one new run (seed and subset draw) about the mean, on the log."""
    departure: float
    """Probability that the curve departs from the laws by 10% or more."""
    exponent: tuple[float, float, float]
    """Median and central interval (5%, 95%) of the law's exponent alpha."""
    carriers: tuple[Carrier, ...] = ()
    """The shapes that carry the posterior, the heaviest first; none where one law was fitted."""
    evidence: float = 0.0
    """Log marginal likelihood of the points, up to a constant for each number of points."""
    jacobian: float = 0.0
    """Sum of the points' log errors: what turns a density of them into one of the errors."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Weighed:
    """Every combination of law, departure and noise that counts, with its weight."""

    points: Points
    grid: FloatArray
    departures: Departures
    shapes: Shapes
    at_points: FloatArray
    """(T, K) the shapes of the law at the points."""
    combinations: Combinations
    weight: FloatArray
    """(B, T) of combinations and shapes, the largest 1."""
    by_combination: FloatArray
    """(B,) sums over the shapes; 0 where they draw no curves."""
    top: float
    """Log of the largest weight."""

    @property
    def evidence(self) -> float:
        """Log marginal likelihood, up to a constant for each number of points."""
        return self.top + math.log(float(self.by_combination.sum()))

    @property
    def departure(self) -> float:
        """Probability that the curve departs from the laws by 10% or more."""
        ways = self.combinations.ways
        away = (ways.size >= LARGE)[self.combinations.way]
        return float(self.by_combination[away].sum() / self.by_combination.sum())

    def carriers(self) -> tuple[Carrier, ...]:
        """The shapes that carry it."""
        ways, way = self.combinations.ways, self.combinations.way
        return carriers(ways, way, self.shapes.group, self.weight, self.points.x)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, IntArray]:
        """``n`` curves (n, G), the moves of each shape (n, J, G), and the law's shape (n,)."""
        which, shape = _systematic(self.weight, self.by_combination, n, rng)
        log_error, moved = _sample(
            self.combinations, self.departures, which, self.at_points[shape],
            _on_grid(self.shapes, shape, self.grid), rng,
        )  # fmt: skip
        return log_error, moved, shape

    def exponent(self, shape: IntArray, level: float) -> tuple[float, float, float]:
        """Median and interval of the law's exponent over drawn shapes."""
        tail = (1.0 - level) / 2.0
        drawn = self.shapes.exponent[shape]
        drawn = drawn[~np.isfinite(self.shapes.rest[shape])]  # the others have no exponent
        if not len(drawn):
            return math.nan, math.nan, math.nan
        low, middle, high = np.quantile(drawn, [tail, 0.5, 1.0 - tail])
        return float(middle), float(low), float(high)


def draw_curves(
    curve: Curve, noise: Noise, *, resamples: int, level: float, rng: np.random.Generator
) -> CurveDraws:
    """Draw R = ``resamples`` mean curves from all that the points (at least two) leave possible.

    ``level`` is that of the interval of the exponent.
    """
    points = merge_points(curve, noise)
    grid, n_inside = size_grid(points.x)
    found = weigh(points, noise, grid, rng)
    log_error, _, shape = found.draw(resamples, rng)
    log_error = blur_between(points.x, grid, log_error, rng)
    log_error += draw_test_luck(np.log(curve.size), noise, grid, len(log_error), rng)
    return CurveDraws(
        x=read_only(grid),
        n_inside=n_inside,
        log_error=read_only(log_error[rng.permutation(len(log_error))]),
        run_spread=read_only(run_spread(curve, noise, grid)),
        departure=found.departure,
        exponent=found.exponent(shape, level),
        carriers=found.carriers(),
        evidence=found.evidence,
        jacobian=float(points.y.sum()),
    )


def weigh(
    points: Points,
    noise: Noise,
    grid: FloatArray,
    rng: np.random.Generator,
    moves: Moves | None = None,
) -> Weighed:
    """Weigh all curves; with ``moves``, those of several shapes at once."""
    least = math.sqrt(float(points.variance.min()))
    departures = Departures(points.x, grid)
    ways = departures.coarse()
    coarse = coarse_shapes(points.x)
    if moves is not None:
        span = ShapeSpan.of(coarse.evaluate(points.x), least)
        moves = _likely_moves(points, noise, ways, moves, span)
    rough = combine(points, noise, ways, moves).rough()
    by_shape = log_weights(rough.simple(), ShapeSpan.of(coarse.evaluate(points.x), least))
    shapes = refine_shapes(coarse, log_sums(by_shape)[1], points.x, rng)
    generation = 0
    while True:
        at_points = shapes.evaluate(points.x)
        few = rough.few_scatters()
        total, by_shape = log_sums(
            log_weights(few, ShapeSpan.of(at_points, least)) + shapes.log_prior
        )
        by_way = _by_departure(few, total)
        if generation == GENERATIONS or _fine_enough(ways, by_way, by_shape, generation):
            break
        ways = (departures.finer if generation else departures.refine)(ways, by_way, rng)
        shapes = finer_shapes(shapes, by_shape - shapes.log_prior, points.x, rng)
        rough = combine(points, noise, ways, moves).rough()
        generation += 1
    # What weighs nothing is left out of the widest table.
    ways = ways.only(_weighty(by_way + ways.log_prior))
    seen = _weighty(by_shape)
    shapes, at_points = shapes.only(np.flatnonzero(seen)), at_points[seen]
    span = ShapeSpan.of(at_points, least)
    combinations = combine(points, noise, ways, moves)
    rough = combinations.rough()
    total, _ = log_sums(log_weights(rough, span) + shapes.log_prior)
    combinations = combinations.only(
        np.isin(combinations.scatter_index, _likely_scatters(rough, total))
    )
    log_weight = log_weights(combinations, span)
    log_weight += shapes.log_prior
    top = float(log_weight.max())
    weight = relative(log_weight)
    by_combination = weight.sum(axis=1)
    by_combination[by_combination < KEPT_WEIGHT * by_combination.max()] = 0.0
    return Weighed(
        points=points, grid=grid, departures=departures, shapes=shapes, at_points=at_points,
        combinations=combinations, weight=weight, by_combination=by_combination, top=top,
    )  # fmt: skip


def _likely_moves(points: Points, noise: Noise, ways: Ways, moves: Moves, span: ShapeSpan) -> Moves:
    """The moves that weigh, on the coarse grid; the heaviest finds where fine grids are needed."""
    simple = combine(points, noise, ways.only(ways.simple), moves)
    if noise.degrees > 0.0:  # else none of the spreads tried is the likely one
        kappas = np.unique(simple.kappa)
        simple = simple.only(simple.kappa == kappas[len(kappas) // 2])
    total, _ = log_sums(log_weights(simple, span))
    by_move = np.full(len(moves), -np.inf)
    np.logaddexp.at(by_move, simple.move, total)
    share = np.exp(by_move - by_move.max())
    order = np.argsort(-share, kind="stable")
    keep = np.zeros(len(moves), dtype=bool)
    keep[order[:MOST_MOVES]] = True
    keep &= share >= LEAST_MOVE * share.sum()
    return moves.only(keep, int(order[0]))


def _by_departure(combinations: Combinations, log_weight: FloatArray) -> FloatArray:
    """Log marginal likelihood of each departure, everything else summed; its prior taken out."""
    by_way = np.full(len(combinations.ways), -np.inf)
    np.logaddexp.at(by_way, combinations.way, log_weight)
    evidence: FloatArray = by_way - combinations.ways.log_prior
    return evidence


def _fine_enough(ways: Ways, by_way: FloatArray, by_shape: FloatArray, generation: int) -> bool:
    """Whether enough shapes carry the weights, and enough features where they weigh at all."""
    log_weight = by_way + ways.log_prior
    featured = ways.sort == FEATURED
    if generation == 0:  # the coarse grid
        return False
    if carrying(by_shape) < ENOUGH_SHAPES or featured.sum() > 2 * FINE_DEPARTURES:
        return False
    if not featured.any() or generation >= GENERATIONS_OF_WAYS:
        return True
    weight = np.exp(log_weight - log_weight.max())
    share = float(weight[featured].sum() / weight.sum())
    return carrying(log_weight[featured]) >= max(ENOUGH_WAYS * share, 1.0)


def _weighty(log_weight: FloatArray) -> BoolArray:
    """Members that together hold all of the weight but :data:`LEFT_OUT`."""
    weight = np.exp(log_weight - log_weight.max())
    order = np.argsort(weight, kind="stable")
    kept = np.ones(len(weight), dtype=bool)
    kept[order[np.cumsum(weight[order]) < LEFT_OUT * weight.sum()]] = False
    return kept


def _likely_scatters(combinations: Combinations, log_weight: FloatArray) -> IntArray:
    """Scatters that hold at least :data:`KEPT_WEIGHT` of the weight, roughly."""
    weight = np.exp(log_weight - log_weight.max())
    share = np.bincount(combinations.scatter_index, weight)
    return np.flatnonzero(share >= KEPT_WEIGHT * share.sum())


def _systematic(
    weight: FloatArray, by_row: FloatArray, n: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Rows and columns (n,), in order: each cell comes as often as it weighs, to less than one.

    ``by_row`` (B,) are the sums of ``weight`` (B, T) over its columns, 0 for rows to leave out; one
    draw shifts all ticks.
    """
    edges = np.cumsum(by_row)
    ticks = (np.arange(1.0, n + 1.0) - rng.random()) * (edges[-1] / n)
    last = int(np.flatnonzero(by_row)[-1])
    rows = np.searchsorted(edges[:last], ticks)
    ticks -= edges[rows] - by_row[rows]
    used, starts = np.unique(rows, return_index=True)
    columns = np.empty(n, dtype=np.int64)
    for row, start, end in zip(used, starts, [*starts[1:], n], strict=True):
        columns[start:end] = np.searchsorted(np.cumsum(weight[row])[:-1], ticks[start:end])
    return rows, columns


def _on_grid(shapes: Shapes, chosen: IntArray, grid: FloatArray) -> FloatArray:
    """(R, G) the chosen shapes on the grid, each evaluated once."""
    distinct, again = np.unique(chosen, return_inverse=True)
    on_grid: FloatArray = shapes.only(distinct).evaluate(grid)[again]
    return on_grid


def _sample(
    combinations: Combinations,
    departures: Departures,
    which: IntArray,
    at_points: FloatArray,
    on_grid: FloatArray,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """(R, G) curves, each from the conditional distribution of one combination and shape.

    The departure, and what the shapes add to it (R, J, G; no J without moves), is drawn from its
    prior and corrected by what the points say of it (Matheron's rule), which costs no factorisation
    over the grid. ``which`` (R,) are the combinations, in order; the shapes stand ``at_points``
    (R, K) and ``on_grid`` (R, G).
    """
    used, again, counts = np.unique(which, return_inverse=True, return_counts=True)
    drawn = combinations.only(used)
    inverse = np.linalg.inv(drawn.covariances())
    solved = inverse.sum(axis=1)
    information = solved.sum(axis=1)
    noise_root = np.linalg.cholesky(drawn.noise_covariances())
    residual = combinations.points.y - at_points
    level = (residual * (solved / information[:, None])[again]).sum(axis=1)
    curves = on_grid.copy()
    moves = combinations.moves
    moved = np.zeros((len(which), 0 if moves is None else len(moves.root), on_grid.shape[1]))
    ends = np.cumsum(counts)
    roots = {int(way): departures.roots(combinations.ways, int(way)) for way in set(drawn.way)}
    for k, (way, start, end) in enumerate(zip(drawn.way, ends - counts, ends, strict=True)):
        rows = slice(start, end)
        n = end - start
        level[rows] += rng.standard_normal(n) / math.sqrt(information[k])
        at, on = roots[int(way)]
        rank = at.shape[1]
        if moves is not None:
            at = np.concatenate([at, moves.at_points[drawn.move[k]]], axis=1)
        if not at.shape[1]:
            continue
        prior = rng.standard_normal((n, at.shape[1]))
        seen = prior @ at.T + rng.standard_normal((n, len(solved[k]))) @ noise_root[k].T
        surprise = residual[rows] - level[rows, None] - seen
        found = prior + surprise @ inverse[k] @ at
        curves[rows] += found[:, :rank] @ on.T
        if moves is not None:
            moved[rows] = moves.on(int(drawn.move[k]), found[:, rank:])
    curves += level[:, None]
    return curves, moved
