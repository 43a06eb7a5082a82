r"""Fitting laws: every start and every resample in one batched robust program.

The loss of a fit is the sum over points of ``weights * huber(z)`` with z = (log f - log y) / noise.
In logs a relative miss counts the same at every size, and the Huber loss keeps an outlier of ten
times the error from bending the curve (Hoffmann et al. 2022, appendix D.3).

The threshold delta. Where the noise of the points is known, z is in standard deviations and
delta = 1.345 has 95% of the efficiency of least squares under normal noise (Huber 1981). Where it
is not known, delta = 1e-3 in log error, the value of Hoffmann et al., is below any real noise: the
fit then is one of least absolute deviations, which needs no scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analysis.errors import AnalysisError
from analysis.laws import law_named
from analysis.laws.law import Array, Law
from analysis.laws.levenberg import DAMPING_NEAR, DAMPING_START, Minimum, minimise
from analysis.laws.solution import BatchFit, Status
from analysis.table.trials import BoolArray, IntArray

DELTA_UNKNOWN_NOISE = 1e-3
DELTA_KNOWN_NOISE = 1.345

SAME_OPTIMUM = 1e-6
"""Objectives closer than this (relatively) are the same optimum."""

CHUNK_ROWS = 200

TOLERANCE, TOLERANCE_MANY = 1e-12, 1e-9

CONDITION_LIMIT = 1e10
"""Curvature with a larger condition number leaves a direction free to five digits of a step."""

NO_INFLUENCE = 1e-7
"""A parameter whose unit (or relative) change moves log errors by less does nothing."""

FREE_DIRECTION_SHARE = 0.1
"""A parameter with at least this share of a free direction is named as unidentified."""

SCREEN_ABOVE = 30
SCREEN_ITERATIONS = 15
SCREEN_KEEP = 15
"""More than 30 starts are moved 15 steps each, and the best 15 of them go on to convergence."""

WARM_STARTS = 3
"""Optima of the pilot fit from which each resample starts."""


def fit_law(
    law: str | Law,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    noise: npt.ArrayLike | None = None,
    delta: float | None = None,
    starts: npt.ArrayLike | None = None,
    theta0: npt.ArrayLike | None = None,
    max_iterations: int = 500,
    tolerance: float | None = None,
) -> BatchFit:
    """Fit a law to one curve or to many resamples of it at once.

    Parameters
    ----------
    law : str or Law
    x : array of shape (n,), positive
        Sizes; shape (n, D) for a law of D inputs.
    y : array of shape (n,) or (R, n), positive
        Errors.
    weights : array of shape (n,) or (R, n), optional
        Weight of each point in the loss, such as how often a resample drew it.
    noise : array of shape (n,) or (R, n), optional
        Standard deviation of each point's *log* error (= relative error).
    delta : float in (0, inf], optional
        Huber threshold; infinite for least squares. See the module's docstring for the default.
    starts : array of shape (S, P), optional
        Starting points for every row instead of the law's own.
    theta0 : array of shape (P,) or (R, P), optional
        One start per row (a known optimum near by). Without ``starts`` it is the only one.
    max_iterations : int
        Of each start.
    tolerance : float, optional
        Relative gain below which a fit has converged: by default 1e-12 for one row, and 1e-9 for
        many, which leaves less than a thousandth of a standard error.

    Returns
    -------
    BatchFit
        One row per resample. What fails because of the data has a status and a reason.

    Raises
    ------
    AnalysisError
        For wrong arguments: shapes, sizes that are not positive, negative weights.
    """
    # Validate
    law = law_named(law)
    x_, y_, weights_, noise_ = _checked(law, x, y, weights, noise)
    if delta is None:
        delta = DELTA_UNKNOWN_NOISE if noise is None else DELTA_KNOWN_NOISE
    if not delta > 0.0:
        raise AnalysisError(f"delta: must be positive, got {delta}; use inf for least squares")

    # Compute
    n_rows, n_parameters = len(y_), len(law.parameters)
    shared = np.ndim(y) == 1
    near = starts is None and (theta0 is not None or n_rows > 1)
    if tolerance is None:
        tolerance = TOLERANCE if n_rows == 1 else TOLERANCE_MANY
    bad = ~((y_ > 0.0) & np.isfinite(y_))
    status = _data_status(x_, bad, weights_, law.n_free)
    rows = np.flatnonzero(status == Status.CONVERGED)
    problem = _Problem(
        law=law,
        x=x_,
        log_y=np.log(np.where(bad, 1.0, y_))[[0] if shared else rows],
        weights=weights_[rows],
        noise=None if noise is None else noise_[rows],
        delta=delta,
        max_iterations=max_iterations,
        tolerance=tolerance,
        damping=DAMPING_NEAR if near else DAMPING_START,
    )
    if len(rows) == 0:
        return _assemble(problem, status, rows, np.empty((0, 1, n_parameters)), n_rows)
    begin = _starting_points(problem, starts, theta0, rows, n_rows)
    return _assemble(problem, status, rows, begin, n_rows)


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """The usable rows of a fit: U rows of n points; one row of log_y may serve them all."""

    law: Law
    x: Array
    log_y: Array
    weights: Array
    noise: Array | None
    delta: float
    max_iterations: int
    tolerance: float
    damping: float

    def pilot(self) -> _Problem:
        """The one curve in the middle of all rows."""
        total = self.weights.sum(0)
        share = self.weights / np.where(total > 0.0, total, 1.0)
        middle = np.where(total > 0.0, (share * self.log_y).sum(0), self.log_y.mean(0))
        noise = None if self.noise is None else np.sqrt((self.noise**2).mean(0))[None]
        return replace(
            self,
            log_y=middle[None],
            weights=(total / len(self.weights))[None],
            noise=noise,
            tolerance=TOLERANCE,
            damping=DAMPING_START,
        )

    def curve(self) -> Array:
        """Errors of the middle of all rows at the points that have weight, NaN elsewhere."""
        middle = self.pilot()
        return np.where(middle.weights[0] > 0.0, np.exp(middle.log_y[0]), np.nan)

    def box(self) -> tuple[Array, Array]:
        """Bounds from all the errors that have weight."""
        seen = self.weights > 0.0
        extremes = np.exp(
            [
                np.where(seen, self.log_y, np.inf).min(),
                np.where(seen, self.log_y, -np.inf).max(),
            ]
        )
        return self.law.bounds(self.x, extremes)

    def minimise(self, begin: Array) -> Minimum:
        """Run every start (U, S, P) of every row; problems are ordered by row, then start."""
        n_rows, n_starts, n_parameters = begin.shape
        row_of = np.repeat(np.arange(n_rows), n_starts)

        def residuals(
            theta: Array, which: IntArray, with_gradient: bool
        ) -> tuple[Array, Array | None]:
            r, gradient = self.law.evaluate_log(theta, self.x, with_gradient=with_gradient)
            rows = row_of[which]
            r -= self.log_y if len(self.log_y) == 1 else self.log_y[rows]
            if self.noise is not None:
                scale = self.noise[rows]
                r /= scale
                if gradient is not None:
                    gradient /= scale[:, None, :]
            return r, gradient

        return minimise(
            residuals,
            begin.reshape(-1, n_parameters),
            self.weights[row_of],
            self.box(),
            delta=self.delta,
            max_iterations=self.max_iterations,
            tolerance=self.tolerance,
            damping=self.damping,
        )


def _starting_points(
    problem: _Problem,
    starts: npt.ArrayLike | None,
    theta0: npt.ArrayLike | None,
    rows: IntArray,
    n_rows: int,
) -> Array:
    """Starts of each usable row, shape (U, S, P)."""
    n_parameters = len(problem.law.parameters)
    parts = []
    if theta0 is not None:
        own = np.asarray(theta0, dtype=np.float64)
        if own.shape not in ((n_parameters,), (n_rows, n_parameters)):
            raise AnalysisError(
                f"theta0: must have shape ({n_parameters},) or ({n_rows}, {n_parameters}), "
                f"got {own.shape}"
            )
        parts.append(np.broadcast_to(own, (n_rows, n_parameters))[rows][:, None, :])
    shared = None
    if starts is not None:
        shared = np.atleast_2d(np.asarray(starts, dtype=np.float64))
        if shared.ndim != 2 or shared.shape[1] != n_parameters:
            raise AnalysisError(f"starts: must have shape (S, {n_parameters}), got {shared.shape}")
    elif theta0 is None:
        curve = problem.curve()
        seen = np.isfinite(curve)
        shared = problem.law.starts(problem.x[seen], curve[seen])
        if len(rows) > 1:
            shared = _best_optima(problem.pilot(), shared)
    if shared is not None:
        parts.append(np.broadcast_to(shared, (len(rows), *shared.shape)))
    begin = np.concatenate(parts, axis=1)
    return np.clip(begin, *problem.box())


def _best_optima(pilot: _Problem, starts: Array) -> Array:
    """The best few distinct optima of the pilot curve, best first."""
    found = pilot.minimise(_screened(pilot, np.clip(starts, *pilot.box())[None]))
    order = np.argsort(found.objective, kind="stable")
    chosen: list[int] = []
    for index in order:
        value = found.objective[index]
        if not np.isfinite(value):
            break
        if all(abs(value - found.objective[c]) > SAME_OPTIMUM * value for c in chosen):
            chosen.append(int(index))
        if len(chosen) == WARM_STARTS:
            break
    return found.theta[chosen] if chosen else starts


def _screened(problem: _Problem, begin: Array) -> Array:
    """Where there are many starts, move them all a little and go on with the most promising."""
    n_rows, n_starts, n_parameters = begin.shape
    if n_starts <= SCREEN_ABOVE:
        return begin
    found = replace(problem, max_iterations=SCREEN_ITERATIONS).minimise(begin)
    order = np.argsort(found.objective.reshape(n_rows, n_starts), axis=1, kind="stable")
    moved = found.theta.reshape(n_rows, n_starts, n_parameters)
    return np.take_along_axis(moved, order[:, :SCREEN_KEEP, None], axis=1)


def _assemble(
    problem: _Problem, status: IntArray, rows: IntArray, begin: Array, n_rows: int
) -> BatchFit:
    """Fit, keep the best start of each row, and say what the data identify."""
    _, n_starts, n_parameters = begin.shape
    theta = np.full((n_rows, n_parameters), np.nan)
    objective = np.full(n_rows, np.inf)
    condition = np.full(n_rows, np.inf)
    at_best = np.zeros(n_rows, dtype=np.int64)
    iterations = np.zeros(n_rows, dtype=np.int64)
    at_bound = np.zeros((n_rows, n_parameters), dtype=np.bool_)
    unidentified = np.ones((n_rows, n_parameters), dtype=np.bool_)
    if len(rows):
        begin = _screened(problem, begin)
        n_kept = begin.shape[1]
        found = problem.minimise(begin)
        values = found.objective.reshape(len(rows), n_kept)
        best = values.argmin(1)
        flat = np.arange(len(rows)) * n_kept + best
        least = values.min(1)
        near = values <= (least + SAME_OPTIMUM * np.abs(least) + 1e-30)[:, None]
        lost = ~np.isfinite(least)
        theta[rows] = np.where(lost[:, None], np.nan, found.theta[flat])
        objective[rows], at_best[rows] = least, np.where(lost, 0, near.sum(1))
        iterations[rows] = found.iterations[flat]
        box = problem.box()
        at_bound[rows] = (theta[rows] <= box[0]) | (theta[rows] >= box[1])
        condition[rows], unidentified[rows] = _identification(
            problem, theta[rows], at_bound[rows], found.stalled[flat]
        )
        outcome = np.where(unidentified[rows].any(1), Status.UNIDENTIFIED, Status.CONVERGED)
        outcome = np.where(found.converged[flat], outcome, Status.ITERATION_LIMIT)
        outcome = np.where(lost, Status.NO_FINITE_START, outcome)
        status[rows] = outcome
    return BatchFit(
        law=problem.law,
        theta=theta,
        objective=objective,
        status=status,
        n_starts=n_starts,
        starts_at_best=at_best,
        condition=condition,
        unidentified=unidentified,
        at_bound=at_bound,
        iterations=iterations,
        delta=problem.delta,
        n_points=len(problem.x),
    )


def _identification(
    problem: _Problem, theta: Array, at_bound: BoolArray, stalled: BoolArray
) -> tuple[Array, BoolArray]:
    """Condition number (U,) of the curvature of the free parameters, and which are free (U, P)."""
    gram = np.concatenate(
        [
            _gram(problem, theta[first : first + CHUNK_ROWS], slice(first, first + CHUNK_ROWS))
            for first in range(0, len(theta), CHUNK_ROWS)
        ]
    )
    size = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    mute = size * np.maximum(1.0, np.abs(np.nan_to_num(theta))) < NO_INFLUENCE
    unit = 1.0 / np.where(size > 0.0, size, 1.0)
    gram = gram * unit[:, :, None] * unit[:, None, :]
    out = at_bound | mute
    gram = np.where(out[:, :, None] | out[:, None, :], 0.0, gram)
    index = np.arange(gram.shape[1])
    gram[:, index, index] = 1.0
    eigenvalues, vectors = np.linalg.eigh(gram)
    top = eigenvalues[:, -1:]
    condition = np.where(mute.any(1), np.inf, top[:, 0] / np.maximum(eigenvalues[:, 0], 1e-300))
    loose = eigenvalues < top / CONDITION_LIMIT
    loose[:, 0] |= stalled
    share = (np.abs(vectors) >= FREE_DIRECTION_SHARE) & loose[:, None, :]
    return condition, mute | share.any(-1)


def _gram(problem: _Problem, theta: Array, rows: slice) -> Array:
    """Weighted mean of the products of the derivatives of log f, shape (rows, P, P)."""
    with np.errstate(all="ignore"):
        _, gradient = problem.law.evaluate_log(theta, problem.x)
        assert gradient is not None
        weights = problem.weights[rows]
        weighted = gradient * (weights / weights.sum(-1, keepdims=True))[:, None, :]
        gram = np.matmul(weighted, gradient.transpose(0, 2, 1))
    return np.where(np.isfinite(gram).all((1, 2), keepdims=True), gram, 0.0)


def _data_status(x: Array, bad: BoolArray, weights: Array, n_parameters: int) -> IntArray:
    """Rows that cannot be fitted, or not by this law, whatever the solver does."""
    status = np.full(len(bad), int(Status.CONVERGED), dtype=np.int64)
    _, place = np.unique(x, axis=0, return_inverse=True)
    place = place.reshape(-1)
    drawn = np.zeros((len(bad), int(place.max()) + 1), dtype=np.bool_)
    for column, where in enumerate(place):
        drawn[:, where] |= weights[:, column] > 0.0
    status[drawn.sum(1) < n_parameters] = Status.UNDERDETERMINED
    status[(bad & (weights > 0.0)).any(1) | (weights.sum(1) <= 0.0)] = Status.BAD_DATA
    return status


def _checked(
    law: Law,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    weights: npt.ArrayLike | None,
    noise: npt.ArrayLike | None,
) -> tuple[Array, Array, Array, Array]:
    """Arrays x (n,) or (n, D) and y, weights, noise (R, n)."""
    x_ = np.asarray(x, dtype=np.float64)
    wanted = 1 if len(law.inputs) == 1 else 2
    if x_.ndim != wanted or (wanted == 2 and x_.shape[1] != len(law.inputs)):
        wish = "(n,)" if wanted == 1 else f"(n, {len(law.inputs)}): {', '.join(law.inputs)}"
        raise AnalysisError(f"x: must have shape {wish} for law {law.name}, got {x_.shape}")
    if len(x_) == 0:
        raise AnalysisError("x: must have at least one point, got none")
    if not (np.isfinite(x_) & (x_ > 0.0)).all():
        raise AnalysisError("x: sizes must be finite and positive; exclude the other points")
    given = {"y": y, "weights": 1.0 if weights is None else weights}
    given["noise"] = 1.0 if noise is None else noise
    arrays = {key: np.asarray(value, dtype=np.float64) for key, value in given.items()}
    y_ = arrays["y"]
    if y_.ndim not in (1, 2) or y_.shape[-1] != len(x_):
        raise AnalysisError(f"y: must have shape ({len(x_)},) or (R, {len(x_)}), got {y_.shape}")
    try:
        shape = np.broadcast_shapes((1, len(x_)), *(a.shape for a in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{key} {a.shape}" for key, a in arrays.items())
        raise AnalysisError(
            f"y, weights, noise: shapes must fit one another, got {shapes}"
        ) from None
    full = [np.broadcast_to(a, shape) for a in arrays.values()]
    if not (np.isfinite(full[1]) & (full[1] >= 0.0)).all():
        raise AnalysisError("weights: must be finite and not negative")
    if not (np.isfinite(full[2]) & (full[2] > 0.0)).all():
        raise AnalysisError("noise: must be finite and positive; give unknown noise a floor")
    return x_, full[0], full[1], full[2]


def check_positive(key: str, values: Array, where: str, what: str) -> None:
    """Raise an `AnalysisError` that names the first value that is not finite and positive."""
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0.0)))
    if len(bad):
        raise AnalysisError(
            f"{key}: must be finite and positive, got {values[bad[0]]} {where} {bad[0]} "
            f"({len(bad)} such); exclude those {what}"
        )
