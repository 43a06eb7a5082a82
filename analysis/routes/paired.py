"""Two ways of training compared at equal size, pair by pair.

Runs of both ways on one subset draw make a pair (their means, where a draw has several seeds). What
the draw does to both cancels in the log ratio of their errors. The spread of a pair is pooled over
all comparisons of one kind; the luck of the test examples is added where it is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.routes.pruning import pooled_spread, student
from analysis.table.trials import FloatArray, IntArray, TrialTable


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """The pairs of one comparison."""

    log_ratio: FloatArray
    """(P,) log of the second way's error over the first's."""
    test_variance: float
    """Variance of the mean log ratio over draws of the test examples."""


LEAST_LOW = -1e3
"""A lower end beneath it, an error a thousand times as large, is no end that pairs have shown."""


def bounded(gain: float, low: float) -> bool:
    """Whether a gain is known and its interval has a lower end."""
    return math.isfinite(gain) and low > LEAST_LOW


@dataclass(frozen=True, kw_only=True)
class Gain:
    """The fraction of the first way's error that the second saves; negative if it is worse."""

    gain: float = math.nan
    low: float = -math.inf
    high: float = 1.0
    pairs: int = 0

    @property
    def bounded(self) -> bool:
        """Whether the interval tells anything: with one pair in all it has no lower end."""
        return bounded(self.gain, self.low)

    @property
    def better(self) -> bool | None:
        """True or False where the interval leaves no doubt, None where it holds both."""
        if self.low > 0.0:
            return True
        return False if self.high < 0.0 else None


def pair_up(table: TrialTable, first: IntArray, second: IntArray, error: FloatArray) -> Pairs:
    """Pair the runs of two sets of rows by their subset draw."""
    draws = sorted(set(table.draw[first].tolist()) & set(table.draw[second].tolist()))
    n_test = int(max(table.n_test[first].max(), table.n_test[second].max(), 0))
    least = 0.5 / n_test if n_test else 1e-6
    if draws == [-1]:  # without draws, runs are pairs by their order: of the same number of seeds
        n = min(len(first), len(second))
        sides = [np.log(np.maximum(error[rows[:n]], least)) for rows in (first, second)]
    else:
        logs = np.log(np.maximum(error, least))
        sides = [
            np.array([logs[rows[table.draw[rows] == d]].mean() for d in draws])
            for rows in (first, second)
        ]
    luck = _test_variance(table, first, second, error)
    return Pairs(log_ratio=sides[1] - sides[0], test_variance=luck)


def gains(comparisons: Sequence[Pairs], level: float) -> list[Gain]:
    """Mean gain and interval of each comparison, the spread of a pair pooled over all of them."""
    spread, degrees = pooled_spread([pairs.log_ratio for pairs in comparisons])
    found = []
    for pairs in comparisons:
        n = len(pairs.log_ratio)
        if not n:
            found.append(Gain())
            continue
        mean = float(pairs.log_ratio.mean())
        half = math.inf
        if degrees > 0:
            deviation = math.sqrt(spread**2 / n + pairs.test_variance)
            half = deviation * student((1.0 + level) / 2.0, degrees)
        found.append(
            Gain(
                gain=-math.expm1(mean),
                low=-math.expm1(mean + half) if mean + half < 700.0 else -math.inf,
                high=-math.expm1(mean - half),
                pairs=n,
            )
        )
    return found


def pool(comparisons: Sequence[Pairs], level: float) -> Gain:
    """One gain over several comparisons: the mean of all pairs."""
    together = [pairs.log_ratio for pairs in comparisons if len(pairs.log_ratio)]
    if not together:
        return Gain()
    joined = np.concatenate(together)
    luck = float(np.mean([pairs.test_variance for pairs in comparisons]))
    (found,) = gains([Pairs(log_ratio=joined, test_variance=luck)], level)
    return found


def _test_variance(
    table: TrialTable, first: IntArray, second: IntArray, error: FloatArray
) -> float:
    """Variance of the log ratio over test examples; 0 where per-example correctness is unknown.

    Each run's own flips are in the spread of the pairs already and are taken out. Where each draw
    has its own test set, so is the luck of that; what all pairs share is the luck of the pool that
    these are taken from, told draw by draw.
    """
    pool = int(max(table.n_test_pool[first].max(), table.n_test_pool[second].max()))
    if not pool:
        return _example_variance(table, first, second, error)
    found = []
    for draw in sorted(set(table.draw[first].tolist()) & set(table.draw[second].tolist())):
        one, other = (rows[table.draw[rows] == draw] for rows in (first, second))
        n_test = int(table.n_test[one].max())
        found.append(_example_variance(table, one, other, error) * n_test / pool)
    return float(np.mean(found)) if found else 0.0


def _example_variance(
    table: TrialTable, first: IntArray, second: IntArray, error: FloatArray
) -> float:
    """Variance of the log ratio of runs on the same test examples; 0 where it is not known."""
    means, own, level = [], 0.0, []
    for rows in (first, second):
        bits = [table.correctness(int(row)) for row in rows]
        known = [b for b in bits if b is not None]
        if len(known) < len(bits) or len({len(b) for b in known}) != 1:
            return 0.0
        wrong = ~np.array(known)
        mean = max(float(error[rows].mean()), 0.5 / wrong.shape[1])
        means.append(wrong.mean(axis=0) / mean)
        level.append(wrong.shape[1])
        if len(known) > 1:
            own += float(wrong.var(axis=0, ddof=1).mean()) / len(known) / mean**2
    if level[0] != level[1]:
        return 0.0
    return float(max(float((means[1] - means[0]).var()) - own, 0.0) / level[0])
