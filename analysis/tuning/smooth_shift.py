r"""A change of the log error that varies smoothly with size, data and shape, from noisy cells.

The change d of a cell is a Gaussian process of its log size x (-1 to 1), its log dataset size n and
its shape s, with noise that has a part of each cell, one for each test error made, and one that the
cells of a subset draw share. The first is no less for more runs: a cell has values of its own.

    cov(d, d') = cov(f, f') + tau^2 w w' + [c = c'] (sigma^2 + omega / (k p))
    cov(f, f') = (B^2 + A^2 (x x' + exp(-(x - x')^2 / 2 l^2)) / 2) exp(-|n - n'| / L) r[s != s']

A, sigma and omega are summed over a grid, each weighed by its marginal likelihood (Rasmussen and
Williams 2006, section 5.4); a cell over three deviations from the rest counts for less.

======== ================================================================= ======
symbol   meaning                                                           shape
======== ================================================================= ======
C, Q, R  cells, places asked for, draws                                    scalar
d        log of a cell's mean error after the change over that before      (C,)
p, k     runs behind it, and test errors that each of them makes           (C,)
w        share of each draw in a cell's runs                               (C, D)
======== ================================================================= ======
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from analysis.table.trials import FloatArray, IntArray

LEVEL = 0.15
"""B: most changes of this kind are of some ten per cent, and nobody knows which."""
AMPLITUDES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""A: how far sizes differ in it, from two per cent to a factor of one and a half."""
SCATTERS = (0.02, 0.05, 0.1, 0.2, 0.4)
"""sigma, of the log error of a cell."""
COUNTS = (0.0, 0.5, 1.0, 2.0)
"""omega: 2 where the errors before and after are made on other examples, 0 on the same."""
TOGETHER = 0.04
"""tau: to all cells of one draw of digits, twice the steps did 0.01 to 0.04 more or less."""
LENGTH = 0.6
"""l: a change may come and go within a third of the range of sizes."""
DATA_LENGTH = math.log(16.0)
"""L: dataset sizes that differ by this factor know little of each other."""
SHAPES_ALIKE = 0.8
"""r, of two shapes."""
FAR, ROUNDS, SMALL = 3.0, 4, 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Changes:
    """What was seen of a change, one entry a cell."""

    log_size: FloatArray
    log_examples: FloatArray
    shape: IntArray
    change: FloatArray
    """d."""
    runs: FloatArray
    """p."""
    errors_made: FloatArray
    """k; infinite where errors are no counts."""
    draws: FloatArray
    """w."""
    trust: FloatArray | None = None
    """(C,) what the cells' own noise is divided by; None: 1."""

    def __len__(self) -> int:
        return len(self.change)

    def drawn(
        self, log_size: FloatArray, log_examples: float, shape: IntArray, n: int,
        rng: np.random.Generator,
    ) -> FloatArray:  # fmt: skip
        """(R, Q) the change at Q places of one dataset size, R = ``n`` times from all it may be."""
        low, high = self.log_size.min(), self.log_size.max()
        middle, half = (low + high) / 2.0, max((high - low) / 2.0, SMALL)
        data = np.full(len(log_size), log_examples)
        x = np.concatenate([self.log_size, log_size])
        alike = _alike(
            np.concatenate([self.log_examples, data]), np.concatenate([self.shape, shape])
        )
        kernel = alike * _by_size((x - middle) / half)
        k = len(self)
        changes, weights = self, self._weights(alike[:k, :k], kernel[:k, :k])
        for _ in range(ROUNDS):
            mean, _ = changes._given(alike[:k], kernel[:k], *_best(weights))
            noise = self._noise(*_best(weights)[1:])
            off = np.abs(self.change - mean) / np.sqrt(np.diag(noise))
            if not (off > FAR).any():
                break
            changes = replace(self, trust=np.minimum(1.0, (FAR / np.maximum(off, SMALL)) ** 2))
            weights = changes._weights(alike[:k, :k], kernel[:k, :k])
        total = sum(weights.values())
        ticks = (np.arange(n) + rng.random()) * (total / n)
        found, begin, upto = np.empty((n, len(log_size))), 0, 0.0
        for setting, weight in weights.items():
            upto += weight
            end = max(begin, int(np.searchsorted(ticks, upto)))
            if end > begin:
                mean, root = changes._given(alike, kernel, *setting)
                noise = rng.standard_normal((end - begin, root.shape[1]))
                found[begin:end] = mean + noise @ root.T
            begin = end
        return found[rng.permutation(n)]

    def _noise(self, scatter: float, count: float) -> FloatArray:
        """(C, C) covariance of what is no change."""
        own = scatter**2 + count / (self.errors_made * self.runs)
        own = own if self.trust is None else own / self.trust
        return np.asarray(np.diag(own) + TOGETHER**2 * (self.draws @ self.draws.T))

    def _weights(
        self, alike: FloatArray, kernel: FloatArray
    ) -> dict[tuple[float, float, float], float]:
        """The weight of each amplitude, scatter and count, the largest 1."""
        logs = {}
        for scatter in SCATTERS:
            for count in COUNTS:
                root = np.linalg.cholesky(self._noise(scatter, count) + LEVEL**2 * alike)
                white = np.linalg.inv(root)
                # All amplitudes by one decomposition of the whitened kernel.
                values, vectors = np.linalg.eigh(white @ kernel @ white.T)
                squares = (vectors.T @ (white @ self.change)) ** 2
                for amplitude in AMPLITUDES:
                    spread = 1.0 + amplitude**2 * np.maximum(values, 0.0)
                    log = (squares / spread + np.log(spread)).sum()
                    log += 2.0 * np.log(np.diag(root)).sum()
                    logs[amplitude, scatter, count] = -0.5 * float(log)
        top = max(logs.values())
        return {setting: math.exp(log - top) for setting, log in logs.items()}

    def _given(
        self, alike: FloatArray, kernel: FloatArray, amplitude: float, scatter: float, count: float
    ) -> tuple[FloatArray, FloatArray]:
        """Mean (Q,) and a root of the covariance (Q, Q) at the places that follow the cells.

        Where only rows of the cells are given, the mean at the cells.
        """
        k = len(self)
        prior = LEVEL**2 * alike + amplitude**2 * kernel
        rows = prior[k:] if len(prior) > k else prior
        solved = np.linalg.solve(prior[:k, :k] + self._noise(scatter, count), rows[:, :k].T).T
        mean = solved @ self.change
        left = rows[:, k:] - solved @ prior[:k, k:]
        if len(prior) == k:
            return mean, left
        values, vectors = np.linalg.eigh(left)
        return mean, vectors * np.sqrt(np.maximum(values, 0.0))


def _best(weights: dict[tuple[float, float, float], float]) -> tuple[float, float, float]:
    return max(weights, key=lambda setting: weights[setting])


def _by_size(x: FloatArray) -> FloatArray:
    apart = x[:, None] - x[None, :]
    return np.asarray((np.outer(x, x) + np.exp(-0.5 * (apart / LENGTH) ** 2)) / 2.0)


def _alike(log_examples: FloatArray, shape: IntArray) -> FloatArray:
    """How much places know of each other, by dataset size and shape."""
    in_data = np.exp(-np.abs(log_examples[:, None] - log_examples[None, :]) / DATA_LENGTH)
    return np.asarray(in_data * np.where(shape[:, None] == shape[None, :], 1.0, SHAPES_ALIKE))
