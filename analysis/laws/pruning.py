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

import numpy as np

from analysis.laws.law import Array, Curve, Law, Ranges, Rows

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

    name = "pruning"
    formula = (
        r"\varepsilon_0\left|\frac{m^* - ip(\varepsilon^\uparrow/\varepsilon_0)^{1/\gamma}}"
        r"{m^* - ip}\right|^{\gamma},\quad m^* = l^{\phi}w^{\psi}d,\quad"
        r"\varepsilon_0 = k\varepsilon_{np}"
    )
    source = "Rosenfeld et al. 2021, arXiv:2006.10621, equations 1 and 2"
    inputs = ("density", "depth", "width", "dense_error")
    names = ("plateau", "p", "gamma", "phi", "psi", "tuned")
    logs = (0, 1, 2, 5)

    tuned: bool = True
    """Whether k is fitted; it is 1 otherwise, as in the published law."""

    @property
    def n_free(self) -> int:
        """Without k, one fewer."""
        return len(self.names) - (not self.tuned)

    def curve(self, theta: Array, x: Array) -> Curve:
        log_d, log_l, log_w, log_dense = np.log(x).T
        log_dense = log_dense + theta[5]
        log_p, gamma = theta[1], np.exp(theta[2])
        climb = (theta[0] - log_dense) / gamma  # log r
        log_m = log_d + theta[3] * log_l + theta[4] * log_w
        top = np.logaddexp(2.0 * log_m, 2.0 * (log_p + climb))
        bottom = np.logaddexp(2.0 * log_m, 2.0 * log_p)
        value = np.exp(log_dense + 0.5 * gamma * (top - bottom))

        def derivatives() -> list[Array]:
            share_top = np.exp(2.0 * (log_p + climb) - top)
            share_bottom = np.exp(2.0 * log_p - bottom)
            by_m = gamma * (share_bottom - share_top)
            by_gamma = 0.5 * gamma * (top - bottom) - gamma * share_top * climb
            of_log = [share_top, -by_m, by_gamma, by_m * log_l, by_m * log_w, 1.0 - share_top]
            return [value * part for part in of_log]

        return value, derivatives

    def guesses(self, x: Array, y: Array) -> Rows:
        """A grid over the place and steepness of the climb and the invariant's exponents."""
        log_depth, log_width = np.log(x[:, 1:3]).mean(0)
        plateau = float(np.log(y.max())) + 0.05
        grid = itertools.product(START_INVARIANTS, START_INVARIANTS, START_DENSITIES, START_GAMMAS)
        return [
            [plateau, np.log(density) + float(phi * log_depth + psi * log_width), np.log(gamma),
             phi, psi, 0.0]
            for phi, psi, density, gamma in grid
        ]  # fmt: skip

    def ranges(self, x: Array, y: Array) -> Ranges:
        """The plateau is not below the largest error seen by much."""
        top = float(np.log(y.max()))
        log_gamma, log_k = np.log(GAMMA), np.log(TUNED if self.tuned else NOT_TUNED)
        return [
            (top - 0.5, top + np.log(10.0)),
            (-LOG_P_RANGE, LOG_P_RANGE),
            (log_gamma[0], log_gamma[1]),
            (-5.0, 5.0),
            (-5.0, 5.0),
            (log_k[0], log_k[1]),
        ]


LAWS = (Pruning(),)
