"""Scrambled Halton points: they cover a low-dimensional box more evenly than independent ones.

Coordinate j of point i is i written in base b_j (the j-th prime), each digit replaced through a
random permutation of its own, and mirrored at the point:

    x_ij = sum_k  pi_jk(digit k of i in base b_j) / b_j^(k + 1)

    symbol  meaning                                    shape
    i       number of the point, from 0                n
    j       axis                                       d
    pi_jk   permutation of 0 .. b_j - 1                d x digits

The values are those of ``scipy.stats.qmc.Halton`` for the same generator, whose import takes a
second of every worker's time.

References
----------
Halton 1960, "On the efficiency of certain quasi-random sequences"; Owen 2017, "A randomized Halton
algorithm in R" (arXiv 1706.02808): the scrambling.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count, islice

import numpy as np
import numpy.typing as npt

PRECISION_BITS = 54
"""Digits beyond so many bits don't change a float64."""


def halton(n: int, d: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return ``n`` scrambled points in [0, 1)^d, drawn with ``rng``.

    Examples
    --------
    >>> halton(2, 3, np.random.default_rng(0)).shape
    (2, 3)
    """
    bases = list(islice(_primes(), d))
    own = rng.spawn(1)[0]
    permutations = [_permutations(base, own) for base in bases]
    index = np.arange(n)
    columns = [
        _mirrored(index, base, shuffled) for base, shuffled in zip(bases, permutations, strict=True)
    ]
    return np.stack(columns, axis=1) if columns else np.empty((n, 0))


def _primes() -> Iterator[int]:
    """Yield 2, 3, 5, ..."""
    return (p for p in count(2) if all(p % q for q in range(2, math.isqrt(p) + 1)))


def _permutations(base: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return one random permutation of the digits for each place: (places, base)."""
    places = math.ceil(PRECISION_BITS / math.log2(base)) - 1
    permutations = np.tile(np.arange(base), (places, 1))
    for row in permutations:
        rng.shuffle(row)
    return permutations


def _mirrored(
    index: npt.NDArray[np.int64], base: int, permutations: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the scrambled digits of ``index``, mirrored at the point."""
    total = np.zeros(len(index))
    rest, weight = index, 1.0 / base
    for permutation in permutations:
        total += permutation[rest % base] * weight
        rest, weight = rest // base, weight / base
    return total
