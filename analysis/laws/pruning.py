r"""The pruning law: the error of a pruned network from its density, shape and dense error.

    e = e_0 * | (m* - i p r) / (m* - i p) |^gamma,   r = (e_up / e_0)^(1/gamma),
    m* = d * l^phi * w^psi,   e_0 = k e_np

d is the density (share of weights kept), l the depth scaling, w the width scaling, e_np the error
of the same network before pruning (through it the law depends on the data). At high density the
error is e_0; it then climbs as a power law of m* to the plateau e_up. In moduli,

    log e = log e_0 + gamma / 2 * (log(m*^2 + p^2 r^2) - log(m*^2 + p^2)).

The published law has k = 1. It leaves out the dip below e_np that its figures show: fine-tuning
is more training, and a lightly pruned network is often the better for it. Here k is fitted, or is
1 where the caller says so; `analysis.route_laws` says when (docs/decisions.md).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.laws.law import Array, Law, clip_into, column

LOG_P_RANGE = 30.0
GAMMA = (0.01, 10.0)
TUNED = (0.5, 1.1)
"""Of k: fine-tuning may save much, and cost little where next to nothing is pruned."""
NOT_TUNED = (1.0, 1.0)
START_GAMMAS = (0.5, 1.0, 2.0)
START_DENSITIES = (0.03, 0.1, 0.3)
START_INVARIANTS = (0.5, 1.5)


@dataclass(frozen=True)
class Pruning(Law):
    """Error after pruning; theta = (log e_up, log p, log gamma, phi, psi, log k)."""

    name: ClassVar[str] = "pruning"
    formula: ClassVar[str] = (
        r"\varepsilon_0\left|\frac{m^* - ip(\varepsilon^\uparrow/\varepsilon_0)^{1/\gamma}}"
        r"{m^* - ip}\right|^{\gamma},\quad m^* = l^{\phi}w^{\psi}d,\quad"
        r"\varepsilon_0 = k\varepsilon_{np}"
    )
    source: ClassVar[str] = "Rosenfeld et al. 2021, arXiv:2006.10621, equations 1 and 2"
    inputs: ClassVar[tuple[str, ...]] = ("density", "depth", "width", "dense_error")

    tuned: bool = True
    """Whether k is fitted; it is 1 otherwise, as in the published law."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Plateau, the climb's place and steepness, exponents of depth and width, and k."""
        return ("plateau", "p", "gamma", "phi", "psi", "tuned")

    @property
    def n_free(self) -> int:
        """See `Law.n_free`: without k, one fewer."""
        return len(self.parameters) - (not self.tuned)

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """See `Law.evaluate`; x has columns d, l, w, e_np."""
        log_d, log_l, log_w, log_dense = np.log(x).T
        log_dense = log_dense + column(theta, 5)
        log_p, gamma = column(theta, 1), np.exp(column(theta, 2))
        climb = (column(theta, 0) - log_dense) / gamma  # log r
        log_m = log_d + column(theta, 3) * log_l + column(theta, 4) * log_w
        top = np.logaddexp(2.0 * log_m, 2.0 * (log_p + climb))
        bottom = np.logaddexp(2.0 * log_m, 2.0 * log_p)
        value = np.exp(log_dense + 0.5 * gamma * (top - bottom))
        if not with_gradient:
            return value, None
        share_top = np.exp(2.0 * (log_p + climb) - top)
        share_bottom = np.exp(2.0 * log_p - bottom)
        by_m = gamma * (share_bottom - share_top)
        by_gamma = 0.5 * gamma * (top - bottom) - gamma * share_top * climb
        log_gradient = [
            share_top, -by_m, by_gamma, by_m * log_l, by_m * log_w, 1.0 - share_top
        ]  # fmt: skip
        gradient = np.stack(
            [value * np.broadcast_to(g, value.shape) for g in log_gradient], axis=-2
        )
        return value, gradient

    def starts(self, x: Array, y: Array) -> Array:
        """A grid over the place and steepness of the climb and the invariant's exponents."""
        log_shape = np.log(x[:, 1:3]).mean(0)
        rows = []
        for phi, psi in itertools.product(START_INVARIANTS, repeat=2):
            middle = float(phi * log_shape[0] + psi * log_shape[1])
            for density, gamma in itertools.product(START_DENSITIES, START_GAMMAS):
                plateau = float(np.log(y.max()))
                climb = [plateau + 0.05, np.log(density) + middle, np.log(gamma), phi, psi]
                rows.append([*climb, 0.0])
        return clip_into(np.array(rows), self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """See `Law.bounds`: the plateau is not below the largest error seen by much."""
        top = float(np.log(y.max()))
        tuned = TUNED if self.tuned else NOT_TUNED
        lower = [top - 0.5, -LOG_P_RANGE, np.log(GAMMA[0]), -5.0, -5.0, np.log(tuned[0])]
        upper = [top + np.log(10.0), LOG_P_RANGE, np.log(GAMMA[1]), 5.0, 5.0, np.log(tuned[1])]
        return np.array(lower), np.array(upper)

    def natural(self, theta: Array) -> Array:
        """Plateau, p, gamma, phi, psi, k."""
        return np.concatenate(
            [np.exp(theta[..., :3]), theta[..., 3:5], np.exp(theta[..., 5:])], axis=-1
        )


LAWS = (Pruning(),)
