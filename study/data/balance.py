"""Orders in which every prefix holds the classes in the proportions of the whole.

Notation
--------
====== ============================================ =======
symbol meaning                                      shape
====== ============================================ =======
N      examples in all                              scalar
n_c    examples of class c                          (classes,)
k      length of a prefix                           1 .. N
====== ============================================ =======

A prefix is fair to class c if it holds ``floor(k n_c / N)`` or ``ceil(k n_c / N)`` of its
examples. That such an order exists for all k and c at once is Tijdeman's theorem on the chairman
assignment problem [1]_. It is found by giving the j-th example of class c the window of places in
which fairness allows it, from ``floor((j - 1) N / n_c) + 1`` to ``ceil(j N / n_c)``, and filling
place after place with the open window that closes first: unit jobs on one machine, for which
earliest deadline first finds an order whenever there is one (the Pfair windows of [2]_ with one
processor).

References
----------
.. [1] Tijdeman. The chairman assignment problem. Discrete Mathematics 32, 1980, 323-330.
.. [2] Baruah, Cohen, Plaxton, Varvel. Proportionate progress: a notion of fairness in resource
   allocation. Algorithmica 15, 1996, 600-625.
"""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

TARGET_GROUPS = 10
"""Regression targets are balanced by tenths."""


def balanced_order(
    groups: npt.NDArray[np.int64], n: int, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the first ``n`` indices of a random order that is fair to every group.

    A smaller ``n`` with an equal generator gives a prefix of the answer to a larger one. Chance
    decides which examples of a group come first and which group goes first in a tie.

    Examples
    --------
    >>> groups = np.array([0, 0, 0, 0, 1, 1])
    >>> groups[balanced_order(groups, 3, np.random.default_rng(0))].sum()
    np.int64(1)
    """
    total = len(groups)
    if not 0 <= n <= total:
        raise ValueError(f"n: must be in [0, {total}], got {n}")
    counts = np.bincount(groups).tolist() if total else []
    order = generator.permutation(total)
    by_group = order[np.argsort(groups[order], kind="stable")]
    starts = (np.cumsum([0, *counts])[:-1]).tolist()
    rank = generator.permutation(len(counts)).tolist()
    sequence = _fair_sequence(counts, rank, n)
    used = [0] * len(counts)
    picked = np.empty(n, dtype=np.int64)
    for place, group in enumerate(sequence):
        picked[place] = starts[group] + used[group]
        used[group] += 1
    return by_group[picked].astype(np.int64)


def _fair_sequence(counts: list[int], rank: list[int], n: int) -> list[int]:
    """Group of each of the first ``n`` places (counted from 0 here)."""
    total = sum(counts)
    waiting = [(0, group) for group, count in enumerate(counts) if count]
    heapq.heapify(waiting)
    ready: list[tuple[int, int, int]] = []
    done = [0] * len(counts)
    sequence = []
    for place in range(n):
        while waiting and waiting[0][0] <= place:
            group = heapq.heappop(waiting)[1]
            closes = -(-(done[group] + 1) * total // counts[group])
            heapq.heappush(ready, (closes, rank[group], group))
        closes, _, group = heapq.heappop(ready)
        assert closes > place, "earliest deadline first missed a window"
        sequence.append(group)
        done[group] += 1
        if done[group] < counts[group]:
            heapq.heappush(waiting, (done[group] * total // counts[group], group))
    return sequence


def groups_of(y: npt.NDArray[np.int64] | npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return what subsets are balanced by: labels themselves, or tenths of the targets."""
    if y.dtype.kind in "iu":
        return y.astype(np.int64)
    ranks = np.empty(len(y), dtype=np.int64)
    ranks[np.argsort(y, kind="stable")] = np.arange(len(y))
    return ranks * min(TARGET_GROUPS, len(y)) // max(len(y), 1)
