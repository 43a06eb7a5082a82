"""A world that can be asked for runs: a known truth, its noise, and what each run costs.

Whoever asks for the same run gets the same result, so that ways to choose runs are compared on the
same luck.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from analysis.curves.curve import Curve, build_curves
from analysis.settings import AnalysisSettings
from analysis.table.trials import FloatArray, TrialTable
from benchmarks.simulation.noises import StudyNoise, fails
from benchmarks.simulation.truths import Truth

N_EXAMPLES = 1000
DRAWS = 256
"""Subset draws that there are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Laboratory:
    """One world."""

    truth: Truth
    noise: StudyNoise
    seed: tuple[int, ...]
    unsearched: tuple[float, float] = (math.inf, 1.0)
    """From which cost of a run on sizes have no search of their own, and how much wider the luck
    of their tuning is."""

    _done: dict[tuple[float, int], dict[str, object]] = field(
        default_factory=dict, init=False, repr=False
    )

    @cached_property
    def _shared(self) -> tuple[float, FloatArray, FloatArray]:
        """How alike models fail, the difficulty of test examples, the shifts of subset draws."""
        rng = np.random.default_rng([*self.seed, 0])
        alike = rng.uniform(0.3, 0.8)
        shifts = self.noise.draw_spread * rng.standard_normal(DRAWS)
        examples = rng.standard_normal(self.noise.n_test_pool or self.noise.n_test)
        return alike, examples, shifts

    def rotating(self, pool: int) -> Laboratory:
        """The same world, where each draw is tested on examples of its own out of so many."""
        return replace(self, noise=replace(self.noise, n_test_pool=pool))

    def run(self, x: float, draw: int) -> dict[str, object]:
        """One run of log size x on one subset draw, as a row of a trial table."""
        if (x, draw) not in self._done:
            self._done[x, draw] = self._run(x, draw)
        return self._done[x, draw]

    def _run(self, x: float, draw: int) -> dict[str, object]:
        alike, examples, shifts = self._shared
        cell = round((x - float(self.truth.x[0])) * 1e4)
        rng = np.random.default_rng([*self.seed, 1, abs(cell), int(cell < 0)])
        tuning = self.noise.tuning_spread * float(rng.standard_normal())
        if self.cost(x) >= self.unsearched[0]:
            tuning *= self.unsearched[1]
        rng = np.random.default_rng([*self.seed, 2, abs(cell), int(cell < 0), draw])
        spread = self.noise.seed_spread
        centre = float(self.truth.log_error(np.array([x]))[0]) + tuning
        luck = shifts[draw] + spread * float(rng.standard_normal())
        mean = math.exp(centre + luck - 0.5 * (spread**2 + self.noise.draw_spread**2))
        if self.noise.n_test_pool:
            chosen = np.random.default_rng([*self.seed, 3, draw])
            examples = chosen.choice(examples, self.noise.n_test, replace=False)
        wrong = fails(min(mean, 0.995), examples, alike, rng)
        row: dict[str, object] = {
            "n_parameters": math.exp(x),
            "test_error": float(wrong.mean()),
            "n_test": self.noise.n_test,
            "test_correct": np.packbits(~wrong).tobytes(),
            "n_examples": N_EXAMPLES,
            "seed": draw,
            "draw": draw,
        }
        return row | ({"n_test_pool": self.noise.n_test_pool} if self.noise.n_test_pool else {})

    def curve(self, runs: dict[float, int], settings: AnalysisSettings) -> Curve:
        """The curve of the first so many draws of each log size."""
        rows = [self.run(x, draw) for x in sorted(runs) for draw in range(runs[x])]
        (curve,) = build_curves(TrialTable.from_rows(rows), settings)
        return curve

    def cost(self, x: float) -> float:
        """Training FLOPs of one run, in units of one of the largest size (epochs are the same)."""
        return math.exp(x - float(self.truth.x[-1]))
