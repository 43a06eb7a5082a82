r"""How the error answers each hyperparameter: one model of all search trials, robust and joint.

Within a cell, capacity and data are the same. The log validation error of trial i of cell c is

    y_i = a_c + sum_j f_j(u_ij; s_c, d_c) + sum_{j<k} q_jk u_ij u_ik + noise
    f_j(u; s, d) = g_j(u - h_j1 s - h_j2 d) + s (b_j1 P_1 + b_j2 P_2) + d (c_j1 P_1 + c_j2 P_2)

with g_j a sum of Legendre polynomials P_m: a curve that is shifted by size and data as a whole, its
walls too, and may change its tilt and curvature beside. Coefficients shrink towards none, group by
group, by scales that the trials set themselves (half-Cauchy priors); cells do not shrink. Shifts
are found by Gauss-Newton steps, and drawn about what was found by the curve's derivative.

Runs that went wrong must not rule it. Noise is Student's t. A hopeless trial, which diverged or
lies far above its cell's others, is only told to be worse than a bound, that usual trials reach:
where the fit says so too, it adds nothing, and where not, it counts as one at the bound. What
follows is told *pseudo-values*: the fit plus the bounded residuals psi(r) / mean psi'(r), whose
least squares are the robust fit, and whose scatter is its own (Huber 1981, section 7.10). They
enter only by sums of products, so that draws cost the same of any number of trials.

======== ======================================================= =========
symbol   meaning                                                 shape
======== ======================================================= =========
n, C     search trials; their cells                              scalar
K        hyperparameters                                         scalar
p        coefficients, without those of cells                    scalar
u        values, -1 and 1 at the ends of the range searched      (n, K)
s, d     log size, log dataset size, -1 and 1 at their ends      (n,)
y        log validation errors                                   (n,)
h        shifts                                                  (K, 2)
D        draws                                                   scalar
======== ======================================================= =========

References
----------
Huber (1981), *Robust Statistics*, section 7.10: pseudo-values. Lange, Little and Taylor (1989),
"Robust Statistical Modeling Using the t Distribution", JASA 84(408). Makalic and Schmidt (2016),
"A Simple Sampler for the Horseshoe Estimator", IEEE Signal Processing Letters 23(1): half-Cauchy
scales as mixtures of inverse gammas. Departure: scales belong to groups of coefficients, not to
each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.table.trials import BoolArray, FloatArray, IntArray
from analysis.tuning.robust import Cells, Fit, bounded, spread_within

DEGREE = 7
"""Of the curve of one hyperparameter."""
SMOOTH = 3
"""Degrees that every curve may have; the others, of walls, have a scale of their own."""
MOVING = 2
"""Terms that move beside the shift: tilt and curvature."""
DEGREE_WEIGHTS = (1.0, 1.0, 0.3, 1.0, 0.6, 0.4, 0.3)
"""Prior variance of each degree over that of its group."""
MAIN, ROUGH, MOVES, CROSSED, OTHER = 1.0, 0.3, 0.3, 0.25, 1.0
"""Prior scale of a group, in units of the scatter within cells: of curves, of their higher degrees,
of what moves beside the shift, of products of two, of hyperparameters without a scale."""
SHIFTED = 0.5
"""Prior scale of a shift."""
MOST_SHIFTED = 1.0
"""No shift is larger: the best value crosses the range from the smallest to the largest."""
MOST_STEP = 0.5
"""No step towards it is."""
MOST_CROSSED = 6
"""With more hyperparameters than this, products of two are left out."""
SHIFTING, ROUNDS = 6, 6
"""Rounds of the first fit that find the shifts, and those after them; no round moves much then."""
CHAINS, WARM, KEPT = 24, 10, 16
"""Chains that are drawn side by side, their first draws that are left out, and those kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trials:
    """Search trials as the model takes them, cell by cell."""

    y: FloatArray
    """(n,) log validation errors; inf of trials that diverged."""
    u: FloatArray
    """(n, K)"""
    cell: IntArray
    """(n,) cell of each, from 0, in order."""
    size: FloatArray
    """(n,) s."""
    data: FloatArray
    """(n,) d."""
    other: FloatArray
    """(n, any) columns of hyperparameters that have no scale."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Responses:
    """Draws of the answers to all hyperparameters."""

    shift: FloatArray
    """(K, 2) of the curves, with s and with d, about which they are drawn."""
    slope: FloatArray
    """(K, DEGREE + 1) coefficients of the curves' derivatives, the constant first."""
    shifted: FloatArray
    """(D, K, 2) what is drawn of the shifts beyond that."""
    main: FloatArray
    """(D, K, DEGREE)"""
    by_size: FloatArray
    """(D, K, MOVING)"""
    by_data: FloatArray
    """(D, K, MOVING)"""
    crossed: FloatArray
    """(D, K, K) symmetric, 0 on the diagonal."""
    chance: FloatArray
    """(K,) probability that a hyperparameter without any effect looks like this one: an F test of
    tilt and curvature."""

    def curves(self, k: int, u: FloatArray, size: float, data: float) -> FloatArray:
        """f_k (D, values) at values ``u`` (values,) of one hyperparameter, at one place."""
        shift, moved = self.shift[k], np.array([size, data])
        basis = legendre((u - shift @ moved) / (1.0 + np.abs(shift).sum()))
        coefficients = self.main[:, k].copy()
        coefficients[:, :MOVING] += self.by_size[:, k] * size + self.by_data[:, k] * data
        further = self.shifted[:, k] @ moved
        slope = self.slope[k, 0] + basis @ self.slope[k, 1:]
        found: FloatArray = coefficients @ basis.T - further[:, None] * slope
        return found


def legendre(u: FloatArray) -> FloatArray:
    """P_1 to P_DEGREE (..., DEGREE), by their recurrence."""
    found = [np.ones_like(u), u]
    for m in range(1, DEGREE):
        found.append(((2 * m + 1) * u * found[m] - m * found[m - 1]) / (m + 1))
    return np.stack(found[1:], axis=-1)


def fit_responses(trials: Trials, rng: np.random.Generator) -> Responses | None:
    """Draw from the posterior; None where the cells leave no freedom to tell noise."""
    n, count = trials.u.shape
    cells = Cells.of(trials.cell)
    if n - cells.count <= 2 * count + trials.other.shape[1]:
        return None
    y, hopeless = bounded(trials.y, cells)
    away = cells.from_median(y)
    spread = spread_within(away, n / (n - cells.count))
    if not spread > 0.0:
        return None
    fit = Fit(y=y, hopeless=hopeless, cells=cells, spread=spread)
    fit.follow(away, 0)
    shift, curves = _shifts(trials, fit)
    terms = _Terms.of(trials, shift, curves)
    pseudo = _pseudo_values(terms, fit)
    told = fit.weights > 0.0
    freedom = int(told.sum()) - len(np.unique(trials.cell[told]))
    if freedom <= 2 * count + trials.other.shape[1]:
        return None
    kept = Cells.of(np.unique(trials.cell[told], return_inverse=True)[1])
    x, y = kept.centred(terms.x[told]), kept.centred(pseudo[told])
    gram, moment, total = x.T @ x, x.T @ y, float(y @ y)
    drawn = _gibbs(gram, moment, total, freedom, terms, spread, rng)
    ends = np.cumsum(list(terms.parts.values()))
    parts = dict(zip(terms.parts, np.split(drawn, ends[:-1], axis=1), strict=True))
    crossed = np.zeros((len(drawn), count, count))
    for column, (j, k) in zip(parts["crossed"].T, terms.pairs, strict=True):
        crossed[:, j, k] = crossed[:, k, j] = column
    return Responses(
        shift=shift,
        slope=_slopes(curves, shift),
        shifted=parts["shifted"].reshape(-1, count, 2),
        main=parts["main"].reshape(-1, count, DEGREE),
        by_size=parts["by_size"].reshape(-1, count, MOVING),
        by_data=parts["by_data"].reshape(-1, count, MOVING),
        crossed=crossed,
        chance=_chances(gram, moment, total, freedom, count, terms),
    )


# -- terms --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class _Terms:
    """Columns of the model with their priors."""

    x: FloatArray
    """(n, p)"""
    parts: Mapping[str, int]
    """What the columns are for, in order, with their numbers."""
    group: IntArray
    """(p,) group of each column."""
    weight: FloatArray
    """(p,) prior variance of a column over that of its group."""
    scale: FloatArray
    """(groups,) of the half-Cauchy prior of each, in units of the scatter; the last is that of the
    shifts, as it is."""
    pairs: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, trials: Trials, shift: FloatArray, curves: FloatArray) -> _Terms:
        """Of curves (K, DEGREE) with a shift (K, 2): what they are, and how they change."""
        n, count = trials.u.shape
        basis = legendre(_shifted(trials, shift))
        moving = basis[..., :MOVING].reshape(n, -1)
        pairs = [(j, k) for j in range(count) for k in range(j)] if count <= MOST_CROSSED else []
        slopes = _slopes(curves, shift)
        slope = slopes[:, 0] + (basis * slopes[:, 1:]).sum(axis=2)
        where = np.stack([trials.size, trials.data], axis=1)
        columns = {
            "main": basis.reshape(n, -1),
            "by_size": moving * trials.size[:, None],
            "by_data": moving * trials.data[:, None],
            "crossed": np.stack([trials.u[:, j] * trials.u[:, k] for j, k in pairs], axis=1)
            if pairs
            else np.empty((n, 0)),
            "other": trials.other,
            # A curve shifted by a little is the curve less that times its derivative.
            "shifted": -(slope[:, :, None] * where[:, None, :]).reshape(n, -1),
        }
        # For each curve a group of its low and one of its high degrees, and one for each of its two
        # ways to move; one for all the products.
        each = np.arange(count)
        rough = count * (np.arange(DEGREE) >= SMOOTH)
        groups = [
            (each[:, None] + rough).ravel(), np.repeat(2 * count + each, MOVING),
            np.repeat(3 * count + each, MOVING), np.full(len(pairs), 4 * count),
            np.full(trials.other.shape[1], 4 * count + 1), np.full(2 * count, 4 * count + 2),
        ]  # fmt: skip
        scales = [MAIN] * count + [ROUGH] * count + [MOVES] * (2 * count)
        weight = np.ones(sum(map(len, groups)))
        weight[: count * DEGREE] = np.tile(DEGREE_WEIGHTS, count)
        return cls(
            x=np.concatenate(list(columns.values()), axis=1),
            parts={name: part.shape[1] for name, part in columns.items()},
            group=np.concatenate(groups),
            weight=weight,
            scale=np.array([*scales, CROSSED, OTHER, SHIFTED]),
            pairs=tuple(pairs),
        )

    def variances(self, signal: float) -> FloatArray:
        """Of the priors' scales, (groups,)."""
        found: FloatArray = (self.scale * signal) ** 2
        found[-1] = self.scale[-1] ** 2
        return found

    def ridge(self, signal: float, noise: float) -> FloatArray:
        """What the priors' scales add to sums of products, (p,)."""
        found: FloatArray = noise**2 / (self.variances(signal)[self.group] * self.weight)
        return found


def _shifted(trials: Trials, shift: FloatArray) -> FloatArray:
    """Values as their curves take them, -1 to 1: (n, K)."""
    moved = trials.size[:, None] * shift[:, 0] + trials.data[:, None] * shift[:, 1]
    found: FloatArray = (trials.u - moved) / (1.0 + np.abs(shift).sum(axis=1))
    return found


# -- the robust fit -----------------------------------------------------------------------------


def _shifts(trials: Trials, fit: Fit) -> tuple[FloatArray, FloatArray]:
    """How far each curve is shifted by size and by data, (K, 2), and the curves, (K, DEGREE), by
    Gauss-Newton steps."""
    count = trials.u.shape[1]
    shift, curves = np.zeros((count, 2)), np.zeros((count, DEGREE))
    for _ in range(SHIFTING):
        terms = _Terms.of(trials, shift, curves)
        ridge = terms.ridge(fit.spread, fit.scale)
        still = np.arange(len(ridge)) - terms.parts["main"]
        keep = (still < 0) | (still >= 2 * count * MOVING)
        slopes, residual = fit.solve(terms.x[:, keep], ridge[keep])
        fit.follow(residual, int(keep.sum()))
        curves = slopes[: count * DEGREE].reshape(count, DEGREE)
        step = np.clip(slopes[-2 * count :].reshape(count, 2), -MOST_STEP, MOST_STEP)
        shift = np.clip(shift + step, -MOST_SHIFTED, MOST_SHIFTED)
    return shift, curves


def _slopes(curves: FloatArray, shift: FloatArray) -> FloatArray:
    """Coefficients (K, DEGREE + 1) of the derivatives of curves: P_m' = sum (2k + 1) P_k, over
    k = m - 1, m - 3, ..."""
    found = np.zeros((len(curves), DEGREE + 1))
    for m in range(1, DEGREE + 1):
        for k in range(m - 1, -1, -2):
            found[:, k] += (2 * k + 1) * curves[:, m - 1]
    slopes: FloatArray = found / (1.0 + np.abs(shift).sum(axis=1))[:, None]
    return slopes


def _pseudo_values(terms: _Terms, fit: Fit) -> FloatArray:
    """The robust fit plus its residuals, bounded."""
    for _ in range(ROUNDS):
        _, residual = fit.solve(terms.x, terms.ridge(fit.spread, fit.scale))
        fit.follow(residual, len(terms.group))
    return fit.pseudo_values(residual)


# -- draws --------------------------------------------------------------------------------------


def _gibbs(
    gram: FloatArray,
    moment: FloatArray,
    total: float,
    freedom: int,
    terms: _Terms,
    scatter: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Coefficients (D, p), of chains drawn side by side."""
    p, groups = len(terms.group), len(terms.scale)
    members = np.zeros((p, groups))
    members[np.arange(p), terms.group] = 1.0 / terms.weight
    sizes = np.bincount(terms.group, minlength=groups)
    prior = terms.variances(scatter)
    # A start that shrinks little, different for each chain.
    variance = prior * np.exp(rng.normal(-1.0, 1.0, size=(CHAINS, groups)))
    variance[:, -1] = prior[-1]
    noise = np.full(CHAINS, scatter**2 / 2.0)
    diagonal = np.arange(p)
    kept = []
    for turn in range(WARM + KEPT):
        precision = np.repeat(gram[None], CHAINS, axis=0) / noise[:, None, None]
        precision[:, diagonal, diagonal] += 1.0 / (variance[:, terms.group] * terms.weight)
        root = np.linalg.cholesky(precision)
        right = moment / noise[:, None]
        right += (root @ rng.standard_normal((CHAINS, p, 1)))[..., 0]
        drawn = np.linalg.solve(precision, right[..., None])[..., 0]
        if turn >= WARM:
            kept.append(drawn)
        missed = total - 2.0 * drawn @ moment + ((drawn @ gram) * drawn).sum(axis=1)
        noise = np.maximum(missed, 1e-12 * total) / (
            2.0 * rng.standard_gamma(freedom / 2.0, CHAINS)
        )
        mixed = (1.0 / prior + 1.0 / variance) / rng.standard_exponential((CHAINS, groups))
        squares = (drawn**2) @ members
        variance = (1.0 / mixed + squares / 2.0) / rng.standard_gamma(
            (sizes + 1.0) / 2.0, (CHAINS, groups)
        )
        variance[:, -1] = prior[-1]
    return np.concatenate(kept)


def _chances(
    gram: FloatArray, moment: FloatArray, total: float, freedom: int, count: int, terms: _Terms
) -> FloatArray:
    """Probability of each hyperparameter's tilt and curvature if it did nothing: F tests."""
    plain = np.zeros(len(terms.group), dtype=bool)
    for m in range(2):
        plain[np.arange(count) * DEGREE + m] = True
    plain |= terms.group == len(terms.scale) - 2
    whole = _missed(gram, moment, total, plain)
    left = freedom - int(plain.sum())
    from scipy.special import fdtrc

    chances = np.ones(count)
    for j in range(count):
        without = plain.copy()
        without[j * DEGREE : j * DEGREE + 2] = False
        gain = _missed(gram, moment, total, without) - whole
        if whole > 0.0 and left > 0:
            chances[j] = float(fdtrc(2.0, float(left), max(gain, 0.0) / 2.0 / (whole / left)))
    return chances


def _missed(gram: FloatArray, moment: FloatArray, total: float, keep: BoolArray) -> float:
    """Sum of squares that least squares of some columns leave."""
    slopes = np.linalg.lstsq(gram[np.ix_(keep, keep)], moment[keep], rcond=None)[0]
    return float(total - moment[keep] @ slopes)
