r"""The luck of the test examples: how far it moves the points of a curve, and which together.

One test set for all trials moves all points at once: two networks fail on much the same examples.
Test sets that rotate, one for each subset draw out of a pool of M examples, differ from draw to
draw; what their luck does to the level of a draw shows in the shifts of the draws
(:mod:`analysis.curves.draws`). What is left is what the pool has in common with itself,

    C_kl (q + (1 - q) sum_d w_kd w_ld)

with C the covariance of one test set's luck, q = n_test / M the share of examples that two test
sets have in common, and w the shares of the draws; of the second part the level is left out.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
K, N, D  cells, replicates, draws                                      scalar
C        covariance of the cells' log errors over one test set         (K, K)
======== ============================================================= ===========
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.curves.curve import Curve
from analysis.curves.draws import Draws
from analysis.table.trials import FloatArray

SHARED_TEST_LUCK = 0.4
"""Share of the binomial variance that all models have in common where per-example correctness is
not recorded. Between the errors of two small networks on scikit-learn's digits the correlation was
0.3 to 0.7 for neighbours in size and 0.1 to 0.3 for a network near chance and a good one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ExampleLuck:
    """What the test examples do to the log errors of the cells."""

    covariance: FloatArray
    """(K, K)"""
    in_runs: FloatArray
    """(K,) variance of single runs that it explains: of test sets that rotate, replicates have
    others, and what these do is no scatter of each cell's own."""


def luck_of_examples(curve: Curve, error: FloatArray, draws: Draws | None) -> ExampleLuck:
    """The luck of the cells over draws of the test examples."""
    none = np.zeros(len(curve))
    if not curve.n_test_pool:
        return ExampleLuck(covariance=shared_covariance(curve, error), in_runs=none)
    if not curve.n_test or draws is None:
        return ExampleLuck(covariance=np.zeros((len(curve), len(curve))), in_runs=none)
    common = min(curve.n_test / curve.n_test_pool, 1.0)
    one = _of_one_set(curve, error, draws)
    tilt = (1.0 - common) * _closest(one - one.mean())
    whole = common * one + (draws.share @ draws.share.T) * tilt
    return ExampleLuck(covariance=_closest(whole), in_runs=np.diag(tilt))


def _of_one_set(curve: Curve, error: FloatArray, draws: Draws) -> FloatArray:
    """(K, K) C: of pairs of cells that were scored on the same test set, averaged over these."""
    guess = _without_bits(curve, error)
    if curve.correct is None:
        return guess
    total, seen = np.zeros_like(guess), np.zeros_like(guess)
    for draw in range(draws.share.shape[1]):
        runs = np.flatnonzero(draws.index == draw)
        wrong = (~curve.correct[runs]).astype(np.float64)
        wrong -= wrong.mean(axis=1, keepdims=True)
        covariance = wrong @ wrong.T / curve.n_test
        cell = curve.run_cell[runs]
        apart = cell[:, None] != cell[None, :]
        rows, columns = np.nonzero(apart)
        np.add.at(total, (cell[rows], cell[columns]), covariance[rows, columns])
        np.add.at(seen, (cell[rows], cell[columns]), 1.0)
    found = total / np.maximum(seen, 1.0) / curve.n_test / np.outer(error, error)
    found = np.where(seen > 0.0, found, guess)
    # A cell with itself: as with its neighbours, since one run does not tell its own flips apart.
    k = len(found)
    if k > 1:
        beside = np.diag(found, 1)
        left = np.concatenate([beside[:1], beside])
        right = np.concatenate([beside, beside[-1:]])
        np.fill_diagonal(found, np.maximum(np.maximum(left, right), 0.0))
    return _closest(found)


def _without_bits(curve: Curve, error: FloatArray) -> FloatArray:
    """(K, K) where it is not recorded which examples each model gets right."""
    spread = np.sqrt(np.clip(1.0 - error, 0.0, 1.0) / (curve.n_test * error))
    # What models do not share, the scatter of replicates already shows.
    return np.asarray(SHARED_TEST_LUCK * np.outer(spread, spread))


def shared_covariance(curve: Curve, error: FloatArray) -> FloatArray:
    """(K, K) covariance of the log errors over draws of the test examples."""
    k = len(curve)
    if not curve.n_test:
        return np.zeros((k, k))
    if curve.correct is None:
        return _without_bits(curve, error)
    wrong = (~curve.correct).astype(np.float64)
    wrong -= wrong.mean(axis=1, keepdims=True)
    own = (wrong**2).mean(axis=1)
    means = np.zeros((k, curve.n_test))
    np.add.at(means, curve.run_cell, wrong)
    n = np.maximum(curve.replicates, 1).astype(np.float64)
    means /= n[:, None]
    covariance = means @ means.T / curve.n_test
    # Variance of the mean over examples counts each run's own flips, which seeds count already.
    mean_own = np.bincount(curve.run_cell, own, minlength=k) / n
    several = n > 1
    shared = (n * np.diag(covariance) - mean_own) / np.maximum(n - 1.0, 1.0)
    diagonal = np.where(several, np.maximum(shared, 0.0), np.diag(covariance))
    np.fill_diagonal(covariance, diagonal)
    return _closest(covariance / curve.n_test / np.outer(error, error))


def _closest(covariance: FloatArray) -> FloatArray:
    """The covariance nearest to a symmetric matrix that is not quite one."""
    values, vectors = np.linalg.eigh(covariance)
    closest: FloatArray = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return closest
