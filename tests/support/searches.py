"""Simulated searches whose best values are known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from analysis.table.trials import FloatArray, TrialTable


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How the log error answers one hyperparameter, at z: 0 and 1 at the ends of its range.

    ``depth (z - best)^2``; with a lean, ``2 depth (exp(lean dz) - lean dz - 1) / lean^2``, which
    has the same curvature at its lowest and is steeper above.
    """

    low: float
    high: float
    log: bool
    depth: float = 0.0
    best: float = 0.5
    by_size: float = 0.0
    """Of the best z, from the smallest to the largest size."""
    by_data: float = 0.0
    lean: float = 0.0

    def value(self, z: float) -> float:
        """The hyperparameter at z."""
        if self.log:
            return float(self.low * (self.high / self.low) ** z)
        return self.low + (self.high - self.low) * z

    def best_z(self, size: float, data: float) -> float:
        """Where the error is lowest; size and data from 0 to 1."""
        return self.best + self.by_size * (size - 0.5) + self.by_data * (data - 0.5)

    def rise(self, z: FloatArray | float, size: float, data: float) -> FloatArray:
        """Log error over that of the best value."""
        away = np.asarray(z) - self.best_z(size, data)
        if not self.lean:
            return np.asarray(self.depth * away**2)
        bent = self.lean * away
        return np.asarray(2.0 * self.depth * (np.exp(bent) - bent - 1.0) / self.lean**2)


DEFAULTS: Mapping[str, Answer] = {
    "learning_rate": Answer(
        low=1e-3, high=1e-1, log=True, depth=2.0, best=0.55, by_size=-0.25, by_data=0.1
    ),
    "weight_decay": Answer(low=1e-4, high=1e-1, log=True, depth=0.6, best=0.6),
    "dropout": Answer(low=0.0, high=0.5, log=False, depth=0.8, best=0.3, by_size=0.3, by_data=-0.3),
    "l1": Answer(low=1e-6, high=1e-3, log=True),
}
"""Two that move, one that stays, one that does nothing."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search of sizes x dataset sizes, its trials quasi-random."""

    answers: Mapping[str, Answer]
    sizes: int = 10
    datasets: int = 8
    trials: int = 5
    spread: float = 0.1
    tails: float = math.inf
    """Degrees of freedom of the noise."""
    diverged: float = 0.0
    """Share of the trials that end at chance whatever their values."""
    crossed: float = 0.0
    """Of the product of the first two, from the middles of their ranges."""
    wall: float = 2.0
    """Trials diverge that far beyond the best z of the first."""

    def rows(self, seed: int) -> list[dict[str, object]]:
        """Search trials, as rows of a trial table."""
        rng = np.random.default_rng(seed)
        found: list[dict[str, object]] = []
        for d in range(self.datasets):
            for s in range(self.sizes):
                where = (s / max(self.sizes - 1, 1), d / max(self.datasets - 1, 1))
                points = qmc.Halton(len(self.answers), rng=rng).random(self.trials)
                for t, point in enumerate(points):
                    z = dict(zip(self.answers, point, strict=True))
                    found.append(
                        {
                            "slot": f"{d}-{s}-{t}",
                            "cell": f"c{s}",
                            "phase": "search",
                            "n_examples": 20 * 2**d,
                            "n_parameters": 50.0 * 4**s,
                            **self._ended(z, where, rng),
                            "params": {
                                name: answer.value(z[name]) for name, answer in self.answers.items()
                            },
                        }
                    )
        return found

    def table(self, seed: int) -> TrialTable:
        """The same as a table."""
        return TrialTable.from_rows(self.rows(seed))

    def best(self, name: str, s: int, d: int) -> float:
        """The true best value of one at the s-th size and d-th dataset size."""
        where = (s / max(self.sizes - 1, 1), d / max(self.datasets - 1, 1))
        first, second = (self.answers[one] for one in list(self.answers)[:2])
        if not self.crossed or self.answers[name] not in (first, second):
            return self.answers[name].value(min(max(self.answers[name].best_z(*where), 0.0), 1.0))
        grid = np.linspace(0.0, 1.0, 401)
        total = first.rise(grid, *where)[:, None] + second.rise(grid, *where)
        total += self.crossed * np.outer(grid - 0.5, grid - 0.5)
        at = np.unravel_index(int(np.argmin(total)), (401, 401))
        return self.answers[name].value(float(grid[at[0 if self.answers[name] is first else 1]]))

    def _ended(
        self, z: Mapping[str, float], where: tuple[float, float], rng: np.random.Generator
    ) -> dict[str, object]:
        noise = rng.standard_normal() if self.tails == math.inf else rng.standard_t(self.tails)
        first, second = list(z)[:2] if len(z) > 1 else (next(iter(z)), next(iter(z)))
        if (
            z[first] > self.answers[first].best_z(*where) + self.wall
            or rng.random() < self.diverged
        ):
            if rng.random() < 0.5:
                return {"status": "diverged"}
            return {"val_error": 0.9, "test_error": 0.9}
        log_error = -1.0 - where[0] - where[1] + self.spread * noise
        log_error += float(sum(one.rise(z[name], *where) for name, one in self.answers.items()))
        log_error += self.crossed * (z[first] - 0.5) * (z[second] - 0.5)
        error = min(math.exp(log_error), 0.95)
        return {"val_error": error, "test_error": error}
