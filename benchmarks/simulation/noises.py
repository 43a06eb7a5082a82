"""Studies drawn from a known truth, with the noise that real ones have.

Noise has the levels of a real study: subset draws shared by all sizes, seeds, luck in tuning a
cell, and test examples that are hard for every model alike. How much of each there is, a regime
says: losses that are known to half a per cent, and errors on 360 test examples that differ by a
third from one run to the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from analysis.table.trials import FloatArray, IntArray, TrialTable
from benchmarks.simulation.truths import Truth


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyNoise:
    """How one study scatters about its truth."""

    replicates: IntArray
    """(K,) of each size."""
    n_test: int
    """Test examples; 0 for an error that is measured exactly."""
    seed_spread: float
    """Relative spread of one run."""
    tails: bool
    """Student's t with 3 degrees of freedom in place of a normal; of the same spread."""
    draw_spread: float
    """Relative spread of a subset draw, shared by every size."""
    told: bool
    """Whether the table names the draw."""
    tuning_spread: float
    """Luck of the tuning of one size, shared by its replicates."""
    with_bits: bool
    """Whether the table holds which test examples each model gets right."""
    pool: int = 0
    """Draws that each size takes its own from, at random; 0: all have the first ones."""
    n_test_pool: int = 0
    """Examples that each draw takes a test set of its own from; 0: one test set for all."""


Regime = Callable[[np.random.Generator, int], StudyNoise]
"""Draws the noise of a study with so many sizes."""


def usual(rng: np.random.Generator, k: int) -> StudyNoise:
    """A careful study of small networks."""
    return StudyNoise(
        replicates=np.full(k, rng.integers(3, 6)),
        n_test=int(rng.choice([1000, 2000, 5000, 10_000])),
        seed_spread=rng.uniform(0.015, 0.05),
        tails=False,
        draw_spread=rng.uniform(0.0, 0.03),
        told=True,
        tuning_spread=float(rng.choice([0.0, 0.0, 0.01, 0.02])),
        with_bits=bool(rng.random() < 0.5),
    )


def quiet(rng: np.random.Generator, k: int) -> StudyNoise:
    """Losses: no test example can be counted, and runs differ by half a per cent to two."""
    return StudyNoise(
        replicates=np.full(k, rng.choice([2, 3, 5, 10])),
        n_test=0,
        seed_spread=math.exp(rng.uniform(math.log(0.005), math.log(0.02))),
        tails=False,
        draw_spread=0.0,
        told=False,
        tuning_spread=0.0,
        with_bits=False,
    )


def loud(rng: np.random.Generator, k: int) -> StudyNoise:
    """Runs that differ by 10% to 40%."""
    return StudyNoise(
        replicates=np.full(k, rng.integers(3, 21)),
        n_test=int(rng.choice([200, 1000, 10_000])),
        seed_spread=math.exp(rng.uniform(math.log(0.1), math.log(0.4))),
        tails=False,
        draw_spread=rng.uniform(0.0, 0.1),
        told=bool(rng.random() < 0.5),
        tuning_spread=0.0,
        with_bits=bool(rng.random() < 0.5),
    )


def digits(rng: np.random.Generator, k: int) -> StudyNoise:
    """The default study, as its five curves were measured to scatter.

    360 test examples, which are most of it; replicates 12% to 44% apart (tenths and nine tenths of
    the cells), subset draws 11% to 17% (none could be told at 1,280 examples).
    """
    return StudyNoise(
        replicates=np.full(k, rng.integers(3, 7)),
        n_test=360,
        seed_spread=rng.uniform(0.08, 0.2),
        tails=False,
        draw_spread=rng.uniform(0.05, 0.17),
        told=True,
        tuning_spread=rng.uniform(0.0, 0.05),
        with_bits=True,
    )


def tails(rng: np.random.Generator, k: int) -> StudyNoise:
    """Now and then a run that went wrong."""
    return StudyNoise(
        replicates=np.full(k, rng.integers(2, 11)),
        n_test=int(rng.choice([0, 1000, 10_000])),
        seed_spread=math.exp(rng.uniform(math.log(0.02), math.log(0.1))),
        tails=True,
        draw_spread=0.0,
        told=False,
        tuning_spread=0.0,
        with_bits=False,
    )


def uneven(rng: np.random.Generator, k: int) -> StudyNoise:
    """Two runs of one size and twenty of the next, and subset draws that count."""
    return StudyNoise(
        replicates=rng.integers(2, rng.choice([6, 11, 21]), k),
        n_test=int(rng.choice([500, 2000, 10_000])),
        seed_spread=rng.uniform(0.02, 0.08),
        tails=False,
        draw_spread=rng.uniform(0.02, 0.1),
        told=bool(rng.random() < 0.5),
        tuning_spread=0.0,
        with_bits=False,
    )


def unequal(rng: np.random.Generator, k: int) -> StudyNoise:
    """From 2 to 64 replicates of a size, each size on draws of its own, which differ by 15%."""
    return StudyNoise(
        replicates=np.exp(rng.uniform(math.log(2.0), math.log(64.9), k)).astype(np.int64),
        n_test=0,
        seed_spread=rng.uniform(0.02, 0.06),
        tails=False,
        draw_spread=0.15,
        told=True,
        tuning_spread=0.0,
        with_bits=False,
        pool=64,
    )


def few_draws(rng: np.random.Generator, k: int) -> StudyNoise:
    """From 2 to 16 replicates of a size on some of sixteen draws, which differ by 5 to 20%."""
    return StudyNoise(
        replicates=rng.integers(2, 17, k),
        n_test=int(rng.choice([0, 1000])),
        seed_spread=rng.uniform(0.02, 0.1),
        tails=False,
        draw_spread=rng.uniform(0.05, 0.2),
        told=True,
        tuning_spread=0.0,
        with_bits=False,
        pool=16,
    )


def rotating(rng: np.random.Generator, k: int) -> StudyNoise:
    """360, 1,000 or 5,000 examples in all: each draw tests on a fifth of them, its own."""
    examples = int(rng.choice([360, 1000, 5000]))
    return StudyNoise(
        replicates=np.full(k, rng.integers(3, 9)),
        n_test=examples // 5,
        seed_spread=rng.uniform(0.03, 0.15),
        tails=False,
        draw_spread=rng.uniform(0.0, 0.12),
        told=True,
        tuning_spread=float(rng.choice([0.0, 0.02])),
        with_bits=bool(rng.random() < 0.7),
        n_test_pool=examples - examples // 10,
    )


REGIMES: Mapping[str, Regime] = MappingProxyType(
    {
        "usual": usual,
        "quiet": quiet,
        "loud": loud,
        "digits": digits,
        "heavy tails": tails,
        "uneven": uneven,
    }
)


DESIGNS: Mapping[str, Regime] = MappingProxyType(
    {"unequal": unequal, "few draws": few_draws, "rotating": rotating}
)
"""Designs that are not even, and test sets that rotate; studies take no turns through these."""


def simulate(truth: Truth, rng: np.random.Generator, regime: Regime = usual) -> TrialTable:
    """A study's trial table: replicates of each size, each with a seed and a subset draw."""
    noise = regime(rng, len(truth.x))
    # How alike models fail: correlation of the latent difficulty of a test example over models.
    alike = rng.uniform(0.3, 0.8)
    difficulty = rng.standard_normal(noise.n_test_pool or noise.n_test)
    n_draws = noise.pool or int(noise.replicates.max())
    draws = noise.draw_spread * rng.standard_normal(n_draws)
    tested = [difficulty] * n_draws
    if noise.n_test_pool:
        tested = [rng.choice(difficulty, noise.n_test, replace=False) for _ in range(n_draws)]
    log_error = truth.log_error(truth.x) + noise.tuning_spread * rng.standard_normal(len(truth.x))
    rows = []
    for z, centre, replicates in zip(truth.x, log_error, noise.replicates, strict=True):
        mine = range(int(replicates))
        if noise.pool:
            mine = rng.choice(n_draws, int(replicates), replace=False).tolist()
        for r in mine:
            # The mean error is the truth: a spread on the log lifts the mean, and is taken out.
            luck = draws[r] + noise.seed_spread * _score(rng, noise.tails)
            mean = math.exp(centre + luck - 0.5 * _lift(noise))
            row: dict[str, object] = {
                "n_parameters": math.exp(z),
                "test_error": mean,
                "seed": r,
                "n_examples": 1000,
            }
            if noise.told:
                row["draw"] = r
            if noise.n_test:
                wrong = fails(min(mean, 0.995), tested[r], alike, rng)
                row |= {"test_error": float(wrong.mean()), "n_test": noise.n_test}
                if noise.n_test_pool:
                    row["n_test_pool"] = noise.n_test_pool
                if noise.with_bits:
                    row["test_correct"] = np.packbits(~wrong).tobytes()
            rows.append(row)
    return TrialTable.from_rows(rows)


def _score(rng: np.random.Generator, heavy: bool) -> float:
    """One draw of mean 0 and spread 1; a t of 3 degrees has the variance 3, and is cut at 6."""
    if not heavy:
        return float(rng.standard_normal())
    return float(np.clip(rng.standard_t(3.0) / math.sqrt(3.0), -6.0, 6.0))


def _lift(noise: StudyNoise) -> float:
    """Twice the log of the mean of exp(luck): variance of what is on the log."""
    return noise.seed_spread**2 + noise.draw_spread**2


def fails(
    error: float, difficulty: FloatArray, alike: float, rng: np.random.Generator
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Which test examples a model of the given mean error gets wrong (a Gaussian copula)."""
    from scipy.special import ndtri

    own = rng.standard_normal(len(difficulty))
    latent = math.sqrt(alike) * difficulty + math.sqrt(1.0 - alike) * own
    return np.asarray(latent < ndtri(error))
