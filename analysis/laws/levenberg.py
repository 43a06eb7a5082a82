r"""A batched, bounded, robust Levenberg-Marquardt solver: many small fits as one array program.

Notation
--------
========= =============================================================== =========
symbol    meaning                                                         shape
========= =============================================================== =========
B, n, P   problems in the batch, points, parameters
theta     parameters                                                      (B, P)
r         residuals                                                       (B, n)
J         d r / d theta                                                   (B, P, n)
w         weights of the points in the loss                               (B, n)
rho       Huber loss: r^2 / 2 inside delta, delta (abs(r) - delta/2) outside
========= =============================================================== =========

Each problem minimises the *sum* of w rho(r). (A mean-reduced loss with a small delta is so flat
that optimisers stop early: Besiroglu et al. 2024, section 3.)

For a small delta most points lie outside it, where the loss is linear and the Gauss-Newton
curvature of a reweighted least-squares step (weights delta / abs(r)) converges only slowly. The
Hessian of the loss counts only the points inside delta; its second-order part is small beside it.
So the curvature is a blend, J' diag(w (t * irls + (1 - t) * inside)) J + lambda * D, with t =
min(1, lambda): near the optimum, where lambda is small, the step is Newton's and converges at
once; far from it, the step is the safe reweighted one. D is the diagonal of the reweighted
curvature (Marquardt's scaling), so units of the parameters do not matter.

Bounds are kept by projection: a parameter on its bound whose gradient points outwards is held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from statistics import NormalDist

import numpy as np

from analysis.laws.law import Array
from analysis.table.trials import BoolArray, IntArray

Residuals = Callable[[Array, IntArray, bool], tuple[Array, Array | None]]
"""(theta, which problems, with_gradient) -> r of shape (B, n) and J of shape (B, P, n)."""

CHUNK_DOUBLES = 200_000
"""Doubles of J worked on at a time, so that they stay in a core's cache (1.6 MB)."""

DAMPING_START = 1e-2
DAMPING_NEAR = 1e-4
"""For starts known to be near their optimum."""
DAMPING_MIN = 1e-12
DAMPING_MAX = 1e12
ACCELERATE_AFTER = 12
"""Iterations after which steps are bent along the valley; most fits are done before."""
PROBE = 0.1
"""Share of the step at which its second derivative is measured."""
SAME_OBJECTIVE = 1e-13
"""Relative rounding of a sum of losses."""
POLISH = 1e-9
"""Relative gain below which a step is taken though rounding hides what it does."""
STALL_STEPS = 50
STALL_GAIN = 1e-6
"""A valley in which 50 steps gain less than a millionth of the objective is flat."""
ROUNDING = 1e-16
"""Residuals of this size are rounding: an objective they explain is zero."""
RIDGE = 1e-14
"""Relative ridge that keeps exactly singular systems solvable."""
LAST_RIDGE = 1e-7
"""Ridge of last resort, for systems that are singular in spite of the other."""


@dataclass(frozen=True)
class Minimum:
    """Where the solver stopped, for each problem."""

    theta: Array
    """Shape (B, P)."""
    objective: Array
    """Sum of w rho(r), shape (B,); infinite where no finite value was met."""
    converged: BoolArray
    """Shape (B,)."""
    stalled: BoolArray
    """Converged only in that many steps gained next to nothing: a flat valley; shape (B,)."""
    iterations: IntArray
    """Shape (B,)."""


def huber(r: Array, delta: float) -> Array:
    """Huber loss of each residual (``delta`` may be infinite: half the square)."""
    if np.isinf(delta):
        return 0.5 * r * r
    miss = np.abs(r)
    clipped = np.minimum(miss, delta)
    miss -= 0.5 * clipped
    miss *= clipped
    return miss


def deviance_factor(delta: float) -> float:
    """E[psi'] / E[psi^2] of the Huber loss under normal noise of standard deviation 1.

    Twice this factor times the rise of the loss is about chi-squared.
    """
    if np.isinf(delta):
        return 1.0
    normal = NormalDist()
    inside = 2.0 * normal.cdf(delta) - 1.0
    squared = inside - 2.0 * delta * normal.pdf(delta) + 2.0 * delta**2 * (1.0 - normal.cdf(delta))
    return inside / squared


def _objective(r: Array, w: Array, delta: float) -> Array:
    total = np.einsum("bn,bn->b", w, huber(r, delta))
    return np.where(np.isfinite(total), total, np.inf)


def minimise(
    residuals: Residuals,
    theta: Array,
    weights: Array,
    bounds: tuple[Array, Array],
    *,
    delta: float,
    max_iterations: int,
    tolerance: float,
    damping: float = DAMPING_START,
) -> Minimum:
    """Minimise the summed Huber loss of every problem of the batch, from ``theta`` (B, P) on.

    Problems whose residuals are not finite there are given up. One has converged when the predicted
    gain of an undamped step falls below ``tolerance`` times its objective.
    """
    n_problems, n_parameters = theta.shape
    n_points = weights.shape[-1]
    size = max(1, CHUNK_DOUBLES // max(1, n_points * n_parameters))
    parts = []
    for first in range(0, n_problems, size):
        which = np.arange(first, min(first + size, n_problems))
        with np.errstate(all="ignore"):  # steps into overflow are tried and rejected
            chunk = _Chunk(residuals, theta[which], which, weights[which], bounds, delta, damping)
            chunk.iterate(max_iterations, tolerance)
        parts.append(chunk.out)
    columns = [field.name for field in fields(Minimum)]
    return Minimum(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in columns})


_COMPACTED = (
    "row", "which", "weights", "theta", "r", "jacobian", "objective", "damping", "growth",
    "rounding", "earlier",
)  # fmt: skip


def _solve(matrices: Array, right: Array) -> Array:
    """Solutions of (B, P, P) systems; exactly singular ones get a larger ridge."""
    try:
        return np.asarray(np.linalg.solve(matrices, right[..., None])[..., 0])
    except np.linalg.LinAlgError:
        ridge = LAST_RIDGE * np.eye(matrices.shape[-1])
        return np.asarray(np.linalg.solve(matrices + ridge, right[..., None])[..., 0])


class _Chunk:
    """The problems still moving, all arrays compacted as problems finish."""

    def __init__(
        self,
        residuals: Residuals,
        theta: Array,
        which: IntArray,
        weights: Array,
        bounds: tuple[Array, Array],
        delta: float,
        damping: float,
    ) -> None:
        self.residuals, self.delta = residuals, delta
        self.lower, self.upper = bounds
        self.row = np.arange(len(theta))
        self.which, self.weights = which, weights
        self.theta = np.clip(theta, *bounds)
        self.r, self.jacobian = self._evaluate(self.theta, self.which)
        self.objective = _objective(self.r, weights, delta)
        self.damping = np.full(len(theta), damping)
        self.growth = np.full(len(theta), 4.0)
        self.earlier = self.objective.copy()
        self.rounding = ROUNDING**2 * weights.sum(-1)
        self.out = Minimum(
            theta=self.theta.copy(),
            objective=self.objective.copy(),
            converged=np.zeros(len(theta), dtype=np.bool_),
            stalled=np.zeros(len(theta), dtype=np.bool_),
            iterations=np.zeros(len(theta), dtype=np.int64),
        )

    def _evaluate(self, theta: Array, which: IntArray) -> tuple[Array, Array]:
        r, jacobian = self.residuals(theta, which, True)
        assert jacobian is not None
        return r, jacobian

    def iterate(self, max_iterations: int, tolerance: float) -> None:
        self._keep(np.isfinite(self.objective), converged=False, iteration=0)
        for iteration in range(1, max_iterations + 1):
            if not len(self.row):
                break
            step, gain, newton_gain = self._step(accelerate=iteration > ACCELERATE_AFTER)
            done = (newton_gain <= tolerance * self.objective + self.rounding) & (
                self.damping < 1.0
            )
            trial = np.clip(self.theta + step, self.lower, self.upper)
            r, jacobian = self._evaluate(trial, self.which)
            objective = _objective(r, self.weights, self.delta)
            actual = self.objective - objective
            # Steps too small to show in the objective still better theta.
            unseen = (newton_gain <= POLISH * self.objective) & (
                np.abs(actual) <= SAME_OBJECTIVE * self.objective
            )
            better = (actual > 0.0) | unseen
            actual = np.where(unseen, gain, actual)
            self._adapt(better, actual / np.maximum(gain, 1e-300))
            if better.all():
                self.theta, self.r, self.jacobian, self.objective = trial, r, jacobian, objective
            else:
                np.copyto(self.theta, trial, where=better[:, None])
                np.copyto(self.r, r, where=better[:, None])
                np.copyto(self.jacobian, jacobian, where=better[:, None, None])
                np.copyto(self.objective, objective, where=better)
            # No damping moves it any more: rounding is reached.
            done |= self.damping >= DAMPING_MAX
            if iteration % STALL_STEPS == 0:
                stalled = ~done & (self.earlier - self.objective <= STALL_GAIN * self.objective)
                self.out.stalled[self.row[stalled]] = True
                self.earlier = self.objective.copy()
                done |= stalled
            if done.any():
                self._keep(~done, converged=True, iteration=iteration)
        self._keep(
            np.zeros(len(self.row), dtype=np.bool_), converged=False, iteration=max_iterations
        )

    def _adapt(self, better: BoolArray, ratio: Array) -> None:
        """Less damping after a step as good as predicted; more, and ever faster, after failures."""
        # Nielsen 1999, IMM-REP-1999-05, equation 2.4, with a bolder least factor.
        shrink = np.clip(1.0 - (2.0 * np.clip(ratio, 0.0, 2.0) - 1.0) ** 3, 0.1, 2.0)
        factor = np.where(better, shrink, self.growth)
        self.growth = np.where(better, 4.0, np.minimum(self.growth * 2.0, 1e4))
        self.damping = np.clip(self.damping * factor, DAMPING_MIN, DAMPING_MAX)

    def _keep(self, keep: BoolArray, *, converged: bool, iteration: int) -> None:
        """Record the problems that are finished and drop them from the working arrays."""
        gone = self.row[~keep]
        self.out.theta[gone] = self.theta[~keep]
        self.out.objective[gone] = self.objective[~keep]
        self.out.converged[gone] = converged
        self.out.iterations[gone] = iteration
        if len(gone):
            for name in _COMPACTED:
                setattr(self, name, getattr(self, name)[keep])

    def _step(self, *, accelerate: bool) -> tuple[Array, Array, Array]:
        """Damped step, its predicted gain, and the predicted gain of an undamped step."""
        if np.isinf(self.delta):
            irls = curvature_weights = self.weights
        else:
            miss = np.abs(self.r)
            irls = self.weights * (self.delta / np.maximum(miss, self.delta))
            # Inside delta the two weights agree; outside, only the blended share remains.
            blend = np.minimum(self.damping, 1.0)[:, None]
            curvature_weights = irls * np.where(miss <= self.delta, 1.0, blend)
        jacobian = self.jacobian
        weighted = jacobian * irls[:, None, :]
        gradient = np.einsum("bpn,bn->bp", weighted, self.r)
        scale = np.einsum("bpn,bpn->bp", weighted, jacobian)
        if curvature_weights is not irls:
            np.multiply(jacobian, curvature_weights[:, None, :], out=weighted)
        hessian = np.matmul(weighted, jacobian.transpose(0, 2, 1))
        held = ((self.theta <= self.lower) & (gradient > 0.0)) | (
            (self.theta >= self.upper) & (gradient < 0.0)
        )
        free = ~held & (scale > 0.0)
        unit = 1.0 / np.sqrt(np.where(free, scale, 1.0))
        gradient = np.where(free, gradient, 0.0)
        scaled = hessian * unit[:, :, None] * unit[:, None, :]
        scaled = np.where(free[:, :, None] & free[:, None, :], scaled, 0.0)
        index = np.arange(free.shape[1])
        scaled[:, index, index] += np.where(free, self.damping[:, None] + RIDGE, 1.0)
        right = gradient * unit
        step = -_solve(scaled, right)
        newton_gain = -np.einsum("bp,bp->b", right, step) * np.maximum(1.0, self.damping)
        moved = np.clip(self.theta + step * unit, self.lower, self.upper) - self.theta
        # Predicted gain of the step as it will be taken, after the projection into the box.
        curved = np.einsum("bp,bpq,bq->b", moved, hessian, moved)
        gain = -np.einsum("bp,bp->b", gradient, moved) - 0.5 * curved
        if accelerate:
            moved = moved + self._acceleration(moved, scaled, unit, free, curvature_weights)
        return moved, gain, newton_gain

    def _acceleration(
        self, velocity: Array, scaled: Array, unit: Array, free: BoolArray, weights: Array
    ) -> Array:
        """Half the geodesic acceleration, which follows a narrow valley's bend; zero if large.

        Transtrum and Sethna 2012, arXiv:1201.5885, section 4.
        """
        probe = np.clip(self.theta + PROBE * velocity, self.lower, self.upper)
        r = self.residuals(probe, self.which, False)[0]
        along = np.einsum("bpn,bp->bn", self.jacobian, probe - self.theta)
        second = 2.0 / PROBE**2 * (r - self.r - along)
        right = np.einsum("bpn,bn->bp", self.jacobian, weights * second)
        right = np.where(free, right, 0.0) * unit
        usable = np.isfinite(right).all(1)
        right = np.where(usable[:, None], right, 0.0)
        bend = -0.5 * _solve(scaled, right)
        small = np.linalg.norm(bend, axis=1) <= 0.375 * np.linalg.norm(velocity / unit, axis=1)
        return np.where(small[:, None], bend * unit, 0.0)
